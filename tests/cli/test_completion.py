"""Complete by TAB subcommands, their studies and their run folders, and leave the rest to Hydra."""

import pytest

from rnnexp.cli import main


@pytest.fixture
def completed(tmp_path, monkeypatch, capsys):
    """Return what a line may become, by the words that are printed."""
    for run in "demo/gru_seed1_0", "demo/lstm_seed1_0", "demo/lstm[2]", "dune/rnn_seed1_0":
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "state.json").write_text("{}")
    for name in "$(touch ran)", "a b", "a'b", ".git":
        (tmp_path / "runs/dune" / name).mkdir()
    monkeypatch.chdir(tmp_path)

    def complete(line, shell="bash"):
        monkeypatch.setenv("COMP_LINE", f"rnnexp {line}")
        monkeypatch.setenv("COMP_POINT", str(len(line) + 7))
        assert main.main(["-sc", f"query={shell}"]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("compare stu", ["study="]),
        ("compare study=d", ["study=demo", "study=dune"]),
        ("status study=", ["study=demo", "study=dune"]),
        ("generate run=ru", ["run=runs/"]),
        ("evaluate run=runs/", ["run=runs/demo/", "run=runs/dune/"]),
        (
            "generate run=runs/demo/",
            [f"run=runs/demo/{n}" for n in ("gru_seed1_0", "lstm[2]", "lstm_seed1_0")],
        ),
        ("generate run=runs/dune/", ["run=runs/dune/rnn_seed1_0"]),
        ("generate run=nowhere/", []),
        ("sync ", []),
    ],
)
def test_what_a_subcommand_takes(completed, line, choices):
    assert completed(line) == completed(line, "fish") == choices


def test_where_nothing_has_run(completed, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert completed("compare study=") == []


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("st", {"status"}),
        ("c", {"compare", "claims", "clean", "challenge", "cell="}),
        ("cell=ls", {"cell=lstm"}),
        ("train cell=ls", {"cell=lstm"}),
        ("cell=gru model.hid", {"model.hidden_size="}),
    ],
)
def test_what_hydra_knows_is_said_beside(completed, line, some):
    assert some <= set(completed(line))
