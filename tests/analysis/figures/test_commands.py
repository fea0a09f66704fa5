"""The figures of the commands show what the records say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rnnexp.analysis.figures import draw_challenge, draw_learning_curves
from rnnexp.analysis.study import make_study
from tests.helpers.recorded_runs import finished


@pytest.fixture
def kept(monkeypatch):
    """The figures that are saved."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: figures.append(figure))
    return figures


def test_the_figure_has_a_line_a_seed_and_their_mean(kept, tmp_path):
    runs = finished(("gru", 10.0, {}), ("lstm", 12.0, {}))
    history = pd.DataFrame(
        [(str(k), epoch, np.log(20.0 / epoch + k), 1.0) for k in range(4) for epoch in (1, 2, 3)],
        columns=["run_id", "epoch", "valid/loss", "epoch_s"],
    )
    draw_learning_curves(make_study(["s"], runs, history), tmp_path / "curves.png")
    axes = kept[0].axes[0]
    assert [len(seeds.get_segments()) for seeds in axes.collections] == [2, 2]
    ends = [list(line.get_ydata()) for line in axes.lines]
    mean = [(np.log(20.0 / epoch) + np.log(20.0 / epoch + 1)) / 2 for epoch in (1, 2, 3)]
    assert any(len(end) == 3 and np.allclose(end, mean) for end in ends)


def test_who_is_not_beaten_is_filled_and_named_by_place(kept, tmp_path):
    table = pd.DataFrame(
        {
            "loss": [1.0, 2.0, 3.0],
            "iterations": [20, 30, 10],
            "parameters": [9, 9, 7],
            "beaten": [False, True, False],
        }
    )
    draw_challenge(table, tmp_path / "challenge.png")
    for axes in kept[0].axes:
        beaten, front = axes.lines
        assert len(beaten.get_xdata()) == 1
        assert beaten.get_markerfacecolor() == "none"
        assert len(front.get_xdata()) == 2
        assert [text.get_text() for text in axes.texts] == ["1", "3"]
