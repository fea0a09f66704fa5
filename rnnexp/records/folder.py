"""What a run keeps on disk, and who may write it.

config.yaml     the resolved config
tags.json       its hashes, the version of the code, what computed
state.json      RUNNING, FINISHED, FAILED or KILLED; whose process it is or was; its heartbeat, by its time
vocabulary.json what the tokens mean
records.jsonl   a line an epoch
last.npz        the checkpoint to go on from; best.npz the best weights
result.json     the final metrics, once there are any
traceback.txt   of the error that ended it
delivered.json  what an MLflow store has got of all this
rnnexp.log      what was logged; output.txt what else a job of a sweep printed
.lock           held for the moment of a write; .delivery.lock while a store is told
"""

import json
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import yaml
from filelock import FileLock, Timeout

from rnnexp.data.corpus import Corpus, Vocabulary
from rnnexp.errors import Superseded, UserError, one_line

BEAT_S = 5.0
LEASE_S = 60.0  # without a heartbeat a process counts as dead, wherever it is


class InUse(UserError):
    """Another process is at the run."""


class RunFolder:
    """A run folder. It is read freely, and written by the process that holds it.

    Who claims a run gets a number of its own, one more than the last. Before each write the number is looked
    up, under a lock: a process that was suspended for so long that another has taken its run over finds that
    out there, and writes no more.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lock = FileLock(path / ".lock", timeout=LEASE_S)
        self.delivery_lock = FileLock(path / ".delivery.lock", timeout=LEASE_S)
        self.config_file = path / "config.yaml"
        self.tags_file = path / "tags.json"
        self.state_file = path / "state.json"
        self.vocabulary_file = path / "vocabulary.json"
        self.records_file = path / "records.jsonl"
        self.result_file = path / "result.json"
        self.delivered_file = path / "delivered.json"
        self.traceback_file = path / "traceback.txt"
        self.number: int | None = None  # of this claim
        self.lost = threading.Event()

    def __str__(self) -> str:
        """The path as a user would write it: relative where it lies below the current folder."""
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    # Who may write

    @contextmanager
    def claimed(self, wait: bool = False) -> Iterator[None]:
        """Within: this process alone writes the run.

        Raises
        ------
        InUse where another process is at it; with `wait`, only when that has ended.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        while not self.claim():
            if not wait:
                owner = self.state()
                raise InUse(f"{self} is in use: process {owner['pid']} on {owner['host']} is at this run")
            time.sleep(0.2)
        over = threading.Event()
        heart = threading.Thread(target=self.beat, args=[over], daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()
            with suppress(Superseded, OSError):
                if self.state()["status"] == "RUNNING":
                    self.end("FINISHED" if self.result_file.exists() else "KILLED")
            self.number = None

    def claim(self) -> bool:
        """Take the run, unless a process that lives is at it."""
        with self.lock:
            state = self.state()
            if state.get("status") == "RUNNING" and alive(state):
                return False
            self.number = state.get("number", 0) + 1
            process, host = psutil.Process(), socket.gethostname()
            state |= {"number": self.number, "pid": process.pid, "born": process.create_time(), "host": host}
            if not self.result_file.exists():
                state |= {"status": "RUNNING", "ended": None, "error": None}
            self.write_state({"started": now()} | state)
            return True

    def beat(self, over: threading.Event) -> None:
        while not over.wait(BEAT_S):
            with suppress(Timeout, OSError, Superseded), self.exclusive():
                os.utime(self.state_file)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Within: nobody can take the run over. Superseded where somebody has."""
        with self.lock:
            if self.state().get("number") != self.number:
                self.lost.set()
                raise Superseded(
                    f"{self} was taken over by another process: this one gave no sign for {LEASE_S:g} s"
                )
            yield

    def raise_if_lost(self) -> None:
        if self.lost.is_set():
            with self.exclusive():
                pass

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Say how the run ended, for now."""
        with self.exclusive():
            self.traceback_file.unlink(missing_ok=True)
            if error:
                text = "".join(traceback.format_exception(error))
                self.traceback_file.write_text(text, encoding="utf-8")
            said = one_line(error) if error else None
            if error and type(error) is not UserError:
                said = f"{type(error).__name__}: {said}"
            self.write_state(self.state() | {"status": status, "ended": now(), "error": said})

    def mark_dead(self) -> None:
        """Say of a run whose process died without a word, or with a wrong one, how it ended."""
        if self.corrected_state(self.state()):
            with self.lock:
                state = self.state()
                if right := self.corrected_state(state):
                    self.write_state(state | right)

    def corrected_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """What is wrong in a state and how it should be; empty where it is right."""
        dead = state.get("status") == "RUNNING" and not alive(state)
        finished = state.get("status") in ("KILLED", "FAILED") and self.result_file.exists()
        if not dead and not finished:
            return {}
        status = "FINISHED" if self.result_file.exists() else "KILLED"
        return {
            "number": state["number"] + 1,
            "status": status,
            "ended": state["ended"] or int(1000 * state["beat"]),
        }

    def state(self) -> dict[str, Any]:
        """What state.json says, and `beat`, when its owner was last seen; empty where there is none."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self.state_file.open(encoding="utf-8"))
            except FileNotFoundError:
                return {}
            return json.load(file) | {"beat": os.fstat(file.fileno()).st_mtime}

    def write_state(self, state: dict[str, Any]) -> None:
        replace_text(self.state_file, json.dumps({k: v for k, v in state.items() if k != "beat"}) + "\n")

    # What the run is

    def save_config(self, config: dict[str, Any]) -> None:
        with self.exclusive():
            self.prepare(config)

    def prepare(self, config: dict[str, Any]) -> None:
        """Say what a run is to be that nobody has begun."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.config_file, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))

    def load_config(self) -> dict[str, Any]:
        """The config of the run that the folder holds."""
        try:
            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{self.path} is no run folder: it holds no config.yaml") from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{self.config_file} cannot be read: {one_line(error)}") from error
        if not isinstance(config, dict):
            raise UserError(f"{self.config_file} holds no config")
        return config

    def save_tags(self, tags: dict[str, str]) -> None:
        with self.exclusive():
            replace_text(self.tags_file, json.dumps(tags, indent=2) + "\n")

    def tags(self) -> dict[str, str]:
        """The tags of the run; empty where it has none yet."""
        return json.loads(self.tags_file.read_text(encoding="utf-8")) if self.tags_file.exists() else {}

    def save_vocabulary(self, corpus: Corpus) -> None:
        """What the model's tokens mean, so that it can be used without the data."""
        meaning = {"level": corpus.level, "end": corpus.end, "symbols": corpus.vocabulary.symbols}
        with self.exclusive():
            replace_text(self.vocabulary_file, json.dumps(meaning) + "\n")

    def load_vocabulary(self) -> Corpus:
        """The vocabulary, in a corpus without text."""
        try:
            meaning = json.loads(self.vocabulary_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.vocabulary_file} cannot be read: {one_line(error)}") from error
        return Corpus(Vocabulary(meaning["symbols"]), {}, meaning["level"], meaning["end"])

    # What it has done

    def records(self) -> list[dict[str, Any]]:
        """The records of the epochs so far, without a last line that a crash cut short."""
        if not self.records_file.exists():
            return []
        complete = self.records_file.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in complete.splitlines()]

    def append(self, record: dict[str, Any]) -> None:
        with self.exclusive(), self.records_file.open("a+b") as file:
            if file.tell():
                # a line that a crash cut short must not begin this one
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, metrics: dict[str, float]) -> None:
        with self.exclusive():
            replace_text(self.result_file, json.dumps(metrics, indent=2) + "\n")

    def result(self) -> dict[str, float] | None:
        """The final metrics; None where the run has not finished."""
        return json.loads(self.result_file.read_text(encoding="utf-8")) if self.result_file.exists() else None

    def delivered(self, uri: str) -> dict[str, Any]:
        """What a store has got, as far as delivered.json says; empty where it has nothing."""
        return self.deliveries().get(uri, {})

    def deliveries(self) -> dict[str, dict[str, Any]]:
        try:
            return json.loads(self.delivered_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def note_delivered(self, uri: str, what: dict[str, Any]) -> None:
        replace_text(self.delivered_file, json.dumps(self.deliveries() | {uri: what}) + "\n")

    def forget_deliveries(self) -> None:
        """What comes is another run to every store."""
        with self.exclusive(), self.delivery_lock:
            self.delivered_file.unlink(missing_ok=True)
            self.write_state(self.state() | {"started": now()})

    def to_deliver(self, uri: str) -> dict[str, Any] | None:
        """What `delivered` is to be once a store has got everything; None where it is that already."""
        state = self.state()
        if not state or not self.config_file.exists():
            return None
        here = {"epochs": len(self.records()), "status": state["status"], "ended": state["ended"]}
        return here if here.items() - self.delivered(uri).items() else None

    def artifacts(self) -> list[Path]:
        """The files worth keeping with the record: what the model is and does, and what went wrong."""
        names = "config.yaml", "vocabulary.json", "curves.png", "samples.txt", "best.npz"
        return [
            path for name in (*names, "traceback.txt", "output.txt") if (path := self.path / name).exists()
        ]


def alive(state: dict[str, Any]) -> bool:
    """Whether the process that wrote a state is still at it."""
    if state["host"] == socket.gethostname():
        try:
            process = psutil.Process(state["pid"])
            gone = process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - state["born"]) > 2
        except psutil.NoSuchProcess:
            gone = True
        if gone:
            return False
    return time.time() - state["beat"] < LEASE_S


def now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(1000 * time.time())


def replace_text(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all, after a power cut too."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
