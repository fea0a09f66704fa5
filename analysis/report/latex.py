"""Write the numbers as a table of LaTeX, with booktabs' rules and siunitx's columns."""

import re
from typing import Any

import numpy as np
import pandas as pd

from rnnexp.analysis.report.tables import flattened
from rnnexp.output import visible

PREAMBLE = r"% needs \usepackage{booktabs} and \usepackage{siunitx}; as wide as both columns of a page"
SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"\ensuremath{\pm}",
}
LAST_LETTER = "\u0180"  # of Latin; the fonts of LaTeX lack most beyond
LONG = 20  # characters of a name that still stands in one line
# name, heading, digits after the point (None: as many as the values have)
COLUMNS: list[tuple[str, str, int | None]] = [
    ("hidden_size", "hidden", 0),
    ("parameters", "params", 0),
    ("lr", "lr", None),
    ("valid_mean", "valid.", 4),
    ("valid_sd", "sd", 4),
    ("test_mean", "test", 4),
    ("test_sd", "sd", 4),
    ("test_ppl_mean", "ppl", 2),
    ("excess_mean", "excess", 4),
    ("epoch_s", "s/epoch", 2),
]
EXPLANATION = (
    "Runs are finished of begun; validation and test loss in nats per token, mean and standard deviation (sd) "
    "over the seeds; perplexity (ppl) is the exponential of the mean test loss."
)


def latex(content: dict[str, Any], rows: list[list[dict[str, Any]]]) -> str:
    """Return a `table*` for each group of configurations.

    Parameters
    ----------
    content : as from `content.gather`.
    rows : of `numbers`, a list for each group.
    """
    title, groups = content["title"], content["groups"]
    titles = [f"{title}: {group['name']}" if len(groups) > 1 else title for group in groups]
    tables = [table(own, title) for title, own in zip(titles, rows) if own]
    return "\n".join([PREAMBLE, *tables])


def table(rows: list[dict[str, Any]], title: str) -> str:
    """Return one table, whose label is made of its title."""
    frame = pd.DataFrame({"configuration": [row["configuration"] for row in rows]})
    frame["runs"] = [f"{row['finished']}/{row['begun']}" for row in rows]
    name = "p{.2\\textwidth}" if frame["configuration"].str.len().max() > LONG else "l"
    kinds, digits = [name, "r"], {}
    flat = [flattened(row) for row in rows]
    for key, _, precision in COLUMNS:
        values = [row[key] for row in flat]
        numeric = np.array([v if isinstance(v, int | float) else np.nan for v in values], dtype=float)
        if not np.isfinite(numeric).any():
            continue
        frame[key] = numeric
        digits[key] = decimals(numeric) if precision is None else precision
        kinds.append(number_column(numeric, digits[key]))
    style = frame.style.hide(axis="index").format(escaped, subset=["configuration", "runs"])
    for key, precision in digits.items():
        style = style.format(precision=precision, subset=[key], na_rep="{--}")
    headings = {key: heading for key, heading, _ in COLUMNS}
    style = style.format_index(lambda key: headings.get(str(key), str(key)), axis="columns")
    text = style.to_latex(
        column_format="".join(kinds),
        environment="table*",
        position="t",
        position_float="centering",
        caption=escaped(f"{title}.") + " " + EXPLANATION,
        label="tab:" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
        siunitx=True,
        hrules=True,
    )
    return text.replace("\\begin{tabular}", "\\footnotesize\\setlength{\\tabcolsep}{3pt}\n\\begin{tabular}")


def escaped(text: object) -> str:
    """Return a text that LaTeX prints as it is; what its fonts may lack is written out."""
    shown = "".join(SPECIAL.get(character, character) for character in visible(str(text)))
    shown = re.sub("-(?=-)", "-{}", shown)  # hyphens that would become a dash
    return "".join(c if c < LAST_LETTER else f"[U+{ord(c):04X}]" for c in shown)


def decimals(values: np.ndarray) -> int:
    """Return how many digits after the point the values of a setting need, six at most."""
    known = values[np.isfinite(values)]
    return max(len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in known)


def number_column(values: np.ndarray, digits: int) -> str:
    """Return siunitx's column for numbers of this size: figures before the point, and after it."""
    known = values[np.isfinite(values)]
    whole = max(len(str(int(abs(value)))) for value in known)
    sign = "-" if (known < 0).any() else ""
    return f"S[table-format={sign}{whole}.{digits}]"
