"""Gather what the page says: every number and verdict of a study, as plain values that JSON can hold."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rnnexp.analysis.fairness import refusals
from rnnexp.analysis.gap import TokenLosses
from rnnexp.analysis.report.left_out import left_out
from rnnexp.analysis.report.plain import plain
from rnnexp.analysis.report.provenance import provenance
from rnnexp.analysis.report.stability import stability
from rnnexp.analysis.report.tokens import where_from
from rnnexp.analysis.study import Group, Study
from rnnexp.analysis.texts import text_sentences

NOTHING = "no run came to an end: nothing to compare"
MOST_PAIRS = 12  # that are read out; more are a list to open


def gather(
    study: Study,
    rows: Sequence[list[dict[str, Any]]],
    losses: Sequence[dict[str, list[TokenLosses]]],
    rules: dict[str, Any],
) -> dict[str, Any]:
    """Return what the page says, without pictures.

    Parameters
    ----------
    rows : of `numbers`, a list for each group.
    losses : of single tokens, as from `token_losses`, for each group.
    rules : the margin, the look and the rest that the reader chose.
    """
    content = {
        "title": ", ".join(study.studies),
        "opening": opening(study),
        "rules": rules,
        "refused": sum(len(refusals(group.lights)) for group in study.groups),
        "settings": study.settings,
        "groups": [describe(study, one, *own) for one, own in zip(study.groups, zip(rows, losses))],
        "notes": study.notes or ([] if study.groups else [NOTHING]),
        "left_out": left_out(study.runs),
        "reproduce": provenance(study),
    }
    return plain(content)


def opening(study: Study) -> str:
    """Return in a sentence how much there is: runs, configurations, data sets, seeds, and when they ran."""
    runs = study.runs
    counted = runs[runs["fate"] == ""]
    parts = [
        several(len(runs), "run"),
        f"{len(counted)} of them in the numbers",
        several(sum(len(group.configurations) for group in study.groups), "configuration"),
    ]
    if seeds := counted["seed"].nunique():
        parts.append(several(seeds, "seed"))
    if data := sorted(str(name) for name in runs["dataset"].dropna().unique()):
        parts.append(f"data: {', '.join(data)}")
    text = "; ".join(parts)
    times = pd.to_datetime(runs["start_time"], utc=True, errors="coerce").dropna()
    if len(times):
        first, last = times.min().date().isoformat(), times.max().date().isoformat()
        text += f"; begun {first}" + (f" to {last}" if last != first else "")
    return f"{text}."


def several(number: int, word: str) -> str:
    """Return "1 run" or "2 runs"."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def describe(
    study: Study, group: Group, rows: list[dict[str, Any]], losses: dict[str, list[TokenLosses]]
) -> dict[str, Any]:
    """Return what is said of one group of runs that may be compared with each other."""
    verdicts = [vars(verdict) | {"main": k < MOST_PAIRS} for k, verdict in enumerate(group.verdicts)]
    rest = len(verdicts) - MOST_PAIRS
    return {
        "name": group.name,
        "configurations": group.configurations,
        "standing": group.standing,
        "verdicts": verdicts,
        "further": f"{several(rest, 'further pair')} of configurations: see the page" if rest > 0 else "",
        "notes": group.notes,
        "alone": alone(group),
        "lights": group.lights,
        "numbers": rows,
        "stability": stability(study.runs_of(group), group.configurations),
        "text": text_sentences(group, losses),
        "tokens": where_from(losses, group.verdicts[:MOST_PAIRS]),
    }


def alone(group: Group) -> str:
    """Return what is said where there is no pair."""
    if not group.standing:
        return NOTHING
    if len(group.standing) > 1:
        return "no two configurations ran under equal settings: nothing to compare"
    return f"one configuration alone, {group.standing[0]}: nothing to compare it with"
