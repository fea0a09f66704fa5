"""Set what the source documents published beside what their presets give here.

rnnexp reproduce [run=false] [data=FOLDER] [only=NAME,NAME] [into=PAGE] [uri=STORE] [out=FOLDER]
                             [prepare=false]

Reads what is recorded; run=true first runs what has not finished, prepare=true only prepares it for another
machine with `rnnexp offline`. data: the folder that holds dinos.txt and ptb/; without it PTB
is downloaded, and the dinosaur names are left out. Writes reproduce.md; into=analysis/README.md puts the
table between the two marks of that page, too.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from rnnexp.analysis.command import OTHER_OUT, chosen, main
from rnnexp.analysis.configurations import result_keys
from rnnexp.analysis.insert import put_into, with_table
from rnnexp.analysis.markdown import table_line
from rnnexp.analysis.published import PUBLISHED, PublishedResult
from rnnexp.analysis.records import NoRecords, load_runs
from rnnexp.analysis.where import is_same
from rnnexp.command.arguments import read
from rnnexp.errors import UserError
from rnnexp.output import duration, say
from rnnexp.records.files import make_folder, replace_text
from rnnexp.records.names import cell_name

BEGIN, END = "<!-- made by rnnexp reproduce -->", "<!-- to here -->"
TITLES = "model", "figure", "published", "here: mean (each seed)", "a run takes", "command"


@dataclass
class Arguments:
    """Hold the arguments of the command; the module's docstring says what they mean."""

    run: bool = False
    prepare: bool = False
    data: str | None = None
    only: str = ""
    into: str | None = None
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


class Failed(Exception):
    """Say that a command failed that was started."""


def run_missing(results: list[PublishedResult], arguments: Arguments) -> list[str]:
    """Run or prepare the results that have not finished, each in a study of its own name.

    Returns
    -------
    the names of those that need the folder of data, which is not given.

    Raises
    ------
    Failed where a command failed, which has said why.
    """
    without_data = []
    for result in results:
        runs = finished_runs(result, arguments.uri)
        missing = runs is None or len(runs) < result.seeds
        lacks_data = result.needs_data and not arguments.data
        if missing and lacks_data:
            without_data.append(result.name)
        if not missing or lacks_data or (result.gpu and not arguments.only):
            continue
        overrides = run_overrides(result, arguments.uri, arguments.data)
        overrides += ["sweep.prepare=true"] if arguments.prepare else []
        say(" ".join(["rnnexp", *overrides]))
        if subprocess.run([sys.executable, "-m", "rnnexp", *overrides], check=False).returncode:
            raise Failed
    return without_data


def run_overrides(result: PublishedResult, uri: str, data: str | None) -> list[str]:
    """Return the arguments by which `rnnexp` runs a result; without a folder of data, PTB is downloaded."""
    if data is None:
        overrides = [o for o in result.overrides if "{data}/" not in o]
    else:
        overrides = [o.format(data=data) for o in result.overrides]
    return ["-m", *overrides, f"study={result.name}", f"tracking.uri={uri}"]


def finished_runs(result: PublishedResult, uri: str) -> pd.DataFrame | None:
    """Return a result's finished runs with the settings of its preset, the last of each seed; None without any."""
    try:
        runs = load_runs(result.name, uri)
    except NoRecords:
        return None
    runs = runs[runs["status"] == "FINISHED"]
    keys = result_keys(runs)
    for key, value in preset_settings(result).items():
        if key not in keys:
            continue
        # a run that was recorded before there was such a key has what is now its default
        recorded = runs.get(f"params.{key}", pd.Series(index=runs.index, dtype=object))
        runs = runs[[pd.isna(text) or is_same(text, value) for text in recorded]]
    return None if runs.empty else runs.drop_duplicates("params.seed", keep="last")


def preset_settings(result: PublishedResult) -> dict[str, Any]:
    """Return the config that `rnnexp` makes of a result's overrides, key -> value, without the seed."""
    overrides = [o for o in result.overrides if not o.startswith(("seed=", "dataset.dir="))]
    show = [sys.executable, "-m", "rnnexp", *overrides, "--cfg", "job"]
    text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    config: Any = OmegaConf.to_container(OmegaConf.create(text))
    config["cell"]["name"] = cell_name(config["cell"]["name"], config["cell"])  # as `load_runs` has it
    leaves = pd.json_normalize(config).iloc[0].items()
    return {str(key): value for key, value in leaves if key != "seed"}


def table_row(result: PublishedResult, runs: pd.DataFrame | None, uri: str) -> str:
    """Return a result's line of the table; `runs` are the finished ones."""
    overrides = [o.format(data="FOLDER") for o in result.overrides if "{data}/" not in o]
    shown = " ".join(["rnnexp -m" if "," in "".join(overrides) else "rnnexp", *overrides])
    here, takes = "not run" + (" (takes a GPU)" if result.gpu else ""), ""
    if runs is not None and len(values := result.measure(runs, uri).dropna()):
        here = f"**{values.mean():.4g}**"
        if len(values) > 1:
            here += f" ({', '.join(f'{value:.4g}' for value in values)})"
        takes = duration((runs["end_time"] - runs["start_time"]).dt.total_seconds().mean())
    return table_line([result.model, result.unit, result.published, here, takes, f"`{shown}`"])


def markdown(results: list[PublishedResult], uri: str) -> str:
    """Return the table of what was published and what is recorded here."""
    rows = [table_row(result, finished_runs(result, uri), uri) for result in results]
    return "\n".join([table_line(TITLES), table_line(["---"] * len(TITLES)), *rows]) + "\n"


def reproduce(arguments: Arguments) -> None:
    """Run what has not finished where that is asked for, and write the table."""
    results, without_data = chosen(PUBLISHED, arguments.only), []
    if arguments.data is not None and not Path(arguments.data).is_dir():
        raise UserError(f"data={arguments.data} is no folder: name that which holds dinos.txt and ptb/")
    if arguments.into:
        with_table(arguments.into, BEGIN, END, "")  # refused before anything is run or written
    if arguments.run or arguments.prepare:
        without_data = run_missing(results, arguments)
    text = markdown(results, arguments.uri)
    out = Path(arguments.out)
    make_folder(out, OTHER_OUT)
    replace_text(out / "reproduce.md", text)
    if arguments.into:
        put_into(arguments.into, BEGIN, END, text)
    say(f"{text}\nWritten: {out}/reproduce.md")
    if without_data:
        say(f"Not run: {', '.join(without_data)}: add data=FOLDER, which holds dinos.txt")


def run(arguments: Sequence[str]) -> int | None:
    """Reproduce what the arguments name; return 1 where a run failed."""
    try:
        reproduce(read(arguments, Arguments))
    except Failed:
        return 1
    return None


if __name__ == "__main__":
    main("reproduce", run, __doc__)
