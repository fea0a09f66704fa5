"""Draw learning curves on axes that the caller has made, for a notebook or a slide of their own."""

import pandas as pd
from matplotlib.axes import Axes

from rnnexp.analysis.figures.curve_data import curves, seconds_column
from rnnexp.analysis.figures.curve_lines import draw_curve, longest, set_limits, with_count
from rnnexp.analysis.figures.learning import X_LABELS, Y_LABELS
from rnnexp.analysis.figures.style import looks
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.errors import UserError

SKIPPED = 1 / 8  # of the epochs, whose fall from the first weights would squeeze the rest


def draw_curves_on(
    axes: Axes, runs: pd.DataFrame, history: pd.DataFrame, measure: str = "valid/loss", over: str = "epoch"
) -> Axes:
    """Draw every seed thin, their means thick, and the bands of these from three seeds on; return the axes.

    Parameters
    ----------
    runs, history : of a study.
    measure, over : what is drawn, over what; see `curves`.

    Raises
    ------
    UserError where that is not recorded.
    """
    found = curves(runs, history, measure, over)
    if not found:
        raise UserError(f"{measure} over {over} is not recorded of any of these runs")
    set_limits(axes, found, measure == "grad_norm", SKIPPED)
    plain_axis(axes.xaxis, whole=over == "epoch", most=6)
    plain_axis(axes.yaxis, log=measure == "grad_norm")
    look = looks(runs)
    for place, curve in enumerate(found):
        draw_curve(axes, curve, look[curve.name], longest(found), shift=place / len(found))
        axes.plot([], [], label=with_count(curve), **look[curve.name].line())
    axes.set(
        xlabel=X_LABELS[seconds_column(history) if over == "seconds" else over],
        ylabel=Y_LABELS.get(measure, measure),
    )
    axes.legend(frameon=False)
    return axes
