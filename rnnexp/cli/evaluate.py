"""Give the perplexity of weights from elsewhere.

rnnexp evaluate weights=FILE [protocol=exact] [split=test] [OVERRIDE ...]

weights: an npz file; `rnnexp.interop.weights` says which names and shapes it holds and how to bring them
from the book's layout, from PyTorch's and from Keras's. The overrides say which model and data they belong
to, as for `rnnexp`: cell=lstm dataset=ptb model.hidden_size=650. protocol=exact: every token once, the split
as one stream. protocol=book: as "Deep Learning from Scratch 2" does, in 10 rows and windows of 35 steps, the
tail dropped.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from rnnexp.cli import arguments
from rnnexp.compute import backend, engine
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.evaluation.perplexity import perplexity
from rnnexp.experiment import build, models, schema
from rnnexp.interop import weights
from rnnexp.output import say
from rnnexp.sweeps.worker import CONF

PROTOCOLS = {name: name for name in EVALUATORS if name != "dlfs2"} | {"book": "dlfs2"}


@dataclass
class Options:
    """Hold the options of the command, without the overrides."""

    weights: str
    protocol: str = "exact"
    split: str = "test"


def report(given: list[str]) -> str:
    """Return a line for each loss of the weights that the protocol measures, in nats per token and perplexity."""
    own, overrides = arguments.split(given, Options)
    options = arguments.read(own, Options)
    if options.protocol not in PROTOCOLS:
        raise UserError(f"protocol={options.protocol} is not known: choose from {', '.join(PROTOCOLS)}")
    name = PROTOCOLS[options.protocol]
    schema.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", overrides=[*overrides, f"evaluation={name}"])
    config = schema.resolve(schema.typed(cfg))
    evaluator = models.make_evaluators({"evaluation": config.pop("evaluation")})[name]
    with backend.named(config["device"]).errors_in_words():
        experiment = build.experiment(config)
        corpus = experiment.corpus
        if options.split not in corpus.splits:
            raise UserError(f"split={options.split} is not known: choose from {', '.join(corpus.splits)}")
        evaluator.require(corpus, options.split, f"protocol={options.protocol}")
        path = Path(options.weights)
        weights.put(experiment.model, weights.read(path), f"weights={path}")
        with np.errstate(over="ignore"), engine.use(experiment.engine, experiment.threads, config["tf32"]):
            scores = evaluator.score(experiment.model, corpus, options.split)
    return "\n".join(
        f"{options.split} ({options.protocol}): {loss:.6f} nats per token, perplexity {perplexity(loss):.4f}"
        for name, loss in scores.items()
        if name.endswith("loss")
    )


def run(given: list[str]) -> None:
    """Print the losses of the weights that the arguments name."""
    say(report(given))
