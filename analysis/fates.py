"""Say of every run of a study that is not in the numbers why it is not."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.described import DONE

REASONS = {
    "running": "still running, or killed without a chance to say so",
    "killed": "interrupted",
    "failed": "failed",
    "pruned": "pruned by a search, which it fell behind",
    "scheduled": "not begun",
}


def runs_without_config(runs: pd.DataFrame) -> pd.Series:
    """Return, for each run, whether it ended before it recorded its config."""
    missing = pd.Series(None, index=runs.index, dtype=object)
    return runs.get("params.seed", missing).isna() | runs.get("params.cell.name", missing).isna()


def roles(table: pd.DataFrame) -> pd.Series:
    """Return what each run is: "final", "trial", "superseded" or "no config".

    Of a configuration and seed one run is final: the last of those that ended, or else the last.

    Parameters
    ----------
    table : in the order in which the runs started; with `configuration seed status trial`.
    """
    role = pd.Series("final", index=table.index)
    role[table["configuration"] == ""] = "no config"
    role[table["trial"].notna() | (table["status"] == "pruned")] = "trial"
    final = table[role == "final"]
    ordered = final.assign(done=final["status"].isin(DONE)).sort_values("done", kind="stable")
    chosen = ordered.drop_duplicates(["configuration", "seed"], keep="last").index
    role[final.index.difference(chosen)] = "superseded"
    return role


def fates(table: pd.DataFrame, errors: pd.Series) -> pd.Series:
    """Return a sentence for every run that is not in the numbers; empty for those that are.

    Parameters
    ----------
    table : with `role status configuration seed trial`.
    errors : what the runs said when they failed; missing where nothing.
    """
    finals = table[table["role"] == "final"]
    status_of = dict(zip(zip(finals["configuration"], finals["seed"]), finals["status"]))
    sentences = []
    columns = ("role", "status", "configuration", "seed", "trial")
    for role, status, name, seed, trial, error in zip(*(table[c] for c in columns), errors):
        reason = REASONS.get(status, "")
        if isinstance(error, str) and error and status in ("failed", "diverged"):
            reason = f"{status} ({error})"
        elif status == "diverged":
            reason = "diverged"
        if role == "no config":
            sentence = f"died before it recorded its config{_after(reason)}"
        elif role == "trial":
            number = f"trial {trial:.0f} of a search" if pd.notna(trial) else "trial of a search"
            sentence = f"{number}, not a final run{_after(reason)}"
        elif role == "superseded" and status in DONE:
            sentence = "a later run of this configuration and seed counts instead"
        elif role == "superseded":
            ended = (
                "a run that ended counts instead" if status_of[name, seed] in DONE else "it was tried again"
            )
            sentence = f"{reason}; {ended}"
        elif status == "diverged":
            sentence = f"{reason}: counts as diverged, its losses are in no mean"
        else:
            sentence = reason
        sentences.append(sentence)
    return pd.Series(sentences, index=table.index, dtype=object)


def left_deleted(runs: pd.DataFrame) -> list[str]:
    """Return a sentence that names the runs which somebody has deleted in MLflow; none where there are none."""
    names = [str(name) for name in runs.get("tags.mlflow.runName", runs["run_id"])]
    if not names:
        return []
    return [f"deleted in MLflow by hand, and in no number: {', '.join(names)} ({len(names)})"]


def folders_of(runs: pd.DataFrame) -> set[Path]:
    """Return the run folders of recorded runs, as far as they were recorded."""
    return {Path(folder).absolute() for folder in runs.get("tags.rnnexp.folder", pd.Series()).dropna()}


def unrecorded(known: set[Path], deleted: set[Path], studies: Sequence[str]) -> list[str]:
    """Return a sentence for each run folder of these studies beside known ones that the store has never had.

    Parameters
    ----------
    known : folders of the recorded runs.
    deleted : folders of those that were deleted in the store.
    """
    wanted = {f"study: {name}" for name in studies}
    beside = {path for place in {folder.parent for folder in known} for path in place.glob("*/config.yaml")}
    return [
        f"{path}: a run folder of which the store knows nothing; rnnexp sync {path} brings it there"
        for path in sorted({file.parent for file in beside} - known - deleted)
        if wanted & set((path / "config.yaml").read_text(encoding="utf-8").splitlines())
    ]


def _after(reason: str) -> str:
    return f": {reason}" if reason else ""
