"""What is measured within epochs changes nothing, adds up to the epoch, and is as if nothing had interrupted it."""

import math

import numpy as np
import pytest

from rnnexp.errors import Interrupted
from rnnexp.training.loop import fit
from tests.training.test_loop import TIMES, Run


def measured(run, on_step=lambda state: None):
    """Return the epochs' records, and what was measured within."""
    lines = []
    epochs = fit(
        run.model,
        run.corpus,
        run.optimizer,
        run.schedule,
        run.settings,
        run.checkpoints,
        7,
        on_step,
        lines.append,
    )
    return [{key: value for key, value in record.items() if key not in TIMES} for record in epochs], lines


def make(tmp_path, name, **changes):
    (tmp_path / name).mkdir(exist_ok=True)
    return Run(tmp_path / name, **changes)


def test_measuring_changes_no_bit(tmp_path):
    plain, looked_at = make(tmp_path, "a"), make(tmp_path, "b", log_every=3, validate_every=4)
    before, nothing = measured(plain)
    after, lines = measured(looked_at)
    assert before == after
    assert not nothing
    np.testing.assert_array_equal(plain.model.params.values, looked_at.model.params.values)
    assert [line["step"] for line in lines if "valid/ppl" in line] == [
        k for k in range(4, 3 * 18, 4) if k % 18
    ]


def test_the_lines_of_an_epoch_add_up_to_it(tmp_path):
    (epoch,), lines = measured(make(tmp_path, "a", max_epochs=1, log_every=5))
    assert [line["step"] for line in lines] == [5, 10, 15, epoch["updates"]]
    tokens = np.diff([0, *(line["tokens"] for line in lines)])
    losses = [line["train/loss"] for line in lines]
    assert np.average(losses, weights=tokens) == pytest.approx(epoch["train/loss"], rel=1e-12)
    assert lines[-1]["tokens"] == epoch["tokens"]


def test_tokens_are_those_seen_since_the_beginning(tmp_path):
    epochs, _ = measured(make(tmp_path, "a", max_steps=25))
    first, last = epochs
    assert first["tokens"] == 4 * (699 // 4)
    assert last["tokens"] == first["tokens"] + (25 - first["updates"]) * 4 * 10


@pytest.mark.parametrize("stop_at", [4, 5, 18, 20])
def test_an_interrupted_run_measures_the_same(tmp_path, stop_at):
    changes = {"max_epochs": 2, "log_every": 5, "validate_every": 7}
    _, whole = measured(make(tmp_path, "a", **changes))

    def stop(state):
        if state.step == stop_at:
            raise Interrupted(15)

    run, lines = make(tmp_path, "b", **changes), []
    with pytest.raises(Interrupted):
        list(
            fit(
                run.model,
                run.corpus,
                run.optimizer,
                run.schedule,
                run.settings,
                run.checkpoints,
                7,
                stop,
                lines.append,
            )
        )
    _, rest = measured(make(tmp_path, "b", **changes))
    assert lines + rest == whole
    assert math.isfinite(whole[-1]["train/loss"])
