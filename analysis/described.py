"""Say of each recorded run what the analysis asks of it: from MLflow's columns to those of `Study.runs`."""

import numpy as np
import pandas as pd

DONE = ("finished", "diverged")  # statuses of runs whose losses were recorded
NOTHING = ("", "null", "None")
SCORES = ("dlfs2", "neural_cache", "dynamic", "temperature", "mc_dropout")  # besides the exact one


class Recorded:
    """Read columns of recorded runs, each missing where no run has it."""

    def __init__(self, runs: pd.DataFrame):
        self.runs = runs

    def text(self, column: str) -> pd.Series:
        """Return a column of text; missing for those without a value."""
        if column not in self.runs:
            return pd.Series(None, index=self.runs.index, dtype=object)
        values = self.runs[column].astype(object)
        return values.where(values.notna() & ~values.isin(NOTHING), None)

    def number(self, *columns: str) -> pd.Series:
        """Return the first of these columns that a run has, as numbers; NaN where it has none."""
        found = pd.Series(np.nan, index=self.runs.index)
        for column in columns:
            if column in self.runs:
                found = found.fillna(pd.to_numeric(self.runs[column], errors="coerce").astype(float))
        return found


def describe(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return a row a run with the columns of `Study.runs` that depend on that run alone.

    Parameters
    ----------
    runs, history : as from `load_runs` and `load_history`.
    """
    has = Recorded(runs)
    epochs = history.groupby("run_id")
    best = has.number("metrics.best/epoch")

    def of_history(values: pd.Series) -> pd.Series:
        return runs["run_id"].map(values).astype(float)

    def of_column(column: str, statistic: str) -> pd.Series:
        if column not in history:
            return pd.Series(np.nan, index=runs.index)
        return of_history(epochs[column].agg(statistic))

    valid = np.log(has.number("metrics.best/valid_ppl")).fillna(of_column("valid/loss", "min"))
    test = has.number("metrics.test/loss").fillna(np.log(has.number("metrics.test/ppl")))
    table = pd.DataFrame(
        {
            "run_id": runs["run_id"],
            "study": runs.get("study", ""),
            "cell": has.text("params.cell.name"),
            "dataset": has.text("params.dataset.name"),
            "seed": has.number("params.seed").astype("Int64"),
            "folder": has.text("tags.rnnexp.folder"),
            "start_time": runs.get("start_time", pd.NaT),
            "data_digest": has.text("tags.rnnexp.data_digest"),
            "epochs": has.number("params.train.max_epochs"),
            "patience": has.number("params.train.patience"),
            "max_seconds": has.number("params.train.max_seconds"),
            "schedule": _schedule(runs),
            "commit": has.text("tags.rnnexp.git_commit"),
            "dirty": _truth(has.text("tags.rnnexp.git_dirty")),
            "test_loss": test,
            "test_evaluated": test.notna(),
            "parameters": has.number("metrics.num_params"),
            "lr": has.number("params.optimizer.lr"),
            "engine": has.text("tags.rnnexp.engine"),
            "threads": has.number("tags.rnnexp.threads"),
            "device": has.text("tags.rnnexp.gpu").fillna(has.text("tags.rnnexp.device")),
            "best_epoch": best,
            "last_epoch": of_column("epoch", "max"),
            "valid_loss": valid,
            "valid_ppl": perplexity(valid),
            "test_ppl": perplexity(test),
            "best_reachable": np.log(has.number("metrics.oracle/ppl")),
            "best_reachable_valid": np.log(has.number("metrics.oracle/valid_ppl")),
            "bpc": has.number("metrics.test/bpc"),
            "bpb": has.number("metrics.test/bpb"),
            "seen_loss": has.number("metrics.test/seen_loss"),
            "unseen": has.number("metrics.unseen/test"),
            "vocab_size": has.number("metrics.vocab_size"),
            **{f"ngram_{n}": has.number(f"metrics.ngram/{n}_ppl") for n in ("uniform", "unigram", "trigram")},
            **{f"{name}_loss": has.number(f"metrics.test/{name}_loss") for name in SCORES},
            "hidden_size": has.number("tags.rnnexp.hidden_size", "params.model.hidden_size"),
            "recurrent_parameters": has.number("metrics.num_params/recurrent"),
            "operations_per_token": has.number("metrics.operations_per_token"),
            "epoch_s": of_column("epoch_s", "median"),
            "epoch_cpu_s": of_column("epoch_cpu_s", "median"),
            "train_cpu_s": has.number("metrics.train_cpu_s").fillna(of_column("epoch_cpu_s", "sum")),
            "s_to_best": of_history(_seconds_to(history, runs["run_id"], best)),
            "trial": has.number("tags.rnnexp.trial"),
            "sampler": has.text("tags.rnnexp.sampler"),
            "tuned": has.text("tags.rnnexp.tuned"),
            "protocol": _protocol(has, of_column("train/sequence_loss", "max")),
        }
    )
    table["status"] = _status(has, table, of_history(_only_did_harm(history)))
    tuned, is_trial = table["tuned"].notna(), table["trial"].notna()
    table["trials"] = has.number("tags.rnnexp.tuning_trials").where(tuned, 0.0).mask(is_trial)
    table["ranges"] = has.text("tags.rnnexp.ranges").fillna(table["tuned"])
    table["tuning_seed"] = has.number("tags.rnnexp.sampler_seed").where(tuned)
    table["lr_low"] = has.number("tags.rnnexp.lr_low")
    table["lr_high"] = has.number("tags.rnnexp.lr_high")
    table["shared_machine"] = _shared(has, runs)
    return table


def perplexity(losses: pd.Series) -> pd.Series:
    """Return the perplexity of losses in nats per token; that of very large ones is infinite."""
    with np.errstate(over="ignore"):
        return np.exp(losses)


def _status(has: Recorded, table: pd.DataFrame, harmed: pd.Series) -> pd.Series:
    """Return finished, diverged, failed, pruned, running or killed.

    Diverged is what says so, what became infinite, and what only did harm.
    """
    recorded = has.runs["status"].astype(str).str.lower()
    error = has.text("tags.rnnexp.error").fillna("").astype(str)
    lost = ~np.isfinite(table["valid_loss"].fillna(np.inf)) | np.isinf(table["test_loss"])
    diverged = (has.text("tags.rnnexp.diverged") == "true") | lost | (harmed == 1)
    status = recorded.mask((recorded == "finished") & diverged, "diverged")
    status = status.mask((recorded == "failed") & error.str.startswith("Diverged"), "diverged")
    return status.mask(has.text("tags.rnnexp.pruned") == "true", "pruned")


def _only_did_harm(history: pd.DataFrame) -> pd.Series:
    """Return for each run, as 1 or 0, whether it ended above its first validation loss without having overfitted.

    This is one of the rules of `rnnexp.training.state.divergence`, for runs of a version that had none: what ends
    above equal odds is not found here.
    """
    if "valid/loss" not in history or history.empty:
        return pd.Series(dtype=float)
    runs = history.sort_values("epoch").groupby("run_id")
    rises = runs["valid/loss"].last() > runs["valid/loss"].first()
    if "train/loss" in history:
        rises &= ~(runs["train/loss"].last() < runs["valid/loss"].min())
    return rises.astype(float)


def _seconds_to(history: pd.DataFrame, run_ids: pd.Series, best: pd.Series) -> pd.Series:
    """Return the wall seconds of each run's epochs up to its best."""
    if "epoch_s" not in history:
        return pd.Series(dtype=float)
    until = history["run_id"].map(dict(zip(run_ids, best)))
    return history[history["epoch"] <= until].groupby("run_id")["epoch_s"].sum()


def _schedule(runs: pd.DataFrame) -> pd.Series:
    """Return the schedule of the learning rate with its options, as text; with max_steps where that ends a run."""
    has = Recorded(runs)
    name = has.text("params.schedule.name")
    for column in sorted(map(str, runs)):
        if not column.startswith("params.schedule.") or column == "params.schedule.name":
            continue
        option = has.text(column)
        name = name.where(option.isna(), name + f" {column.rpartition('.')[2]}=" + option)
    steps = has.text("params.train.max_steps")
    return name.where(steps.isna(), name.fillna("") + " max_steps=" + steps)


def _protocol(has: Recorded, sequence_loss: pd.Series) -> pd.Series:
    """Return how validation and test are scored: every token once, or in streams side by side.

    Runs that do not record it scored both alike.
    """
    streams = has.number("params.train.eval_streams")
    exact = (streams == 1) | sequence_loss.notna()  # sequences are scored one by one, whatever the streams
    named = streams.map(lambda n: f"{n:.0f} streams" if n == n else None).astype(object)
    tests_exactly = ~exact & has.text("tags.rnnexp.test_protocol").eq("exact")
    return named.mask(exact, "exact").where(~tests_exactly, named + " (test: exact)")


def _truth(values: pd.Series) -> pd.Series:
    """Return "true" as True, other text as False, and nothing as nothing."""
    return values.map(lambda value: value if value is None else value == "true").astype(object)


def _shared(has: Recorded, runs: pd.DataFrame) -> pd.Series:
    """Return whether other work ran beside each run; nothing where that was not recorded.

    Other work is a run of these studies at the same time, on the same kind of processor, or the load of
    the minute before the run began.
    """
    load = has.number("tags.rnnexp.load")
    busy = load > has.number("tags.rnnexp.threads").fillna(1) + 0.5
    beside = pd.Series(False, index=runs.index)
    if {"start_time", "end_time"} <= set(runs):
        for _, same in runs.groupby(has.text("tags.rnnexp.cpu").fillna("")):
            ordered = same[same["end_time"].notna()].sort_values("start_time")
            if ordered.empty:
                continue
            begin = ordered["start_time"]
            before = ordered["end_time"].cummax().shift() > begin
            after = begin.shift(-1) < ordered["end_time"]
            beside[ordered.index] = before | after
    return (busy | beside).astype(object).where(load.notna() | beside, None)
