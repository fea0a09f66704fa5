"""The comparison table of a study: a row a configuration, its seeds together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

# how config keys begin that do not define a result, for runs that do not record which of their keys do
NOT_SETTINGS = [
    "seed",
    "study",
    "device",
    "threads",
    "engine",
    "tracking.",
    "dataset.dir",
    "dataset.url",
    "dataset.cache",
]
NOT_SETTINGS += ["train.checkpoint_every_s", "train.sample_"]
CHOICES = ["cell", "dataset", "optimizer", "schedule"]
METRICS = {"valid": "best/valid_ppl", "test": "test/ppl", "oracle": "oracle/ppl"}
WHY = {"RUNNING": "still running, or killed without a chance to say so", "KILLED": "interrupted"}


@dataclass
class Comparison:
    """What a study shows.

    groups : one row a configuration, numbers; its column `group` is the configuration in words.
    settings : config key -> how it is called, for those that tell the groups apart; the cell first.
    finished : the runs that count, one a configuration and seed, with columns `group` and `seed`.
    problems : sentences about runs that are missing, failed or left out.
    differences : sentences about pairs of cells.
    """

    groups: pd.DataFrame
    settings: dict[str, str]
    finished: pd.DataFrame
    problems: list[str]
    differences: list[str]


def compare(runs: pd.DataFrame, history: pd.DataFrame) -> Comparison:
    """Group the runs of a study by everything but the seed, and say which runs are not in the numbers.

    Parameters
    ----------
    runs, history : as from `load_runs` and `load_history` (of which `epoch_s` is read).
    """
    nameless = runs["params.seed"].isna() | runs["params.cell.name"].isna()
    lost = [f"run {run_id}: died before it recorded its config" for run_id in runs["run_id"][nameless]]
    runs = runs[~nameless].copy()
    for metric in METRICS.values():
        if f"metrics.{metric}" not in runs:
            runs[f"metrics.{metric}"] = np.nan
        values = runs[f"metrics.{metric}"]
        runs[f"metrics.{metric}"] = values.mask(values > 1e300, np.inf)  # as MLflow keeps infinity
    runs["seed"] = runs["params.seed"].astype(int)
    runs["epoch_s"] = runs["run_id"].map(history.groupby("run_id")["epoch_s"].median().astype(float))
    settings = varying_settings(runs)
    runs["group"] = group_names(runs, settings)
    done = (runs["status"] == "FINISHED") & runs["metrics.test/ppl"].notna()
    finished = runs[done].drop_duplicates(["group", "seed"], keep="last")

    rows = []
    for group, members in runs.groupby("group", sort=False):
        counted = finished[finished["group"] == group]
        row = {"group": group, **{key: members[f"params.{key}"].iloc[0] for key in settings}}
        row |= {"runs": len(counted), "seeds": members["seed"].nunique()}
        row["num_params"] = counted["metrics.num_params"].max() if len(counted) else np.nan
        for name, metric in METRICS.items():
            values = counted[f"metrics.{metric}"].dropna()
            sd = values.std() if np.isfinite(values).all() else np.nan  # of one run: missing
            row |= {f"{name}_mean": values.mean(), f"{name}_sd": sd}
        rows.append(row | {"epoch_s": counted["epoch_s"].median()})
    groups = pd.DataFrame(rows).sort_values("test_mean", kind="stable").reset_index(drop=True)
    return Comparison(
        groups, settings, finished, lost + problems(runs, finished), differences(finished, settings)
    )


def varying_settings(runs: pd.DataFrame) -> dict[str, str]:
    """The config keys in which the runs differ, and what to call them.

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
    last = [key.rpartition(".")[2] for key in keys]
    names = {"cell.name": "cell"}
    for key, option in zip(keys, last):
        group = key.partition(".")[0]
        names[key] = (
            group if option == "name" else key if last.count(option) > 1 or option == "seed" else option
        )
    return names


def result_keys(runs: pd.DataFrame) -> set[str]:
    """Return the config keys that define the results of these runs: as each records them, if it does."""
    recorded = runs.get("tags.rnnexp.result_keys", pd.Series(index=runs.index, dtype=object))
    keys = {key for tag in recorded.dropna() for key in tag.split(",")}
    if recorded.isna().any():
        params = {column.removeprefix("params.") for column in runs.columns if column.startswith("params.")}
        keys |= {key for key in params if not key.startswith(tuple(NOT_SETTINGS))}
    return keys


def group_names(runs: pd.DataFrame, settings: dict[str, str]) -> list[str]:
    """The configuration of each run in words: the settings that vary, and more where these do not tell.

    Runs of one `rnnexp.group_hash` have one configuration, whatever their files were called; other
    hashes are other configurations, also where only the content of a file differs.
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


def problems(runs: pd.DataFrame, finished: pd.DataFrame) -> list[str]:
    """Every run that is not in the numbers, and every seed that one group has and another has not."""
    sentences = []
    counted = set(zip(finished["group"], finished["seed"]))
    repeated = pruned = 0
    for _, run in runs.drop(finished.index).iterrows():
        if (run["group"], run["seed"]) in counted:
            repeated += 1
            continue
        if run.get("tags.rnnexp.pruned") == "true":
            pruned += 1
            continue
        why = run.get("tags.rnnexp.error")
        why = why if isinstance(why, str) and why else WHY.get(run["status"], "no reason recorded")
        folder = run.get("tags.rnnexp.folder", "")
        sentences.append(f"{run['group']}, seed {run['seed']}: {run['status']} ({why}); {folder}")
    for group, members in runs.groupby("group", sort=False):
        for seed in sorted(set(runs["seed"]) - set(members["seed"])):
            sentences.append(f"{group}, seed {seed}: missing (no such run, though others have this seed)")
    if pruned:
        sentences.append(f"{pruned} runs were pruned by a search")
    if repeated:
        sentences.append(f"{repeated} other runs: the last finished one of a configuration and seed counts")
    return sentences


def differences(finished: pd.DataFrame, settings: dict[str, str]) -> list[str]:
    """Pairs of cells: mean difference of test perplexity over paired seeds with a 95% t interval.

    All settings but the cell's and the optimizer's are equal in a pair. Where a cell was run with
    several optimizer settings, the one with the best mean validation perplexity stands for it.
    """
    sentences = []
    cell = [f"params.{key}" for key in settings if key.startswith("cell.")]
    tuned = tuned_settings(finished)
    optimizer = [f"params.{key}" for key in settings if key.startswith("optimizer.") or key in tuned]
    others = [f"params.{key}" for key in settings if f"params.{key}" not in cell + optimizer]
    for _, equal in finished.groupby([finished[key].fillna("") for key in others] or (lambda _: 0)):
        tests: dict[str, pd.Series] = {}
        for _, tried in equal.groupby([equal[key].fillna("") for key in cell]):
            best = str(tried.groupby("group")["metrics.best/valid_ppl"].mean().idxmin())
            tests[best] = tried[tried["group"] == best].set_index("seed")["metrics.test/ppl"]
        ranked = sorted(tests, key=lambda group: tests[group].mean())
        for k, better in enumerate(ranked):
            for worse in ranked[k + 1 :]:
                paired = (tests[worse] - tests[better]).dropna()
                if len(paired) > 1 and np.isfinite(paired).all():
                    sentences.append(difference(better, worse, paired))
    if len(sentences) > 1:
        sentences.append("each interval stands for itself: they are not corrected for their number")
    if tuned:
        sentences.append(budgets(finished, tuned))
    elif sentences and optimizer:
        sentences.append("a cell stands with the optimizer settings that had its best validation perplexity")
    return sentences


def tuned_settings(runs: pd.DataFrame) -> set[str]:
    """The config keys that a search chose for each cell, where it did so for all these runs."""
    tags = runs.get("tags.rnnexp.tuned", pd.Series(index=runs.index, dtype=object))
    if runs.empty or tags.isna().any():
        return set()
    return {key for tag in tags for key in tag.split(",")}


def budgets(finished: pd.DataFrame, tuned: set[str]) -> str:
    """How much each cell was tuned."""
    trials = finished.groupby("params.cell.name")["tags.rnnexp.tuning_trials"].agg(
        lambda t: "/".join(sorted(set(t)))
    )
    over = ", ".join(sorted(tuned))
    if trials.nunique() == 1:
        return f"every cell was tuned with the same budget before: {trials.iloc[0]} trials over {over}"
    each = ", ".join(f"{cell} {number}" for cell, number in trials.items())
    return f"the cells were tuned UNEQUALLY before, over {over}: {each} trials"


def difference(better: str, worse: str, paired: pd.Series) -> str:
    mean, error = paired.mean(), stats.sem(paired)
    low, high = stats.t.interval(0.95, len(paired) - 1, mean, error) if error else (mean, mean)
    return (
        f"test perplexity of {worse} minus {better}: {mean:+.3f}, 95% interval "
        f"{low:+.3f} to {high:+.3f} (paired t, {len(paired)} seeds)"
    )


def markdown(comparison: Comparison) -> str:
    """The table and the sentences below it as Markdown, aligned to be read as plain text too."""
    groups, settings = comparison.groups, comparison.settings
    columns: dict[str, list[str]] = {}
    for key, name in settings.items():
        columns[name] = [str(value) if pd.notna(value) else "-" for value in groups[key]]
    columns["runs"] = [
        str(n) if n == seeds else f"{n} of {seeds}" for n, seeds in zip(groups["runs"], groups["seeds"])
    ]
    columns["parameters"] = [number(value, ",.0f") for value in groups["num_params"]]
    columns["valid ppl"] = [spread(*pair) for pair in zip(groups["valid_mean"], groups["valid_sd"])]
    columns["test ppl"] = [spread(*pair) for pair in zip(groups["test_mean"], groups["test_sd"])]
    if groups["oracle_mean"].notna().any():
        columns["best reachable test ppl"] = [spread(mean, np.nan) for mean in groups["oracle_mean"]]
    columns["s/epoch"] = [number(value, ".2f") for value in groups["epoch_s"]]

    widths = [max(map(len, [name, *cells])) for name, cells in columns.items()]
    lines = [list(columns), ["-" * width for width in widths], *zip(*columns.values())]
    table = ["| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |" for cells in lines]
    parts = ["\n".join(table)]
    if groups["runs"].max() > 1:
        parts.append("Perplexities are mean ± standard deviation over the seeds; test with the best weights.")
    else:
        parts.append("Test perplexity is that of the best weights. One seed each: no spreads, no intervals.")
    if comparison.differences:
        parts.append("\n".join(f"- {sentence}" for sentence in comparison.differences))
    if comparison.problems:
        listed = "\n".join(f"- {sentence}" for sentence in comparison.problems)
        parts.append(f"Not in the numbers:\n\n{listed}")
    return "\n\n".join(parts) + "\n"


def number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)


def spread(mean: float, sd: float) -> str:
    """A mean and its standard deviation to four digits or so."""
    if not np.isfinite(mean):
        return "-" if pd.isna(mean) else "inf"
    digits = max(0, 3 - int(np.log10(max(mean, 1))))
    return f"{mean:.{digits}f}" + ("" if pd.isna(sd) else f" ± {sd:.{digits}f}")
