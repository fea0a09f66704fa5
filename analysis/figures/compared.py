"""Draw what `analysis.compare` shows, from its own tables."""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.comparison import Comparison
from analysis.figures.learning import draw_curves
from analysis.figures.picture import DPI
from analysis.figures.style import styled


def draw_learning_curves(comparison: Comparison, history: pd.DataFrame, title: str, path: Path) -> None:
    """Draw the learning curves of the runs that count in a comparison; `history` has `valid/ppl`."""
    finished = comparison.finished
    best = finished.get("metrics.oracle/valid_ppl", pd.Series(np.nan, index=finished.index))
    runs = pd.DataFrame(
        {
            "run_id": finished["run_id"],
            "configuration": finished["group"],
            "cell": finished["params.cell.name"],
            "status": np.where(np.isfinite(finished["metrics.best/valid_ppl"]), "finished", "diverged"),
            "valid_loss": np.log(finished["metrics.best/valid_ppl"]),
            "dataset": finished["params.dataset.name"],
            "best_reachable_valid": np.log(best),
        }
    )
    picture = draw_curves(runs, history.assign(**{"valid/loss": np.log(history["valid/ppl"])}))
    picture.heading = title
    with styled():
        picture.savefig(path, dpi=DPI)
