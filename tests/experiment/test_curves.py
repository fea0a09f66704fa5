"""The picture of a run says what it is of; one epoch is a point, and ticks are plain."""

import pytest
from matplotlib.figure import Figure

from rnnexp.experiment import curves
from rnnexp.experiment.curves import draw
from rnnexp.records import step_records
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK


def records(*pairs):
    return [
        {"epoch": k, "updates": 100 * k, "train/ppl": train, "valid/ppl": valid}
        for k, (train, valid) in enumerate(pairs, 1)
    ]


@pytest.fixture
def undrawn_curves():
    """Let them be drawn."""


RESULT = {"best/epoch": 2, "test/ppl": 95.0}


@pytest.fixture
def axes():
    return Figure().subplots()


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_best_and_test_are_marked_and_named(axes):
    drawn = lines(draw(axes, records((300, 250), (150, 120), (90, 130)), [], RESULT, "gru seed=0"))
    best, test = drawn["best validation, 120 (epoch 2)"], drawn["test, 95"]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2, 120)
    assert (test.get_xdata()[0], test.get_ydata()[0]) == (2, 95)
    assert axes.get_title(loc="left") == "gru seed=0"
    styles = {line.get_linestyle() for name, line in drawn.items() if name in ("training", "validation")}
    assert len(styles) == 2, "told apart in grey"


def test_a_lone_epoch_is_no_curve(axes):
    drawn = lines(draw(axes, records((300, 250)), [], {"best/epoch": 1}, ""))
    assert drawn["validation"].get_linestyle() == "None"
    assert "250" in {text.get_text() for text in axes.texts}


def test_within_epochs_it_is_drawn_over_steps(axes):
    steps = [{"step": k, "train/ppl": 900 - k} for k in (20, 40, 60)]
    drawn = lines(draw(axes, records((500, 250)), steps, {}, ""))
    assert list(drawn["training"].get_xdata()) == [20, 40, 60]
    assert list(drawn["validation"].get_xdata()) == [100]
    assert axes.get_xlabel() == "training steps"


def test_a_mean_over_the_last_few_steps_of_an_epoch_is_no_dip(axes):
    steps = [{"step": step, "train/ppl": ppl} for step, ppl in ((20, 300), (40, 250), (42, 80), (62, 200))]
    drawn = lines(draw(axes, records((270, 260)), steps, {}, "gru seed=0"))
    assert list(drawn["training"].get_xdata()) == [20, 40, 62]


@pytest.mark.parametrize("high", [130, 20_000])
def test_ticks_are_numbers_as_people_write_them(axes, high):
    draw(axes, records((high, high), (100, 110)), [], {}, "")
    axes.figure.draw_without_rendering()
    labels = [tick.get_text() for tick in [*axes.get_yticklabels(), *axes.get_xticklabels()]]
    assert all(set(label) <= set("0123456789,.") for label in labels)
    assert {"1", "2"} <= set(labels)


def test_a_run_keeps_what_it_measured_and_draws_it(in_process, tmp_path, monkeypatch):
    seen, figure = [], curves.figure
    monkeypatch.setattr(curves, "figure", lambda *given: seen.append(given) or figure(*given))
    done = in_process(*QUICK, "train.log_every=4", "train.max_steps=10", "hydra.run.dir=run", "engine=numpy")
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "run")
    assert [record["step"] for record in folder.steps()] == [4, 8, 10]
    assert all(record["time"] > 1e12 for record in folder.steps())
    ((_, steps, result, title),) = seen
    assert len(steps) == 3
    assert "test/ppl" in result
    assert title.startswith("lstm")


def test_lines_beyond_the_checkpoint_are_dropped_and_damaged_ones_begin_anew(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.claimed():
        for step in 1, 2, 3:
            step_records.append(folder, {"step": step})
        step_records.drop_after(folder, 2)
        assert folder.steps() == [{"step": 1}, {"step": 2}]
        folder.steps_file.write_text("{nonsense\n")
        step_records.drop_after(folder, 2)
        assert folder.steps() == []
