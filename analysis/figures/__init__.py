"""Draw the figures of a study: functions from plain tables to a `Picture`, a matplotlib figure with its words.

style        one colour, dash and marker a cell
picture      holds a figure with its heading and description, and writes it
ticks labels rows    plain ticks; names at the ends of lines; figures with a row for each thing named
select       which runs a figure shows; `curve_data` and `curve_lines` make curves of their history
differences  how far apart configurations are
seeds        every run, and how many diverged
learning     learning curves over epochs, seconds and tokens; gradient norms
cost         loss over what it costs, with the Pareto front
tuning       the best of n trials, learning rates, which settings matter
gaps         which kinds of tokens a gap comes from
ablation challenge compared   the figures of these commands
"""

from rnnexp.analysis.figures.ablation import draw_ablation
from rnnexp.analysis.figures.challenge import CHALLENGE_AXES, draw_challenge
from rnnexp.analysis.figures.compared import draw_learning_curves
from rnnexp.analysis.figures.cost import draw_pareto
from rnnexp.analysis.figures.differences import draw_differences
from rnnexp.analysis.figures.gaps import draw_excess, draw_gap
from rnnexp.analysis.figures.learning import draw_costs, draw_curves, draw_gradient_norms
from rnnexp.analysis.figures.picture import Picture, markup, save
from rnnexp.analysis.figures.seeds import draw_divergence, draw_seeds
from rnnexp.analysis.figures.tuning import draw_best_of_n, draw_importances, draw_learning_rates

__all__ = [
    "CHALLENGE_AXES",
    "Picture",
    "draw_ablation",
    "draw_best_of_n",
    "draw_challenge",
    "draw_costs",
    "draw_curves",
    "draw_differences",
    "draw_divergence",
    "draw_excess",
    "draw_gap",
    "draw_gradient_norms",
    "draw_importances",
    "draw_learning_curves",
    "draw_learning_rates",
    "draw_pareto",
    "draw_seeds",
    "markup",
    "save",
]
