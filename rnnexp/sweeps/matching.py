"""Give the cells that a sweep compares as many parameters as the first one named has at its hidden size."""

from collections.abc import Callable, Iterable
from typing import Any

from rnnexp.errors import UserError
from rnnexp.experiment import rules
from rnnexp.experiment.config import make_chosen
from rnnexp.experiment.models import make_model, matched_params
from rnnexp.experiment.progress import counted
from rnnexp.experiment.titles import key_of
from rnnexp.sweeps.job import named

Combination = tuple[str, list[str]]  # the name of a combination, and its overrides with one value each
# what the number of parameters depends on, besides all of the cell and the data set
SIZES = {
    f"model.{key}"
    for key in ("embed_size", "hidden_size", "num_layers", "layer_sizes", "tie_weights", "match")
}


def match_cells(
    combinations: list[Combination], config_of: Callable[[str, list[str]], dict[str, Any]]
) -> list[Combination]:
    """Return the combinations with a number of parameters to match.

    Combinations that differ in nothing but the cell or its options are one comparison, which has a number of its
    own: that of the first of them. Which parameters count is said by `model.match`. A combination that has
    `model.match_params` keeps it.

    Parameters
    ----------
    config_of : returns the config of a combination.

    Raises
    ------
    UserError where there is nothing to compare, or a combination, which it names, is impossible.
    """
    targets: dict[tuple[str, ...], int] = {}
    symbols: dict[str, int] = {}  # of each data set
    found = []
    for name, overrides in counted(combinations, "matched"):
        comparison = tuple(override for override in overrides if not is_of_cell(key_of(override)))
        if comparison not in targets:
            with named(name):
                config = config_of(name, overrides)
                rules.check(config)
                data = repr(config["dataset"])
                if data not in symbols:
                    symbols[data] = len(make_chosen("dataset", config["dataset"]).vocabulary)
                given = config["model"]["match_params"]
                targets[comparison] = given or matched_params(config, make_model(config, symbols[data]))
        found.append((name, [*overrides, f"model.match_params={targets[comparison]}"]))
    if len(found) < 2 * len(targets):
        raise UserError("sweep.match_cells=true compares cells: name two or more, as in cell=lstm,gru")
    return found


def require_matchable(searched: Iterable[str], seeds: bool) -> None:
    """Raise UserError where a search cannot be matched.

    Parameters
    ----------
    searched : the keys that it is over.
    seeds : whether it is repeated with several seeds.
    """
    for key in searched:
        if key in SIZES or is_of_cell(key) or key.partition(".")[0] == "dataset":
            raise UserError(
                f"{key} changes what sweep.match_cells=true matches, so it cannot be searched over: name its "
                f"values, as in {key}=A,B, for a comparison each"
            )
    if seeds:
        raise UserError("a search of matched cells has one seed, and sweep.best_seeds others: give one seed")


def is_of_cell(key: str) -> bool:
    """Return whether a key names the cell or an option of it."""
    return key == "cell" or key.startswith("cell.")
