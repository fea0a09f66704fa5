"""From a config to plain objects: the only reader of the config."""

import math
import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from rnnexp.compute import backend, engine
from rnnexp.compute.backend import CPU, Cpu, Gpu
from rnnexp.data import DATASETS
from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model
from rnnexp.optim.base import OPTIMIZERS, SGD
from rnnexp.optim.schedules import SCHEDULES, Constant, Plateau
from rnnexp.records import checkpoint
from rnnexp.records.fingerprint import hashes, leaves
from rnnexp.training.config import TrainConfig

# key -> what its value must be besides of the right type, and how to say so; None passes everywhere
AT_LEAST_1 = (lambda v: v >= 1, "at least 1")
AT_LEAST_2 = (lambda v: v >= 2, "at least 2")
POSITIVE = (lambda v: 0 < v < math.inf, "a number greater than 0")
NOT_NEGATIVE = (lambda v: v >= 0, "0 or more")
RULES = {
    "study": (lambda v: re.fullmatch(r"\w[\w.-]*", v), "letters, digits, '.', '_', '-', the first no sign"),
    "seed": (lambda v: 0 <= v < 2**63, "from 0 to below 2**63"),
    "device": (lambda v: v in ("cpu", "gpu"), "cpu or gpu"),
    "threads": AT_LEAST_1,
    "model.embed_size": AT_LEAST_1,
    "model.hidden_size": AT_LEAST_1,
    "model.num_layers": AT_LEAST_1,
    "model.match_params": AT_LEAST_1,
    "model.clip_through_time": POSITIVE,
    "model.init_std": POSITIVE,
    "model.dropout": (lambda v: 0 <= v < 1, "from 0 to below 1"),
    "model.recurrent_dropout": (lambda v: 0 <= v < 1, "from 0 to below 1"),
    "dataset.train_tokens": AT_LEAST_2,
    "dataset.valid_tokens": AT_LEAST_2,
    "dataset.test_tokens": AT_LEAST_2,
    "optimizer.lr": POSITIVE,
    "optimizer.clip_norm": POSITIVE,
    "optimizer.clip_value": POSITIVE,
    "optimizer.epsilon": POSITIVE,
    "schedule.factor": (lambda v: v > 1, "greater than 1"),
    "train.batch_size": AT_LEAST_1,
    "train.bptt": AT_LEAST_1,
    "train.max_epochs": NOT_NEGATIVE,
    "train.max_steps": AT_LEAST_1,
    "train.patience": AT_LEAST_1,
    "train.eval_streams": AT_LEAST_1,
    "train.sample_every": AT_LEAST_1,
    "train.sample_num": AT_LEAST_1,
    "train.sample_length": AT_LEAST_1,
    "train.checkpoint_every_s": NOT_NEGATIVE,
    "sweep.workers": AT_LEAST_1,
    "sweep.timeout": POSITIVE,
    "sweep.trials": AT_LEAST_1,
    "sweep.best_seeds": NOT_NEGATIVE,
    "sweep.pruner": (lambda v: v in ("median", "hyperband"), "median, hyperband or null"),
    "sweep.on_error": (
        lambda v: v in ("keep_going", "fail_fast", "return_inf"),
        "keep_going, fail_fast or return_inf",
    ),
}
# Multiplications of a training step (parameters x tokens, roughly) below which a second thread does not pay:
# on two cores it gained 43% at 300 million, 18% at 85, and lost a third at 12.
SMALL_STEP = 60_000_000


@dataclass(frozen=True)
class Experiment:
    """All that a run needs, as plain objects."""

    config: dict[str, Any]
    corpus: Corpus
    model: Model
    optimizer: SGD
    schedule: Constant | Plateau
    settings: TrainConfig

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def fingerprint(self) -> str:
        """What the checkpoints of this experiment have in common, and no others: config and data."""
        return f"{hashes(self.config)[0]}-{self.corpus.digest()[:16]}"

    @property
    def threads(self) -> int:
        """Threads of the computation: as the config says, else by the size of a training step."""
        if self.config["device"] == "gpu":
            return 1  # which has the GPU compute
        allowed = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        tokens = self.settings.batch_size * self.settings.bptt
        small = len(self.model.params.values) * tokens < SMALL_STEP
        return self.config["threads"] or (1 if small else max(allowed, default=1))

    @property
    def engine(self) -> str:
        """What computes: as the config says, else the fastest that is installed."""
        return self.config["engine"] or engine.fastest(self.config["device"])

    @property
    def label(self) -> str:
        """What the run is called on the screen."""
        return f"{self.config['cell']['name']} seed {self.seed}"


def check(config: dict[str, Any], elsewhere: bool = False) -> None:
    """UserError where a value, or a combination of them, is impossible.

    elsewhere : another machine will compute, so what is installed here does not count.
    """
    values = leaves(config)
    for key in RULES:
        check_value(key, values.get(key))
    if config["tf32"] and config["device"] == "cpu":
        raise UserError("tf32=true is for device=gpu: leave one out or add the other")
    if config["engine"] or config["device"] == "gpu":
        chosen = config["engine"] or engine.fastest(config["device"]), config["device"]
        (engine.require_known if elsewhere else engine.require)(*chosen)
    make_model(config, vocab_size=1)


def check_value(key: str, value: Any) -> None:
    """UserError where the value of a key is impossible."""
    holds, meaning = RULES.get(key, (lambda _: True, ""))
    if value is not None and not holds(value):
        raise UserError(f"{key}={value} must be {meaning}")


def experiment(config: dict[str, Any]) -> Experiment:
    """Everything of a run, built. Impossible combinations are refused before any data is read."""
    check(config)
    settings = TrainConfig(**config["train"])
    corpus = choose(DATASETS, config["dataset"])
    if corpus.end is None:
        window = settings.batch_size * settings.bptt
        corpus.require("train", window + 1, f"one batch of train.batch_size x train.bptt = {window} tokens")
        for split in "valid", "test":
            corpus.require(split, settings.eval_streams + 1, f"train.eval_streams={settings.eval_streams}")
    model = make_model(config, len(corpus.vocabulary), backend.named(config["device"]))
    model.init(config["seed"])

    return Experiment(
        config=config,
        corpus=corpus,
        model=model,
        optimizer=choose(OPTIMIZERS, config["optimizer"]),
        schedule=choose(SCHEDULES, config["schedule"]),
        settings=settings,
    )


def make_model(config: dict[str, Any], vocab_size: int, where: Cpu | Gpu = CPU) -> Model:
    """The model of a config, of the hidden size that it names or that brings it to model.match_params."""
    target = config["model"]["match_params"]
    if target is None:
        return model_of_size(config, vocab_size, config["model"]["hidden_size"], where)

    def excess(size: int) -> int:
        return len(model_of_size(config, vocab_size, size).params.values) - target

    if excess(1) > 0:
        raise UserError(
            f"model.match_params={target} is too small: one hidden unit takes {target + excess(1)}"
        )
    limit = 1
    while excess(limit) < 0:
        limit *= 2
    above = 1 + bisect_left(range(1, limit), 0, key=excess)
    nearest = min(above - 1 or 1, above, key=lambda size: abs(excess(size)))
    return model_of_size(config, vocab_size, nearest, where)


def model_of_size(config: dict[str, Any], vocab_size: int, hidden_size: int, where: Cpu | Gpu = CPU) -> Model:
    shape = dict(config["model"])
    del shape["hidden_size"]
    if shape.pop("match_params") and shape["tie_weights"]:
        shape["embed_size"] = hidden_size
    inputs = [shape["embed_size"] or vocab_size] + [hidden_size] * (shape.pop("num_layers") - 1)
    cells = [choose(CELLS, config["cell"], input_size, hidden_size) for input_size in inputs]
    return Model(cells, vocab_size, **shape, backend=where)


def load_weights(model: Model, folder: Path) -> None:
    """Set a model's parameters to the best of a run, or to its last where no epoch is done."""
    best, last = folder / "best.npz", folder / "last.npz"
    try:
        arrays, _ = checkpoint.read(best if best.exists() else last)
    except FileNotFoundError:
        raise UserError(f"{folder} holds no weights: the run has not begun to train") from None
    model.params.set(arrays)


def choose(choices: dict[str, Any], section: dict[str, Any], *given):
    """The object that a config section names, made with the section's other keys."""
    options = {key: value for key, value in section.items() if key != "name"}
    return choices[section["name"]](*given, **options)
