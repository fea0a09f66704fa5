"""Show how the runs stand, by their folders: no store is needed, and nothing is changed.

rnnexp status [study=NAME] [live=true] [FOLDER ...]

For each study: how many runs are under way, have finished, failed, were interrupted (their command goes on with
them), were pruned by a search, wait prepared for another machine, were not begun (a sweep has named them, no more) or
are damaged, and the disk that they take. Then who is at each run that is under way, since when, and how far it is, and
why runs failed. A study is called as the folder that its runs lie in. FOLDER: where to look, `runs` by default.
live=true shows it again every few seconds, in a file or a pipe every minute, until no run is under way.
"""

import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.command import arguments
from rnnexp.errors import UserError, one_line
from rnnexp.output import clear_screen, duration, say
from rnnexp.records import found
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.outlook import size

COLUMNS = [
    found.RUNNING,
    found.FINISHED,
    found.FAILED,
    found.INTERRUPTED,
    found.PRUNED,
    found.PREPARED,
    found.NOT_BEGUN,
    found.DAMAGED,
]
EVERY_S, IN_A_PIPE_S = 5.0, 60.0  # from one look to the next
MOST = 20  # failures that are shown


@dataclass
class Options:
    """Hold the options of the command, without the folders."""

    study: str | None = None
    live: bool = False


def run(given: list[str]) -> None:
    """Show how the runs stand in the folders that the arguments name."""
    folders, settings = arguments.split_paths(given, Options)
    options = arguments.read(settings, Options)
    on_screen = sys.stdout.isatty()
    while True:
        lines, are_running = look(folders or [Path("runs")], options.study)
        if options.live and on_screen:
            clear_screen()
        say("\n".join(lines))
        if not options.live or not are_running:
            return
        time.sleep(EVERY_S if on_screen else IN_A_PIPE_S)


def look(tops: list[Path], study: str | None = None) -> tuple[list[str], bool]:
    """Return the lines about the runs in these folders, and whether any is under way."""
    studies: dict[str, dict[str, list[RunFolder]]] = defaultdict(lambda: defaultdict(list))
    bytes_of: dict[str, int] = defaultdict(int)
    for folder in found.run_folders(tops, study):
        name = folder.path.parent.name
        studies[name][found.fate(folder)].append(folder)
        bytes_of[name] += found.disk(folder)
    running = [folder for fates in studies.values() for folder in fates[found.RUNNING]]
    lost = [
        (fate, folder)
        for fates in studies.values()
        for fate in (found.FAILED, found.DAMAGED)
        for folder in fates[fate]
    ]
    lines = table(studies, bytes_of)
    lines += ["", *map(about_running, running)] if running else []
    lines += ["", *(f"{fate}: {folder}: {reason(folder)}" for fate, folder in lost[:MOST])] if lost else []
    lines += [f"and {len(lost) - MOST} more"] if len(lost) > MOST else []
    return lines, bool(running)


def table(studies: dict[str, dict[str, list[RunFolder]]], bytes_of: dict[str, int]) -> list[str]:
    """Return a line for each study, below one that names the columns; those with nothing in them are left out."""
    shown = [name for name in COLUMNS if any(fates[name] for fates in studies.values())]
    rows = [["study", *shown, "disk"]]
    for study, fates in studies.items():
        rows.append([study, *(str(len(fates[name])) for name in shown), size(bytes_of[study])])
    if len(studies) > 1:
        sums = [sum(len(fates[name]) for fates in studies.values()) for name in shown]
        rows.append(["together", *map(str, sums), size(sum(bytes_of.values()))])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))])
        for row in rows
    ]


def about_running(folder: RunFolder) -> str:
    """Return a line about a run that is under way: who is at it, since when, and how far it is."""
    try:
        state, label = folder.state(), folder.label().get("name", "")
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(state["born"]))
        took = duration(max(time.time() - state["born"], 0))
        where = f"{folder}{label and f' ({label})'}: process {state['pid']} on {state['host']}"
        return f"{where} since {since} ({took}), {progress(folder)}"
    except (UserError, OSError, KeyError) as error:
        return f"{folder}: {one_line(error)}"


def progress(folder: RunFolder) -> str:
    """Return how far a run is."""
    records: list[dict[str, Any]] = folder.records()
    if not records:
        return "in its first epoch"
    last, best = records[-1], min(record["valid/ppl"] for record in records)
    of = folder.load_config()["train"]["max_epochs"]
    return f"{last['epoch']} of {of} epochs, valid ppl {last['valid/ppl']:.4g}, best {best:.4g}"


def reason(folder: RunFolder) -> str:
    """Return why a run failed."""
    try:
        return folder.state().get("error") or "no reason is known"
    except (UserError, OSError) as error:
        return one_line(error)
