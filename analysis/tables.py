"""Write a comparison in Markdown: a table, and the sentences below it."""

import pandas as pd

from analysis.columns import COLUMNS
from analysis.comparison import Comparison
from analysis.configurations import tuned_settings
from analysis.markdown import aligned_table
from analysis.statistics import PairedDifference, optimizer_settings, tuning_trials


def markdown(comparison: Comparison) -> str:
    """Return the table and the sentences below it as Markdown."""
    columns = table_columns(comparison)
    parts = ["\n".join(aligned_table(list(columns), list(zip(*columns.values()))))]
    if comparison.groups["runs"].max() > 1:
        parts.append("Perplexities are mean ± standard deviation over the seeds; test with the best weights.")
    else:
        parts.append("Test perplexity is that of the best weights. One seed each: no spreads, no intervals.")
    if sentences := difference_sentences(comparison):
        parts.append(listed(sentences))
    if comparison.problems:
        parts.append(f"Not in the numbers:\n\n{listed(comparison.problems)}")
    return "\n\n".join(parts) + "\n"


def table_columns(comparison: Comparison) -> dict[str, list[str]]:
    """Return the cells of every column under its title: settings, runs, and the metrics of `COLUMNS`."""
    groups = comparison.groups
    columns = {
        name: [str(value) if pd.notna(value) else "-" for value in groups[key]]
        for key, name in comparison.settings.items()
    }
    columns["runs"] = [
        str(n) if n == seeds else f"{n} of {seeds}" for n, seeds in zip(groups["runs"], groups["seeds"])
    ]
    return columns | {column.title: column.cells(groups) for column in COLUMNS if column.is_shown(groups)}


def difference_sentences(comparison: Comparison) -> list[str]:
    """Return a sentence for each pair of cells, and what a reader must know to understand them."""
    sentences = [difference_sentence(difference) for difference in comparison.differences]
    if len(sentences) > 1:
        sentences.append("each interval stands for itself: they are not corrected for their number")
    if tuned := tuned_settings(comparison.finished):
        sentences.append(budget_sentence(tuning_trials(comparison.finished), tuned))
    elif sentences and optimizer_settings(comparison.finished, comparison.settings):
        sentences.append("a cell stands with the optimizer settings that had its best validation perplexity")
    return sentences


def difference_sentence(row: PairedDifference) -> str:
    """Return a paired difference in words."""
    return (
        f"test perplexity of {row.worse} minus {row.better}: {row.mean:+.3f}, 95% interval "
        f"{row.low:+.3f} to {row.high:+.3f} (paired t, {row.seeds} seeds)"
    )


def budget_sentence(trials: dict[str, str], tuned: set[str]) -> str:
    """Return how much each cell was tuned, in words."""
    over = ", ".join(sorted(tuned))
    if len(budgets := set(trials.values())) == 1:
        return f"every cell was tuned with the same budget before: {budgets.pop()} trials over {over}"
    each = ", ".join(f"{cell} {number}" for cell, number in trials.items())
    return f"the cells were tuned UNEQUALLY before, over {over}: {each} trials"


def listed(sentences: list[str]) -> str:
    """Return sentences as a list in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)
