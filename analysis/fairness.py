"""Check whether runs may be compared: a light a question, with a sentence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.described import DONE

OK, STATED, REFUSED = "ok", "stated", "refused"

# what `lights` reads, a row a run; what is absent, or empty where a value is due, is "not recorded"
COLUMNS = {
    "configuration": "its name; needed",
    "seed": "of the run; needed",
    "status": "finished, diverged, failed or pruned; needed",
    "reported": "whether it is in the numbers; trials are not (absent: every run is)",
    "data_digest": "of the data set",
    "trials": "that tuned its configuration, 0 for untuned",
    "ranges": "that these searched, as text; empty for untuned",
    "alternatives": "settings of which it is the best by validation; empty for tuned",
    "epochs": "allowed",
    "patience": "of stopping early; empty for none",
    "schedule": "of the learning rate; empty for none",
    "max_seconds": "of training; empty for no limit",
    "commit": "of the code",
    "dirty": "whether the code had changes beyond its commit",
    "test_loss": "nats per token",
    "test_evaluated": "whether the run looked at the test split",
    "parameters": "of the model",
    "lr": "learning rate",
    "lr_low": "end of the range it was searched in; empty for untuned",
    "lr_high": "the other end",
    "engine": "of the arithmetic",
    "threads": "of the arithmetic",
    "device": "cpu or a GPU's name",
    "tuning_seed": "of the trials; empty for untuned",
    "best_epoch": "of the best validation loss",
    "last_epoch": "that was run, counted alike",
    "shared_machine": "whether other work ran beside it",
}
BUDGET = {  # what must be equal, and what is said where it is not
    "trials": "unequal numbers of trials",
    "ranges": "different ranges were searched",
    "alternatives": "the best of unequal numbers of settings",
}
MOST_APART = 0.02  # of parameters
OUTER = 0.1  # of a range, at each end
SAME_RESULT = 1e-6  # of a loss: engines round differently
LEAST_RUNS = 3


@dataclass(frozen=True)
class Light:
    """Hold the answer to one question of fairness."""

    name: str
    level: str
    sentence: str

    def __str__(self) -> str:
        """Return the answer after its question, where it does not open with that itself."""
        return self.sentence if self.sentence.startswith(self.name) else f"{self.name}: {self.sentence}"


@dataclass(frozen=True)
class Check:
    """Ask a question of fairness: hold what it reads, of which runs, and how it answers."""

    name: str
    answer: Callable[[pd.DataFrame], tuple[str, str]]
    needs: tuple[str, ...] = ()
    may_be_empty: tuple[str, ...] = ()
    runs: str = "finished"  # of those reported; or "repeats": these and what they replaced; "reported"; "all"


def lights(runs: pd.DataFrame) -> list[Light]:
    """Return a light for every question, those that can refuse a verdict first.

    Parameters
    ----------
    runs : the runs of the configurations that are compared with each other, with `COLUMNS`.
    """
    if absent := [column for column in ("configuration", "seed", "status") if column not in runs]:
        raise ValueError(f"the table of runs has no column {', '.join(absent)}")
    return [light(check, runs) for check in CHECKS]


def refusals(lights: Iterable[Light]) -> list[Light]:
    """Return the lights that allow no verdict."""
    return [light for light in lights if light.level == REFUSED]


def light(check: Check, runs: pd.DataFrame) -> Light:
    """Return the answer to one question; what is not recorded is stated, never passed as fair."""
    if absent := [column for column in check.needs + check.may_be_empty if column not in runs]:
        return Light(check.name, STATED, f"not recorded: {', '.join(absent)}")
    chosen = asked(runs, check.runs)
    known = chosen.dropna(subset=list(check.needs))
    if known.empty:
        return Light(check.name, STATED, "not recorded" if len(chosen) else "no finished run to ask")
    level, sentence = check.answer(known)
    if missing := len(chosen) - len(known):
        note = f"not recorded for {missing} of {len(chosen)} runs: {', '.join(check.needs)}"
        level, sentence = (STATED, note) if level == OK else (level, f"{sentence}; {note}")
    return Light(check.name, level, sentence)


def asked(runs: pd.DataFrame, which: str) -> pd.DataFrame:
    """Return the runs that a check asks, as `Check.runs` says."""
    if which == "all":
        return runs
    is_reported = runs["reported"] == True if "reported" in runs else pd.Series(True, index=runs.index)  # noqa: E712  empty is not reported
    if which == "reported":
        return runs[is_reported]
    finished = runs["status"] == "finished"
    if which == "finished":
        return runs[is_reported & finished]
    own = pd.MultiIndex.from_frame(runs[["configuration", "seed"]])
    return runs[finished & own.isin(own[is_reported & finished])]


def _data(runs: pd.DataFrame) -> tuple[str, str]:
    if runs["data_digest"].nunique() > 1:
        return REFUSED, f"different data: {each(runs, 'data_digest')}"
    return OK, "all runs read the same data"


def _budget(runs: pd.DataFrame) -> tuple[str, str]:
    for column, wrong in BUDGET.items():
        if runs[column].nunique(dropna=False) > 1:
            return REFUSED, f"{wrong}: {each(runs, column)}"
    trials, settings = (_plain(runs[column].iloc[0]) for column in ("trials", "alternatives"))
    untuned = f"no search recorded; settings tried of each: {settings}"
    return OK, untuned if trials == "0" else f"{trials} trials each"


def _training(runs: pd.DataFrame) -> tuple[str, str]:
    """Compare the settings of how long to train: seconds where those are the limit, else epochs."""
    limited = runs["max_seconds"].notna().any()
    settings = ["max_seconds"] if limited else ["epochs", "patience", "schedule"]
    unequal = [setting for setting in settings if runs[setting].nunique(dropna=False) > 1]
    if unequal:
        return REFUSED, "; ".join(f"unequal {setting}: {each(runs, setting)}" for setting in unequal)
    return OK, f"equal {', '.join(settings)}"


def _runs(runs: pd.DataFrame) -> tuple[str, str]:
    finished = (runs["status"] == "finished").groupby(runs["configuration"]).sum()
    few = finished[finished < LEAST_RUNS]
    if len(few):
        each = ", ".join(f"{as_one(str(name))} {number}" for name, number in few.items())
        return REFUSED, f"fewer than {LEAST_RUNS} finished runs: {each}"
    return OK, f"{finished.min()} finished runs each or more"


def _diverged(runs: pd.DataFrame) -> tuple[str, str]:
    ended = runs[runs["status"].isin(DONE)]["configuration"].value_counts().to_dict()
    diverged = runs[runs["status"] == "diverged"]["configuration"].value_counts().sort_index()
    if len(diverged):
        each = ", ".join(f"{as_one(str(one))} in {n} of {ended[one]} runs" for one, n in diverged.items())
        return REFUSED, f"diverged: {each}; compare these rates, not losses"
    return OK, "no run diverged"


def _commits(runs: pd.DataFrame) -> tuple[str, str]:
    same = runs.groupby(["configuration", "seed"], sort=False)
    table = same.agg(commits=("commit", "nunique"), low=("test_loss", "min"), high=("test_loss", "max"))
    other = table[(table["commits"] > 1) & (table["high"] - table["low"] > SAME_RESULT * table["low"])]
    if len(other):
        name, seed = other.index[0]
        return REFUSED, f"{as_one(name)}, seed {seed}: different results from different commits"
    reported = asked(runs, "finished")
    number = reported["commit"].nunique()
    stated = [f"runs of {number} commits"] if number > 1 else []
    if changed := int(reported["dirty"].astype(bool).sum()):
        stated.append(f"{changed} of {len(reported)} runs by code with changes beyond its commit")
    return (STATED, ", ".join(stated)) if stated else (OK, "all runs are of one commit")


def _parameters(runs: pd.DataFrame) -> tuple[str, str]:
    apart = runs["parameters"].max() / runs["parameters"].min() - 1
    if apart > MOST_APART:
        return STATED, f"parameters are apart by {100 * apart:.1f}%: {each(runs, 'parameters')}"
    return OK, f"parameters are within {100 * apart:.1f}%"


def _rate(runs: pd.DataFrame) -> tuple[str, str]:
    """Look where in its range, on a scale of logarithms, each learning rate stands."""
    searched = runs.dropna(subset=["lr_low", "lr_high"])
    if searched.empty:
        if runs["ranges"].astype(str).str.contains(r"\blr\b").any():
            return STATED, "not recorded: the range in which the learning rate was searched"
        return OK, "no learning rate was searched"
    low, high, lr = (np.log(searched[key].astype(float)) for key in ("lr_low", "lr_high", "lr"))
    place = (lr - low) / (high - low)
    outer = searched[(place < OUTER) | (place > 1 - OUTER)]
    if len(outer):
        return STATED, f"the best learning rate is in the outer tenth of its range: {each(outer, 'lr')}"
    return OK, "the best learning rates are well within their ranges"


def _machines(runs: pd.DataFrame) -> tuple[str, str]:
    mixed = [
        f"{key}: {', '.join(sorted({_plain(value) for value in runs[key]}))}"
        for key in ("engine", "threads", "device")
        if runs[key].nunique() > 1
    ]
    return (STATED, f"mixed {'; '.join(mixed)}") if mixed else (OK, "one engine, one number of threads")


def _tuning_seed(runs: pd.DataFrame) -> tuple[str, str]:
    reused = runs[runs["tuning_seed"] == runs["seed"]]
    if len(reused):
        return STATED, f"the seed of tuning is among the final seeds: {each(reused, 'seed')}"
    return OK, "no final seed was used in tuning"


def _test(runs: pd.DataFrame) -> tuple[str, str]:
    looked = runs[runs["test_evaluated"].astype(bool)]
    reported = int(looked["reported"].astype(bool).sum())
    said = f"the test split was evaluated in {len(looked)} runs, of which {reported} are reported"
    return (STATED, said) if len(looked) > reported else (OK, "only reported runs looked at the test split")


def _seeds(runs: pd.DataFrame) -> tuple[str, str]:
    ended = runs[runs["status"].isin(DONE)]
    lacking = []
    for name in runs["configuration"].unique():
        own = ended[ended["configuration"] == name]["seed"]
        if missing := sorted(set(runs["seed"]) - set(own)):
            lacking.append(f"{as_one(name)} {', '.join(_plain(seed) for seed in missing)}")
    return (STATED, f"seeds missing: {'; '.join(lacking)}") if lacking else (OK, "no seed is missing")


def _cut_off(runs: pd.DataFrame) -> tuple[str, str]:
    cut = runs[runs["best_epoch"] >= runs["last_epoch"]]
    said = f"the best epoch is the last in {len(cut)} of {len(runs)} runs ({_names(cut)})"
    return (STATED, said) if len(cut) else (OK, "every run was past its best epoch")


def _untuned(runs: pd.DataFrame) -> tuple[str, str]:
    untuned = runs[runs["trials"] == 0]
    said = f"no search recorded here chose the settings of {_names(untuned)}"
    return (STATED, said) if len(untuned) else (OK, "every configuration was tuned")


def _pruned(runs: pd.DataFrame) -> tuple[str, str]:
    pruned = int((runs["status"] == "pruned").sum())
    return (STATED, f"pruned runs: {pruned}") if pruned else (OK, "no run was pruned")


def _times(runs: pd.DataFrame) -> tuple[str, str]:
    shared = int(runs["shared_machine"].astype(bool).sum())
    said = f"{shared} of {len(runs)} runs shared the machine"
    return (STATED, said) if shared else (OK, "every run had the machine to itself")


CHECKS = [
    Check("data", _data, ("data_digest",)),
    Check("budget", _budget, ("trials",), ("ranges", "alternatives")),
    Check("training", _training, ("epochs",), ("patience", "schedule", "max_seconds")),
    Check("runs", _runs, runs="reported"),
    Check("diverged", _diverged, runs="reported"),
    Check("commits", _commits, ("commit", "dirty", "test_loss"), runs="repeats"),
    Check("parameters", _parameters, ("parameters",)),
    Check("learning rate", _rate, ("lr",), ("lr_low", "lr_high", "ranges")),
    Check("machines", _machines, ("engine", "threads", "device")),
    Check("tuning seed", _tuning_seed, (), ("tuning_seed",)),
    Check("test split", _test, ("test_evaluated", "reported"), runs="all"),
    Check("seeds", _seeds, runs="reported"),
    Check("cut off", _cut_off, ("best_epoch", "last_epoch")),
    Check("untuned", _untuned, ("trials",)),
    Check("pruned", _pruned, ("reported",), runs="all"),
    Check("times", _times, ("shared_machine",)),
]


def each(runs: pd.DataFrame, column: str, by: str = "configuration") -> str:
    """Return the values of a column by configuration: "gru 7, lstm 20"."""
    values = runs.groupby(by)[column].agg(lambda own: "/".join(sorted({_plain(value) for value in own})))
    return ", ".join(f"{as_one(str(name))} {value}" for name, value in values.items())


def _names(runs: pd.DataFrame) -> str:
    """Return the configurations of runs, in their order."""
    return ", ".join(as_one(str(name)) for name in runs["configuration"].unique())


def _plain(value: object) -> str:
    """Return a value in few characters: whole numbers without a point, none for what is empty."""
    if pd.isna(value):  # type: ignore[call-overload]
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
