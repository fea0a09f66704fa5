"""Say of a key that a config does not have which one was meant, and what its value must be."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment import own_parts
from rnnexp.experiment.config import ALWAYS, CHOICES, GIVEN, SECTIONS, WITH_EVALUATION, keys_of_choice
from rnnexp.options import Key, options_of

IN_WORDS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
IN_WORDS |= {type(None): "null", dict: "a mapping, as in {a:1}"}


def use_own_parts(config_dir: Path | None) -> None:
    """Let configs choose the user's own parts: those in a folder, if one is named, and those of installed packages."""
    own_parts.use(config_dir, WITH_EVALUATION, GIVEN)
    all_keys.cache_clear()


@cache
def all_keys() -> dict[str, Key]:
    """Return the dotted keys of every config and of all that one can choose."""
    found = dict(ALWAYS)
    for group, choices in CHOICES.items():
        for name in choices:
            found |= {f"{group}.{option}": key for option, key in keys_of_choice(group, name).items()}
    for name, evaluator in EVALUATORS.items():
        found |= {f"evaluation.{name}.{option}": key for option, key in options_of(evaluator).items()}
    return found


def unknown(key: str) -> str:
    """Return that a key is not known, and which one may have been meant."""
    group, _, option = key.partition(".")
    owners = [name for name in CHOICES.get(group, {}) if option in keys_of_choice(group, name)]
    if owners:
        return f"{key} is an option of {group}={' or '.join(owners)} only"
    if group == "evaluation" and key in all_keys():
        name = option.partition(".")[0]
        return f"{key} is an option of evaluation={name}: add evaluation={name}"
    last = key.rpartition(".")[2]
    same = [name for name in all_keys() if name.rpartition(".")[2] == last and name != key]
    if same:  # the most alike first
        near = get_close_matches(key, same, n=len(same), cutoff=0.0)
    else:
        near = get_close_matches(key, [*all_keys(), *SECTIONS], n=1)
    return f"{key} is not known: " + (
        f"did you mean {' or '.join(near)}?" if near else "rnnexp --help lists the keys"
    )


def must_be(key: str) -> str:
    """Return what the value of a key must be by its type, as words that follow "must be"; empty if it is unknown."""
    if key not in all_keys():
        return ""
    kind: Any = all_keys()[key].type
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else [kind]
    words = [IN_WORDS.get(get_origin(one) or one, "a list, as in [1,2]") for one in kinds]
    return " or ".join(words)


def is_text(key: str) -> bool:
    """Return whether the value of a key is a text."""
    kind: Any = all_keys()[key].type if key in all_keys() else None
    return kind is str or (get_origin(kind) in (Union, UnionType) and str in get_args(kind))
