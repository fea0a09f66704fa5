"""The files of a report: what others wrote stays text, in each of them."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report import write
from rnnexp.analysis.report.latex import escaped as latex_escaped
from rnnexp.analysis.report.plain import plain
from rnnexp.analysis.report.tables import escaped
from rnnexp.analysis.report.write import write_study
from rnnexp.errors import UserError
from tests.analysis.report.studies import Store, of_seeds

EVIL = "<script>alert(1)</script> \x1b[31mred\x1b[0m \u202eback | `code` & \\input{x} 50% $a_b$ [x](http://x.example)"


class Markup(HTMLParser):
    """Collects the elements of a page, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a report without figures; returns its files' texts by name."""
    monkeypatch.setattr(write, "draw", lambda *given: [])

    def make(store, **asked):
        done = write_study(store.load(), ComparisonArguments(store.study, out=str(tmp_path), **asked))
        files = {path.name: path.read_text() for path in done.folder.iterdir() if path.is_file()}
        return files | {"terminal": done.text}

    return make


def evil_store():
    """A study in which every text that others choose is an attack."""
    store = Store()
    for cell in ("lstm", "gru"):
        for seed in range(3):
            params = {"model.hidden_size": "100", "train.sample_prompt": EVIL, "dataset.name": EVIL}
            store.add(cell, seed, 1.3, params=params, tags={"cpu": EVIL, "version": EVIL, "folder": EVIL})
    return store.add("gru", 9, status="FAILED", tags={"error": EVIL}, params={"dataset.name": EVIL})


def test_markup_and_escapes_stay_text_on_the_page(written):
    page = written(evil_store(), where=EVIL)["index.html"]
    markup = Markup(page)
    harmless = Markup(written(of_seeds(3))["index.html"])
    assert markup.elements.count("script") == harmless.elements.count("script") == 1
    assert set(markup.elements) <= set(harmless.elements) | {"li", "ul"}
    assert not [name for _, name, _ in markup.attributes if name.startswith("on")]
    assert "<script>alert(1)</script> \\x1b[31mred" in markup.text
    assert markup.text.count("alert(1)") >= 5  # title, data, error, processor, version


def test_no_file_has_a_control_character(written):
    for name, text in written(evil_store(), where=EVIL).items():
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text), name


def test_the_page_loads_nothing(written):
    page = written(of_seeds(3))["index.html"]
    markup = Markup(page)
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(markup.elements)
    links = [value for _, name, value in markup.attributes if name in ("src", "href", "xlink:href", "action")]
    assert all(link.startswith("#") for link in links)
    assert "@import" not in page
    assert "url(" not in page
    (policy,) = [
        v for tag, name, v in markup.attributes if tag == "meta" and name == "content" and "default-src" in v
    ]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/]+=*'", policy)


def test_markdown_is_a_table_whatever_the_names(written):
    text = written(evil_store())["table.md"]
    assert "<script>" not in re.sub(r"\\<", "", text)
    (heading, rule, *rows) = [line for line in text.splitlines() if line.startswith("| ")]
    bars = len(re.findall(r"(?<!\\)\|", heading))
    assert all(len(re.findall(r"(?<!\\)\|", row)) == bars for row in (rule, *rows))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gru, hidden_size=14", "gru, hidden_size=14"),
        ("[gru, lr=2]'s test", "[gru, lr=2]'s test"),
        ("_a_ *b* `c`", r"\_a\_ \*b\* \`c\`"),
        ("[x](y)", r"[x\](y)"),
        ("a|b <i>", r"a\|b \<i\>"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_markdown_leaves_what_reads_as_it_is(text, expected):
    assert escaped(text) == expected


def test_tables_have_the_digits_that_count(written):
    files = written(of_seeds(5))
    table = pd.read_csv(io.StringIO(files["table.csv"]))
    assert list(table["configuration"]) == ["lstm", "gru"]
    assert {"test_mean", "test_sd", "test_low", "test_high", "excess_mean", "epoch_cpu_s"} <= set(table)
    assert len(str(table["test_mean"][0])) <= 7
    runs = pd.read_csv(io.StringIO(files["runs.csv"]))
    assert len(runs) == 10
    assert {"configuration", "seed", "status", "fate", "test_loss"} <= set(runs)
    assert runs["parameters"].tolist() == [77_787] * 5 + [78_215] * 5
    numbers = re.findall(r"\d+\.\d+", files["runs.csv"])
    assert max(len(number.replace(".", "").lstrip("0")) for number in numbers) <= 6


def test_the_latex_table_has_rules_and_aligned_columns(written):
    text = written(of_seeds(5))["table.tex"]
    for word in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\begin{table*}",
        "S[table-format=1.4]",
        "lstm & 5/5 & 100",
        r"\label{tab:cells}",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% & $x_1$", r"50\% \& \$x\_1\$"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("é 中", "é [U+4E2D]"),
        ("a---b|c", r"a-{}-{}-b\textbar{}c"),
    ],
)
def test_latex_prints_names_as_they_are(text, expected):
    assert latex_escaped(text) == expected


@pytest.mark.parametrize("name", ["../../etc", "/tmp/x", "..", ""])
def test_a_report_stays_in_its_folder(name):
    with pytest.raises(UserError, match=r"^study="):
        _ = ComparisonArguments(name).folder
    assert ComparisonArguments("a,b", out="x").folder == Path("x/a+b")


def test_what_is_no_number_is_null():
    assert plain({"a": float("nan"), "b": [float("inf"), 1, True]}) == {"a": None, "b": [None, 1, True]}
