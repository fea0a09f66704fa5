"""Studies made by hand, as a store would give them: nothing is trained."""

import numpy as np
import pandas as pd

from rnnexp.analysis.study import make_study
from rnnexp.analysis.verdict import Rules

DATES = pd.date_range("2026-01-05", periods=3000, freq="min", tz="UTC")
NOISE = np.random.default_rng(7).standard_normal(3000)


class Store:
    """Collects runs and their epochs."""

    def __init__(self, study="cells"):
        self.study, self.runs, self.epochs = study, [], []

    def add(self, cell, seed, loss=1.30, *, epochs=6, status="FINISHED", params=(), metrics=(), tags=()):
        """Add a run whose test loss is about `loss` nats; `params` and the rest change what it records."""
        number = len(self.runs)
        run_id = f"run{number:04}"
        test = loss + 0.002 * NOISE[number]
        recorded = {
            "run_id": run_id,
            "experiment_id": "1",
            "study": self.study,
            "status": status,
            "start_time": DATES[number],
            "end_time": DATES[number] + pd.Timedelta(seconds=50),
        }
        recorded |= prefixed("params", {
            "seed": str(seed), "cell.name": cell, "dataset.name": "grammar", "model.hidden_size": "100",
            "optimizer.name": "sgd", "optimizer.lr": "8.0", "train.max_epochs": str(epochs), "train.patience": "3",
            "schedule.name": "constant", "train.eval_streams": "1",
        } | dict(params))  # fmt: skip
        keys = [key.removeprefix("params.") for key in recorded if key.startswith("params.")]
        recorded |= prefixed("metrics", {
            "test/loss": test, "test/ppl": np.exp(test), "best/valid_ppl": np.exp(test + 0.01),
            "best/epoch": float(epochs - 1), "num_params": 77_787.0 if cell == "lstm" else 78_215.0,
            "num_params/recurrent": 40_000.0, "oracle/ppl": np.exp(1.25),
        } | dict(metrics))  # fmt: skip
        recorded |= prefixed("tags.rnnexp", {
            "version": "1.0.0", "git_commit": "a" * 40, "git_dirty": "false", "python": "3.11.2", "numpy": "2.4.6",
            "engine": "numpy", "threads": "1", "device": "cpu", "load": "0.10", "cpu": "a processor",
            "data_digest": "feed" * 4, "folder": f"runs/{self.study}/{cell}-{seed}-{number}", "error": "",
            "result_keys": ",".join(keys),
        } | dict(tags))  # fmt: skip
        self.runs.append(recorded)
        for epoch in range(1, epochs + 1):
            self.epochs.append({
                "run_id": run_id, "epoch": epoch, "valid/loss": test + 0.01 + 1.5 * np.exp(-epoch / 1.5),
                "train/loss": test + 1.6 * np.exp(-epoch / 1.5), "lr": 8.0, "grad_norm": 0.3 * np.exp(-epoch / 5),
                "tokens": 60_000.0 * epoch, "epoch_s": 2.1, "epoch_cpu_s": 2.0,
            })  # fmt: skip
        return self

    def load(self, baseline="", rules=None):
        """The study, as `load_study` gives it."""
        history = pd.DataFrame(self.epochs) if self.epochs else pd.DataFrame(columns=["run_id", "epoch"])
        return make_study([self.study], pd.DataFrame(self.runs), history, baseline, rules or Rules())


def prefixed(prefix, values):
    return {f"{prefix}.{key}": value for key, value in values.items()}


def of_seeds(seeds, cells=("lstm", "gru"), gap=0.03):
    """A study of cells whose losses lie `gap` nats apart, with so many seeds each."""
    store = Store()
    for place, cell in enumerate(cells):
        for seed in range(seeds):
            store.add(cell, seed, 1.30 + gap * place)
    return store


def tuned(seeds=10):
    """A study of characters with all there is: random trials over the rate for each cell, then seeds of the best."""
    store = Store("tuned")
    for cell, loss in (("lstm", 1.30), ("gru", 1.33)):
        for trial in range(12):
            rate = 2.0 ** (trial / 2)
            settings = {"optimizer.lr": f"{rate:g}"}
            how = {"trial": str(trial), "sampler": "random", "diverged": "true" if trial == 11 else "false"}
            store.add(cell, 0, loss + 0.01 * abs(np.log2(rate / 8)), params=settings, tags=how)
        for seed in range(1, seeds + 1):
            search = {
                "tuned": "optimizer.lr",
                "tuning_trials": "12",
                "ranges": "lr 1 to 45",
                "sampler_seed": "0",
            }
            search |= {"lr_low": "1", "lr_high": "45"}
            store.add(cell, seed, loss, tags=search, metrics={"test/bpc": loss / np.log(2)})
    return store


def grid():
    """48 jobs: two cells, four widths, two rates, three seeds."""
    store = Store("grid")
    for cell, loss in (("lstm", 1.30), ("gru", 1.33)):
        for k, hidden in enumerate(("50", "100", "150", "200")):
            for rate in ("4.0", "8.0"):
                for seed in range(3):
                    settings = {"model.hidden_size": hidden, "optimizer.lr": rate}
                    better = 0.01 * k + (0.005 if rate == "8.0" else 0)
                    store.add(cell, seed, loss - better, params=settings)
    return store
