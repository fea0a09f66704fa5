"""Averaged weights: when they begin, what they are, that they are what is kept, and that training does not see them."""

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.backend import CPU
from rnnexp.errors import Interrupted
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.optim.schedules.constant import Constant
from rnnexp.optim.schedules.exponential import Exponential
from rnnexp.optim.sgd import SGD
from rnnexp.records import checkpoint
from rnnexp.training.average import Average, is_due
from rnnexp.training.state import TrainState
from tests.helpers.variants import REGULARISED, REPRESENTATIVES, small_model
from tests.training.test_loop import CORPUS, Run, V, settings, validation_losses
from tests.training.test_measuring import measured

STEPS = 18  # of an epoch


def run(folder, **changes):
    return Run(folder, schedule=Constant(), **changes)


def followed(run):
    """The parameters after each update, as the run goes on."""
    found, update = [], run.optimizer.update

    def spy(params, lr):
        norm = update(params, lr)
        found.append(params.values.copy())
        return norm

    run.optimizer.update = spy
    return found


@pytest.mark.parametrize(
    ("trigger", "losses", "due"),
    [
        (2, [5.0, 4.0], False),
        (2, [5.0, 4.0, 3.0, 3.5], False),  # the least of all but the last two before it is 5
        (2, [5.0, 3.0, 3.5, 3.6], False),
        (2, [3.0, 3.1, 3.2, 3.1], True),
        (2, [3.0, 3.2, 3.1, 3.0], False),  # not above it
        (2, [3.0, 3.1, 9.0], False),  # none before the last two
        (1, [3.0, 3.2, 3.1], True),
        (None, [3.0, 3.2, 3.1, 9.0], False),
    ],
)
def test_the_trigger(trigger, losses, due):
    state = TrainState(1.0, epoch=len(losses), valid_losses=losses)
    assert is_due(state, settings(average_trigger=trigger)) is due
    state.averaged_from = 7
    assert not is_due(state, settings(average_trigger=trigger))


def test_the_latest_epoch():
    due = [is_due(TrainState(1.0, epoch=done), settings(average_from=3)) for done in range(4)]
    assert due == [False, False, True, True]


def test_what_is_validated_is_the_mean_and_training_does_not_see_it(tmp_path):
    for name in "plain", "averaged":
        (tmp_path / name).mkdir()
    plain, averaged = run(tmp_path / "plain"), run(tmp_path / "averaged", average_from=3)
    steps, same = followed(plain), followed(averaged)
    before, records = plain.records(), averaged.records()
    np.testing.assert_array_equal(steps, same)
    assert [record["train/loss"] for record in records] == [record["train/loss"] for record in before]
    assert [record["valid/loss"] for record in records[:2]] == [record["valid/loss"] for record in before[:2]]
    assert records[2]["valid/loss"] != before[2]["valid/loss"]
    assert [record.get("averaged_updates") for record in records] == [None, None, STEPS]
    last, _ = checkpoint.read(tmp_path / "averaged/last.npz")
    mean = np.mean(steps[2 * STEPS :], axis=0, dtype=np.float64)
    np.testing.assert_allclose(last["average"], mean, atol=1e-6)
    averaged.model.params.values[...] = last["average"]
    assert evaluate(averaged.model, CORPUS.splits["valid"]) == records[2]["valid/loss"]


def test_what_is_kept_as_the_best_is_the_mean(tmp_path, monkeypatch):
    validation_losses(monkeypatch, [3.0, 2.0, 1.0])
    averaged = run(tmp_path, average_from=3)
    averaged.records()
    last, _ = checkpoint.read(tmp_path / "last.npz")
    np.testing.assert_array_equal(last["average"], averaged.model.params.values)
    kept, _ = checkpoint.read(tmp_path / "best.npz")
    np.testing.assert_array_equal(kept["decoder.b"], averaged.model.params.value["decoder.b"])
    assert (last["decoder.b"] != kept["decoder.b"]).any()


@pytest.mark.parametrize("damaged", [False, True])
def test_an_average_whose_file_is_damaged_is_mended(tmp_path, damaged):
    first = run(tmp_path, average_from=2)
    first.records()
    if damaged:
        (tmp_path / "best.npz").unlink()
        for other in tmp_path.glob("best.npz*"):
            other.unlink()
    again = run(tmp_path, average_from=2)
    again.checkpoints.load_trained(again.model, again.optimizer, 4)
    np.testing.assert_array_equal(again.model.params.values, first.model.params.values)


def same_in_parts(tmp_path, monkeypatch, losses, stop_at, **chosen):
    """The records of a run with these validation losses, of which the last is the best.

    One that is interrupted and goes on must have the same, and the same weights to the bit.
    """
    for name in "whole", "parts":
        (tmp_path / name).mkdir()
    chosen["max_epochs"] = len(losses)
    validation_losses(monkeypatch, losses)
    whole = run(tmp_path / "whole", **chosen)
    records = whole.records()

    def stop(state):
        if state.step == stop_at:
            raise Interrupted(15)

    validation_losses(monkeypatch, losses)
    with pytest.raises(Interrupted):
        run(tmp_path / "parts", **chosen).records(stop)
    resumed = run(tmp_path / "parts", **chosen)
    rest = resumed.records()
    assert rest == records[len(records) - len(rest) :]
    np.testing.assert_array_equal(resumed.model.params.values, whole.model.params.values)
    return records


@pytest.mark.parametrize("stop_at", [1, STEPS, STEPS + 1, STEPS + 5, 2 * STEPS, 3 * STEPS])
def test_an_interrupted_average_goes_on_to_the_bit(tmp_path, monkeypatch, stop_at):
    chosen = {"average_from": 2, "warmup_steps": 25}
    records = same_in_parts(tmp_path, monkeypatch, [1.0, 2.0, 0.5], stop_at, **chosen)
    assert records[-1]["averaged_updates"] == 2 * STEPS


@pytest.mark.parametrize("stop_at", [2 * STEPS + 5, 3 * STEPS, 3 * STEPS + 1, 5 * STEPS])
def test_validation_that_gets_worse_begins_the_average_also_of_a_run_that_goes_on(
    tmp_path, monkeypatch, stop_at
):
    """The third loss is above the first, which a run that goes on has to know."""
    records = same_in_parts(tmp_path, monkeypatch, [1.0, 2.0, 1.5, 3.0, 0.5], stop_at, average_trigger=1)
    assert [record.get("averaged_updates") for record in records] == [None, None, None, STEPS, 2 * STEPS]


def test_the_parameters_are_put_back_whatever_happens():
    params, average = small_model().params, Average()
    average.add(params, 1)
    params.values += 1
    average.add(params, 2)
    before = params.values.copy()
    found = []

    def use():
        with average.in_place(params):
            found.append(params.values.copy())
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        use()
    np.testing.assert_allclose(found[0], before - 0.5, atol=1e-6)
    np.testing.assert_array_equal(params.values, before)


def rates(run):
    """The learning rate and the length of each step."""
    found, forward, update = [], run.model.forward, run.optimizer.update

    def spy(params, lr):
        found[-1][0] = lr
        return update(params, lr)

    def window(inputs, *rest, **more):
        if len(rest) > 3:  # of training
            found.append([None, len(inputs), rest[4]])
        return forward(inputs, *rest, **more)

    run.model.forward, run.optimizer.update = window, spy
    run.records()
    return found


def test_the_rate_rises_in_proportion_to_the_updates(tmp_path):
    found = [lr for lr, *_ in rates(run(tmp_path, lr=2.0, warmup_steps=4, max_epochs=1))]
    assert found == [0.5, 1.0, 1.5, 2.0] + [2.0] * (STEPS - 4)


def test_the_rate_that_is_recorded_is_that_of_the_update(tmp_path):
    _, lines = measured(run(tmp_path, lr=2.0, warmup_steps=4, max_epochs=1, log_every=3))
    assert [(line["step"], line["lr"]) for line in lines[:2]] == [(3, 1.5), (6, 2.0)]


def test_the_rate_of_a_window_of_random_length_goes_with_it(tmp_path):
    found = rates(run(tmp_path, lr=2.0, random_bptt=True, max_epochs=1))
    lengths = [length for _, length, _ in found]
    assert len(set(lengths)) > 3
    for lr, length, scale in found:
        assert lr == pytest.approx(2.0 * length / 10)
        assert scale == pytest.approx(1 / (4 * length))


def everything(folder, cell="lstm"):
    """All that disturbs a model, windows of random lengths, momentum and decay, warm-up, a schedule, an average."""
    folder.mkdir(exist_ok=True)
    recipe = {"random_bptt": True, "warmup_steps": 25, "average_from": 3, "average_trigger": 1}
    one = Run(folder, cell=cell, disturbed=REGULARISED, schedule=Exponential(1.5, 1), **recipe)
    one.optimizer = SGD(0.3, 0.25, weight_decay=1e-4, momentum=0.5)
    return one


@pytest.mark.parametrize("cell", REPRESENTATIVES)
def test_everything_at_once_goes_on_to_the_bit(tmp_path, cell):
    whole = everything(tmp_path / "whole", cell)
    records = whole.records()
    assert records[-1]["averaged_updates"] > 1
    last = int(records[-1]["updates"])
    for stop_at in 1, last // 3 + 2, last - 3, last:

        def stop(state, stop_at=stop_at):
            if state.step == stop_at:
                raise Interrupted(15)

        with pytest.raises(Interrupted):
            everything(tmp_path / str(stop_at), cell).records(stop)
        resumed = everything(tmp_path / str(stop_at), cell)
        rest = resumed.records()
        assert rest == records[len(records) - len(rest) :]
        np.testing.assert_array_equal(resumed.model.params.values, whole.model.params.values)


def test_everything_at_once_is_the_same_on_a_gpu(tmp_path, gpu):
    """But for rounding: windows of each length are a graph of their own there, and results are asked for later."""
    found = []
    for name, where in ("numpy", CPU), ("graph", gpu):
        run = everything(tmp_path / name)
        run.model = small_model(num_layers=2, vocab_size=V, where=where, **REGULARISED)
        run.model.init(seed=5)
        with engine.use(name):
            found.append((run.records(), where.to_host(run.model.params.values)))
    (here, values), (there, on_gpu) = found
    for expected, record in zip(here, there, strict=True):
        assert record == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(on_gpu, values, rtol=1e-8, atol=1e-10)
