"""Hold what a run keeps on disk.

config.yaml      the resolved config
tags.json        its hashes, its program, libraries and machine when it began, and its engine
provenance.jsonl a line for each time that it was begun or resumed: program, libraries, machine
state.json       the format of the folder; RUNNING, FINISHED, FAILED or KILLED; its process, whose last
                 heartbeat is the time of the file
vocabulary.json  what the tokens mean
label.json       what the run is called where there are others, and the sweep that it belongs to
records.jsonl    a line an epoch; system.jsonl, where it was asked for, a line every 10 s about the machine
last.npz         the checkpoint to go on from; best.npz the best weights
result.json      the final metrics, once there are any
MLmodel          how MLflow loads the model from this folder
test_nats.npz    the exact test loss token by token, see `save_test_nats`; stores do not get it
traceback.txt    the traceback of the error that ended it
delivered.json   what the stores have of all this
rnnexp.log       what was logged; output.txt what else a job of a sweep printed
.lock            held for the moment of a write; .delivery.lock during a delivery
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError, one_line
from rnnexp.records.address import clean_config
from rnnexp.records.deliveries import Deliveries
from rnnexp.records.digests import digest
from rnnexp.records.files import append_line, read_lines, replace_text, replacing, require_own
from rnnexp.records.lease import LeasedFolder, now
from rnnexp.records.names import require_name

ARTIFACTS = "config.yaml", "curves.png", "samples.txt", "traceback.txt", "output.txt"
MODEL = "MLmodel", "config.yaml", "vocabulary.json", "best.npz"  # all that the model can be loaded from


NAMES_BEFORE = {"step": "updates"}  # what a metric was called in the records of older versions -> its name

LEFT_OVER = (
    "rnnexp.log",
    "output.txt",
    "label.json",
    ".lock",
    ".delivery.lock",
)  # by what failed before it began


class RunFolder(LeasedFolder):
    """Read a run folder, and write it where this process holds it."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.config_file = path / "config.yaml"
        self.tags_file = path / "tags.json"
        self.provenance_file = path / "provenance.jsonl"
        self.vocabulary_file = path / "vocabulary.json"
        self.label_file = path / "label.json"
        self.records_file = path / "records.jsonl"
        self.system_file = path / "system.jsonl"
        self.loader_file = path / "MLmodel"
        self.checkpoint_file = path / "last.npz"
        self.test_nats_file = path / "test_nats.npz"
        self.deliveries = Deliveries(path)

    # What the run is

    def save_config(self, config: dict[str, Any]) -> None:
        """Write the config of the run that this process holds."""
        with self.exclusive():
            self.prepare(config)

    def require_room(self) -> None:
        """Raise UserError where the folder holds links, or other things than a run, which a run must not mix with."""
        require_own(self.path)
        if self.state_file.exists() or self.config_file.exists() or not self.path.is_dir():
            return
        others = (path.name for path in self.path.iterdir() if path.name not in LEFT_OVER)
        if found := next(others, None):
            raise UserError(f"{self} holds {found} and no run: name an empty or a new folder")

    def prepare(self, config: dict[str, Any]) -> None:
        """Write the config of a run that no process has begun yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.config_file, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))

    def load_config(self) -> dict[str, Any]:
        """Return the config of the run; UserError where it cannot be read or a newer program wrote it."""
        require_own(self.path)
        self.state()  # refuses a newer format
        try:
            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{self.path} is no run folder: it holds no config.yaml") from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{self.config_file} cannot be read: {one_line(error)}") from error
        if not isinstance(config, dict):
            raise UserError(f"{self.config_file} holds no config")
        return self.checked(config)

    def checked(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the config without passwords; UserError where its study is no name, for it becomes part of paths."""
        try:
            if "study" in config:
                require_name("study", config["study"])
            return {key: clean_config(value) for key, value in config.items()}
        except UserError as error:
            raise UserError(f"{self.config_file}: {error}") from error

    def goes_elsewhere(self, section: dict[str, Any]) -> bool:
        """Return whether the section `tracking` of a later command names a store that is not the run's."""
        return section["name"] != "none" and self.load_config()["tracking"] != section

    def set_tracking(self, section: dict[str, Any]) -> None:
        """Have the store that a later command names get the records of the run that this process holds."""
        if self.goes_elsewhere(section):
            self.save_config(self.load_config() | {"tracking": section})

    def save_tags(self, tags: dict[str, str]) -> None:
        """Replace the tags of the run."""
        with self.exclusive():
            replace_text(self.tags_file, json.dumps(tags, indent=2) + "\n")

    def tags(self) -> dict[str, str]:
        """Return the tags of the run; empty where it has none yet."""
        return json.loads(self.tags_file.read_text(encoding="utf-8")) if self.tags_file.exists() else {}

    def add_provenance(self, found: dict[str, str]) -> None:
        """Record the program, libraries and machine with which the run begins or goes on now."""
        with self.exclusive():
            append_line(self.provenance_file, {"time": now()} | found)

    def provenance(self) -> list[dict[str, Any]]:
        """Return the program, libraries and machine of each time that the run was begun or resumed, in order."""
        return read_lines(self.provenance_file)

    def give_label(self, label: dict[str, Any]) -> None:
        """Say what the run is called and which sweep it belongs to; one that belongs to a sweep stays with it.

        A sweep says this also of runs that it does not write: those that have finished, or another process is at.

        label : `name`, and of a job of a sweep `sweep`, with its `key`, `name` and `command`.
        """
        before = self.label()
        if "sweep" not in before and label != before:
            replace_text(self.label_file, json.dumps(label) + "\n")

    def label(self) -> dict[str, Any]:
        """Return what `give_label` has written; empty where it has not."""
        try:
            return json.loads(self.label_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

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
            meaning = json.loads(self.vocabulary_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.vocabulary_file} cannot be read: {one_line(error)}") from error
        vocabulary, tokenizer = Vocabulary(meaning["symbols"]), meaning.get("tokenizer")
        return Corpus(vocabulary, {}, meaning["level"], meaning["end"], tokenizer=tokenizer)

    # What it has done

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the epochs so far, under the names that metrics have now."""
        return [
            {NAMES_BEFORE.get(name, name): value for name, value in record.items()}
            for record in read_lines(self.records_file)
        ]

    def append(self, record: dict[str, Any]) -> None:
        """Add the record of an epoch."""
        with self.exclusive():
            append_line(self.records_file, record)

    def system_metrics(self) -> list[dict[str, Any]]:
        """Return what was measured of the machine while the run went on, in order."""
        return read_lines(self.system_file)

    def append_system_metrics(self, record: dict[str, Any]) -> None:
        """Add what was measured of the machine."""
        with self.exclusive():
            append_line(self.system_file, record)

    def finish(self, metrics: dict[str, float]) -> None:
        """Write the final metrics."""
        with self.exclusive():
            replace_text(self.result_file, json.dumps(metrics, indent=2) + "\n")

    def save_test_nats(self, nats: np.ndarray, corpus: Corpus) -> None:
        """Write what each predicted token of the test split costs the best weights, in the order of the text.

        The file has `nats` (M,) float32 and `targets` (M,) int32. Where the true distribution is known also
        `oracle` (M,) float32, the nats of a model that knows it, `kind` (M,), a number in the names `kinds`,
        and `size` (M,), see `Truth`; else `train_counts` (V,) int32, how often the training split has each token.
        """
        predicted = slice(corpus.first_target, None)
        arrays = {"nats": nats.astype(np.float32), "targets": corpus.splits["test"][predicted]}
        if truth := corpus.test_truth:
            arrays |= {"oracle": truth.nats[predicted], "kind": truth.kind[predicted]}
            arrays |= {"size": truth.size[predicted], "kinds": np.array(truth.kinds)}
        else:
            counts = np.bincount(corpus.splits["train"], minlength=len(corpus.vocabulary))
            arrays["train_counts"] = counts.astype(np.int32)
        with self.exclusive(), replacing(self.test_nats_file) as file:
            np.savez_compressed(file, **arrays)

    def test_nats(self) -> dict[str, np.ndarray] | None:
        """Return the arrays of `save_test_nats`; None of a run that has none."""
        if not self.test_nats_file.exists():
            return None
        with np.load(self.test_nats_file) as arrays:
            return dict(arrays)

    def result(self) -> dict[str, float] | None:
        """Return the final metrics; None where the run has not finished."""
        return json.loads(self.result_file.read_text(encoding="utf-8")) if self.result_file.exists() else None

    def artifacts(self) -> dict[str, list[Path]]:
        """Return the files to keep with a store's record, by the folder there, "" for none.

        They say what the run is and does, and what went wrong; in `model` is the model, where it has weights.
        """
        require_own(self.path)
        found = {place: [path for name in names if (path := self.path / name).exists()]
                 for place, names in (("", ARTIFACTS), ("model", MODEL))}  # fmt: skip
        if not (self.path / "best.npz").exists():
            del found["model"]
        return found

    # What is known of it elsewhere

    def to_deliver(self, store: str) -> dict[str, Any] | None:
        """Return what a store will have once it has everything; None where it has that already."""
        require_own(self.path)
        state = self.state()
        if not state or not self.config_file.exists():
            return None
        here = {"epochs": len(self.records()), "status": state["status"], "ended": state["ended"]}
        if label := self.label():  # older runs, which have none, were described once and for all
            here["about"] = digest([label, self.tags()])
        if measured := self.system_metrics():
            here["system"] = len(measured)
        return here if here.items() - self.deliveries.to(store).items() else None

    def become_another_run(self) -> None:
        """Begin a new run in the folder, which every store then takes for another."""
        with self.exclusive():
            self.deliveries.forget()
            self.write_state(self.state() | {"started": now()})
