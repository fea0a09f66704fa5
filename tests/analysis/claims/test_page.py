"""The page has every claim, asks nobody for anything, and the table stands between the marks of a page."""

import json
import re

import pytest

from rnnexp.analysis.claims import command as module
from rnnexp.analysis.claims.command import BEGIN, END, run
from rnnexp.analysis.claims.gather import TUNING, judge
from rnnexp.analysis.claims.listed import CLAIMS
from rnnexp.analysis.command import chosen
from rnnexp.errors import UserError
from rnnexp.experiment import rules, schema
from rnnexp.installation import CONF
from rnnexp.sweeps.composition import config_of
from tests.analysis.claims.test_evidence import clipping
from tests.helpers.requests import open_request


@pytest.fixture
def store(monkeypatch):
    """A store with the runs of one claim."""
    study = clipping({"null": 12, "5.0": 1, "0.25": 0}).load()

    def judge_all(claims, uri):
        return [judge(one, {"clipping": study} if one.name == "clipping" else {}) for one in claims]

    monkeypatch.setattr(module, "judge_all", judge_all)
    monkeypatch.setattr(module, "tuned_rates", lambda uri: [])


def test_a_store_without_runs_says_where_verdicts_are_and_overwrites_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "judge_all", lambda claims, uri: [judge(one, {}) for one in claims])
    monkeypatch.setattr(module, "tuned_rates", lambda uri: [])
    run([f"out={tmp_path}"])
    last = capsys.readouterr().out.splitlines()[-1]
    lacking = sum(bool(claim.presets) for claim in CLAIMS)
    assert last.startswith(f"{lacking} of {len(CLAIMS)} claims have no runs in sqlite:///runs/mlflow.db: ")
    assert "stand in analysis/README.md, under Claims" in last
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nverdicts\n{END}\n")
    with pytest.raises(UserError, match="would lose what stands there"):
        run([f"out={tmp_path / 'out'}", f"into={page}"])
    assert page.read_text() == f"{BEGIN}\nverdicts\n{END}\n"
    assert not (tmp_path / "out").exists()


def test_every_claim_has_a_section_and_a_row(store, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    run([f"out={tmp_path}", f"into={page}"])
    html = (tmp_path / "claims/index.html").read_text()
    assert html.count("<section") == len(CLAIMS) + 2
    assert html.count("No runs here.") == len(CLAIMS) - 1
    assert not re.search(r'(src|href)="(?!#)', html)
    rows = (tmp_path / "claims/claims.md").read_text().splitlines()[4:]
    assert len(rows) == len(CLAIMS)
    assert sum("**no runs here** | - | `rnnexp -m" in row for row in rows) == len(CLAIMS) - 1
    assert page.read_text() == f"before\n{BEGIN}\n" + "\n".join(
        [*(tmp_path / "claims/claims.md").read_text().splitlines()[2:], END, "after", ""]
    )
    assert (tmp_path / "claims/figures/clipping.png").exists()
    content = {one["name"]: one for one in json.loads((tmp_path / "claims/claims.json").read_text())}
    assert content["clipping"]["verdict"] == "not finished"
    assert content["clipping"]["sentence"].startswith("45 of 135 runs so far, by which it is “holds”: ")
    assert content["clipping"]["runs"] == 45


def test_a_page_without_marks_is_refused_before_anything_is_written(store, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks\n")
    with pytest.raises(UserError, match="has no place for the table"):
        run([f"out={tmp_path}/out", f"into={page}"])
    assert not (tmp_path / "out").exists()
    assert page.read_text() == "no marks\n"


def test_an_unknown_claim_is_refused_by_name():
    assert [claim.name for claim in chosen(CLAIMS, "clipping, distance")] == ["clipping", "distance"]
    with pytest.raises(UserError, match="only=clip is not known: choose from parameters"):
        chosen(CLAIMS, "clip")


SHARED = {"base", "grammar", "names", "count", "deep_names", "hackathon", "penn", "recall"}
TEN_SEEDS = {"distance", "counting", "reset_gate", "dropout", "dropout_in_time"}
PRESETS = sorted(path.stem for path in (CONF / "experiment/claims").glob("*.yaml") if path.stem not in SHARED)


def test_every_preset_is_of_a_claim_or_of_tuning():
    assert {*PRESETS} == {name for claim in CLAIMS for name in claim.presets} | {
        preset for preset, _ in TUNING.values()
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_of_a_claim_is_a_sweep_of_its_study(preset, tmp_path, monkeypatch):
    """The seeds of tuning are no claim's."""
    monkeypatch.chdir(tmp_path)
    schema.register()
    needed = [own.more for claim in CLAIMS for name, own in claim.presets.items() if name == preset]
    needed += [more for name, more in TUNING.values() if name == preset]
    more = {text.replace("FOLDER", ".") for text in needed if text}
    with open_request([f"experiment=claims/{preset}", *more]) as request:
        combinations = [texts for _, texts in request.combinations()]
        configs = [config_of(texts) for texts in (combinations[0], combinations[-1])]
    planned = {name: own.runs for claim in CLAIMS for name, own in claim.presets.items()}
    assert len(combinations) == planned.get(preset, len(combinations))
    assert {config["study"] for config in configs} == {f"claims_{preset}"}
    seeds = {text for texts in combinations for text in texts if text.startswith("seed=")}
    assert ({"seed=100", "seed=101"} <= seeds) == preset.startswith("tuning")
    assert len(seeds) == (2 if preset.startswith("tuning") else 10 if preset in TEN_SEEDS else 5)
    for config in configs:
        rules.check(config, elsewhere=True)
