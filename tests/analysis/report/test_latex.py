"""LaTeX takes the table, in an article of two columns."""

import re
import shutil
import subprocess

import pytest

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report import write
from rnnexp.analysis.report.write import write_study
from tests.analysis.report.studies import grid, of_seeds
from tests.analysis.report.test_files import evil_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("pdflatex"),
        reason="no pdflatex: apt-get install texlive-latex-recommended texlive-science",
    ),
]
ARTICLE = r"""\documentclass[twocolumn]{article}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{siunitx}
\begin{document}
Table~\ref{LABEL} stands over both columns.
\input{table}
\end{document}
"""


@pytest.mark.parametrize(
    "store", [of_seeds(1), of_seeds(10), grid(), evil_store()], ids=["1", "10", "grid", "evil"]
)
def test_latex_compiles_the_table(store, tmp_path, monkeypatch):
    if not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, text=True).stdout:
        pytest.skip("no siunitx: apt-get install texlive-science")
    monkeypatch.setattr(write, "draw", lambda *given: [])
    folder = write_study(store.load(), ComparisonArguments("s", out=str(tmp_path))).folder
    label = re.search(r"\\label\{(.*)\}", (folder / "table.tex").read_text())[1]
    (folder / "article.tex").write_text(ARTICLE.replace("LABEL", label))
    for _ in range(2):  # the second time with the label known
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "article"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
        )
        assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / "article.log").read_text(errors="replace")
    assert not re.search(r"^(LaTeX|Package).*(undefined|Error)", log, re.MULTILINE)
    # nothing sticks out of the page by more than a hair
    assert all(float(width) < 1 for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", log))
