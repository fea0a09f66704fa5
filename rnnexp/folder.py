"""What a run keeps on disk.

.lock           held by the process that is at the run
config.yaml     the resolved config
vocabulary.json what the tokens mean
records.jsonl   a line an epoch
last.npz        the checkpoint to go on from; best.npz the best weights
result.json     the final metrics, once there are any
mlflow_run_id   under which a tracker keeps the run
.tracking.lock  held by the process that sends its records
"""

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from rnnexp.data.corpus import Corpus, Vocabulary
from rnnexp.errors import UserError, one_line


class RunFolder:
    """A run folder. As a context manager: this process alone is at the run, or a UserError."""

    def __init__(self, path: Path):
        self.path = path
        self.lock = FileLock(path / ".lock", timeout=0)
        self.config_file = path / "config.yaml"
        self.vocabulary_file = path / "vocabulary.json"
        self.records_file = path / "records.jsonl"
        self.result_file = path / "result.json"

    def __str__(self) -> str:
        """The path as a user would write it: relative where it lies below the current folder."""
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    def __enter__(self) -> "RunFolder":
        try:
            self.lock.acquire()
        except Timeout:
            raise UserError(f"{self.path} is in use: another process is at this run") from None
        return self

    def __exit__(self, *error):
        self.lock.release()

    def require_new(self) -> None:
        """UserError where the folder holds a run that got as far as a checkpoint."""
        if (self.path / "last.npz").exists():
            raise UserError(
                f"{self.path} holds a run already: go on with it by resume={self.path}, "
                "or name another folder with hydra.run.dir"
            )

    def begin(self, config: dict[str, Any]) -> None:
        """Make this the folder of a new run."""
        self.require_new()
        (self.path / "mlflow_run_id").unlink(missing_ok=True)  # of a run that failed before its first step
        self.save_config(config)

    def save_config(self, config: dict[str, Any]) -> None:
        replace_text(self.config_file, OmegaConf.to_yaml(OmegaConf.create(config)))

    def load_config(self) -> DictConfig:
        """The config of the run that the folder holds."""
        try:
            config = OmegaConf.load(self.config_file)
        except FileNotFoundError:
            raise UserError(f"{self.path} is no run folder: it holds no config.yaml") from None
        except (OSError, YAMLError) as error:
            raise UserError(f"{self.config_file} cannot be read: {one_line(error)}") from error
        if not isinstance(config, DictConfig):
            raise UserError(f"{self.config_file} holds no config")
        return config

    def save_vocabulary(self, corpus: Corpus) -> None:
        """What the model's tokens mean, so that it can be used without the data."""
        meaning = {"level": corpus.level, "end": corpus.end, "symbols": corpus.vocabulary.symbols}
        replace_text(self.vocabulary_file, json.dumps(meaning) + "\n")

    def load_vocabulary(self) -> Corpus:
        """The vocabulary, in a corpus without text."""
        try:
            meaning = json.loads(self.vocabulary_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.vocabulary_file} cannot be read: {one_line(error)}") from error
        return Corpus(Vocabulary(meaning["symbols"]), {}, meaning["level"], meaning["end"])

    def records(self) -> list[dict[str, Any]]:
        """The records of the epochs so far; a last line that a crash cut short is dropped."""
        if not self.records_file.exists():
            return []
        complete, _, cut_short = self.records_file.read_text(encoding="utf-8").rpartition("\n")
        if cut_short:
            replace_text(self.records_file, complete + "\n" if complete else "")
        return [json.loads(line) for line in complete.splitlines()]

    def append(self, record: dict[str, Any]) -> None:
        with self.records_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, metrics: dict[str, float]) -> None:
        replace_text(self.result_file, json.dumps(metrics, indent=2) + "\n")

    def result(self) -> dict[str, float] | None:
        """The final metrics; None where the run has not finished."""
        return json.loads(self.result_file.read_text(encoding="utf-8")) if self.result_file.exists() else None


def replace_text(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
