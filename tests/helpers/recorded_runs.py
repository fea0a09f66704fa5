"""Make records by hand, as `analysis.records` reads them."""

import pandas as pd

NO_HISTORY = pd.DataFrame(columns=["run_id", "epoch", "epoch_s"])


def runs_table(*rows):
    """Return records as MLflow gives them; a row is (cell, seed, status, test perplexity, what else is special).

    Validation perplexity is twice that of test, the best reachable half.
    """
    table = []
    for number, (cell, seed, status, ppl, special) in enumerate(rows):
        settings = {"cell.name": cell, "seed": str(seed), "study": "s", "dataset.dir": "x"}
        settings |= {"optimizer.name": "sgd", "schedule.name": "plateau", "dataset.name": "text"}
        settings |= {"optimizer.lr": "1"} | special
        tags = {"rnnexp.group_hash": settings.pop("hash", None), "rnnexp.folder": f"runs/{number}"}
        metrics = {
            "test/ppl": ppl,
            "best/valid_ppl": 2 * ppl,
            "oracle/ppl": ppl / 2,
            "oracle/valid_ppl": ppl / 3,
            "num_params": 7,
        }
        table.append(
            {"run_id": str(number), "status": status}
            | {f"params.{key}": value for key, value in settings.items()}
            | {f"tags.{key}": value for key, value in tags.items()}
            | {f"metrics.{key}": value for key, value in metrics.items()}
        )
    return pd.DataFrame(table)


def finished(*rows):
    """Return both seeds of each (cell, test perplexity of seed 0, special)."""
    return runs_table(
        *((cell, seed, "FINISHED", ppl + seed, special) for cell, ppl, special in rows for seed in (0, 1))
    )
