"""Put the page of a study together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import expm1
from typing import Any

from markupsafe import Markup

from rnnexp.analysis.fairness import OK, REFUSED, STATED
from rnnexp.analysis.report.columns import shown
from rnnexp.analysis.report.pictures import Drawn
from rnnexp.analysis.web import rendered
from rnnexp.output import visible

PACKAGE = "rnnexp.analysis.report"
WORDS = {REFUSED: "refused", STATED: "stated", OK: "passed"}
SECTIONS = {
    1: "Which cell?",
    2: "Was it fair?",
    3: "The numbers",
    4: "How large is the gap?",
    5: "Every seed",
    6: "How do they learn?",
    7: "At what cost?",
    8: "With how much tuning?",
    9: "Which settings matter?",
    10: "Where does the gap come from?",
    11: "Stable?",
    12: "What was left out?",
    13: "Reproduce",
}
ALWAYS = {1, 2, 3, 12, 13}
LONG_CAPTION = 360  # characters
MOST_COLUMNS = 12  # that A4 takes without a break in their numbers
FEW_NOTES = 3  # that need not be opened
MOST_NAMED = 20  # runs left out that are named before the list is opened
# how sentences begin that may have a capital; others begin with a configuration's name
OPENINGS = {"no", "one", "values", "provisional:", "undecided:"}


def page(
    content: dict[str, Any],
    rows: Sequence[list[dict[str, Any]]],
    pictures: Sequence[Drawn],
    marks: Mapping[str, Markup],
) -> str:
    """Return the page.

    Parameters
    ----------
    content : as from `content.gather`.
    rows : of `numbers`, a list for each group.
    marks : of the configurations, by their visible names.
    """
    drawn: dict[int, dict[int, list[Drawn]]] = {}
    for picture in pictures:
        drawn.setdefault(picture.section, {}).setdefault(picture.group, []).append(picture)
    groups = content["groups"]
    filled = ALWAYS | drawn.keys() | ({11} if any(group["stability"] for group in groups) else set())
    more = {
        "sections": [(number, name) for number, name in SECTIONS.items() if number in filled],
        "absent": [name for number, name in SECTIONS.items() if number not in filled],
        "tables": [table(own) for own in rows],
        "tallies": [tally(group["lights"]) for group in groups],
        "asked": asked(content["rules"]),
        "drawn": drawn,
        "words": WORDS,
        "most_named": MOST_NAMED,
        "few": FEW_NOTES,
        "most_columns": MOST_COLUMNS,
        "inline": lambda picture: Markup(picture.svg),
        "mark": lambda name: marks.get(visible(name), ""),
        "caption": caption,
        "sentence": sentence,
        "percent": lambda share: f"{100 * share:.0f}%",
        "whole": lambda number: "" if number is None else f"{number:.0f}",
    }
    return rendered(PACKAGE, "page.html", content | more, script="page.js")


def table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of a table and the cells of its rows."""
    columns = shown(rows)
    return {"columns": columns, "rows": [[column.cell(row) for column in columns] for row in rows]}


def tally(lights: Sequence[Mapping[str, str]]) -> list[tuple[str, int]]:
    """Return how many lights are of each level, those that refuse first."""
    numbers = Counter(light["level"] for light in lights)
    return [(level, numbers[level]) for level in WORDS if numbers[level]]


def asked(rules: Mapping[str, Any]) -> str:
    """Return what the reader fixed, in a sentence."""
    margin = rules["margin"]
    parts = [f"A difference matters from {margin:g} nats on ({100 * expm1(margin):.2g}% of perplexity)"]
    if rules["where"]:
        parts.append(f"only runs where {rules['where']}")
    if rules["baseline"]:
        parts.append(f"compared with {rules['baseline']}")
    if rules["look"] > 1:
        parts.append("the second look at this study")
    return f"{'; '.join(parts)}."


def caption(description: str) -> str:
    """Return the beginning of a description, whole sentences: the rest is numbers that the tables have too."""
    if len(description) <= LONG_CAPTION:
        return description
    return description[: description[:LONG_CAPTION].rfind(". ") + 1] or description


def sentence(said: str, has_name: bool = True) -> str:
    """Return what is said with a full stop, and a capital where it does not begin with a configuration's name."""
    is_plain = not has_name or said.split(" ", 1)[0] in OPENINGS
    opening = said[:1].upper() + said[1:] if is_plain else said
    return opening if opening.endswith((".", "?")) else f"{opening}."
