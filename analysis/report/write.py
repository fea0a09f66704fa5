"""Write the report of a study into its folder."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.analysis.command import OTHER_OUT
from rnnexp.analysis.report.content import gather
from rnnexp.analysis.report.latex import latex
from rnnexp.analysis.report.marks import marks
from rnnexp.analysis.report.numbers import numbers
from rnnexp.analysis.report.page import page
from rnnexp.analysis.report.pictures import draw
from rnnexp.analysis.report.plain import folder_name
from rnnexp.analysis.report.tables import csv, every_run, markdown
from rnnexp.analysis.study import Study, load_study
from rnnexp.analysis.texts import token_losses
from rnnexp.analysis.verdict import Rules
from rnnexp.errors import UserError
from rnnexp.records.files import make_folder, replace_text


@dataclass(frozen=True)
class Request:
    """Hold what a reader asks for, as `analysis.report` says."""

    studies: list[str]
    where: str = ""
    baseline: str = ""
    margin: float = 0.01
    look: int = 1
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"

    @property
    def folder(self) -> Path:
        """Return the folder of the report: of one study, its own."""
        return Path(self.out) / folder_name("+".join(self.studies))

    def rules(self) -> dict[str, Any]:
        """Return what the reader fixed, and the command that does it; not the store, which may hold a password."""
        given = {"where": self.where, "baseline": self.baseline, "margin": self.margin, "look": self.look}
        defaults = Request([])
        words = [f"study={','.join(self.studies)}"]
        words += [f"{key}={value}" for key, value in given.items() if value != getattr(defaults, key)]
        return given | {"command": shlex.join(["rnnexp", "report", *words])}


@dataclass(frozen=True)
class Written:
    """Hold what was written: where, the text for the terminal, and how many checks refuse."""

    folder: Path
    text: str
    refused: int


def write(request: Request) -> Written:
    """Load the studies and write their report."""
    try:
        rules = Rules(request.margin, request.look)
    except ValueError as error:
        raise UserError(str(error)) from error
    study = load_study(request.studies, request.uri, request.where, request.baseline, rules)
    return write_study(study, request)


def write_study(study: Study, request: Request) -> Written:
    """Write the report of a study that is loaded."""
    rows = [numbers(study.runs, group.configurations) for group in study.groups]
    losses = [token_losses(study.runs, group) for group in study.groups]
    content = gather(study, rows, losses, request.rules())
    folder = request.folder
    make_folder(folder / "figures", OTHER_OUT)
    pictures = draw(study, losses, folder / "figures", request.margin)
    content["pictures"] = [picture.described() for picture in pictures]
    text = markdown(content, rows)
    files: Mapping[str, str] = {
        "report.json": json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n",
        "table.md": text,
        "table.tex": latex(content, rows),
        "index.html": page(content, rows, pictures, marks(study.runs)),
    }
    for name, written in files.items():
        replace_text(folder / name, written)
    csv(content, rows).to_csv(folder / "table.csv", index=False)
    every_run(study.runs).to_csv(folder / "runs.csv", index=False)
    return Written(folder, text, content["refused"])
