"""List the recorded metrics that the table of a study shows, one entry a metric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd


def mean_and_sd(values: pd.Series) -> tuple[float, float]:
    """Return the mean over the runs and their standard deviation (missing for one run or infinite values)."""
    return values.mean(), values.std() if np.isfinite(values).all() else np.nan


@dataclass(frozen=True)
class Column:
    """Describe how a metric of the runs of one configuration becomes a column of the table.

    Parameters
    ----------
    name : of the number in table.csv; where a spread belongs to it, `<name>_mean` and `<name>_sd`.
    source : the column of the runs that it is computed from, such as "metrics.test/ppl".
    title : of the column in Markdown.
    summary : from the values of the counted runs to the number; None: mean and standard deviation.
    digits : how the number is written, as for `format`; None: to four digits or so.
    shows_spread : whether Markdown shows the standard deviation.
    optional : whether the column is left out of Markdown where no run has the metric.
    """

    name: str
    source: str
    title: str
    summary: Callable[[pd.Series], float] | None = None
    digits: str | None = None
    shows_spread: bool = True
    optional: bool = False

    def summarise(self, values: pd.Series) -> dict[str, float]:
        """Return the entries of table.csv for one configuration, from the values of its counted runs."""
        if self.summary:
            return {self.name: self.summary(values)}
        mean, sd = mean_and_sd(values.dropna())
        return {f"{self.name}_mean": mean, f"{self.name}_sd": sd}

    def cells(self, groups: pd.DataFrame) -> list[str]:
        """Return the column's cells in Markdown, from the table of `summarise`d configurations."""
        if self.summary:
            return [number(value, self.digits or "") for value in groups[self.name]]
        sds = groups[f"{self.name}_sd"] if self.shows_spread else [np.nan] * len(groups)
        return [spread(mean, sd) for mean, sd in zip(groups[f"{self.name}_mean"], sds)]

    def is_shown(self, groups: pd.DataFrame) -> bool:
        """Return whether the column stands in Markdown."""
        value = self.name if self.summary else f"{self.name}_mean"
        return not self.optional or bool(groups[value].notna().any())


COLUMNS = [
    Column("num_params", "metrics.num_params", "parameters", pd.Series.max, ",.0f"),
    Column("valid", "metrics.best/valid_ppl", "valid ppl"),
    Column("test", "metrics.test/ppl", "test ppl"),
    Column("oracle", "metrics.oracle/ppl", "best reachable test ppl", shows_spread=False, optional=True),
    Column("epoch_s", "epoch_s", "s/epoch", pd.Series.median, ".2f"),
]


def number(value: float, digits: str) -> str:
    """Return a number in words; "-" where it is missing."""
    return "-" if pd.isna(value) else format(value, digits)


def spread(mean: float, sd: float) -> str:
    """Return a mean and its standard deviation to four digits or so."""
    if not np.isfinite(mean):
        return "-" if pd.isna(mean) else "inf"
    digits = max(0, 3 - int(np.log10(max(mean, 1))))
    return f"{mean:.{digits}f}" + ("" if pd.isna(sd) else f" ± {sd:.{digits}f}")
