"""Say which settings vary among runs, and name and group the runs by them."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

# how config keys begin that do not define a result, for runs that do not record which of their keys do
NOT_SETTINGS = [
    *("seed", "study", "device", "threads", "engine", "tracking."),
    *("dataset.dir", "dataset.url", "dataset.cache", "train.checkpoint_every_s", "train.sample_"),
]
# the config groups of which an experiment chooses one, by name, with options of its own
CHOICES = ["cell", "dataset", "optimizer", "schedule"]
NOT_COMPARED = {"seed", "train.test"}  # trials differ from final runs in the second
Usual = dict[str, dict[str, str]]  # by cell, by setting: the value that most have
MOST_NAMED = 4  # varying settings of a cell that names still list in full


def result_keys(runs: pd.DataFrame) -> set[str]:
    """Return the config keys that define the results of these runs: as each records them, if it does."""
    recorded = runs.get("tags.rnnexp.result_keys", pd.Series(index=runs.index, dtype=object))
    keys = {key for tag in recorded.dropna().unique() for key in tag.split(",")}
    if recorded.isna().any():
        params = {column.removeprefix("params.") for column in runs.columns if column.startswith("params.")}
        keys |= {key for key in params if not key.startswith(tuple(NOT_SETTINGS))}
    return keys


def varying_settings(runs: pd.DataFrame) -> dict[str, str]:
    """Return the config keys in which the runs differ, the cell first, and what to call each.

    An option that comes with a choice (`cell.reset` with the GRU) counts only where it differs among
    the runs of that choice.
    """
    keys = []
    for key in sorted(result_keys(runs) - {"cell.name", *NOT_COMPARED}):
        column = f"params.{key}"
        if column not in runs:
            continue
        group, _, option = key.partition(".")
        if group in CHOICES and option != "name":
            differs = runs.groupby(f"params.{group}.name")[column].nunique(dropna=False).max() > 1
        else:
            differs = runs[column].nunique(dropna=False) > 1
        if differs:
            keys.append(key)
    options = [key.rpartition(".")[2] for key in keys]
    names = {"cell.name": "cell"}
    for key, option in zip(keys, options):
        if option == "name":
            names[key] = key.partition(".")[0]
        else:
            names[key] = key if options.count(option) > 1 or option == "seed" else option
    return names


def usual_settings(runs: pd.DataFrame, settings: dict[str, str]) -> Usual:
    """Return by cell the value of each setting that most of its configurations have, where many settings vary.

    So it is where a recipe is taken apart: names then say what is otherwise. Of few settings names say all.
    """
    keys = [key for key in settings if key != "cell.name" and f"params.{key}" in runs]
    usual = {}
    for cell, own in runs.groupby("params.cell.name"):
        values = own[[f"params.{key}" for key in keys]].set_axis(keys, axis="columns").drop_duplicates()
        varying = [key for key in keys if values[key].nunique(dropna=False) > 1]
        if len(varying) > MOST_NAMED:
            counts = {key: values[key].value_counts() for key in varying}
            usual[str(cell)] = {
                key: str(count.index[0]) for key, count in counts.items() if 2 * count.max() > len(values)
            }
    return {cell: values for cell, values in usual.items() if values}


def left_out_of_names(usual: Usual, settings: dict[str, str]) -> list[str]:
    """Return a sentence for each cell on what names leave out; none where they say all."""
    return [
        f"configurations of {cell} are named by what differs from "
        + ", ".join(f"{settings[key]}={value}" for key, value in values.items())
        for cell, values in usual.items()
    ]


def name_configurations(
    runs: pd.DataFrame, settings: dict[str, str], usual: Usual | None = None
) -> list[str]:
    """Return the configuration of each run in words: the settings that vary, more where these do not tell.

    Runs of one `rnnexp.group_hash` have one configuration, whatever their files were called; other
    hashes are other configurations, also where only the content of a file differs.

    Parameters
    ----------
    settings : as from `varying_settings`.
    usual : as from `usual_settings`, what names leave out; None: nothing.
    """
    hashes = runs.get("tags.rnnexp.group_hash", pd.Series(index=runs.index, dtype=object))
    columns = [runs.get(f"params.{key}", pd.Series(None, index=runs.index, dtype=object)) for key in settings]
    cells = runs.get("params.cell.name", pd.Series(None, index=runs.index, dtype=object))
    words = [
        _in_words(settings, row, (usual or {}).get(str(cell), {})) for cell, row in zip(cells, zip(*columns))
    ]
    table = pd.DataFrame({"words": words, "hash": hashes.to_numpy()})
    table["words"] = table.groupby("hash")["words"].transform("first").fillna(table["words"])
    several = table.groupby("words")["hash"].transform("nunique") > 1
    return [f"{w} ({h[:6]})" if more and isinstance(h, str) else w
            for w, h, more in zip(table["words"], table["hash"], several)]  # fmt: skip


def _in_words(settings: dict[str, str], values: Iterable[Any], usual: dict[str, str]) -> str:
    """Return in words what a configuration has, but for what is usual; what it lacks, only where that is not."""
    said = []
    for (key, name), value in zip(settings.items(), values):
        if pd.isna(value):
            said += [f"no {name}"] * (key in usual)
        elif key == "cell.name":
            said.append(str(value))
        elif str(value) != usual.get(key):
            said.append(f"{name}={value}")
    return ", ".join(said)


def tuned_keys(tags: Iterable[object]) -> set[str]:
    """Return the config keys that a search chose for any of the runs, from their tags `rnnexp.tuned`."""
    return {key for tag in tags if isinstance(tag, str) for key in tag.split(",")}


def as_one(name: str) -> str:
    """Return the name of a configuration so that it reads as one word: one of several settings in brackets."""
    return f"[{name}]" if "," in name or " " in name else name
