"""The commands of the first page do what it says, in small and in its order."""

import shlex

import pytest

from tests.conftest import DATA, REPOSITORY, SMALL
from tests.test_pages import blocks, commands

pytestmark = pytest.mark.slow
TINY = [*SMALL[:3], "model.embed_size=8", "model.hidden_size=8", "train.max_steps=4", "train.batch_size=4"]
GRAMMAR_ONLY = 3  # of TINY, sizes of its text


def page():
    return (REPOSITORY / "README.md").read_text()


def test_the_block_of_commands(tracked_in_process, store, tmp_path):
    """With the folder of a run for RUN_FOLDER, and a file for FILE; `ui` goes on until it is stopped."""
    (tmp_path / "FILE").write_text("to be or not to be, that is the question. " * 99)
    block = next(text for text in blocks(page()) if "rnnexp compare" in text)
    folder = ""
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("rnnexp "), comments=True)
        if words[0] == "ui":
            continue
        if "=" in words[0] or words[0] == "-m":
            words += TINY[GRAMMAR_ONLY:] if "dataset=text" in words else TINY
            words += ["sweep.workers=2"] if words[0] == "-m" else []
        done = tracked_in_process(*(word.replace("RUN_FOLDER", folder) for word in words))
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        folder = folder or str(next((tmp_path / "runs/default").iterdir()))
    assert len(list((tmp_path / "runs/cells").iterdir())) == 15


@pytest.mark.parametrize("path", ["experiment=dlfs2_rnnlm", "sweep=fair"])
def test_the_paths(path, tracked_in_process, store, tmp_path):
    """The book's reader and the researcher; the teacher's is the notebook."""
    if not (DATA / "ptb").exists():
        pytest.skip(f"no ptb in {DATA}: name the folder that has it with RNNEXP_DATA")
    (words,) = [words for words in commands(page()) if words[:2] == ["rnnexp", "-m"] and path in words]
    few = ["sweep.trials=2", "sweep.best_seeds=1"] if path == "sweep=fair" else []
    small = [f"data.root={DATA}", "dataset.max_tokens=3000", *TINY[GRAMMAR_ONLY:], *few, "sweep.workers=2"]
    done = tracked_in_process(*words[1:], *small, "engine=numpy")
    assert done.returncode == 0, done.stdout + done.stderr
    study = "ptb_best" if few else "dlfs2_rnnlm"
    told = tracked_in_process("compare", f"study={study}")
    assert told.returncode == 0, told.stderr
    assert "gru" in told.stdout
