"""Fork the jobs of a sweep from a process that has loaded, once for all, what each of them would load.

It has no threads, compiles nothing and touches no GPU. Each line of its input is a job in JSON; when the input ends, so
does the process. It answers in lines of JSON: {"job", "pid"} of one that has begun, {"job", "code"} of one that
has ended, and {"job", "pid": null} of one that it cannot fork.
"""

import atexit
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from rnnexp.compute import engine, threads
from rnnexp.errors import UserError, one_line
from rnnexp.experiment import corpora, curves, own_parts, precompile, progress
from rnnexp.experiment.signals import SIGNALS
from rnnexp.output import say
from rnnexp.records import provenance
from rnnexp.tracking import worker

Task = dict[str, Any]


def serve(unread: bytes, alive: int, do: Callable[[Task], None]) -> None:
    """Fork a process for each job that the input names, which calls `do`; never return.

    Parameters
    ----------
    unread : what was read of the input already.
    alive : a pipe that ends with the sweep; it becomes the input of each job.
    """
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not pass for an answer
    # they are for the jobs, which save and end: this process sees to them, and ends with its input
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with suppress(ImportError):  # without it runs go without figures
        curves.load_library()
    provenance.keep_git()
    fork = multiprocessing.get_context("fork")
    jobs: dict[Any, Any] = {}  # what shows that a process has ended -> the number of its job, the process
    while True:
        *complete, unread = unread.split(b"\n")
        for task in map(json.loads, complete):
            process = fork.Process(target=become, args=[task, alive, answers, before, do])
            try:
                if is_ready(task["config"]):
                    gc.freeze()  # a job need not look through what is there, and have all of it copied
                    process.start()
            except OSError as error:  # too many processes, or no memory
                say(one_line(error), file=sys.stderr)
            answer(answers, task["job"], pid=process.pid)
            if process.pid:
                jobs[process.sentinel] = task["job"], process
        ready = wait([0, *jobs])
        for sentinel in ready:
            if sentinel != 0:
                number, process = jobs.pop(sentinel)
                process.join()
                answer(answers, number, code=process.exitcode)
                process.close()
        if 0 in ready:
            part = os.read(0, 1 << 16)
            if not part:
                os._exit(0)  # at once, whatever goes on: whoever began this has gone, or needs no more
            unread += part


def answer(file: int, number: int, **news: int | None) -> None:
    """Tell the sweep something new about a job."""
    worker.say(file, json.dumps({"job": number} | news).encode())


def is_ready(config: dict[str, Any]) -> bool:
    """Load what a run of this config needs, as far as it is there; return whether it can be forked from here."""
    try:
        # code of the user's is run in a job only, for it may do anything
        if not own_parts.chosen(config):
            chosen = config["engine"] or engine.fastest(config["device"])
            precompile.load(config | {"engine": chosen})
            corpora.keep(config["dataset"])
        threads.blas_limited(1)  # then most jobs need not set it
    except precompile.HadToCompile as error:
        global _fit
        _fit = False
        say(str(error), file=sys.stderr)
    except Exception:  # the job meets it too, and says it
        pass
    return _fit and threading.active_count() == 1


_fit = True


def become(
    task: Task, alive: int, answers: int, mask: set[signal.Signals], do: Callable[[Task], None]
) -> None:
    """Do a job as a process of its own does that was started for it.

    mask : the signals that were blocked when the sweep began.
    """
    os.setsid()  # Ctrl-C is for the sweep, which asks its jobs
    os.close(answers)
    os.dup2(alive, 0)
    output = os.open(task["output"], os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ[progress.REPORT] = task["report"]
    np.random.seed()  # noqa: NPY002 - a part of the user's may draw from it
    atexit._clear()  # what the process before wants done at its own end
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        for part in own_parts.PARTS.values():
            own_parts.require_unchanged(part)
        do(task)
    except UserError as error:
        sys.exit(one_line(error))
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()
