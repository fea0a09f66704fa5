"""Declare the keys of a config, each with its type and description, and what a config can choose by name.

The values stand in conf/. A default here is what a saved config means that is older than the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Annotated, Any, get_type_hints

from rnnexp.data.datasets import DATASETS
from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment import contracts, own_parts
from rnnexp.nn.cells import CELLS
from rnnexp.nn.config import ModelConfig
from rnnexp.optim import OPTIMIZERS
from rnnexp.optim.schedules import SCHEDULES
from rnnexp.options import (
    NOT_NEGATIVE,
    POSITIVE,
    Key,
    Option,
    Range,
    at_least,
    one_of,
    options_of,
    path_to_folder,
)
from rnnexp.records.names import MEANING, is_name
from rnnexp.tracking import TRACKERS
from rnnexp.training.config import TrainConfig

# what is chosen by the `name` of its section takes the other keys of the section as arguments
CHOICES: dict[str, dict[str, Any]] = {
    "cell": CELLS,
    "dataset": DATASETS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "tracking": TRACKERS,
}
GIVEN = frozenset({"input_size", "hidden_size"})  # arguments of a cell that come from the model's config
WITH_EVALUATION = CHOICES | {"evaluation": EVALUATORS}
own_parts.load_passed_on(WITH_EVALUATION, GIVEN)
AT_LEAST_1 = at_least(1)
SEED = Range("from 0 to below 2**63", lambda v: 0 <= v < 2**63)


def beside_result(meaning: str, allowed: Range | None = None) -> Option:
    """Return the description of an option on which the result does not depend."""
    return Option(meaning, allowed, defines_result=False)


def what_computes(meaning: str, allowed: Range | None = None) -> Option:
    """Return the description of an option of what computes, found out when a run begins if it is not given."""
    return Option(meaning, allowed, defines_result=False, runtime=True)


@dataclass
class Choice:
    """Name what was chosen, as in `CHOICES`."""

    name: Annotated[str, Option("what is chosen")]


@dataclass
class CellChoice(Choice):
    """Choose the recurrent cell, and say at which learning rates it trains well."""

    lr: Annotated[
        dict[str, float],
        beside_result("this cell's own learning rate by optimizer, for optimizer.lr=null"),
    ]


@dataclass
class TrackingChoice(Choice):
    """Choose where the records go, besides the run folder."""

    name: Annotated[str, beside_result("the kind of store")]


@dataclass
class DataConfig:
    """Hold where all data sets lie."""

    root: Annotated[
        str | None,
        path_to_folder(
            "holds ptb/, tinyshakespeare/, dinos.txt, wikitext-2/, text8/; for those without a dir"
        ),
    ] = None


@dataclass
class SweepConfig:
    """Hold the options of how `rnnexp -m` runs its jobs, and of a search."""

    workers: Annotated[
        int | None,
        beside_result(
            "jobs at a time; null: as many as there are cores, or one GPU; of a launcher's search: one for each trial",
            AT_LEAST_1,
        ),
    ]
    timeout: Annotated[
        float | None,
        beside_result("seconds after which a job is stopped and counts as failed; null: never", POSITIVE),
    ]
    on_error: Annotated[
        str,
        beside_result(
            "keep_going with the other jobs; fail_fast: stop them; return_inf: as keep_going, for a search",
            one_of("keep_going", "fail_fast", "return_inf"),
        ),
    ]
    prepare: Annotated[
        bool, beside_result("only write the run folders, for `rnnexp offline` on another machine")
    ]
    trials: Annotated[
        int | None, beside_result("of a search, for each combination; null: no search", AT_LEAST_1)
    ]
    params: Annotated[
        dict[str, str],
        beside_result("what a search is over, key: values, in Hydra's grammar; an override goes before it"),
    ]
    pruner: Annotated[
        str | None,
        beside_result(
            "stops a run that falls behind the others' validation perplexity by epoch",
            one_of("median", "hyperband", None),
        ),
    ]
    sampler: Annotated[
        str,
        beside_result(
            "of a search, begun by the key seed; random: the same trials with any number of workers; "
            "tpe: learns from the trials before, and gives the same ones again with one worker only",
            one_of("random", "tpe"),
        ),
    ]
    storage: Annotated[
        str | None,
        beside_result(
            "of Optuna: sqlite:///FILE, or for several machines journal:///FILE or a server; null: search.db beside "
            "the runs of the study, with a launcher search.journal"
        ),
    ]
    best_seeds: Annotated[
        int,
        beside_result(
            "seeds with which the best settings of each combination are run in the end, as study NAME_best; "
            "they follow the seed of the trials",
            NOT_NEGATIVE,
        ),
    ]
    match_cells: Annotated[
        bool,
        beside_result(
            "true: cells that are compared have as many parameters as the first one named, counted by model.match"
        ),
    ]
    report: Annotated[bool, beside_result("true: end with the report of the study, as in MLflow")]


@dataclass
class Config:
    """Hold the keys of a whole config."""

    study: Annotated[
        str,
        beside_result(
            "the MLflow experiment, and the unit that `rnnexp compare` reads",
            Range(MEANING, is_name),
        ),
    ]
    seed: Annotated[
        int, Option("of the first weights, the dropout masks, the order of sequences, the samples", SEED)
    ]
    rerun: Annotated[
        bool, beside_result("true: a new run, also where the study has one with the same settings")
    ]
    cell: CellChoice
    model: ModelConfig
    dataset: Choice
    data: DataConfig
    optimizer: Choice
    schedule: Choice
    train: TrainConfig
    tracking: TrackingChoice
    sweep: SweepConfig
    device: Annotated[str, what_computes("gpu: an NVIDIA one, with CuPy installed", one_of("cpu", "gpu"))] = (
        "cpu"
    )
    threads: Annotated[
        int | None,
        what_computes("null: 1 where a training step is small, else as many as there are cores", AT_LEAST_1),
    ] = None
    engine: Annotated[
        str | None,
        what_computes(
            "mkl, numba or numpy; on a GPU graph, fused or cupy; null: the fastest that is installed"
        ),
    ] = None
    tf32: Annotated[
        bool,
        Option("true: products on a GPU may round their factors to 10 bits", since_default=False),
    ] = False


SECTIONS: dict[str, type] = {
    name: kind
    for name, kind in get_type_hints(Config).items()
    if isinstance(kind, type) and is_dataclass(kind)
}
ALWAYS: dict[str, Key] = options_of(Config, frozenset(SECTIONS)) | {
    f"{section}.{name}": key for section, kind in SECTIONS.items() for name, key in options_of(kind).items()
}
RUNTIME = [name for name, key in ALWAYS.items() if key.option.runtime]


def keys_of_choice(group: str, name: str) -> dict[str, Key]:
    """Return the keys of the options of a choice, without the group before them."""
    return options_of(CHOICES[group][name], GIVEN)


def keys_of(config: Mapping[str, Any]) -> dict[str, Key]:
    """Return the dotted keys that a config has: those of every config, and those of what it chooses."""
    found = dict(ALWAYS)
    for group, choices in CHOICES.items():
        if (name := config.get(group, {}).get("name")) in choices:
            found |= {f"{group}.{option}": key for option, key in keys_of_choice(group, name).items()}
    for name in EVALUATORS.keys() & config.get("evaluation", {}).keys():
        options = options_of(Choice) | options_of(EVALUATORS[name])
        found |= {f"evaluation.{name}.{option}": key for option, key in options.items()}
    return found


def option_of(keys: Mapping[str, Key], name: str) -> Option | None:
    """Return the description of a dotted key, or of the key that it is a part of; None where there is none."""
    while name not in keys:
        name = name.rpartition(".")[0]
        if not name:
            return None
    return keys[name].option


def make_chosen(group: str, section: Mapping[str, Any], *given: Any) -> Any:
    """Return the object that a config section names, made with the section's other keys."""
    options = {key: value for key, value in section.items() if key != "name"}
    return contracts.made(group, section["name"], partial(CHOICES[group][section["name"]], *given, **options))
