"""The subcommands: text from a run, the perplexity of weights, what they refuse, how they are found."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir
from threading import Thread
from unittest.mock import Mock

import numpy as np
import psutil
import pytest

from rnnexp.cli import generate, ui
from rnnexp.cli.evaluate import report, standing
from rnnexp.cli.main import COMMANDS
from rnnexp.command.arguments import read
from rnnexp.data.datasets import grammar
from rnnexp.errors import Interrupted, UserError
from rnnexp.evaluation.neural_cache import NeuralCache
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.experiment import build, corpora
from rnnexp.nn.cells import CELLS
from rnnexp.records.folder import RunFolder
from tests import conftest
from tests.conftest import QUICK, SMALL
from tests.helpers.variants import small_model


@pytest.fixture(scope="module")
def runs(tmp_path_factory, empty_store):
    """A folder with a run on the grammar, recorded in MLflow, and one on lines of characters."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs/mlflow.db")
    (folder / "names.txt").write_text("\n".join(f"{a}{b}o" for a in "bcdf" for b in "aeiu"))
    lines = ["dataset=text", "dataset.path=names.txt", "dataset.level=char", "dataset.lines=true"]
    small = [option for option in SMALL if not option.startswith("dataset.")]
    for arguments in (
        ["train", "hydra.run.dir=words", *SMALL, "engine=numpy"],
        ["hydra.run.dir=chars", *lines, *small, "tracking=none"],
    ):
        command = [sys.executable, "-m", "rnnexp", *arguments]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def run(in_process, runs, monkeypatch):
    """Carries out a command where the runs are."""

    def run(*arguments, cwd=runs):
        with chdir(cwd):
            return in_process(*arguments)

    return run


def test_text_from_a_run(run, runs):
    plain = run("generate", "run=words", "num=2", "length=30")
    assert plain.returncode == 0, plain.stderr
    assert len(plain.stdout.split()) > 30
    run_id = RunFolder(runs / "words").deliveries.to(f"sqlite:///{runs}/runs/mlflow.db")["run_id"]
    by_id = run("generate", f"run={run_id}", "num=2", "length=30")
    assert by_id.stdout == plain.stdout, by_id.stderr
    assert run("generate", "run=words", "num=2", "length=30", "seed=1").stdout != plain.stdout


def test_a_prompt_stands_before_every_text(run):
    result = run("generate", "run=words", "prompt=the dog", "num=3", "length=4")
    assert result.stdout.count("the dog ") == 3
    result = run("generate", "run=chars", "prompt=ba", "num=4", "temperature=0")
    assert len(set(result.stdout.splitlines())) == 1, "the likeliest text is always the same"
    assert all(line.startswith("ba") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["prompt=the unicorn"], ["'unicorn'", "does not know"]),
        (["prompt=${x}"], ["'${x}'", "does not know"]),
        (["prompt=null"], ["'null'", "does not know"]),
        (["temperature=-1"], ["temperature=-1.0 must be 0 or more"]),
        (["temperature=warm"], ["temperature=warm"]),
        (["top_k=0"], ["top_k=0 must be 1 or more"]),
        (["length=0"], ["length=0"]),
        (["color=red"], ["color=red is not known", "prompt="]),
        (["run=nowhere"], ["run=nowhere is neither a run folder nor the id of a run"]),
        (["run=runs/nope"], ["run=runs/nope is neither a run folder nor the id of a run"]),
        (["run=empty"], ["empty is no run folder"]),
    ],
)
def test_what_generate_refuses(runs, monkeypatch, arguments, parts):
    (runs / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(runs)
    own = [] if arguments[0].startswith("run=") else ["run=words"]
    with pytest.raises(UserError) as refused:
        generate.generate(read([*own, *arguments], generate.Options))
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "nonsense=1"], "rnnexp generate: nonsense=1 is not known: the options are run=, "),
        (["generate"], "rnnexp generate: run has no value: add run=VALUE"),
        (["evaluate", "nonsense=1"], "rnnexp evaluate: weights has no value"),
        (
            ["evaluate", "weights=w.npz", "nonsense=1"],
            "rnnexp evaluate: nonsense is not known: rnnexp --help lists the keys",
        ),
        (["sync"], "rnnexp sync: name a folder: rnnexp sync runs/"),
        (["sync", "nowhere"], "rnnexp sync: nowhere is no folder"),
        (["sync", "runs", "ury=x"], "rnnexp sync: ury=x is not known: did you mean uri=? There are uri="),
        (["offline"], "rnnexp offline: name run folders"),
        (["offline", "chars", "workers=0"], "rnnexp offline: workers=0 must be a number from 1"),
        (["resume"], "rnnexp resume: name one run folder"),
        (["ui", "port=high"], "rnnexp ui: port=high must be a whole number"),
        (["ui", "uri=sqlite:///no.db"], "rnnexp ui: no.db does not exist: train a model first"),
        (["compare", "study=none"], "rnnexp compare: "),
        (["challenge"], "rnnexp challenge: "),
        (["reproduce", "only=none"], "rnnexp reproduce: only=none is not known"),
        (["trian"], "rnnexp: trian is no command: did you mean train? There are train, resume, "),
        (["genrate", "run=words"], "rnnexp: genrate is no command: did you mean generate?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_plain_line(run, arguments, message):
    result = run(*arguments)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(message)
    assert result.stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_of_help(in_process, tmp_path, name):
    for flag in "--help", "-h":
        result = in_process(name, flag)
        assert (result.returncode, result.stderr) == (0, "")
        assert f"rnnexp {name}" in result.stdout
    assert not list(tmp_path.iterdir())


def test_help_names_every_command_and_what_can_be_chosen(in_process):
    result = in_process("--help", "cell=gru")
    assert result.returncode == 0
    for name, command in COMMANDS.items():
        assert f"rnnexp {name} {command.usage}".strip() in result.stdout
        assert command.line in result.stdout
    assert "rnnexp resume=" in result.stdout
    (cells,) = (line for line in result.stdout.splitlines() if line.startswith("cell: "))
    assert set(CELLS) <= set(cells.removeprefix("cell: ").split(", "))
    assert "reset: before" in result.stdout
    assert "schema" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "not_imported"),
    [
        (["--help"], {"mlflow", "pandas", "matplotlib", "numba", "rnnexp.cli.train"}),
        (["trian"], {"hydra", "omegaconf", "numpy"}),
    ],
)
def test_what_a_command_does_not_need_is_not_imported(tmp_path, arguments, not_imported):
    code = f"import sys; from rnnexp.cli.main import main; main(); print({not_imported} & sys.modules.keys())"
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "set()", result.stdout + result.stderr


def test_the_commands_of_analysis_end_as_python_m_does(run, runs):
    result = run("compare", "study=default")
    assert result.returncode == 0, result.stderr
    assert "| lstm |" in result.stdout
    assert (runs / "runs/reports/default/compare.md").exists()


def test_ctrl_c_and_a_lack_of_memory_end_every_command_alike(in_process, monkeypatch):
    for raised, status, said in [
        (KeyboardInterrupt(), 130, ""),
        (Interrupted(signal.SIGTERM), 143, ""),
        (MemoryError("3 GiB"), 1, "rnnexp generate: not enough memory: 3 GiB\n"),
        (MemoryError(), 1, "rnnexp generate: not enough memory: choose a smaller model or data set\n"),
    ]:
        monkeypatch.setattr(generate, "generate", Mock(side_effect=raised))
        result = in_process("generate", "run=words")
        assert (result.returncode, result.stdout, result.stderr) == (status, "", said)
    monkeypatch.setattr(generate, "generate", Mock(side_effect=ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):  # a mistake of ours is shown as it is
        in_process("generate", "run=words")


def test_a_reader_that_has_had_enough_is_no_mistake(tmp_path):
    command = f"{sys.executable} -m rnnexp --help | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] in ("141", "0")  # 0 where all was written before


def test_ui_is_mlflows_on_the_store(in_process, tmp_path, monkeypatch):
    started = Mock(return_value=0)
    monkeypatch.setattr(ui, "serve", started)
    (tmp_path / "mine.db").touch()
    said = in_process("ui", "uri=sqlite:///mine.db", "port=5001")
    assert said.returncode == 0
    assert "http://127.0.0.1:5001" in said.stdout
    (command, environment), _ = started.call_args
    assert command[1:6] == ["-m", "mlflow", "ui", "--port", "5001"]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mine.db"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_a_server_that_is_stopped_leaves_no_process_and_says_one_word(tmp_path, capfd):
    """Also none that it has started itself."""
    sleeper = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"
    out = tmp_path / "out"
    out.touch()

    def interrupt():
        while not out.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    stops = Thread(target=interrupt)
    stops.start()
    server = ["sh", "-c", f'sleep 60 | exec "$0" -c "$1" > {out}', sys.executable, sleeper]
    assert ui.serve(server, dict(os.environ)) == 0
    stops.join()
    assert capfd.readouterr() == ("stopped\n", "")
    child = int(out.read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


GRAMMAR = ["dataset.train_tokens=3000", "dataset.valid_tokens=400", "dataset.test_tokens=800"]
SHAPE = ["model.embed_size=6", "model.hidden_size=6", "model.num_layers=2", "train.batch_size=4"]


@pytest.fixture
def model():
    corpus = grammar.make(train_tokens=3000, valid_tokens=400, test_tokens=800)
    return small_model("gru", num_layers=2, vocab_size=len(corpus.vocabulary), dtype=np.float32), corpus


def test_the_perplexity_of_given_weights(model, run, tmp_path):
    model, corpus = model
    np.savez(tmp_path / "w.npz", **model.params.value)
    exact = run("evaluate", "weights=w.npz", "cell=gru", "engine=numpy", *GRAMMAR, *SHAPE, cwd=tmp_path)
    assert exact.returncode == 0, exact.stderr
    expected = np.exp(evaluate(model, corpus.splits["test"]))
    assert f"perplexity {expected:.3f}" in exact.stdout
    book = run("evaluate", "weights=w.npz", "cell=gru", "protocol=book", *GRAMMAR, *SHAPE, cwd=tmp_path)
    assert abs(float(book.stdout.split()[-1]) / expected - 1) < 0.05


def test_what_evaluate_refuses(model, tmp_path, monkeypatch):
    model, _ = model
    monkeypatch.chdir(tmp_path)
    arrays = dict(model.params.value)
    np.savez(tmp_path / "w.npz", **arrays)
    np.savez(tmp_path / "less.npz", **{name: a for name, a in arrays.items() if name != "cell1.b"})
    np.savez(tmp_path / "more.npz", **arrays, extra=np.ones(3))
    np.savez(tmp_path / "last.npz", **arrays, average=np.ones(3))
    np.savez(tmp_path / "pickle.npz", **{"decoder.b": np.array([{}], object)})
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "array.npy", np.ones(3))
    np.savez(tmp_path / "nan.npz", **arrays | {"decoder.b": np.full(len(arrays["decoder.b"]), np.nan)})
    np.savez(tmp_path / "words.npz", **arrays | {"decoder.b": np.array(["a"])})
    common = ["cell=gru", *GRAMMAR, *SHAPE]
    for arguments, parts in [
        (["weights=w.npz", *common, "model.hidden_size=7"], ["cell0.W has the shape (3, 6, 6)", "(3, 6, 7)"]),
        (["weights=less.npz", *common], ["lacks cell1.b of shape (3, 6)"]),
        (["weights=more.npz", *common], ["has extra, which this model does not"]),
        (["weights=last.npz", *common], ["of a run whose weights are averaged: give its best.npz"]),
        (["weights=pickle.npz", *common], ["no npz file of plain arrays"]),
        (["weights=text.npz", *common], ["no npz file of plain arrays"]),
        (["weights=none.npz", *common], ["weights=none.npz does not exist"]),
        (["weights=array.npy", *common], ["no npz file of plain arrays"]),
        (["weights=nan.npz", *common], ["decoder.b does not hold finite real numbers"]),
        (["weights=words.npz", *common], ["decoder.b does not hold finite real numbers"]),
        (common, ["weights has no value"]),
        (["weights=w.npz", *common, "protocol=mine"], ["protocol=mine is not known"]),
        (["weights=w.npz", *common, "split=dev"], ["split=dev is not known"]),
    ]:
        with pytest.raises(UserError) as refused:
            report(arguments)
        for part in parts:
            assert part in str(refused.value)


def test_given_weights_are_scored_in_another_way_too(model, tmp_path, monkeypatch):
    model, corpus = model
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", **model.params.value)
    cache = {"window": [50], "theta": [0.3], "share": [0.05, 0.2]}
    chosen = [f"evaluation.neural_cache.{name}={values}".replace(" ", "") for name, values in cache.items()]
    given = ["weights=w.npz", "cell=gru", "engine=numpy", "evaluation=neural_cache"]
    said = report([*given, *chosen, *GRAMMAR, *SHAPE])
    scores = NeuralCache(**cache).score(model, corpus, "test")
    found = re.findall(r"^test \((\w+)\): ([\d.]+) nats", said, re.MULTILINE)
    expected = {
        "exact": evaluate(model, corpus.splits["test"]),
        "neural_cache": scores["neural_cache_loss"],
    }
    assert {name: float(loss) for name, loss in found} == pytest.approx(expected, rel=1e-5)
    assert f"neural_cache_share {scores['neural_cache_share']:g})" in said


def test_weights_that_are_gone_are_named_before_data_are_read(monkeypatch):
    monkeypatch.setattr(corpora, "make_chosen", None)
    with pytest.raises(UserError, match=r"^weights=gone\.npz does not exist$"):
        report(["weights=gone.npz", "cell=gru", *GRAMMAR, *SHAPE])


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A run on a text of words, whose validation split is read in three streams, and what it recorded."""
    folder = tmp_path_factory.mktemp("scored")
    (folder / "mine.txt").write_text("to be or not to be\nthat is the question\n" * 150 + "rare end\n")
    (folder / "other.txt").write_text("to be or new\n" * 30)
    own = ["dataset=text", f"dataset.path={folder / 'mine.txt'}", "train.eval_streams=3"]
    own += [option for option in QUICK if not option.startswith("dataset.")]
    subprocess.run(
        conftest.command(*own, f"hydra.run.dir={folder / 'run'}"), cwd=folder, check=True, capture_output=True
    )
    return folder, json.loads((folder / "run" / "result.json").read_text())


def perplexity_of(result):
    assert result.returncode == 0, result.stderr
    return float(result.stdout.split()[-1])


def test_a_recorded_run_is_scored_as_it_was_without_its_overrides(run, scored):
    folder, result = scored
    assert perplexity_of(run("evaluate", "run=run", cwd=folder)) == pytest.approx(
        result["test/ppl"], rel=1e-5
    )
    streams = run("evaluate", "run=run", "split=valid", "protocol=streams", cwd=folder)
    exact = run("evaluate", "run=run", "split=valid", cwd=folder)
    assert perplexity_of(streams) == pytest.approx(result["best/valid_ppl"], rel=1e-5)
    assert perplexity_of(exact) != perplexity_of(streams)
    tags = RunFolder(folder / "run").tags()
    assert (tags["rnnexp.valid_protocol"], tags["rnnexp.test_protocol"]) == ("3 streams", "exact")


def test_a_run_that_would_not_be_begun_any_more_is_scored_and_gone_on_with(run, scored, tmp_path):
    """Take its config as it is: nobody could follow the advice to change it."""
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(scored[0] / "run", folder.path)
    config = folder.load_config()
    config["train"] |= {"average_trigger": 9, "patience": 5}
    folder.config_file.write_text(json.dumps(config))
    assert perplexity_of(run("evaluate", "run=run", cwd=tmp_path)) == pytest.approx(
        scored[1]["test/ppl"], rel=1e-5
    )
    (folder.path / "result.json").unlink()
    assert run("resume", "run", cwd=tmp_path).returncode == 0
    assert folder.result()["test/ppl"] == scored[1]["test/ppl"]


def test_of_a_run_that_has_not_finished_it_is_said_which_weights_are_scored(run, scored, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(scored[0] / "run", folder)
    (folder / "result.json").unlink()
    said = run("evaluate", "run=run", cwd=tmp_path).stdout
    assert said.startswith("run has not finished: its weights are the best of 2 epochs\n")
    (line,) = standing(RunFolder(tmp_path / "begun"))
    assert line.endswith("its weights are those of its last checkpoint, before an epoch ended")


def test_another_text_is_scored_whole_with_the_vocabulary_of_the_run(run, scored):
    folder, _ = scored
    found = run("evaluate", "run=run", "dataset.path=other.txt", cwd=folder)
    assert perplexity_of(found) > 1
    assert "text: 149 tokens are predicted" in found.stdout
    assert f"{100 * 30 / 149:.2f}% of them are not in the vocabulary" in found.stdout


def test_a_text_with_symbols_that_the_run_has_no_sign_for(run, runs):
    (runs / "odd.txt").write_text("bao\nbxao\nzzeo\nfo\n")
    (runs / "even.txt").write_text("bao\nbao\neo\nfo\n")
    refused = run("evaluate", "run=chars", "dataset.path=odd.txt")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"rnnexp evaluate: dataset.path={runs}/odd.txt: the text has 2 characters that the model does not know, "
        "3 of its 17 tokens (17.65%), and no <unk> stands for them: 'z' (2), 'x' (1); unknown=leave_out scores the "
        "rest\n"
    )
    (runs / "none.txt").write_text("zxzx")
    refused = run("evaluate", "run=chars", "dataset.path=none.txt", "unknown=leave_out")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"rnnexp evaluate: dataset.path={runs}/none.txt: none of its symbols is in the vocabulary of chars\n"
    )
    assert "<unk>" not in RunFolder(runs / "chars").load_vocabulary().vocabulary.index
    odd = run("evaluate", "run=chars", "dataset.path=odd.txt", "unknown=leave_out")
    even = run("evaluate", "run=chars", "dataset.path=even.txt")
    assert odd.returncode == even.returncode == 0, odd.stderr + even.stderr
    about, score = odd.stdout.splitlines()
    assert about == (
        "text: 14 tokens are predicted, of 1.00 bytes; 3 others (17.65%) that the vocabulary lacks are left out, "
        "even as context"
    )
    assert score.startswith("text without 3 tokens (exact): ")
    assert score.partition(": ")[2] == even.stdout.splitlines()[1].partition(": ")[2]


WAYS = [
    "evaluation=[dynamic,temperature]",
    "evaluation.dynamic.valid_tokens=30",
    "evaluation.dynamic.lr=[0.001]",
]


def test_another_text_is_scored_with_what_is_tuned_on_the_run_s_own_data(run, scored):
    """The run's test split, brought as another text, has the scores that it has as a split."""
    folder, _ = scored
    options = ["run=run", *WAYS]
    own = run("evaluate", *options, cwd=folder)
    assert own.returncode == 0, own.stderr
    with chdir(folder):
        corpus = build.experiment(RunFolder(folder / "run").load_config()).corpus
    (folder / "test.txt").write_text(corpus.text(corpus.splits["test"]))
    other = run("evaluate", *options, "dataset.path=test.txt", cwd=folder)
    assert other.returncode == 0, other.stderr
    names = ["dynamic_lr", "dynamic_decay", "temperature_value"]
    assert all(name in other.stdout for name in names)
    ours, theirs = (re.findall(r"\((\w+)\): ([\d.]+) nats", found.stdout) for found in (own, other))
    assert [name for name, _ in ours] == ["exact", "dynamic", "temperature"]
    assert ours == theirs
    before = (folder / "mine.txt").read_text()
    (folder / "mine.txt").write_text(before.replace("question", "answer"))
    refused = run("evaluate", *options, "dataset.path=test.txt", cwd=folder)
    (folder / "mine.txt").write_text(before)
    assert "are no longer what they were" in refused.stderr


def test_what_evaluate_refuses_of_a_run(run, scored):
    folder, _ = scored
    for arguments, part in [
        (["run=run", "cell=gru"], "cell=gru cannot be said anew of a run: only dataset.path, dataset.dir"),
        (["run=run", "weights=w.npz"], "exclude each other"),
        (["run=run", "split=text"], "split=text is not known: choose from train, valid, test"),
        (["run=run", "dataset.path=none.txt"], "none.txt"),
        (["run=run", "dataset.dir=."], "dataset.dir is not for a run of dataset=text: leave it out"),
        (["run=run", "data.root=."], "data.root is not for a run of dataset=text: leave it out"),
        (["run=run", "evaluation=none"], "evaluation=none is not known: there are dlfs2"),
        (["run=run", "evaluation=neural_cache", "evaluation.neural_cache.share=[2]"], "from 0 to below 1"),
        (["run=run", "evaluation=neural_cache"], "evaluation.neural_cache.window=500 takes at least 502"),
        (["run=run", "evaluation=mc_dropout"], "evaluation=mc_dropout is for a model with dropout"),
        (["run=run", "dataset.path=other.txt", "split=valid"], "split=valid is not known: choose from text"),
        (["run=run", "unknown=leave_out"], "is for another text than the run's: add dataset.path=FILE"),
        (["run=run", "unknown=skip"], "unknown=skip is not known: choose from read, leave_out"),
    ]:
        refused = run("evaluate", *arguments, cwd=folder)
        assert refused.returncode == 1
        assert part in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    text = folder / "mine.txt"
    before = text.read_text()
    text.write_text(before.replace("question", "answer"))
    refused = run("evaluate", "run=run", cwd=folder)
    text.write_text(before)
    assert "are no longer what they were" in refused.stderr
