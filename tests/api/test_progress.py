"""A script shows what it does: a bar in a terminal, lines elsewhere, nothing where it is asked for silence."""

import logging
import os
import subprocess
import sys

import pytest

from rnnexp.experiment import progress

SCRIPT = """import rnnexp
run = rnnexp.train(cell="gru", train_tokens=3000, valid_tokens=400, test_tokens=400, embed_size=8, hidden_size=8,
                   batch_size=4, bptt=8, max_epochs=2, engine="numpy", **{more})
print(run.test_ppl)
"""


@pytest.mark.parametrize(("more", "shown"), [({}, True), ({"progress": False}, False)])
def test_a_script_in_a_pipe(more, shown):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(more=more)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 1  # and nothing besides
    assert ("epoch  1/2  train ppl" in done.stderr) == shown
    assert done.stderr.count("epoch  2/2") == shown  # once
    assert bool(done.stderr) == shown


def test_a_script_in_a_terminal():
    termios = pytest.importorskip("termios", reason="no such terminals on this platform")
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 120))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(more={})], stdout=subprocess.DEVNULL, stderr=its
    ) as script:
        os.close(its)
        shown = b""
        while part := read(ours):
            shown += part
    os.close(ours)
    assert script.returncode == 0
    assert b"epoch 1, valid ppl" in shown
    assert b"train ppl" not in shown


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how the end of a terminal is said
        return b""


def as_a_script(monkeypatch):
    """Take away pytest's handlers, which it adds once the fixtures are made."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


def test_an_epoch_of_an_hour_says_something_each_minute(monkeypatch, capsys):
    as_a_script(monkeypatch)
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with progress.lines_where_no_bar():
        display = progress.for_run("gru", done=100, total=1100)
        for minute in range(1, 5):
            clock[0] = 60.0 * minute - 1
            display.step(100 + 50 * minute)
            display.measured({"train/ppl": 20.0 - minute})  # of this step or before
            display.measured({"valid/ppl": 30.0})
        clock[0] = 240.0
        display.step(300)
        display.describe("epoch 1, valid ppl 9")
        clock[0] = 299.0
        display.step(350)
        display.close()
    assert capsys.readouterr().err.splitlines() == [
        "step 200 of 1,100, train ppl 19.000, some 17:51 left",
        "step 250 of 1,100, train ppl 18.000, some 16:54 left",
        "step 300 of 1,100, train ppl 17.000, some 15:56 left",
    ]
    assert logging.getLogger("rnnexp").handlers == []
    assert logging.getLogger("rnnexp").propagate


def test_a_script_that_has_set_up_logging_decides(monkeypatch, capsys):
    as_a_script(monkeypatch)
    logging.basicConfig(level=logging.WARNING)
    with progress.lines_where_no_bar():
        logging.getLogger("rnnexp.x").info("not asked for")
    assert capsys.readouterr().err == ""
