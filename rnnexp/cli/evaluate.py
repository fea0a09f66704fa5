"""Give the perplexity of weights from elsewhere.

rnnexp evaluate weights=FILE [protocol=exact] [split=test] [OVERRIDE ...]

weights: an npz file; `rnnexp.interop.weights` says which names and shapes it holds and how to bring them
from the book's layout, from PyTorch's and from Keras's. The overrides say which model and data they belong
to, as for `rnnexp`: cell=lstm dataset=ptb model.hidden_size=650. protocol=exact: every token once, the split
as one stream. protocol=book: as "Deep Learning from Scratch 2" does, 10 streams, windows of 35, the tail
dropped.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from rnnexp.cli import arguments
from rnnexp.compute import backend, engine
from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import dlfs2_loss, evaluate, perplexity
from rnnexp.experiment import build, schema
from rnnexp.interop import weights
from rnnexp.nn.model import Model
from rnnexp.sweeps.worker import CONF


@dataclass
class Options:
    """Hold what stands on the command line beside the overrides."""

    weights: str
    protocol: str = "exact"
    split: str = "test"


def loss_of(options: Options, model: Model, corpus: Corpus) -> float:
    """Return the nats per token of a split."""
    if options.split not in corpus.splits:
        raise UserError(f"split={options.split} is not known: choose from {', '.join(corpus.splits)}")
    tokens = corpus.splits[options.split]
    if options.protocol == "exact":
        return evaluate(model, tokens, end=corpus.end)
    if options.protocol != "book":
        raise UserError(f"protocol={options.protocol} is not known: choose exact or book")
    if corpus.end is not None:
        raise UserError("protocol=book is for one stream of text; this data set has sequences")
    corpus.require(options.split, 351, "protocol=book")
    return dlfs2_loss(model, tokens)


def report(given: list[str]) -> str:
    """Say in one line what the weights come to."""
    own, overrides = arguments.split(given, Options)
    options = arguments.read(own, Options)
    schema.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", overrides=overrides)
    config = schema.resolve(schema.typed(cfg))
    with backend.named(config["device"]).errors_in_words():
        experiment = build.experiment(config)
        path = Path(options.weights)
        weights.put(experiment.model, weights.read(path), f"weights={path}")
        with np.errstate(over="ignore"), engine.use(experiment.engine, experiment.threads, config["tf32"]):
            loss = loss_of(options, experiment.model, experiment.corpus)
    return (
        f"{options.split} ({options.protocol}): {loss:.6f} nats per token, perplexity {perplexity(loss):.4f}"
    )


def run(given: list[str]) -> None:
    """Print the line."""
    print(report(given))
