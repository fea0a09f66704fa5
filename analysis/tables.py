"""The comparison table of a study: a row a configuration, its seeds together."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

WHY = {"RUNNING": "still running, or killed without a chance to say so", "KILLED": "interrupted"}
NAMING = ["study", "tracking.", "dataset.dir", "dataset.path", "dataset.url", "dataset.cache"]  # not settings


@dataclass
class Comparison:
    """What a study shows.

    groups : one row a configuration, numbers.
    settings : the config keys that tell the groups apart, the cell first.
    finished : the runs that count, one a configuration and seed, with a column `group`.
    problems : sentences about runs that are missing, failed or left out.
    differences : sentences about pairs of cells.
    """

    groups: pd.DataFrame
    settings: list[str]
    finished: pd.DataFrame
    problems: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def compare(runs: pd.DataFrame, history: pd.DataFrame) -> Comparison:
    """Group the runs of a study by everything but the seed, and say which runs are not in the numbers."""
    runs = runs.copy()
    settings = varying_settings(runs)
    seconds = history.groupby("run_id")["epoch_s"].mean() if len(history) else pd.Series(dtype=float)
    runs["epoch_s"] = runs["run_id"].map(seconds)
    runs["group"] = [
        ", ".join(
            setting_text(key, row[f"params.{key}"]) for key in settings if pd.notna(row[f"params.{key}"])
        )
        for _, row in runs.iterrows()
    ]
    runs["seed"] = runs["params.seed"].astype(int)
    finished = runs[runs["status"] == "FINISHED"].drop_duplicates(["group", "seed"], keep="last")

    groups = []
    for group, members in runs.groupby("group", sort=False):
        done = finished[finished["group"] == group]
        row = {"group": group, **{key: members[f"params.{key}"].iloc[0] for key in settings}}
        row |= {"runs": len(done), "seeds": members["seed"].nunique()}
        row["num_params"] = members.get("metrics.num_params", pd.Series(dtype=float)).max()
        for name, metric in ("valid", "best/valid_ppl"), ("test", "test/ppl"), ("oracle", "oracle/ppl"):
            values = done.get(f"metrics.{metric}", pd.Series(dtype=float)).dropna()
            row[f"{name}_mean"] = values.mean()
            row[f"{name}_sd"] = values.std()  # of one run: missing
        row["epoch_s"] = done["epoch_s"].mean()
        groups.append(row)
    table = pd.DataFrame(groups).sort_values("test_mean", kind="stable").reset_index(drop=True)
    return Comparison(table, settings, finished, problems(runs, finished), differences(finished, settings))


def varying_settings(runs: pd.DataFrame) -> list[str]:
    """The config keys in which the runs differ, besides the seed and what only names or places things.

    The options of a cell that has no other in this study are left out: they come with the cell.
    """
    settings = ["cell.name"]
    for column in sorted(c for c in runs.columns if c.startswith("params.")):
        key = column.removeprefix("params.")
        if key in ("cell.name", "seed") or any(key.startswith(prefix) for prefix in NAMING):
            continue
        by_cell = runs.groupby("params.cell.name")[column].nunique(dropna=False)
        differs = by_cell.max() > 1 if key.startswith("cell.") else runs[column].nunique(dropna=False) > 1
        if differs:
            settings.append(key)
    return settings


def setting_text(key: str, value: str) -> str:
    return value if key == "cell.name" else f"{key.rpartition('.')[2]}={value}"


def problems(runs: pd.DataFrame, finished: pd.DataFrame) -> list[str]:
    """Every run that is not in the numbers, and every seed that one group has and another has not."""
    sentences = []
    counted = set(zip(finished["group"], finished["seed"]))
    left_out = runs.drop(finished.index)
    repeated = [(run["group"], run["seed"]) in counted for _, run in left_out.iterrows()]
    for _, run in left_out[[not again for again in repeated]].iterrows():
        why = run.get("tags.rnnexp.error")
        if not isinstance(why, str):
            why = WHY.get(run["status"], "no reason recorded")
        folder = run.get("tags.rnnexp.folder", "")
        sentences.append(f"{run['group']}, seed {run['seed']}: {run['status']} ({why}); {folder}")
    for group, members in runs.groupby("group", sort=False):
        for seed in sorted(set(runs["seed"]) - set(members["seed"])):
            sentences.append(f"{group}, seed {seed}: missing (no such run, though others have this seed)")
    if any(repeated):
        sentences.append(
            f"{sum(repeated)} other runs: the last finished one of a configuration and seed counts"
        )
    return sentences


def differences(finished: pd.DataFrame, settings: list[str]) -> list[str]:
    """Pairs of cells, all other settings equal: mean difference over paired seeds with a 95% t interval."""
    sentences = []
    others = [f"params.{key}" for key in settings if key.split(".")[0] not in ("cell", "optimizer")]
    keys = finished[others].fillna("").agg(", ".join, axis=1) if others else pd.Series("", finished.index)
    for setting, runs in finished.groupby(keys):
        tests = runs.pivot_table(index="seed", columns="group", values="metrics.test/ppl")
        best_first = tests.mean().sort_values().index
        for k, better in enumerate(best_first):
            for worse in best_first[k + 1 :]:
                paired = (tests[worse] - tests[better]).dropna()
                if len(paired) < 2:
                    continue
                mean, error = paired.mean(), stats.sem(paired)
                low, high = stats.t.interval(0.95, len(paired) - 1, mean, error) if error else (mean, mean)
                where = f" at {setting}" if setting else ""
                sentences.append(
                    f"test perplexity of {worse} minus {better}{where}: {mean:+.3f}, 95% interval "
                    f"{low:+.3f} to {high:+.3f} (paired t, {len(paired)} seeds)"
                )
    return sentences


def markdown(comparison: Comparison) -> str:
    """The table and the sentences below it as Markdown, aligned to be read as plain text too."""
    groups = comparison.groups
    with_oracle = bool(groups["oracle_mean"].notna().any())
    header = [key.rpartition(".")[2] if key != "cell.name" else "cell" for key in comparison.settings]
    header += ["runs", "parameters", "valid ppl", "test ppl"] + ["best reachable"] * with_oracle + ["s/epoch"]
    rows = []
    for _, group in groups.iterrows():
        row = [str(group[key]) if pd.notna(group[key]) else "-" for key in comparison.settings]
        row += [
            str(group["runs"]) if group["runs"] == group["seeds"] else f"{group['runs']} of {group['seeds']}"
        ]
        row += [f"{group['num_params']:,.0f}" if pd.notna(group["num_params"]) else "-"]
        row += [spread(group["valid_mean"], group["valid_sd"]), spread(group["test_mean"], group["test_sd"])]
        row += [spread(group["oracle_mean"], np.nan)] * with_oracle
        row += [f"{group['epoch_s']:.2f}" if pd.notna(group["epoch_s"]) else "-"]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(header, *rows)]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    parts = ["\n".join([line(header), line("-" * width for width in widths), *map(line, rows)])]
    parts.append("Perplexities are mean ± standard deviation over the seeds; test with the best weights.")
    if comparison.differences:
        parts.append("\n".join(f"- {sentence}" for sentence in comparison.differences))
    if comparison.problems:
        parts.append(
            "Not in the numbers:\n\n" + "\n".join(f"- {sentence}" for sentence in comparison.problems)
        )
    return "\n\n".join(parts) + "\n"


def spread(mean: float, sd: float) -> str:
    if pd.isna(mean):
        return "-"
    digits = max(0, 3 - int(np.log10(max(mean, 1))))
    return f"{mean:.{digits}f}" + ("" if pd.isna(sd) else f" ± {sd:.{digits}f}")
