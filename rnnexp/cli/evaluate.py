"""Score a text with the weights of a run, or with weights from elsewhere.

rnnexp evaluate run=FOLDER_OR_ID [dataset.path=FILE] [split=test] [protocol=exact] [uri=MLFLOW_STORE]
rnnexp evaluate weights=FILE [split=test] [protocol=exact] [OVERRIDE ...]

run: a run folder, or the id of an MLflow run in the store `uri`. It is scored with its best weights, on its own
data; on another text, whole, with dataset.path; dataset.dir or data.root say where its data set lies now.
weights: an npz file; `rnnexp.interop.weights` says which names and shapes it holds and how to bring them
from the book's layout, from PyTorch's and from Keras's. The overrides say which model and data they belong
to, as for `rnnexp`: cell=lstm dataset=ptb model.hidden_size=650. protocol=exact: every token once, the split
as one stream. protocol=streams: in train.eval_streams rows side by side, as in training. protocol=book: as
"Deep Learning from Scratch 2" does, in 10 rows and windows of 35 steps, the tail dropped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from rnnexp import tracking
from rnnexp.cli import arguments
from rnnexp.compute import backend, engine
from rnnexp.data.corpus import Corpus
from rnnexp.data.datasets.text import read_text
from rnnexp.data.texts import read_as
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.evaluation.perplexity import perplexity
from rnnexp.experiment import build, models, schema
from rnnexp.interop import weights
from rnnexp.output import say
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.overrides import parse, texts
from rnnexp.sweeps.request import config_of as config_from

PROTOCOLS = {"exact": "exact", "streams": "exact", "book": "dlfs2"}
PROTOCOLS |= {name: name for name in EVALUATORS if name not in ("exact", "dlfs2")}
OF_A_RUN = "dataset.path", "dataset.dir", "data.root", "device", "engine", "threads"  # what may be said anew


OTHER = "text"  # what is scored that is no split of the run's data


@dataclass
class Options:
    """Hold the options of the command, without the overrides."""

    run: str | None = None
    weights: str | None = None
    protocol: str = "exact"
    split: str | None = None
    uri: str = "sqlite:///runs/mlflow.db"


def report(given: list[str]) -> str:
    """Return a line for each loss that the protocol measures, in nats per token and perplexity."""
    own, overrides = arguments.split(given, Options)
    options = arguments.read(own, Options)
    if options.protocol not in PROTOCOLS:
        raise UserError(f"protocol={options.protocol} is not known: choose from {', '.join(PROTOCOLS)}")
    if options.weights is None and options.run is None:
        raise UserError("weights has no value: add weights=FILE, or run=FOLDER for a run of ours")
    if options.weights and options.run:
        raise UserError("run= and weights= exclude each other: leave one out")
    folder = RunFolder(tracking.path_of(options.run, options.uri).absolute()) if options.run else None
    config = config_of(folder, overrides) if folder else composed(overrides)
    name = PROTOCOLS[options.protocol]
    config["evaluation"] = {name: {"name": name}}
    evaluator = models.make_evaluators(config)[name]
    with backend.named(config["device"]).errors_in_words():
        experiment = experiment_of(folder, config) if folder else build.experiment(config)
        corpus = experiment.corpus
        split = options.split or ("test" if "test" in corpus.splits else OTHER)
        if split not in corpus.splits:
            raise UserError(f"split={split} is not known: choose from {', '.join(corpus.splits)}")
        evaluator.require(corpus, split, f"protocol={options.protocol}")
        if folder:
            models.load_weights(experiment.model, folder.path)
        else:
            weights.load(experiment.model, Path(str(options.weights)))
        rows = config["train"]["eval_streams"] if options.protocol == "streams" else 1
        with np.errstate(over="ignore"), engine.use(experiment.engine, experiment.threads, config["tf32"]):
            scores = evaluator.score(experiment.model, corpus, split, rows)
    return "\n".join(lines_of(scores, corpus, split, options.protocol))


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the config that overrides describe."""
    with open_configs():
        return config_from(texts(parse(overrides)))


def config_of(folder: RunFolder, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the config of a run, with what may be said anew: where its data lie, and what computes."""
    recorded = folder.load_config()
    recorded.pop("evaluation", None)  # what scored it then may not be installed
    saved = schema.typed(recorded)
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in OF_A_RUN:
            raise UserError(f"{override} cannot be said anew of a run: only {', '.join(OF_A_RUN)} can")
        if key in ("dataset.dir", "data.root"):
            saved.dataset.dir = None if key == "data.root" else value
        OmegaConf.update(saved, key, None if value == "null" else value, force_add=key == "dataset.path")
    return schema.resolve(saved)


def experiment_of(folder: RunFolder, config: dict[str, Any]) -> build.Experiment:
    """Return the objects of a run, on its own data or, where the config names another text, on that."""
    path = config["dataset"].get("path")
    if path and path != folder.load_config()["dataset"].get("path"):
        known = folder.load_vocabulary()
        return build.on(read_as(known, read_text(path, "dataset.path", known.level), OTHER), config)
    experiment = build.experiment(config)
    if folder.tags().get("rnnexp.data_digest", experiment.corpus.digest()) != experiment.corpus.digest():
        raise UserError(
            f"the data of {folder} are no longer what they were: score them with dataset.path=FILE"
        )
    return experiment


def lines_of(scores: dict[str, float], corpus: Corpus, split: str, protocol: str) -> list[str]:
    """Return a line for each loss, after one on what else there is to know of the text."""
    lines = []
    size = corpus.bytes_per_token(split)
    if size:
        lines.append(
            f"{split}: {corpus.targets(split):,} tokens are predicted, of {size:.2f} bytes; "
            f"{100 * corpus.unseen_share(split):.2f}% of them are not in the vocabulary"
        )
    for name, loss in scores.items():
        if name.endswith("loss"):
            bits = f"{loss / math.log(2) / size:.4f} bits a byte, " if size else ""
            lines.append(
                f"{split} ({protocol}): {loss:.6f} nats per token, {bits}perplexity {perplexity(loss):.4f}"
            )
    return lines


def run(given: list[str]) -> None:
    """Print the losses of the weights that the arguments name."""
    say(report(given))
