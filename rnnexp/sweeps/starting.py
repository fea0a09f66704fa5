"""Start the processes of a sweep's jobs: forked from one that has all loaded, or else each from nothing."""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from rnnexp.errors import one_line
from rnnexp.experiment import progress
from rnnexp.installation import python_path
from rnnexp.records.files import append_text

log = logging.getLogger(__name__)
COMMAND = sys.executable, "-P", "-m", "rnnexp.sweeps.worker"
END_S = 5.0  # what the process that forks has to end by itself


class Process(Protocol):
    """Offer of a job's process what `subprocess.Popen` does."""

    def poll(self) -> int | None:
        """Return the exit code, minus the number of the signal that killed it; None of a process that runs."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """End it at once."""


def environment(report: Path) -> dict[str, str]:
    """Return the environment of a process that does a job, or makes those that do, and reports in a file."""
    return os.environ | {"PYTHONPATH": python_path(), progress.REPORT: str(report)}


class Fresh:
    """Hold a process of a job that was started from nothing."""

    def __init__(self, task: dict[str, Any]):
        with Path(task["output"]).open("wb") as output:
            self.process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment(Path(task["report"])),
                start_new_session=True,  # Ctrl-C is for the sweep, which asks its jobs
            )
        assert self.process.stdin
        with suppress(BrokenPipeError):  # the process ended at once, which `poll` will find
            self.process.stdin.write(json.dumps(task).encode() + b"\n")
            self.process.stdin.flush()
        self.terminate, self.kill = self.process.terminate, self.process.kill

    def poll(self) -> int | None:
        code = self.process.poll()
        if code is not None and self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        return code


class Forked:
    """Hold a process of a job that another process forks.

    Attributes
    ----------
    task : what it is to do. code : its exit code, once known.
    handle : a descriptor of the process; None before it has begun.
    fresh : what does the job instead, where it could not be forked.
    """

    def __init__(self, parent: "Parent", task: dict[str, Any]):
        self.parent, self.task = parent, task
        self.code: int | None = None
        self.handle: int | None = None
        self.fresh: Fresh | None = None
        self.wanted: list[int] = []  # signals that came before it had begun

    def begin(self, pid: int | None) -> None:
        """Take note of the number of the process; of None that there is none, and start one."""
        if pid is None:
            try:
                self.fresh = Fresh(self.task)
            except OSError as error:  # too many processes, or no memory
                append_text(Path(self.task["output"]), one_line(error))
                self.end(1)
        else:
            with suppress(ProcessLookupError):  # it has ended, which is told next
                self.handle = os.pidfd_open(pid)
        for signum in self.wanted:
            self.send(signum)

    def end(self, code: int) -> None:
        """Take note of how the process ended."""
        self.code = code
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def poll(self) -> int | None:
        self.parent.hear()
        if self.code is None and not self.fresh and self.parent.has_ended:
            if self.handle is None:
                self.begin(None)
            elif select.select([self.handle], [], [], 0)[0]:
                self.end(0)  # nobody saw how: its result says more
        return self.fresh.poll() if self.fresh else self.code

    def terminate(self) -> None:
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, signum: int) -> None:
        """Send a signal to the process, now or once it has begun."""
        if self.fresh:
            self.fresh.process.send_signal(signum)
        elif self.handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signum)
        elif self.code is None:
            self.wanted.append(signum)


class Parent:
    """Direct the process that forks jobs; see `rnnexp.sweeps.forking`.

    folder : where it writes what goes wrong.
    """

    def __init__(self, folder: Path):
        self.jobs: dict[int, Forked] = {}  # by number, those that have not ended
        self.begun = 0
        self.said, self.has_ended = b"", False
        self.errors = folder / "forking.txt"
        alive, self.alive = os.pipe()  # ends with this process
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                pass_fds=[alive],
                env=environment(folder / "none"),
                start_new_session=True,
            )
        os.close(alive)
        assert self.process.stdout
        self.answers = self.process.stdout.fileno()
        self.say({"alive": alive})

    def say(self, message: dict[str, Any]) -> None:
        """Send a line to the process."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it has ended, which `hear` finds
            left = memoryview(json.dumps(message).encode() + b"\n")
            while left:
                left = left[self.process.stdin.write(left) or 0 :]

    def fork(self, task: dict[str, Any]) -> Forked:
        """Have a job forked."""
        job = self.jobs[self.begun] = Forked(self, task)
        self.say(task | {"job": self.begun})
        self.begun += 1
        return job

    def hear(self, seconds: float = 0.0) -> None:
        """Take note of what the process has answered; wait so long for it where there is nothing."""
        while not self.has_ended and select.select([self.answers], [], [], seconds)[0]:
            seconds = 0.0
            part = os.read(self.answers, 1 << 16)
            *complete, self.said = (self.said + part).split(b"\n")
            for answer in map(json.loads, complete):
                if "code" in answer:
                    self.jobs.pop(answer["job"]).end(answer["code"])
                else:
                    self.jobs[answer["job"]].begin(answer["pid"])
            if not part:
                self.has_ended = True
                said = self.errors.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                why = f"{said and f'{said}; '}status {self.process.wait()}"
                log.warning(
                    f"the process that starts the jobs has ended ({why}): they start slower from now on"
                )

    def end(self) -> None:
        """Have the process end, and with it each job that still runs."""
        self.has_ended = True
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        os.close(self.alive)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:  # it loads something
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        for job in self.jobs.values():
            if job.handle is not None:
                os.close(job.handle)


class Starter:
    """Start the processes of a sweep's jobs, and wait for them.

    folder : of files that last as long as the sweep.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.parent: Parent | None = None
        self.can_fork = is_possible()

    def start(self, task: dict[str, Any]) -> Process:
        """Start a process that does a job: its config, folder, tags, number of threads, and where it reports."""
        if not self.can_fork or task["config"].get("device") != "cpu":  # a GPU's library starts threads
            return Fresh(task)
        self.parent = self.parent or Parent(self.folder)
        return Fresh(task) if self.parent.has_ended else self.parent.fork(task)

    def wait(self, seconds: float) -> None:
        """Wait until a job that was forked has begun or ended, but not longer than that."""
        if self.parent and not self.parent.has_ended:
            self.parent.hear(seconds)
        else:
            time.sleep(seconds)

    def end(self) -> None:
        """End what was started for the jobs; none of them runs any more."""
        if self.parent:
            self.parent.end()


def is_possible() -> bool:
    """Return whether processes can be forked here, and followed without a mistake about which they are."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # an old system, or one that refuses it
        return False
    return True
