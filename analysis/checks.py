"""Name every run of a study that is not in the numbers, and say why."""

import pandas as pd

REASONS = {"RUNNING": "still running, or killed without a chance to say so", "KILLED": "interrupted"}


def runs_without_config(runs: pd.DataFrame) -> pd.Series:
    """Return, for each run, whether it ended before it recorded its config."""
    return runs["params.seed"].isna() | runs["params.cell.name"].isna()


def describe_missing(runs: pd.DataFrame, finished: pd.DataFrame) -> list[str]:
    """Return a sentence for every run that does not count, and for every seed that a group lacks.

    Parameters
    ----------
    runs : all of them, with `group` and `seed`.
    finished : those of them that count.
    """
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
        reason = run.get("tags.rnnexp.error")
        if not isinstance(reason, str) or not reason:
            reason = REASONS.get(run["status"], "no reason recorded")
        folder = run.get("tags.rnnexp.folder", "")
        sentences.append(f"{run['group']}, seed {run['seed']}: {run['status']} ({reason}); {folder}")
    for group, members in runs.groupby("group", sort=False):
        for seed in sorted(set(runs["seed"]) - set(members["seed"])):
            sentences.append(f"{group}, seed {seed}: missing (no such run, though others have this seed)")
    if pruned:
        sentences.append(f"{pruned} runs were pruned by a search")
    if repeated:
        sentences.append(f"{repeated} other runs: the last finished one of a configuration and seed counts")
    return sentences
