"""The notebook that is shipped runs from its first cell to its last, and shows what it promises."""

from pathlib import Path

import pytest

import rnnexp.api

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # within Jupyter's libraries
]
nbformat = pytest.importorskip("nbformat", reason="no nbformat: it comes with the extra dev")
nbclient = pytest.importorskip("nbclient", reason="no nbclient: it comes with the extra dev")
pytest.importorskip("ipykernel", reason="no ipykernel: it comes with the extra dev")

NOTEBOOK = Path(rnnexp.api.__file__).parent / "gru_and_lstm.ipynb"
TINY = """import rnnexp
size = {"hidden_size": 8, "embed_size": 8, "num_layers": 1, "train_tokens": 3000, "valid_tokens": 400,
        "test_tokens": 400, "max_epochs": 2, "batch_size": 4, "bptt": 8, "log_every": 20, "engine": "numpy"}"""


def outputs(cell):
    """Return what a cell shows: text that it prints, and the kinds of what it displays."""
    shown, kinds = "", set()
    for output in cell.get("outputs", []):
        shown += output.get("text", "")
        kinds |= set(output.get("data", {}))
    return shown, kinds


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    (first,) = [cell for cell in notebook.cells if "size = {" in cell.source]
    first.source = TINY
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    by_source = {cell.source.split("\n")[0]: outputs(cell) for cell in code}
    progress, _ = by_source['gru = rnnexp.train(cell="gru", **size)']
    assert "100%" in progress
    assert "epoch 2, valid ppl" in progress
    kinds = [kinds for _, kinds in by_source.values()]
    assert sum("image/png" in kind for kind in kinds) == 2
    assert any("text/markdown" in kind for kind in kinds)
    assert sum("text/html" in kind for kind in kinds) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"gru.png", "own"}
