"""Write the numbers as Markdown and as CSV, and every run with its fate."""

import re
from typing import Any

import pandas as pd

from rnnexp.analysis.fairness import REFUSED, STATED, Light
from rnnexp.analysis.markdown import aligned_table
from rnnexp.analysis.report.columns import shown
from rnnexp.analysis.report.numbers import MEANS
from rnnexp.output import visible

MEANINGFUL = 6  # digits
# what Markdown or the HTML within it would take for markup; brackets only where they would make a link
MARKUP = re.compile(r"([\\`*<>|&]|\b_\b|(?<!\w)_|_(?!\w)|~(?=~)|\](?=[(\[:]))")


def markdown(content: dict[str, Any], rows: list[list[dict[str, Any]]]) -> str:
    """Return the answer, the table, the checks and what was left out, as Markdown.

    Parameters
    ----------
    content : as from `content.gather`.
    rows : of `numbers`, a list for each group.
    """
    parts = [f"# {escaped(content['title'])}"]
    has_excess = any(column.title == "excess" for own in rows for column in shown(own))
    for group, own in zip(content["groups"], rows):
        if len(content["groups"]) > 1:
            parts.append(f"## {escaped(group['name'])}")
        said = [verdict["sentence"] for verdict in group["verdicts"] if verdict["main"]]
        said += [*([group["further"]] if group["further"] else []), *group["notes"]]
        parts.append(listed(said or [group["alone"]]))
        columns = shown(own)
        cells = [[with_note(column.cell(row)) for column in columns] for row in own]
        parts.append("\n".join(aligned_table([column.title for column in columns], cells)))
        if checks := [said_of(Light(**light)) for light in group["lights"] if is_told(light)]:
            parts.append(f"Was it fair?\n\n{listed(checks)}")
    parts.append(
        "Losses are nats per token, mean ± standard deviation over the seeds, with the 95% t interval from "
        "three seeds; a perplexity is the exp of the mean loss."
        + (" Excess is the test loss above the best reachable on the same tokens." if has_excess else "")
    )
    if content["notes"]:
        parts.append(listed(content["notes"]))
    if content["left_out"]["sentences"]:
        parts.append(f"Not in the numbers:\n\n{listed(content['left_out']['sentences'])}")
    return "\n\n".join(parts) + "\n"


def is_told(light: dict[str, str]) -> bool:
    """Return whether a light says more than that all is well."""
    return light["level"] in (REFUSED, STATED)


def said_of(light: Light) -> str:
    """Return a light in words: what it is about, and what it says."""
    return f"{light} (no verdict)" if light.level == REFUSED else str(light)


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", visible(text))


def listed(sentences: list[str]) -> str:
    """Return sentences as a list in Markdown."""
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def with_note(cell: Any) -> str:
    """Return a cell in one line, its note in brackets."""
    return escaped(f"{cell.text} ({cell.note})" if cell.note else cell.text)


def csv(content: dict[str, Any], rows: list[list[dict[str, Any]]]) -> pd.DataFrame:
    """Return one row a configuration with every number in a column of its own, to six digits that count."""
    groups = zip(content["groups"], rows)
    flat = [{"group": group["name"]} | flattened(row) for group, own in groups for row in own]
    return meaningful(pd.DataFrame(flat))


def flattened(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose means and intervals are columns: `test_mean`, `test_sd`, `test_low`, `test_high`."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key in MEANS.values():
            ends = {end: getattr(value, end, None) for end in ("mean", "sd", "low", "high")}
            flat |= {f"{key}_{end}": number for end, number in ends.items()}
        elif key in ("valid_ppl", "test_ppl"):
            flat |= {f"{key}_{end}": value and value[end] for end in ("mean", "low", "high")}
        elif isinstance(value, list):
            flat[key] = " ".join(map(str, value))
        else:
            flat[key] = value
    return flat


def meaningful(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose fractions have six digits that count, and whose texts are `visible`."""
    return table.apply(lambda values: values.map(_meaningful))


def _meaningful(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float) and value == value and abs(value) < 1e15:
        return int(value) if value == int(value) else float(f"{value:.{MEANINGFUL}g}")
    return value
