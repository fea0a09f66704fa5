"""Write the page of the claims, their table and every number."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rnnexp.analysis.claims.claim import command
from rnnexp.analysis.claims.gather import TUNING, Judged, TunedRate
from rnnexp.analysis.command import OTHER_OUT
from rnnexp.analysis.fairness import REFUSED
from rnnexp.analysis.figures.picture import markup, save
from rnnexp.analysis.markdown import table_line
from rnnexp.analysis.report.page import sentence
from rnnexp.analysis.report.plain import plain
from rnnexp.analysis.report.tables import escaped
from rnnexp.analysis.web import rendered
from rnnexp.records.files import make_folder, replace_text

TITLES = "claim", "says", "verdict", "what the runs say", "command"


def table(judged: Sequence[Judged]) -> str:
    """Return a row a claim, as Markdown: the claim, who says it, the verdict with its interval, the command."""
    rows = []
    for one in judged:
        commands = "<br>".join(f"`{command}`" for command in one.claim.commands) or "-"
        said = escaped(one.finding.sentence) if one.has_runs else "-"
        cells = [
            escaped(one.claim.says),
            escaped(one.claim.source),
            f"**{one.finding.kind}**",
            said,
            commands,
        ]
        rows.append(table_line(cells))
    return "\n".join([table_line(TITLES), table_line(["---"] * len(TITLES)), *rows]) + "\n"


def write(judged: Sequence[Judged], rates: Sequence[TunedRate], folder: Path) -> None:
    """Write the page, the table and the figures into a folder."""
    figures = folder / "figures"
    make_folder(figures, OTHER_OUT)
    for one in judged:
        for name, picture in one.finding.pictures.items():
            save(picture, figures, name)
    content = [described(one) for one in judged]
    replace_text(folder / "claims.md", f"# The claims\n\n{table(judged)}")
    replace_text(
        folder / "claims.json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    )
    replace_text(folder / "index.html", page(judged, rates))


def described(one: Judged) -> dict[str, Any]:
    """Return all that the page says of a claim, as JSON can hold it."""
    claim, finding = one.claim, one.finding
    return plain(
        {
            "name": claim.name,
            "says": claim.says,
            "source": claim.source,
            "experiment": claim.experiment,
            "literature": claim.literature,
            "commands": claim.commands,
            "verdict": finding.kind,
            "sentence": finding.sentence,
            "parts": list(finding.parts),
            "notes": list(finding.notes),
            "figures": list(finding.pictures),
            "runs": one.runs,
            "lights": one.lights,
        }
    )


def page(judged: Sequence[Judged], rates: Sequence[TunedRate]) -> str:
    """Return the page."""
    content = {
        "judged": judged,
        "rates": rates,
        "tuning": [command(*needed) for needed in TUNING.values()],
        "refused": REFUSED,
        "inline": lambda picture, name: Markup(markup(picture, name.replace("_", "-"))),
        "sentence": sentence,
    }
    return rendered("rnnexp.analysis.claims", "claims.html", content, style="claims.css")
