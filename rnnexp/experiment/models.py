"""Make the model that a config describes, and the evaluators that score it."""

from bisect import bisect_left
from functools import partial
from pathlib import Path
from typing import Any

from rnnexp.compute.backend import CPU
from rnnexp.compute.ops import Ops
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.evaluation.base import Evaluator
from rnnexp.experiment.config import make_chosen
from rnnexp.experiment.contracts import made
from rnnexp.nn.model import Model
from rnnexp.records import checkpoint
from rnnexp.records.folder import RunFolder

# keys from which the sizes of the cells follow
SIZES = "hidden_size", "num_layers", "layer_sizes", "match_params", "match"


def make_model(config: dict[str, Any], vocab_size: int, where: Ops = CPU) -> Model:
    """Return the model of a config, of the sizes it names or those nearest to model.match_params.

    where : the backend of its parameters and of all that it computes.

    Raises
    ------
    UserError where its parts do not go together, or there is not enough memory.
    """
    try:
        return model_near(config["model"]["match_params"], config, vocab_size, where)
    except MemoryError as error:
        model = config["model"]
        keys = ["match_params"] if model["match_params"] else ["hidden_size", "layer_sizes", "embed_size"]
        sizes = " ".join(f"model.{key}={model[key]}" for key in keys if model.get(key))
        raise UserError(f"{sizes} takes more memory than there is: {error}") from error


def model_near(target: int | None, config: dict[str, Any], vocab_size: int, where: Ops) -> Model:
    """Return the model of a config whose number of parameters is nearest to a target; None: of the sizes it names."""
    if target is None:
        return model_of_size(config, vocab_size, None, where)

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


def layer_sizes(model: dict[str, Any]) -> list[int]:
    """Return the number of units of each layer that a config's section `model` asks for."""
    return model.get("layer_sizes") or [model["hidden_size"]] * model["num_layers"]


def model_of_size(config: dict[str, Any], vocab_size: int, last: int | None, where: Ops = CPU) -> Model:
    """Return the model of a config.

    last : the size of the last cell, in proportion to which the others are; None: all sizes are the config's.
    """
    shape = {key: value for key, value in config["model"].items() if key not in SIZES}
    sizes = layer_sizes(config["model"])
    if last is not None:
        sizes = [max(1, round(size * last / sizes[-1])) for size in sizes]
        if shape["tie_weights"]:
            shape["embed_size"] = last
    elif config["model"].get("layer_sizes") and shape["tie_weights"] and sizes[-1] != shape["embed_size"]:
        raise UserError(
            f"model.layer_sizes={sizes} must end with model.embed_size={shape['embed_size']}, for "
            "model.tie_weights=true makes one matrix serve as embedding and decoder"
        )
    inputs = [shape["embed_size"] or vocab_size, *sizes[:-1]]
    cells = [make_chosen("cell", config["cell"], *pair) for pair in zip(inputs, sizes, strict=True)]
    for key in "weight_drop", "recurrent_dropout":
        if shape.get(key) and not all(cell.recurrent_matmuls for cell in cells):
            raise UserError(
                f"model.{key}={shape[key]} is for recurrent products, and cell={config['cell']['name']} has none: "
                f"add model.{key}=0"
            )
    return Model(cells, vocab_size, **shape, backend=where)


def make_evaluators(config: dict[str, Any]) -> dict[str, Evaluator]:
    """Return the evaluators of the test split, by name: the exact one, and those that the config chooses."""
    # a config that was saved before there was the group has none
    sections = {"exact": {"name": "exact"}} | config.get("evaluation", {})
    for name in sections.keys() - EVALUATORS.keys():
        raise UserError(f"evaluation={name} is not known: choose from {', '.join(EVALUATORS)}")
    options = {name: {k: v for k, v in section.items() if k != "name"} for name, section in sections.items()}
    return {
        name: made("evaluation", name, partial(EVALUATORS[name], **given)) for name, given in options.items()
    }


def why_no_weights(folder: RunFolder) -> str:
    """Return why a run has no weights, and what to do where it had some."""
    if not folder.result():
        return "the run has not begun to train"
    if folder.load_config()["train"].get("keep") == "nothing":
        return "it was trained with train.keep=nothing; train.keep=best rerun=true trains it again and keeps them"
    return "best.npz is gone; put it back, or train it again with rerun=true"


def load_weights(model: Model, folder: Path) -> None:
    """Set a model's parameters to the best of a run folder, or to the last where no epoch is done."""
    best, last = folder / "best.npz", folder / "last.npz"
    path = best if best.exists() or checkpoint.previous(best).exists() else last
    try:
        arrays, _ = checkpoint.read(path)
    except FileNotFoundError:
        raise UserError(f"{folder} holds no weights: {why_no_weights(RunFolder(folder))}") from None
    model.params.set(arrays, str(path))
