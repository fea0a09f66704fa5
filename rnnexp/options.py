"""Describe an option where it is taken: what it means, what its value may be, whether it defines the result.

    def make(..., reset: Annotated[str, Option("where the reset gate acts", one_of("before", "after"))]):

A field of a dataclass is described in the same way. The config's schema, what is refused, the hash of a run,
the parameters of its record and the table in conf/README.md come from these descriptions. An option's value
stands in conf/. A default in a signature is for configs without the key, which were saved before the option
existed.
"""

import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from rnnexp.errors import UserError

NOTHING = inspect.Parameter.empty  # in place of a value that is not given


@dataclass(frozen=True)
class Range:
    """Limit the values that an option may have besides being of its type; null always passes.

    text : the limit in words that follow "must be".
    """

    text: str
    holds: Callable[[Any], bool]

    def require(self, key: str, value: Any) -> None:
        """Raise UserError where the value of a key is outside the range."""
        if value is not None and not self.holds(value):
            raise UserError(f"{key}={value} must be {self.text}")


POSITIVE = Range("a number greater than 0", lambda v: 0 < v < math.inf)
NOT_NEGATIVE = Range("0 or more", lambda v: v >= 0)
SHARE_BELOW_1 = Range("from 0 to below 1", lambda v: 0 <= v < 1)
BETWEEN_0_AND_1 = Range("between 0 and 1", lambda v: 0 < v < 1)


def at_least(least: int) -> Range:
    """Return the range from `least` on."""
    return Range(f"at least {least}", lambda v: v >= least)


def within(least: int, most: int) -> Range:
    """Return the range from `least` to `most`, both included."""
    return Range(f"from {least} to {most}", lambda v: least <= v <= most)


def greater_than(limit: float) -> Range:
    """Return the range above `limit`."""
    return Range(f"greater than {limit}", lambda v: v > limit)


def one_of(*names: str | None) -> Range:
    """Return the range of these words; None among them adds null to the message."""
    words = ["null" if name is None else name for name in names]
    return Range(f"{', '.join(words[:-1])} or {words[-1]}", lambda v: v in names)


def several(allowed: Range) -> Range:
    """Return the range of lists of one or more values, each of which is in a range."""
    return Range(f"a list, each of it {allowed.text}", lambda v: len(v) > 0 and all(map(allowed.holds, v)))


def matching(pattern: str, text: str) -> Range:
    """Return the range of the texts that match a regular expression as a whole."""
    return Range(text, lambda v: re.fullmatch(pattern, v) is not None)


class PathTo(Enum):
    """Say what a path leads to."""

    FOLDER = "folder"
    FILE = "file"


@dataclass(frozen=True)
class Option:
    """Describe an option, within `Annotated`.

    Parameters
    ----------
    meaning : what the option means, in words, without its name.
    allowed : its range; None: every value of its type.
    defines_result : whether a run with another value is another experiment. Else the value says where
        things are, how they are run and recorded, or what they are called.
    path : what the value leads to, where it is a path; it is kept independent of the current folder. A file
        of the user's defines the result by its content, wherever it lies.
    runtime : whether the option says what computes. If it is not given, it is found out when the run begins;
        it is recorded as a tag.
    since_default : what programs did before the option existed. A run with this value has the hash that it had
        then. It is the option's default too.
    in_root : where a folder of data lies within data.root, which stands in for a path that is not given.
    files : what a folder is read for; without them it is of no use.
    """

    meaning: str
    allowed: Range | None = None
    defines_result: bool = True
    path: PathTo | None = None
    runtime: bool = False
    since_default: Any = NOTHING
    in_root: str | None = None
    files: tuple[str, ...] = ()


def path_to_folder(meaning: str, in_root: str | None = None, files: tuple[str, ...] = ()) -> Option:
    """Return the description of a path to a folder from which only known files are read."""
    return Option(meaning, defines_result=False, path=PathTo.FOLDER, in_root=in_root, files=files)


def path_to_file(meaning: str, since_default: Any = NOTHING) -> Option:
    """Return the description of a path to a file of the user's, whose content defines the result."""
    return Option(meaning, path=PathTo.FILE, since_default=since_default)


@dataclass(frozen=True)
class Key:
    """Hold an option as it is declared where it is taken: type, default (NOTHING: none) and description."""

    type: Any
    default: Any
    option: Option

    @property
    def type_name(self) -> str:
        """Return the type in words, such as "float or null"."""
        kinds = get_args(self.type) if isinstance(self.type, type(int | None)) else (self.type,)
        names = ["null" if kind is type(None) else getattr(kind, "__name__", str(kind)) for kind in kinds]
        if get_origin(self.type) is tuple:
            names = [f"[{', '.join(kind.__name__ for kind in get_args(self.type))}]"]
        return " or ".join(names)


@cache
def options_of(taker: Any, given: frozenset[str] = frozenset()) -> dict[str, Key]:
    """Return the options of a function, class or dataclass, by name.

    given : the names of parameters that are no options.

    Raises
    ------
    UserError where an option has no type or no description.
    """
    found = {}
    for name, parameter in inspect.signature(taker, eval_str=True).parameters.items():
        if name in given:
            continue
        kind, default = parameter.annotation, parameter.default
        where = f"{taker.__module__}: its option {name}"
        if kind is NOTHING:
            raise UserError(
                f'{where} has no type; write {name}: Annotated[float, Option("its meaning")], say'
            )
        described = [part for part in get_args(kind)[1:] if isinstance(part, Option)]
        if get_origin(kind) is not Annotated or not described:
            raise UserError(
                f"{where} is not described; write {name}: Annotated[{inspect.formatannotation(kind)}, "
                'Option("its meaning")]'
            )
        if default is NOTHING:
            default = described[0].since_default
        found[name] = Key(get_args(kind)[0], default, described[0])
    return found


def found_by_file(package: str, path: Iterable[str], apart: Collection[str] = ()) -> dict[str, Callable]:
    """Return what a config can choose by name: the `make` of each module of a package that has one.

    package, path : the package's __name__ and __path__. apart : modules that are not imported.
    """
    names = [module.name for module in pkgutil.iter_modules(path) if module.name not in apart]
    modules = {name: importlib.import_module(f"{package}.{name}") for name in names}
    return {name: module.make for name, module in modules.items() if hasattr(module, "make")}
