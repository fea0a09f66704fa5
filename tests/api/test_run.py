"""What a run came to stands in frames and on axes; runs beside each other get the table and verdicts of a study."""

import matplotlib
import pytest
from matplotlib.figure import Figure

import rnnexp
from rnnexp.errors import UserError
from tests.api.conftest import SHORT


@pytest.fixture
def axes(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    return Figure().subplots()


def test_history_is_a_frame_of_epochs(trained):
    assert trained.history.index.name == "epoch"
    assert list(trained.history["updates"]) == [6]
    assert trained.history["valid/ppl"].iloc[-1] == pytest.approx(trained.valid_ppl)
    assert str(trained.folder.name) in repr(trained)


def test_plot_returns_the_axes_it_was_given(trained, axes):
    assert trained.plot(axes) is axes
    assert "gru" in axes.get_title(loc="left")


def test_runs_are_compared_like_a_study(trained, axes):
    other = rnnexp.train(cell="lstm", **SHORT)
    both = rnnexp.compare([trained, other])
    assert set(both.table["cell.name"]) == {"gru", "lstm"}
    by_cell = both.table.set_index("cell.name")
    assert by_cell.loc["lstm", "test_ppl"] == pytest.approx(other.test_ppl)
    assert both.verdicts == [str(v) for v in both.verdicts]
    assert "says nothing about cells" in both.verdicts[0]
    assert "| lstm" in str(both)
    assert both.plot(axes, over="tokens") is axes
    assert axes.get_xlabel() == "tokens"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["gru", "lstm"]
    both.plot(axes, measure="valid/ppl")  # any column of a run's history
    assert axes.get_ylabel() == "valid/ppl"
    with pytest.raises(UserError, match="nonsense over epoch is not recorded"):
        both.plot(axes, measure="nonsense")


def test_folders_can_be_compared_and_count_once(trained):
    assert len(rnnexp.compare([str(trained.folder)]).table) == 1
    with pytest.raises(UserError, match="is named twice"):
        rnnexp.compare([trained, trained.folder])
    with pytest.raises(UserError, match="nothing to compare"):
        rnnexp.compare([])


def test_nothing_heavy_is_imported_before_it_is_used():
    import subprocess
    import sys

    code = (
        "import sys, rnnexp; assert not {'numpy', 'pandas', 'hydra'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"train", "load", "compare"} <= set(dir(rnnexp))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        rnnexp.trian  # noqa: B018
