"""Score a text with the weights of a run, or with weights from elsewhere.

rnnexp evaluate run=FOLDER_OR_ID [split=test] [evaluation=NAME] [protocol=exact] [uri=MLFLOW_STORE]
rnnexp evaluate run=FOLDER_OR_ID dataset.path=FILE [unknown=leave_out] [evaluation=NAME] [uri=MLFLOW_STORE]
rnnexp evaluate weights=FILE [split=test] [evaluation=NAME] [protocol=exact] [OVERRIDE ...]

run: a run folder, also without run= before it, or the id of an MLflow run in the store `uri`. It is scored with
its best weights, on its own data; on another text, whole, with dataset.path; dataset.dir or data.root say where
its data set lies now. What the run's vocabulary lacks of another text is read as <unk>; where there is none,
such a text is refused, unless unknown=leave_out takes these tokens out of it, to be neither read nor scored.
weights: an npz file; `rnnexp.interop.weights` says which names and shapes it holds and how to bring them
from the book's layout, from PyTorch's and from Keras's. The overrides say which model and data they belong
to, as for `rnnexp`: cell=lstm dataset=ptb model.hidden_size=650. protocol=exact: every token once, the split
as one stream. protocol=streams: in train.eval_streams rows side by side, as in training. protocol=book: as
"Deep Learning from Scratch 2" does, in 10 rows and windows of 35 steps, the tail dropped. evaluation=neural_cache,
or another way of the group `evaluation` with its options, scores so besides; the settings that it then chooses on
the validation split, for another text too that of the run's own data, stand behind its score.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from rnnexp.cli import naming
from rnnexp.command import arguments
from rnnexp.compute import backend, engine
from rnnexp.data.corpus import Corpus
from rnnexp.data.datasets.text import read_text
from rnnexp.data.texts import UnknownSymbols, read_as
from rnnexp.errors import UserError
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import perplexity
from rnnexp.experiment import build, models, precompile, rules, schema
from rnnexp.experiment.config import keys_of_choice, make_chosen
from rnnexp.interop import weights
from rnnexp.output import number, say
from rnnexp.records.files import from_home
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.composition import config_of as config_from
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.overrides import parse, texts

PROTOCOLS = {"exact": "exact", "streams": "exact", "book": "dlfs2"}
OF_A_RUN = "dataset.path", "dataset.dir", "data.root", "device", "engine", "threads"  # what may be said anew
UNKNOWN = {"read": False, "leave_out": True}
OTHER = "text"  # what is scored that is no split of the run's data


@dataclass
class Options:
    """Hold the options of the command, without the overrides."""

    run: str | None = None
    weights: str | None = None
    protocol: str = "exact"
    split: str | None = None
    unknown: str = "read"
    uri: str = "sqlite:///runs/mlflow.db"


def report(given: list[str]) -> str:
    """Return a line for each loss that the protocol measures, in nats per token and perplexity."""
    own, overrides = arguments.split(naming.with_run(given, Options), Options)
    options = arguments.read(own, Options)
    require_possible(options)
    folder = None
    if options.run is not None:
        folder = naming.folder_of(options.run, "rnnexp evaluate run=", naming.has_weights, options.uri)
    chosen = [override for override in overrides if is_of_evaluation(override)]
    others = [override for override in overrides if not is_of_evaluation(override)]
    config = config_of(folder, others) if folder else composed(overrides)
    if folder:
        config["evaluation"] = composed(chosen)["evaluation"]
    protocol = PROTOCOLS[options.protocol]
    if protocol != "exact":
        config["evaluation"] = {protocol: {"name": protocol}} | config["evaluation"]
    rules.check(config, made=True)
    if options.weights is not None and not from_home(options.weights).exists():
        raise UserError(f"weights={options.weights} does not exist")  # before the data are read
    evaluators = models.make_evaluators(config)
    if protocol != "exact":
        del evaluators["exact"]
    text = other_text(folder, config)
    if UNKNOWN[options.unknown] and not text:
        raise UserError(
            f"unknown={options.unknown} is for another text than the run's: add dataset.path=FILE"
        )
    with backend.named(config["device"]).errors_in_words():
        experiment = experiment_for(folder, config, text, options, evaluators)
        splits = [OTHER] if text else list(experiment.corpus.splits)
        split = options.split or (OTHER if text else "test")
        if split not in splits:
            raise UserError(f"split={split} is not known: choose from {', '.join(splits)}")
        asked = {name: f"evaluation={name}" for name in evaluators}
        asked[protocol] = f"protocol={options.protocol}"
        for name, evaluator in evaluators.items():
            evaluator.require(experiment.corpus, split, asked[name])
        if folder:
            models.load_weights(experiment.model, folder.path)
        else:
            weights.load(experiment.model, from_home(str(options.weights)))
        lines = lines_of_scores(experiment, evaluators, split, options.protocol)
        return "\n".join([*(standing(folder) if folder else []), *lines])


def require_possible(options: Options) -> None:
    """Raise UserError where options have values that are not known, or exclude each other."""
    if options.protocol not in PROTOCOLS:
        raise UserError(f"protocol={options.protocol} is not known: choose from {', '.join(PROTOCOLS)}")
    if options.unknown not in UNKNOWN:
        raise UserError(f"unknown={options.unknown} is not known: choose from {', '.join(UNKNOWN)}")
    if options.weights is None and options.run is None:
        raise UserError("weights has no value: add weights=FILE, or run=FOLDER for a run of ours")
    if options.weights is not None and options.run is not None:
        raise UserError("run= and weights= exclude each other: leave one out")


def experiment_for(
    folder: RunFolder | None,
    config: dict[str, Any],
    text: str,
    options: Options,
    evaluators: dict[str, Evaluator],
) -> build.Experiment:
    """Return model and data: those of a run, on another text where one is named, or those of the config."""
    if folder and text:
        read = {name for evaluator in evaluators.values() for name in evaluator.reads}
        return build.on(corpus_of(folder, config, text, UNKNOWN[options.unknown], read), config)
    experiment = build.experiment(config)
    if folder:
        require_same_data(folder, experiment.corpus)
    return experiment


def standing(folder: RunFolder) -> list[str]:
    """Return a line that a run has not finished, and which weights it has; none of one that has."""
    if folder.result():
        return []
    epochs = len(folder.records())
    has = f"the best of {number(epochs, 'epoch')}"
    if not epochs:
        has = "those of its last checkpoint, before an epoch ended"
    return [f"{folder} has not finished: its weights are {has}"]


def lines_of_scores(
    experiment: build.Experiment, evaluators: dict[str, Evaluator], split: str, protocol: str
) -> list[str]:
    """Return what is to be known of a split, and a line for each loss that the evaluators measure on it."""
    corpus, lines = experiment.corpus, lines_about(experiment.corpus, split)
    rows = experiment.settings.eval_streams if protocol == "streams" else 1
    precompile.compile_first(experiment.config | {"engine": experiment.engine})
    with (
        np.errstate(over="ignore", invalid="ignore"),
        engine.use(experiment.engine, experiment.threads, experiment.config["tf32"]),
    ):
        for name, evaluator in evaluators.items():
            scores = evaluator.score(experiment.model, corpus, split, rows)
            way = protocol if name == PROTOCOLS[protocol] else name
            what = f"{split} without {corpus.left_out:,} tokens" if corpus.left_out else split
            lines += lines_of(scores, corpus.bytes_per_token(split), f"{what} ({way})")
            lines += evaluator.notes
    return lines


def is_of_evaluation(override: str) -> bool:
    """Return whether an override says how a text is scored."""
    return override.partition("=")[0].partition(".")[0] == "evaluation"


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
        if value.startswith("~"):
            value = str(from_home(value))
        if key in ("dataset.dir", "data.root"):
            if "dir" not in keys_of_choice("dataset", saved.dataset.name):
                raise UserError(f"{key} is not for a run of dataset={saved.dataset.name}: leave it out")
            saved.dataset.dir = None if key == "data.root" else value
        OmegaConf.update(saved, key, None if value == "null" else value, force_add=key == "dataset.path")
    return schema.resolve(saved)


def other_text(folder: RunFolder | None, config: dict[str, Any]) -> str:
    """Return the file of a text that is not a run's own; empty where its own data are scored."""
    path = config["dataset"].get("path") if folder else None
    return path if folder and path and path != folder.load_config()["dataset"].get("path") else ""


def corpus_of(
    folder: RunFolder, config: dict[str, Any], text: str, leave_out: bool, read: Iterable[str]
) -> Corpus:
    """Return another text as the run's data were read, with those of their splits that are read besides.

    Parameters
    ----------
    text : its file. leave_out : see `read_as`.
    read : the splits of the run's own data.
    """
    known = folder.load_vocabulary()
    try:
        corpus = read_as(known, read_text(text, "dataset.path", known.level), OTHER, leave_out)
    except UnknownSymbols as error:
        raise UserError(f"dataset.path={text}: {error}; unknown=leave_out scores the rest") from error
    if corpus.left_out and not (corpus.splits[OTHER] != corpus.end).any():
        raise UserError(f"dataset.path={text}: none of its symbols is in the vocabulary of {folder}")
    if not read:
        return corpus
    recorded = folder.load_config()["dataset"]
    section = {key: value for key, value in config["dataset"].items() if key in recorded}
    own = make_chosen("dataset", section | ({"path": recorded["path"]} if "path" in recorded else {}))
    require_same_data(folder, own)
    return replace(corpus, splits={name: own.splits[name] for name in read} | corpus.splits)


def require_same_data(folder: RunFolder, corpus: Corpus) -> None:
    """Raise UserError where a run's own data have changed."""
    if folder.tags().get("rnnexp.data_digest", corpus.digest()) != corpus.digest():
        raise UserError(
            f"the data of {folder} are no longer what they were: score them with dataset.path=FILE"
        )


def lines_about(corpus: Corpus, split: str) -> list[str]:
    """Return a line on what else there is to know of a text; none where there is no written text."""
    size = corpus.bytes_per_token(split)
    if not size:
        return []
    line = f"{split}: {corpus.targets(split):,} tokens are predicted, of {size:.2f} bytes; "
    if left := corpus.left_out:
        share = left / (left + len(corpus.splits[split]))
        return [
            f"{line}{left:,} others ({100 * share:.2f}%) that the vocabulary lacks are left out, even as context"
        ]
    return [f"{line}{100 * corpus.unseen_share(split):.2f}% of them are not in the vocabulary"]


def lines_of(scores: dict[str, float], size: float | None, what: str) -> list[str]:
    """Return a line for each loss of an evaluator, with what else it says of the text; one for that without a loss.

    size : bytes of a token; None: unknown. what : the split and how it is scored, in words.
    """
    beside = ", ".join(f"{name} {value:g}" for name, value in scores.items() if not name.endswith("loss"))
    lines = []
    for name, loss in scores.items():
        if name.endswith("loss"):
            bits = f"{loss / math.log(2) / size:.4f} bits a byte, " if size else ""
            line = f"{what}: {loss:.6f} nats per token, {bits}perplexity {perplexity(loss):.4f}"
            lines.append(f"{line} ({beside})" if beside else line)
    return lines or [f"{what}: {beside}"]


def run(given: list[str]) -> None:
    """Print the losses of the weights that the arguments name."""
    say(report(given))
