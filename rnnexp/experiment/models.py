"""Make the model that a config describes, and the evaluators that score it."""

from bisect import bisect_left
from pathlib import Path
from typing import Any

from rnnexp.compute.backend import CPU
from rnnexp.compute.ops import Ops
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.evaluation.base import Evaluator
from rnnexp.experiment.config import make_chosen
from rnnexp.nn.model import Model
from rnnexp.records import checkpoint


def make_model(config: dict[str, Any], vocab_size: int, where: Ops = CPU) -> Model:
    """Return the model of a config, of the hidden size it names or the one nearest to model.match_params.

    where : the backend of its parameters and of all that it computes.
    """
    target = config["model"]["match_params"]
    if target is None:
        return model_of_size(config, vocab_size, config["model"]["hidden_size"], where)

    def excess(size: int) -> int:
        return matched_params(config, model_of_size(config, vocab_size, size)) - target

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


def matched_params(config: dict[str, Any], model: Model) -> int:
    """Return how many parameters a model has of those that model.match counts."""
    parts = model.num_params()
    return parts["recurrent"] if config["model"].get("match") == "recurrent" else sum(parts.values())


def model_of_size(config: dict[str, Any], vocab_size: int, hidden_size: int, where: Ops = CPU) -> Model:
    """Return the model of a config, with the given hidden size."""
    shape = dict(config["model"])
    del shape["hidden_size"]
    shape.pop("match", None)
    if shape.pop("match_params") and shape["tie_weights"]:
        shape["embed_size"] = hidden_size
    inputs = [shape["embed_size"] or vocab_size] + [hidden_size] * (shape.pop("num_layers") - 1)
    cells = [make_chosen("cell", config["cell"], input_size, hidden_size) for input_size in inputs]
    return Model(cells, vocab_size, **shape, backend=where)


def make_evaluators(config: dict[str, Any]) -> dict[str, Evaluator]:
    """Return the evaluators of the test split, by name: the exact one, and those that the config chooses."""
    # a config that was saved before there was the group has none
    sections = {"exact": {"name": "exact"}} | config.get("evaluation", {})
    for name in sections.keys() - EVALUATORS.keys():
        raise UserError(f"evaluation={name} is not known: choose from {', '.join(EVALUATORS)}")
    options = {name: {k: v for k, v in section.items() if k != "name"} for name, section in sections.items()}
    return {name: EVALUATORS[name](**given) for name, given in options.items()}


def load_weights(model: Model, folder: Path) -> None:
    """Set a model's parameters to the best of a run folder, or to the last where no epoch is done."""
    best, last = folder / "best.npz", folder / "last.npz"
    path = best if best.exists() or checkpoint.previous(best).exists() else last
    try:
        arrays, _ = checkpoint.read(path)
    except FileNotFoundError:
        raise UserError(f"{folder} holds no weights: the run has not begun to train") from None
    model.params.set(arrays, str(path))
