"""The end of a run waits for its store for so long and no longer, whatever that does."""

import logging
import sys
import time

import pytest

from rnnexp.tracking.client import WorkerClient

SENDERS = {
    "that never answers": "import time; time.sleep(1000)",
    "that stands still": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "that heeds no signal": "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)",
}


DELIVERS = "import sys\nfor line in sys.stdin: print('null', flush=True)"


def test_a_sender_ends_with_the_wait_for_it(monkeypatch, caplog, tmp_path):
    """So that a program that trains many runs does not keep one for each."""
    monkeypatch.setattr(WorkerClient, "command", (sys.executable, "-c", DELIVERS))
    client = WorkerClient(timeout=60)
    for _ in range(2):
        client.changed(tmp_path)
        process, listener = client.process, client.listener
        client.wait()
        listener.join(60)
        assert process.poll() == 0
    assert not caplog.records


@pytest.mark.parametrize("code", SENDERS.values(), ids=SENDERS)
def test_a_sender(code, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(WorkerClient, "command", (sys.executable, "-c", code))
    client = WorkerClient(timeout=1)
    folder = tmp_path / ("long name " * 20)
    for _ in range(1000):  # more than its pipe holds
        client.changed(folder)
    before = time.monotonic()
    client.wait()
    assert time.monotonic() - before < 20
    assert client.process.poll() is not None
    client.listener.join()
    (line,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert "within tracking.timeout=1 s" in line
    assert f"rnnexp sync '{folder}'" in line
    client.process.stdin.close()
    client.process.stdout.close()
