"""Hold what a run keeps on disk.

config.yaml      the resolved config
tags.json        its hashes, its program, libraries and machine when it began, and its engine
provenance.jsonl a line for each time that it was begun or resumed: program, libraries, machine
state.json       the format of the folder; RUNNING, FINISHED, FAILED or KILLED; its process, whose last
                 heartbeat is the time of the file
vocabulary.json  what the tokens mean
label.json       what the run is called where there are others, and the sweep that it belongs to
records.jsonl    a line an epoch; where asked for, steps.jsonl, lines within epochs, see `step_records`, and
                 system.jsonl, a line every 10 s about the machine
last.npz         the checkpoint to go on from; best.npz the best weights
result.json      the final metrics, once there are any
MLmodel          how MLflow loads the model from this folder
test_nats.npz    the exact test loss token by token, see `token_losses`; stores do not get it
traceback.txt    the traceback of the error that ended it; delivered.json what the stores have of all this
rnnexp.log       what was logged; output.txt what else a job of a sweep printed
.lock            held for the moment of a write; .delivery.lock during a delivery
"""

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError
from rnnexp.records import checkpoint, moved, reading, token_losses
from rnnexp.records.brought import checked_config
from rnnexp.records.deliveries import Deliveries
from rnnexp.records.digests import digest
from rnnexp.records.files import ELSEWHERE, append_line, make_folder, replace_text, require_own
from rnnexp.records.lease import new_key, now
from rnnexp.records.recovery import RecoveredFolder

log = logging.getLogger(__name__)

ARTIFACTS = "config.yaml", "curves.png", "samples.txt", "traceback.txt", "output.txt"
MODEL = "MLmodel", "config.yaml", "vocabulary.json", "best.npz"  # all that the model can be loaded from
ANEW = "the command that began the run makes it anew"  # a file that is damaged or gone
NAMES_BEFORE = {"step": "updates"}  # what a metric was called in the records of older versions -> its name


class RunFolder(RecoveredFolder):
    """Read a run folder, and write it where this process holds it."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.config_file = path / "config.yaml"
        self.tags_file = path / "tags.json"
        self.provenance_file = path / "provenance.jsonl"
        self.vocabulary_file = path / "vocabulary.json"
        self.label_file = path / "label.json"
        self.records_file = path / "records.jsonl"
        self.steps_file = path / "steps.jsonl"
        self.system_file = path / "system.jsonl"
        self.loader_file = path / "MLmodel"
        self.best_file = path / "best.npz"
        self.samples_file = path / "samples.txt"
        self.curves_file = path / "curves.png"
        self.test_nats_file = path / "test_nats.npz"
        self.deliveries = Deliveries(path)

    # What the run is

    def save_config(self, config: dict[str, Any]) -> None:
        """Write the config of the run that this process holds."""
        with self.exclusive():
            self.prepare(config)

    def prepare(self, config: dict[str, Any]) -> None:
        """Write the config of a run that no process has begun yet."""
        make_folder(self.path, ELSEWHERE)
        replace_text(self.config_file, reading.to_yaml(config))

    def load_config(self) -> dict[str, Any]:
        """Return the config of the run; UserError where it cannot be read or a newer program wrote it."""
        require_own(self.path)
        before = self.state().get("folder")  # also refuses a newer format
        config = self.intact("config", lambda: reading.from_yaml(self.config_file, self.config_keys()))
        if config is None:
            raise UserError(f"{self.path} is no run folder: it holds no config.yaml")
        config = checked_config(config, self.config_file)
        return moved.config(config, Path(before), self.path.resolve()) if before else config

    def config_keys(self) -> set[str]:
        """Return sections and keys at the top of the config, as far as the tags name them, and its last section."""
        try:
            named = (reading.from_json(self.tags_file) or {}).get("rnnexp.result_keys", "")
        except reading.Damaged:
            return set()
        found = {key.partition(".")[0] for key in named.split(",") if key}
        return found | {"tracking"} if "train" in found else found

    def save_tags(self, tags: dict[str, str]) -> None:
        """Replace the tags of the run."""
        with self.exclusive():
            replace_text(self.tags_file, json.dumps(tags, indent=2) + "\n")

    def tags(self) -> dict[str, str]:
        """Return the tags of the run; empty where it has none yet."""
        return self.intact("tags", lambda: reading.from_json(self.tags_file)) or {}

    def add_provenance(self, found: dict[str, str]) -> None:
        """Record the program, libraries and machine with which the run begins or goes on now."""
        with self.exclusive():
            append_line(self.provenance_file, {"time": now()} | found)

    def provenance(self) -> list[dict[str, Any]]:
        """Return the program, libraries and machine of each time that the run was begun or resumed, in order."""
        return reading.json_lines(self.provenance_file)

    def give_label(self, label: dict[str, Any]) -> None:
        """Say what the run is called and which sweep it belongs to; one that belongs to a sweep stays with it.

        A sweep says this also of runs that it does not write: those that have finished, or another process is at.

        label : `name`, and of a job of a sweep `sweep`, with its `key`, `name` and `command`.
        """
        before = self.label()
        if "sweep" not in before and label != before:
            with self.locked():  # for another command may label it too
                replace_text(self.label_file, json.dumps(label) + "\n")

    def label(self) -> dict[str, Any]:
        """Return what `give_label` has written; empty where it has not."""
        return self.intact("label", lambda: reading.from_json(self.label_file)) or {}

    def save_loader(self, text: str) -> None:
        """Write how MLflow loads the model from this folder."""
        with self.exclusive():
            replace_text(self.loader_file, text)

    def save_vocabulary(self, corpus: Corpus) -> None:
        """Write what the model's tokens mean, so that the model can be used without the data."""
        meaning = {"level": corpus.level, "end": corpus.end, "symbols": corpus.vocabulary.symbols}
        if corpus.tokenizer:
            meaning["tokenizer"] = corpus.tokenizer
        with self.exclusive():
            replace_text(self.vocabulary_file, json.dumps(meaning) + "\n")

    def load_vocabulary(self) -> Corpus:
        """Return the vocabulary, in a corpus without text."""
        try:
            meaning = reading.from_json(self.vocabulary_file, ("symbols", "level", "end"))
        except reading.Damaged as error:
            raise UserError(f"{error}; {ANEW}") from error
        if meaning is None:
            begun = self.result_file.exists() or self.checkpoint_file.exists()
            why = ANEW if begun else "the run has not begun to train"
            raise UserError(f"{self.vocabulary_file} does not exist: {why}")
        symbols, level, end = Vocabulary(meaning["symbols"]), meaning["level"], meaning["end"]
        return Corpus(symbols, {}, level, end, tokenizer=meaning.get("tokenizer"))

    # What it has done
    def records(self) -> list[dict[str, Any]]:
        """Return the records of the epochs, under the names that metrics have now; UserError if some are lost."""
        return [
            {NAMES_BEFORE.get(name, name): value for name, value in record.items()}
            for record in self.intact_records(self.records_file)
        ]

    def replace_records(self, records: list[dict[str, Any]]) -> None:
        """Write the records of all epochs so far."""
        with self.exclusive():
            replace_text(self.records_file, "".join(f"{json.dumps(record)}\n" for record in records))

    def append(self, record: dict[str, Any]) -> None:
        """Add the record of an epoch."""
        with self.exclusive():
            append_line(self.records_file, record)

    def system_metrics(self) -> list[dict[str, Any]]:
        """Return what was measured of the machine while the run went on, in order."""
        return reading.json_lines(self.system_file)

    def steps(self) -> list[dict[str, Any]]:
        """Return what was measured within the epochs, in order: `step tokens lr time` and what it was."""
        return reading.json_lines(self.steps_file)

    def finish(self, metrics: dict[str, float]) -> None:
        """Write the final metrics."""
        with self.exclusive():
            self.write_state(self.state() | {"epochs": len(self.records())})  # by which lost ones are missed
            replace_text(self.result_file, json.dumps(metrics, indent=2) + "\n")

    def discard_weights(self, keep: str) -> None:
        """Remove the weights that train.keep does not keep of a run that has finished."""
        if keep == "all":
            return
        files = [self.checkpoint_file, *map(checkpoint.previous, (self.checkpoint_file, self.best_file))]
        with self.exclusive():
            for file in files if keep == "best" else [*files, self.best_file]:
                file.unlink(missing_ok=True)

    def save_test_nats(self, nats: np.ndarray, corpus: Corpus) -> None:
        """Write what each predicted token of the test split costs the best weights, as `token_losses` says."""
        with self.exclusive():
            token_losses.write(self.test_nats_file, nats, corpus)

    def test_nats(self) -> dict[str, np.ndarray] | None:
        """Return the arrays of `save_test_nats`; None of a run that has none."""
        return token_losses.read(self.test_nats_file)

    def result(self) -> dict[str, float] | None:
        """Return the final metrics; None where the run has not finished."""
        try:
            return reading.from_json(self.result_file, ("best/valid_ppl", "best/epoch"))
        except reading.Damaged as error:
            raise UserError(f"{error}; {ANEW}") from error

    def discard_damaged_result(self) -> None:
        """Remove the final metrics where they cannot be read, so that they are made anew from the checkpoint."""
        try:
            self.result()
        except UserError as error:
            log.warning(str(error))
            with self.exclusive():
                self.result_file.unlink()
                self.write_state(self.state() | {"status": "RUNNING", "ended": None, "error": None})

    def artifacts(self) -> dict[str, list[Path]]:
        """Return the files to keep with a store's record, by the folder there, "" for none.

        They say what the run is and does, and what went wrong; in `model` is the model, where it has weights.
        """
        require_own(self.path)
        found = {place: [path for name in names if (path := self.path / name).exists()]
                 for place, names in (("", ARTIFACTS), ("model", MODEL))}  # fmt: skip
        if not self.best_file.exists():
            del found["model"]
        return found

    # What the last checkpoint knows of the other files
    def to_keep(self) -> dict[str, Any]:
        """Return what the checkpoints of a run that begins or goes on keep, to make damaged files anew."""
        self.mend()
        texts = {"config": self.load_config(), "tags": self.tags(), "label": self.label()}
        return {name: value for name, value in texts.items() if value} | {"records": self.records()}

    def mend(self) -> None:
        """Write damaged files anew from the last checkpoint; UserError where it does not keep what they had."""
        config, tags, label, records = self.load_config(), self.tags(), self.label(), self.records()
        if "config" in self.recovered:
            self.save_config(config)
        if "tags" in self.recovered:
            self.save_tags(tags)
        if "label" in self.recovered:
            with self.exclusive():
                replace_text(self.label_file, json.dumps(label) + "\n")
        if "records" in self.recovered:
            self.replace_records(records)
        self.recovered.clear()

    # What is known of it elsewhere
    def holds(self) -> dict[str, Any] | None:
        """Return what a store will have once it has everything; None of a run that was not begun."""
        require_own(self.path)
        state = self.state()
        if not state or not self.config_file.exists():
            return None
        here = {"epochs": len(self.records()), "status": state["status"], "ended": state["ended"]}
        if label := self.label():  # older runs, which have none, were described once and for all
            here["about"] = digest([label, self.tags()])
        if measured := self.system_metrics():
            here["system"] = len(measured)
        if steps := self.steps():
            here["steps"] = steps[-1]["step"]
        return here

    def to_deliver(self, store: str) -> dict[str, Any] | None:
        """Return what `holds` does; None where it was noted that a store has that already."""
        here = self.holds()
        return here if here and here.items() - self.deliveries.to(store).items() else None

    def store_keys(self) -> list[str]:
        """Return the keys by which stores know the run: its own, and those of an earlier version for each store."""
        noted = [store["key"] for store in self.deliveries.all().values() if "key" in store]
        own = self.state().get("key")
        return list(dict.fromkeys(([own] if own else []) + noted))

    def keep_paths(self) -> None:
        with suppress(UserError):  # of a damaged config, which whoever needs it reports
            config = self.load_config()
            if config != reading.from_yaml(self.config_file):
                self.prepare(config)

    def begin_anew(self, copied: bool) -> None:
        if copied:  # else the stores know it by the keys that are noted
            self.deliveries.forget()

    def become_another_run(self) -> None:
        """Begin a new run in the folder, which every store then takes for another."""
        with self.exclusive():
            self.deliveries.forget()
            self.write_state(self.state() | {"started": now(), "key": new_key()})
