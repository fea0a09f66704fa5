"""The tables of a study, made by hand: runs, their history, and trials."""

import numpy as np
import pandas as pd

CELLS = ("lstm", "gru", "rnn", "cifg")


def study(configurations=6, seeds=5, epochs=40, cells=3, *, diverged=True, stopped=True):
    """Return runs and history: of each cell as many configurations, which differ in dropout and width.

    The first seed of the last configuration diverged; the last seed of the first stopped early.
    """
    random = np.random.default_rng(0)
    runs, history = [], []
    for number in range(configurations):
        cell = CELLS[number % cells]
        more = number // cells
        name = (
            cell
            if configurations == cells
            else f"{cell} dropout={0.1 * (more % 4):.1f} hidden_size={100 + 50 * (more // 4)}"
        )
        for seed in range(1, seeds + 1):
            run_id = f"{number}-{seed}"
            is_bad = diverged and number == configurations - 1 and seed == 1
            length = max(epochs - 6, 1) if stopped and number == 0 and seed == seeds else epochs
            final = 4.55 + 0.05 * (number % cells) + 0.012 * more + 0.012 * random.standard_normal()
            epoch = np.arange(1, length + 1)
            loss = (
                final + 1.5 * np.exp(-epoch / (4 + number % cells)) + 0.004 * random.standard_normal(length)
            )
            if is_bad:
                loss = np.where(epoch < 8, loss, 6 + 3.0 ** np.minimum(epoch - 8, 20))
                loss[20:] = np.inf
            hidden = 100 + 50 * (more // 4)
            parameters = {"lstm": 4, "gru": 3, "rnn": 1, "cifg": 3}[cell] * (
                hidden * 200 + hidden**2
            ) + 100_000
            runs.append(
                {
                    **{
                        "run_id": run_id,
                        "study": "s",
                        "configuration": name,
                        "cell": cell,
                        "dataset": "grammar",
                    },
                    **{"seed": seed, "status": "diverged" if is_bad else "finished", "reported": True},
                    **{"valid_loss": np.inf if is_bad else loss.min(), "test_loss": loss.min() - 0.03},
                    **{"best_reachable": 4.41, "hidden_size": hidden, "parameters": parameters},
                    **{"recurrent_parameters": parameters - 100_000, "operations_per_token": 2 * parameters},
                    **{"lr": 8.0, "trial": np.nan, "sampler": None, "train_cpu_s": 2.5 * length},
                }
            )
            seconds = (2.0 + 0.2 * (number % cells)) * (1 + 0.05 * random.random(length))
            history.append(
                pd.DataFrame(
                    {
                        **{"run_id": run_id, "epoch": epoch, "valid/loss": loss, "train/loss": loss - 0.1},
                        **{
                            "grad_norm": 0.3
                            * np.exp(-epoch / 15)
                            * np.exp(0.1 * random.standard_normal(length))
                        },
                        **{"tokens": 60_000 * epoch, "epoch_s": seconds * 1.5, "epoch_cpu_s": seconds},
                    }
                )
            )
    return pd.DataFrame(runs), pd.concat(history, ignore_index=True)


def trials(number=24, cells=3, sampler="random"):
    """Return the trials of a search over the learning rate and dropout, a few of which failed."""
    random = np.random.default_rng(1)
    rows = []
    for c, cell in enumerate(CELLS[:cells]):
        for trial in range(number):
            lr, dropout = (
                float(np.exp(random.uniform(np.log(0.1), np.log(30)))),
                float(random.uniform(0, 0.6)),
            )
            loss = 4.5 + 0.05 * c + 0.05 * np.log(lr / (8 - 2 * c)) ** 2 + 0.3 * (dropout - 0.2) ** 2
            status = (
                "diverged" if lr > 20 else "failed" if trial == 3 else "pruned" if trial == 5 else "finished"
            )
            rows.append(
                {
                    **{"run_id": f"t{cell}{trial}", "configuration": f"{cell} lr={lr:.3g}", "cell": cell},
                    **{"dataset": "grammar", "seed": 0, "status": status, "reported": False, "trial": trial},
                    **{"valid_loss": np.nan if status == "failed" else loss, "lr": lr, "dropout": dropout},
                    "sampler": sampler,
                }
            )
    return pd.DataFrame(rows)
