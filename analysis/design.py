"""Find the design of a study: which configurations stand for their cells, and which are compared with which.

Configurations are compared under equal settings. A setting that goes with the cell, such as a hidden size
that matches parameters, or a learning rate, is no obstacle: it differs, and that is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Any

import pandas as pd

from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.fairness import LEAST_RUNS

# settings with which the first weights, or the order of the data, are others: seeds then share nothing
NOT_PAIRED: tuple[str, ...] = (
    "cell.",
    "model.hidden_size",
    "model.embed_size",
    "model.num_layers",
    "model.layer_sizes",
    "model.tie_weights",
)
NOT_PAIRED += ("model.match_params", "model.init_std", "train.batch_size", "train.bptt")
MOST_STANDING = 6  # configurations that are all compared with each other


@dataclass
class Design:
    """Hold which of the configurations that may be compared are, and why.

    pairs : of configurations.
    strata : the standing configurations under equal settings each, with these settings in words.
    unasked : how many pairs are left out because each is compared with the best alone; they count in the correction,
        for any could have been the best.
    alternatives : of how many settings, with as many ended runs each, a standing configuration is the best.
    notes : sentences about what was left out, and what differs.
    is_paired : whether the runs of a pair share their seeds' random numbers: one cell, one switch flipped.
    """

    pairs: list[tuple[str, str]] = field(default_factory=list)
    strata: dict[str, list[str]] = field(default_factory=dict)
    unasked: int = 0
    alternatives: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_paired: bool = False

    @property
    def standing(self) -> list[str]:
        """Return the configurations that stand for their cells."""
        return [name for names in self.strata.values() for name in names]


def find_design(table: pd.DataFrame, settings: dict[str, str], tuned: set[str], baseline: str = "") -> Design:
    """Return the design of configurations that ran on the same data.

    Parameters
    ----------
    table : a row a configuration, its index the name; a column for each config key of `settings` (text,
        empty where it has none), `finished`, `diverged`, `valid_loss` (nats, mean of the finished).
    tuned : config keys that a search chose.
    baseline : the name of a configuration or a cell; only pairs with it are made.
    """
    cell_keys = [key for key in settings if key.startswith("cell.")]
    free = {key for key in settings if key.startswith("optimizer.") or key in tuned}
    others = [key for key in settings if key not in cell_keys and key not in free and _varies(table, key)]
    cells = table[cell_keys].agg(" ".join, axis=1)
    if cells.nunique() == 1:
        crossed = [] if others else sorted(free & set(table))
        units = table[[*cell_keys, *others, *crossed]].astype(str).agg("|".join, axis=1)
        strata = pd.Series("", index=table.index)
    else:
        units = cells
        crossed = _crossed(table, cells, others)
        strata = _in_words(table, crossed, settings)
    design = Design()
    for stratum, rows in table.groupby(strata, sort=False):
        chosen = []
        for _, alternatives in rows.groupby(units[rows.index], sort=False):
            best = _choose(alternatives)
            chosen.append(best)
            ended = alternatives["finished"] + alternatives["diverged"]
            design.alternatives[best] = int((ended >= ended[best]).sum())
            design.notes += _left_out(alternatives, best)
        if not table.loc[chosen, ["finished", "diverged"]].to_numpy().any():
            continue  # nothing but failures: each run is named elsewhere
        chosen.sort(key=lambda name: _rank(table.loc[name]))
        design.strata[str(stratum)] = chosen
    _add_pairs(design, table, baseline)
    if cells.nunique() == 1:
        differing = {key for key in settings if table.loc[design.standing, key].nunique() > 1}
        design.is_paired = len(differing) == 1 and not differing.pop().startswith(NOT_PAIRED)
    return design


def _crossed(table: pd.DataFrame, cells: pd.Series, others: Sequence[str]) -> list[str]:
    """Return the settings that are equal in a comparison: those that cells were run with in common."""
    chosen = []
    for key in others:
        values = [set(own) for _, own in table[key].groupby(cells)]
        if max(map(len, values)) > 1 and any(a & b for a, b in combinations(values, 2)):
            chosen.append(key)

    def pairs(keys: Sequence[str]) -> int:
        strata = table[list(keys)].agg("|".join, axis=1) if keys else pd.Series("", index=table.index)
        number = cells.groupby(strata).nunique()
        return int((number * (number - 1) // 2).sum())

    def goes_with_the_cell(key: str) -> bool:
        rest = [other for other in chosen if other != key]
        return bool((table.groupby([cells, *(table[k] for k in rest)])[key].nunique() == 1).all())

    while chosen:
        fewer = [k for k in chosen if goes_with_the_cell(k) or not pairs(chosen)]
        gain: Callable[[str], int] = lambda key: pairs([k for k in chosen if k != key])  # noqa: E731
        best = max(fewer, key=gain, default=None)
        if best is None or gain(best) <= pairs(chosen):
            break
        chosen.remove(best)
    return chosen


def _add_pairs(design: Design, table: pd.DataFrame, baseline: str) -> None:
    """Add the pairs within each stratum, with the baseline where there is one or very many configurations."""
    for stratum, names in design.strata.items():
        if baseline:
            bases = [name for name in names if baseline in (name, table.loc[name, "cell.name"])]
            design.pairs += [(base, name) for base in bases[:1] for name in names if name != base]
            if not bases:
                design.notes.append(
                    f"no baseline {baseline} among {', '.join(map(as_one, names))}: not compared"
                )
        elif len(names) > MOST_STANDING:
            design.pairs += [(names[0], name) for name in names[1:]]
            others = table.loc[names[1:]]
            testable = (others["finished"] >= LEAST_RUNS) & (others["diverged"] == 0)
            design.unasked += comb(int(testable.sum()), 2)
            design.notes.append(
                f"{len(names)} configurations: each is compared with the best by validation, "
                f"{as_one(names[0])}, and corrected for all that could be tested (baseline= names another)"
            )
        else:
            design.pairs += combinations(names, 2)
        if len(names) == 1 and len(design.strata) > 1:
            design.notes.append(f"{as_one(names[0])} has no partner: no other cell ran with {stratum}")


def _choose(alternatives: pd.DataFrame) -> str:
    """Return the configuration that stands: of those with the most finished runs the best by validation."""
    return str(min(alternatives.index, key=lambda name: _rank(alternatives.loc[name], by_runs=True)))


def _rank(row: Any, by_runs: bool = False) -> tuple:
    loss = row["valid_loss"] if pd.notna(row["valid_loss"]) else float("inf")
    return (-row["finished"], row["diverged"], loss) if by_runs else (loss,)


def _left_out(alternatives: pd.DataFrame, best: str) -> list[str]:
    """Return a sentence about the alternatives of a configuration that stands for its cell."""
    # those that only failed are named run by run
    ended = alternatives[(alternatives["finished"] > 0) | (alternatives["diverged"] > 0)]
    if ended.drop(best, errors="ignore").empty:
        return []
    alternatives = ended
    most = int(alternatives["finished"].max())
    fewer = alternatives[alternatives["finished"] < most]
    worse = alternatives.drop([best, *fewer.index], errors="ignore")
    parts = []
    if len(worse):
        parts.append(f"ahead by mean validation loss of {_listed(worse.index)}")
    if len(fewer):
        each = [f"{as_one(str(name))} with {number:.0f}" for name, number in fewer["finished"].items()]
        parts.append(
            f"with {most} finished {'run' if most == 1 else 'runs'}, more than {_listed(each, as_they_are=True)}"
        )
    return [f"{as_one(best)} stands for its cell, {'; '.join(parts)}"]


def _listed(names: Sequence[str] | pd.Index, most: int = 4, as_they_are: bool = False) -> str:
    shown = [str(name) if as_they_are else as_one(str(name)) for name in list(names)[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def _varies(table: pd.DataFrame, key: str) -> bool:
    return bool(table[key].nunique() > 1)


def _in_words(table: pd.DataFrame, keys: Sequence[str], settings: dict[str, str]) -> pd.Series:
    words = [", ".join(f"{settings[key]}={row[key]}" for key in keys) for _, row in table.iterrows()]
    return pd.Series(words, index=table.index, dtype=object)
