"""Complete in a shell what Hydra does not know: the subcommands, and their studies and run folders."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rnnexp.cli.help import Command
from rnnexp.cli.naming import RUNS
from rnnexp.errors import UserError
from rnnexp.output import say
from rnnexp.records import found

# names that the shell takes as they are: what it is told to choose from it expands, and would run
PLAIN = re.compile(r"[\w@%+,\[\]-][\w.@%+,\[\]-]*").fullmatch


def say_choices(commands: Mapping[str, Command], default: str) -> bool:
    """Print what the last word of the line in COMP_LINE may become; return whether that is all.

    Else Hydra is to say the rest, which completes the arguments of the command `default`.
    """
    line = os.environ.get("COMP_LINE", "")
    *before, typed = line.split(" ")
    _, *before = [word for word in before if word] or [""]
    if before and before[0] == default:
        line = line.replace(f" {default} ", " ", 1)
        os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
        return False
    if not before:
        say("\n".join(name for name in commands if name.startswith(typed)))
        return False
    if before[0] not in commands:
        return False
    key, is_value, value = typed.partition("=")
    if is_value:
        say("\n".join(f"{key}={choice}" for choice in values(key, value)))
    else:
        say("\n".join(f"{key}=" for key in re.findall(r"(\w+)=", commands[before[0]].usage)))
    return True


def values(key: str, begun: str) -> Iterator[str]:
    """Yield values of a key: studies, or the folders beside the one that is begun; the shell chooses among them."""
    if key == "study":
        with suppress(UserError):  # there is none
            yield from sorted(filter(PLAIN, {run.path.parent.name for run in found.run_folders([RUNS])}))
    if key == "run":
        place = begun[: begun.rfind("/") + 1]
        for path in sorted(path for path in Path(place).glob("*/") if PLAIN(path.name)):
            yield f"{place}{path.name}{'' if found.is_run(path) else '/'}"
