"""Say which settings vary among runs, and name and group the runs by them."""

import pandas as pd

# how config keys begin that do not define a result, for runs that do not record which of their keys do
NOT_SETTINGS = [
    *("seed", "study", "device", "threads", "engine", "tracking."),
    *("dataset.dir", "dataset.url", "dataset.cache", "train.checkpoint_every_s", "train.sample_"),
]
# the config groups of which an experiment chooses one, by name, with options of its own
CHOICES = ["cell", "dataset", "optimizer", "schedule"]


def result_keys(runs: pd.DataFrame) -> set[str]:
    """Return the config keys that define the results of these runs: as each records them, if it does."""
    recorded = runs.get("tags.rnnexp.result_keys", pd.Series(index=runs.index, dtype=object))
    keys = {key for tag in recorded.dropna() for key in tag.split(",")}
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
    for key in sorted(result_keys(runs) - {"cell.name", "seed"}):
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


def name_configurations(runs: pd.DataFrame, settings: dict[str, str]) -> list[str]:
    """Return the configuration of each run in words: the settings that vary, more where these do not tell.

    Runs of one `rnnexp.group_hash` have one configuration, whatever their files were called; other
    hashes are other configurations, also where only the content of a file differs.

    Parameters
    ----------
    settings : as from `varying_settings`.
    """
    hashes = runs.get("tags.rnnexp.group_hash", pd.Series(index=runs.index, dtype=object))
    words = [
        ", ".join(
            value if key == "cell.name" else f"{name}={value}"
            for key, name in settings.items()
            if pd.notna(value := run[f"params.{key}"])
        )
        for _, run in runs.iterrows()
    ]
    table = pd.DataFrame({"words": words, "hash": hashes.to_numpy()})
    table["words"] = table.groupby("hash")["words"].transform("first").fillna(table["words"])
    several = table.groupby("words")["hash"].transform("nunique") > 1
    return [f"{w} ({h[:6]})" if more and isinstance(h, str) else w
            for w, h, more in zip(table["words"], table["hash"], several)]  # fmt: skip


def tuned_settings(runs: pd.DataFrame) -> set[str]:
    """Return the config keys that a search chose for each cell; none where any run was not tuned."""
    tags = runs.get("tags.rnnexp.tuned", pd.Series(index=runs.index, dtype=object))
    if runs.empty or tags.isna().any():
        return set()
    return {key for tag in tags for key in tag.split(",")}
