"""The figures of a study are readable and the same each time, whatever is in it."""

import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis import figures
from rnnexp.analysis.figures import gaps
from rnnexp.analysis.figures.curve_data import curves
from rnnexp.analysis.figures.labels import spread
from rnnexp.analysis.figures.style import look_of, looks
from rnnexp.analysis.verdict import Configuration
from rnnexp.installation import CONF
from tests.helpers.study_tables import study, trials
from tests.helpers.verdicts import verdicts

DRAW = {
    "curves": lambda runs, history: figures.draw_curves(runs, history),
    "gradients": lambda runs, history: figures.draw_gradient_norms(runs, history),
    "costs": lambda runs, history: figures.draw_costs(runs, history),
    "seeds": lambda runs, history: figures.draw_seeds(runs),
    "divergence": lambda runs, history: figures.draw_divergence(runs),
    "pareto": lambda runs, history: figures.draw_pareto(runs),
    "differences": lambda runs, history: figures.draw_differences(judged(runs), runs),
    "best of n": lambda runs, history: figures.draw_best_of_n(trials()),
    "rates": lambda runs, history: figures.draw_learning_rates(trials()),
}


def judged(runs):
    return verdicts(
        [
            Configuration(name, dict(zip(own["seed"], own["test_loss"])), 0, len(own))
            for name, own in runs[runs["status"] == "finished"].groupby("configuration")
        ]
    )


def texts(picture):
    """Every text that is seen, with its box: tick labels, titles, labels, names."""
    picture.draw_without_rendering()
    boxes = []
    for axes in picture.axes:
        owners = [axes, *axes.child_axes]
        shown = [t for owner in owners for axis in (owner.xaxis, owner.yaxis) for t in axis.get_ticklabels()]
        shown += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for text in shown:
            if text.get_text() and text.get_visible():
                box = (
                    type(text).__mro__[1].get_window_extent(text)
                    if text in axes.texts
                    else text.get_window_extent()
                )
                boxes.append((text.get_text(), box))
    return boxes


@pytest.mark.parametrize("configurations", [6, 24])
@pytest.mark.parametrize("name", [name for name in DRAW if name not in ("best of n", "rates")])
def test_no_text_lies_over_another_or_outside(name, configurations):
    picture = DRAW[name](*study(configurations, seeds=3, epochs=12))
    found = texts(picture)
    wide, tall = picture.canvas.get_width_height()
    for text, box in found:
        assert -1 <= box.x0 <= box.x1 <= wide + 1, text
        assert -1 <= box.y0 <= box.y1 <= tall + 1, text
    for (one, a), (other, b) in combinations(found, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        assert apart, f"{one!r} over {other!r}"
    assert not any(re.search(r"\d[eE][+-]?\d|\$|\^", text) for text, _ in found)


@pytest.mark.parametrize("name", DRAW)
def test_a_figure_has_the_same_bytes_each_time_with_its_words_escaped(name, tmp_path):
    runs, history = study(3, seeds=3, epochs=9)
    kinds = ("svg", "pdf", "png")
    found = []
    for folder in tmp_path / "a", tmp_path / "b":
        folder.mkdir()
        picture = DRAW[name](runs, history)
        picture.heading, picture.description = "<b>&", picture.description + "</svg><script>"
        figures.save(picture, folder, "x")
        found.append([(folder / f"x.{kind}").read_bytes() for kind in kinds])
    assert found[0] == found[1]
    root = ElementTree.fromstring(found[0][0])
    assert root[0].text == "<b>&"
    assert root[1].text.endswith("</svg><script>")
    ids = re.findall(r'\bid="([^"]*)"', found[0][0].decode())
    assert all(one.startswith("x-") for one in ids)


def test_a_cell_looks_the_same_whatever_the_order():
    runs, _ = study(6)
    found = looks(runs)
    assert looks(runs.iloc[::-1]) == found
    only = looks(runs[runs["cell"] == "gru"])
    assert only == {name: look for name, look in found.items() if name.startswith("gru")}
    assert len({(look.color, look.fill) for look in found.values()}) == 6
    assert {look.color for name, look in found.items() if name.startswith("lstm")} == {"#0072B2"}
    assert len({(look.marker, str(look.dash)) for look in found.values()}) == 3


def test_lines_have_the_dash_and_marker_of_their_cell():
    axes = figures.draw_curves(*study(3, seeds=3, epochs=9)).axes[0]
    means = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert {line.get_marker() for line in means} == {"o", "s", "^"}
    assert len({line.get_linestyle() for line in means} | {str(line._dash_pattern) for line in means}) >= 3
    assert all(line.get_linewidth() >= 1 for line in means)


def test_a_run_that_diverged_does_not_change_the_limits_and_is_marked():
    runs, history = study(3, diverged=True, stopped=False)
    bad = set(runs.loc[runs["status"] == "diverged", "run_id"])
    without = figures.draw_curves(runs[~runs["run_id"].isin(bad)], history)
    picture = figures.draw_curves(runs, history)
    assert picture.axes[0].get_ylim() == without.axes[0].get_ylim()
    arrows = [
        line for line in picture.axes[0].lines if "arrow" in str(line.get_marker()) and len(line.get_xdata())
    ]
    assert [list(line.get_xdata()) for line in arrows] == [[8.0]]
    strip, same = figures.draw_seeds(runs), figures.draw_seeds(runs[~runs["run_id"].isin(bad)])
    assert strip.axes[0].get_xlim() == same.axes[0].get_xlim()
    assert any("1 →" in text.get_text() for text in strip.axes[0].texts)
    assert "rnn (1 of 5 diverged)" in picture.description


def test_mean_and_band_end_where_a_seed_stops():
    runs, history = study(2, seeds=3, epochs=10, cells=2, diverged=False)
    by_name = {curve.name: curve for curve in curves(runs, history, "valid/loss")}
    x, mean, half = by_name["lstm"].mean()
    assert list(x) == [1, 2, 3, 4]
    own = history[history["run_id"].str.startswith("0-")].pivot(
        index="epoch", columns="run_id", values="valid/loss"
    )
    np.testing.assert_allclose(mean, own.dropna().mean(axis=1))
    np.testing.assert_allclose(half, 4.302652729911275 * own.dropna().std(axis=1) / np.sqrt(3))
    assert len(by_name["gru"].mean()[0]) == 10
    two = {curve.name: curve for curve in curves(runs[runs["seed"] < 3], history, "valid/loss")}
    assert np.isnan(two["gru"].mean()[2]).all()  # no band of two seeds
    axes = figures.draw_curves(runs, history).axes[0]
    bars = [line for line in axes.lines if line.get_marker() == "|" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in bars] == [[4.0]]


def test_the_best_reachable_is_that_of_one_data_set():
    runs, _ = study(3)
    assert "best reachable" in figures.draw_seeds(runs).axes[0].get_xlabel()
    runs.loc[runs["cell"] == "gru", "dataset"] = "ptb"
    assert "best reachable" not in figures.draw_seeds(runs).axes[0].get_xlabel()


def test_learning_curves_have_the_best_reachable_of_the_validation_split():
    runs, history = study(2)
    lowest = history["valid/loss"].min() - 0.1
    for known in True, False:
        runs["best_reachable_valid"] = lowest if known else np.nan
        lines = figures.draw_curves(runs, history).axes[0].lines
        level = [line for line in lines if set(line.get_ydata()) == {lowest}]
        assert len(level) == known


def test_one_thing_is_not_many():
    called = [gaps._called("counting", size) for size in ("1", "2", "10")]
    assert called == ["1 tick left", "2 ticks left", "10 ticks left"]
    assert gaps._called("bracket", "1") == "1 open"


def test_a_figure_of_nothing_says_so():
    runs, history = study(2, seeds=1, epochs=3, cells=2)
    none = history.iloc[:0]
    for draw in figures.draw_curves, figures.draw_costs, figures.draw_gradient_norms:
        assert any("not recorded" in text.get_text() for axes in draw(runs, none).axes for text in axes.texts)
    figures.draw_differences([], runs)
    figures.draw_best_of_n(runs)
    figures.draw_learning_rates(runs)


def test_names_are_spread_as_little_as_need_be():
    assert spread([1.0, 5.0], [2, 2], 0, 10) == [1, 5]
    assert spread([5.0, 5.0, 5.0], [2, 2, 2], 0, 10) == [3, 5, 7]
    assert spread([0.0, 9.9], [2, 2], 0, 10) == [1, 9]


def test_trials_that_a_sampler_chose_have_no_best_of_n():
    picture = figures.draw_best_of_n(trials(12, 1, "tpe"))
    assert [text.get_text() for text in picture.axes[0].texts] == ["lstm, best so far"]
    assert not picture.axes[0].collections
    assert figures.draw_best_of_n(trials(12, 1)).axes[0].collections


def test_the_pareto_front_is_who_nobody_beats():
    from rnnexp.analysis.figures.cost import pareto_rows

    runs = pd.DataFrame(
        {
            "configuration": ["a", "b", "c"],
            "cell": "lstm",
            "status": "finished",
            "reported": True,
            "parameters": [1, 2, 3],
            "test_loss": [3.0, 3.5, 2.0],
        }
    )
    assert pareto_rows(runs)["beaten"].tolist() == [False, True, False]


def test_two_runs_have_no_interval_whatever_failed_beside_them():
    from rnnexp.analysis.figures.cost import pareto_rows

    status = ["finished", "finished", "failed"]
    runs = pd.DataFrame({"configuration": "a", "status": status, "test_loss": [3.0, 3.1, 3.2]})
    runs = runs.assign(cell="lstm", reported=True, parameters=1)
    assert pareto_rows(runs)["low"].isna().all()
    assert pareto_rows(runs.assign(status="finished"))["low"].notna().all()


def test_no_two_cells_look_alike():
    cells = {path.stem for path in (CONF / "cell").glob("*.yaml")} - {
        "lstm_dlfs2"
    }  # an LSTM with other initial values
    found = [look_of(cell) for cell in cells]
    assert len({(look.color, str(look.dash)) for look in found}) == len(cells)


def test_runs_that_were_not_tested_have_not_diverged():
    runs, _ = study(configurations=2, cells=2, diverged=False)
    runs.loc[runs["cell"] == "gru", "test_loss"] = np.nan
    assert "diverged;" not in (said := figures.draw_seeds(runs).description)
    assert "gru: no run with this loss" in said
    runs.loc[runs["cell"] == "gru", "status"] = "diverged"
    assert "gru: no run with this loss, 5 diverged" in figures.draw_seeds(runs).description


def test_of_many_pairs_the_largest_differences_are_shown():
    runs, _ = study(configurations=9, diverged=False)
    every = judged(runs)
    said = figures.draw_differences(every, runs).description
    assert len(every) == 36
    assert "Of 36 pairs the 24 whose difference is largest are shown" in said
    largest = max(every, key=lambda one: one.tested.difference.mean)
    assert f"{largest.worse} minus {largest.better}" in said
