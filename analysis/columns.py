"""List the columns of a study's table, one entry a column."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Column:
    """Describe how a column of the runs becomes a column of the table.

    Parameters
    ----------
    name : of the number in compare.csv; where a spread belongs to it, `<name>_mean` and `<name>_sd`.
    source : the column of `Study.runs` that it is computed from.
    title : of the column in Markdown.
    summary : from the values of the finished runs to the number; None: mean and standard deviation.
    digits : how the number is written, as for `format`; None: to four digits or so.
    optional : whether the column is left out of Markdown where no run has a value.
    """

    name: str
    source: str
    title: str
    summary: Callable[[pd.Series], float] | None = None
    digits: str | None = None
    optional: bool = True

    def summarise(self, values: pd.Series) -> dict[str, float]:
        """Return the entries of compare.csv for one configuration, from the values of its finished runs."""
        values = values.dropna()
        if self.summary:
            return {self.name: self.summary(values) if len(values) else np.nan}
        return {f"{self.name}_mean": values.mean(), f"{self.name}_sd": values.std()}

    def cells(self, rows: pd.DataFrame) -> list[str]:
        """Return the column's cells in Markdown, from the table of `summarise`d configurations."""
        if self.summary:
            return [number(value, self.digits) for value in rows[self.name]]
        spreads = zip(rows[f"{self.name}_mean"], rows[f"{self.name}_sd"])
        return [
            number(mean, self.digits) + ("" if pd.isna(sd) else f" ± {number(sd, self.digits)}")
            for mean, sd in spreads
        ]

    def is_shown(self, rows: pd.DataFrame) -> bool:
        """Return whether the column stands in Markdown."""
        value = self.name if self.summary else f"{self.name}_mean"
        return not self.optional or bool(rows[value].notna().any())


def perplexity(losses: pd.Series) -> float:
    """Return the perplexity of a mean loss."""
    return exp(losses.mean()) if losses.mean() < 700 else np.inf


def some(values: pd.Series) -> float:
    """Return the largest value; nothing where that is 0."""
    return values.max() or np.nan


NATS = ".4f"  # 0.0001 is 0.01% of perplexity
COLUMNS = [
    Column("parameters", "parameters", "parameters", pd.Series.max, ",.0f"),
    Column("valid_loss", "valid_loss", "valid nats", digits=NATS, optional=False),
    Column("test_loss", "test_loss", "test nats", digits=NATS, optional=False),
    Column("test_ppl", "test_loss", "test ppl", perplexity, optional=False),
    Column("excess", "excess", "over best reachable", digits=NATS),
    Column("bpc", "bpc", "test bits/char", digits=NATS),
    Column("bpb", "bpb", "test bits/byte", digits=NATS),
    Column("unseen", "unseen", "unseen", some, ".2%"),
    Column("seen_ppl", "seen_loss", "test ppl of seen", perplexity),
    Column("dlfs2_ppl", "dlfs2_loss", "test ppl, dlfs2 protocol", perplexity),
    Column("neural_cache_ppl", "neural_cache_loss", "test ppl, neural cache", perplexity),
    Column("dynamic_ppl", "dynamic_loss", "test ppl, dynamic", perplexity),
    Column("temperature_ppl", "temperature_loss", "test ppl, temperature", perplexity),
    Column("mc_dropout_ppl", "mc_dropout_loss", "test ppl, MC dropout", perplexity),
    Column("epoch_s", "epoch_s", "s/epoch", pd.Series.median, ".2f"),
    Column("epoch_cpu_s", "epoch_cpu_s", "CPU s/epoch", pd.Series.median, ".2f"),
    Column("s_to_best", "s_to_best", "s to best", pd.Series.median, ".0f"),
    Column("trials", "trials", "trials", some, ".0f"),
]


def number(value: float, digits: str | None) -> str:
    """Return a number in words: "-" where it is missing, to four digits or so where none are said."""
    if pd.isna(value):
        return "-"
    if not np.isfinite(value):
        return "inf"
    return format(value, digits or f".{max(0, 3 - int(np.log10(max(value, 1))))}f")
