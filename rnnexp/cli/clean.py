"""Remove from the run folders what nobody needs any more, after saying what that is.

rnnexp clean [study=NAME] [yes=true] [FOLDER ...]

- Checkpoints of finished runs: generate, evaluate, report and compare read the best weights and the records, which
  stay. A command that asks for more epochs of such a run begins anew then.
- Folders of runs that ended before their first checkpoint, failed or stopped, once their store has what it will get.
- Files that a crash has left unfinished.

Runs that a process is at, those that can go on, and what is damaged or not the program's stay as they are.
FOLDER: where to look, `runs` by default. yes=true removes without asking; where nobody can be asked nothing is removed.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rnnexp.command import arguments
from rnnexp.errors import UserError, one_line
from rnnexp.experiment import cleaning
from rnnexp.experiment.cleaning import Waste
from rnnexp.output import number, say
from rnnexp.records import found
from rnnexp.sweeps.outlook import size

SAID = {
    cleaning.CHECKPOINT: ("finished run", "with checkpoints, without which more epochs of it begin anew"),
    cleaning.BEGINNING: ("run", "stopped before the first checkpoint"),
    cleaning.TEMPORARY: ("file", "left unfinished"),
}


@dataclass
class Options:
    """Hold the options of the command, without the folders."""

    study: str | None = None
    yes: bool = False


def run(given: list[str]) -> int:
    """Remove what is needless in the folders that the arguments name; return 1 where some could not be removed."""
    folders, settings = arguments.split_paths(given, Options)
    options = arguments.read(settings, Options)
    tops = folders or [Path("runs")]
    waste = list(needless(tops, options.study))
    if not waste:
        say("nothing to remove")
        return 0
    for line in listing(waste):
        say(line)
    if not options.yes and not is_agreed():
        say("nothing was removed" + ("" if sys.stdin.isatty() else ": add yes=true"))
        return 0
    return remove(waste)


def needless(tops: list[Path], study: str | None) -> Iterator[Waste]:
    """Yield what can be removed in these folders, of one study where it is named."""
    runs = chain.from_iterable(map(cleaning.waste_of, found.run_folders(tops, study)))
    each = {top.resolve(): top for top in tops}.values()
    others = chain.from_iterable(map(cleaning.temporary_files, each))
    return chain(runs, () if study else others)


def listing(waste: list[Waste]) -> list[str]:
    """Return a line for each study and kind, one for each folder that goes as a whole, and one for all."""
    groups: dict[tuple[str, str], list[Waste]] = defaultdict(list)
    for one in waste:
        groups[one.folder.path.parent.name if one.folder else "", one.kind].append(one)
    lines = []
    for (study, kind), ones in sorted(groups.items()):
        count = sum(len(one.files) for one in ones) if kind == cleaning.TEMPORARY else len(ones)
        noun, what = SAID[kind]
        freed = size(sum(one.bytes for one in ones))
        lines.append(f"{study and f'{study}: '}{number(count, noun)} {what} ({freed})")
        if kind == cleaning.BEGINNING:
            lines += [f"  {one.folder}" for one in ones]
    return [*lines, f"together {size(sum(one.bytes for one in waste))}"]


def is_agreed() -> bool:
    """Ask on the terminal; return whether the answer is yes."""
    if not sys.stdin.isatty():
        return False
    say("remove all of it? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def remove(waste: list[Waste]) -> int:
    """Remove all of it; return 1 where some could not be removed, which is said."""
    gone = failures = 0
    for one in waste:
        try:
            cleaning.remove(one)
            gone += one.bytes
        except (UserError, OSError) as error:
            failures += 1
            say(one_line(error), file=sys.stderr)
    say(f"{size(gone)} removed")
    return int(failures > 0)
