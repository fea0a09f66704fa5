"""Build the plain objects that a run needs from its config."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from threadpoolctl import threadpool_info

from rnnexp.compute import backend, engine
from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.experiment import corpora, rules
from rnnexp.experiment.config import RUNTIME, make_chosen
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.models import make_evaluators, make_model
from rnnexp.nn.model import Model
from rnnexp.optim.base import Optimizer
from rnnexp.optim.schedules.base import Schedule
from rnnexp.training.config import TrainConfig

# Multiplications of a training step (parameters x tokens, roughly) below which a second thread does not pay:
# on two cores it gained 43% at 300 million, 18% at 85, and lost a third at 12.
SMALL_STEP = 60_000_000


@dataclass(frozen=True)
class Experiment:
    """Hold all that a run needs, as plain objects."""

    config: dict[str, Any]
    corpus: Corpus
    model: Model
    optimizer: Optimizer
    schedule: Schedule
    settings: TrainConfig
    evaluators: list[Evaluator]  # of the test split

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def fingerprint(self) -> str:
        """Return a hash of config and data, which this experiment's checkpoints have and no others."""
        return f"{hashes(self.config)[0]}-{self.corpus.digest()[:16]}"

    def tags(self) -> dict[str, str]:
        """Return what the records say of the run besides its config, once that names what computes it."""
        sizes = [str(cell.hidden_size) for cell in self.model.cells]
        tags = {f"rnnexp.{key}": str(self.config[key]) for key in RUNTIME}
        tags["rnnexp.hidden_size"] = sizes[-1]
        if self.config["model"].get("layer_sizes"):
            tags["rnnexp.layer_sizes"] = ",".join(sizes)
        tags["rnnexp.data_digest"] = self.corpus.digest()
        tags["rnnexp.valid_protocol"] = self.valid_protocol
        tags["rnnexp.test_protocol"] = "exact"  # before there was the tag, as the validation split
        return tags

    @cached_property
    def threads(self) -> int:
        """Return the number of threads that compute: as the config says, else by the size of a training step."""
        if self.config["device"] == "gpu":
            return 1  # one thread, which launches the GPU's work
        allowed = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        tokens = self.settings.batch_size * self.settings.bptt
        small = len(self.model.params.values) * tokens < SMALL_STEP
        return self.config["threads"] or (1 if small else max(allowed, default=1))

    @property
    def engine(self) -> str:
        """Return the engine: as the config says, else the fastest that is installed."""
        return self.config["engine"] or engine.fastest(self.config["device"])

    @property
    def valid_protocol(self) -> str:
        """Return how the validation split is scored, in words; the test split is scored exactly."""
        rows = self.settings.eval_streams
        return "exact" if rows == 1 or self.corpus.end is not None else f"{rows} streams"

    @property
    def label(self) -> str:
        """Return the name of the run on the screen."""
        return f"{self.config['cell']['name']} seed {self.seed}"


def experiment(config: dict[str, Any]) -> Experiment:
    """Return all objects of a run; UserError for an impossible combination, before any data is read."""
    rules.check(config, made=True)
    corpus = corpora.of(config["dataset"])
    require_enough(corpus, config)
    return on(corpus, config)


def require_text(config: dict[str, Any]) -> None:
    """Raise UserError where the text of a run cannot be made, or is too short; it is kept for the run."""
    rules.check_files(config)
    require_enough(corpora.ahead(config["dataset"]), config)


def require_enough(corpus: Corpus, config: dict[str, Any]) -> None:
    """Raise UserError where a text is too short for what a config asks, or of another kind."""
    settings = TrainConfig(**config["train"])
    if corpus.end is None:
        window = settings.batch_size * settings.bptt
        batch = f"one batch of train.batch_size x train.bptt = {window} tokens"
        corpus.require("train", window + 1, batch, lower="train.batch_size or train.bptt")
        streams = settings.eval_streams
        corpus.require("valid", streams + 1, f"train.eval_streams={streams}", lower="number")
        if settings.tests:
            corpus.require("test", 2, "its score")
    else:
        rules.require_fits_sequences(config)
    for name, evaluator in make_evaluators(config).items() if settings.tests else ():
        evaluator.require(corpus, "test", f"evaluation={name}")


def on(corpus: Corpus, config: dict[str, Any]) -> Experiment:
    """Return all objects of a run on a text, which need not be the one that the config names."""
    model = make_model(config, len(corpus.vocabulary), backend.named(config["device"]))
    model.init(config["seed"])
    return Experiment(
        config=config,
        corpus=corpus,
        model=model,
        optimizer=make_chosen("optimizer", config["optimizer"]),
        schedule=make_chosen("schedule", config["schedule"]),
        settings=TrainConfig(**config["train"]),
        evaluators=list(make_evaluators(config).values()),
    )
