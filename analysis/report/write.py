"""Write the report of a study into its folder."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnexp.analysis.command import OTHER_OUT, ComparisonArguments
from rnnexp.analysis.report.content import gather
from rnnexp.analysis.report.latex import latex
from rnnexp.analysis.report.marks import marks
from rnnexp.analysis.report.numbers import numbers
from rnnexp.analysis.report.page import page
from rnnexp.analysis.report.pictures import draw
from rnnexp.analysis.report.tables import csv, markdown, meaningful
from rnnexp.analysis.study import Study, load_study
from rnnexp.analysis.texts import token_losses
from rnnexp.records.files import make_folder, replace_text


@dataclass(frozen=True)
class Written:
    """Hold what was written: where, the text for the terminal, and how many checks refuse."""

    folder: Path
    text: str
    refused: int


def write(arguments: ComparisonArguments) -> Written:
    """Load the studies and write their report."""
    given = arguments.studies, arguments.uri, arguments.where, arguments.baseline, arguments.rules()
    return write_study(load_study(*given), arguments)


def asked_for(arguments: ComparisonArguments) -> dict[str, Any]:
    """Return what the reader fixed, and the command that does it; not the store, which may hold a password."""
    asked = {key: getattr(arguments, key) for key in ("where", "baseline", "margin", "look")}
    words = [f"study={','.join(arguments.studies)}"]
    words += [f"{key}={value}" for key, value in asked.items() if value != getattr(ComparisonArguments, key)]
    return asked | {"command": shlex.join(["rnnexp", "report", *words])}


def write_study(study: Study, arguments: ComparisonArguments) -> Written:
    """Write the report of a study that is loaded."""
    rows = [numbers(study.runs_of(group), group.configurations) for group in study.groups]
    losses = [token_losses(study.runs_of(group), group) for group in study.groups]
    content = gather(study, rows, losses, asked_for(arguments))
    folder = arguments.folder
    make_folder(folder / "figures", OTHER_OUT)
    pictures = draw(study, losses, folder / "figures", arguments.margin)
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
    meaningful(study.runs).to_csv(folder / "runs.csv", index=False)
    return Written(folder, text, content["refused"])
