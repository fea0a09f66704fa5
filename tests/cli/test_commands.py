"""The commands beside `rnnexp`: text from a run, the perplexity of weights."""

import subprocess
import sys

import numpy as np
import pytest

from rnnexp.cli import generate
from rnnexp.cli.arguments import read
from rnnexp.cli.evaluate import report
from rnnexp.data.datasets import grammar
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.records.folder import RunFolder
from tests.conftest import SMALL
from tests.helpers.variants import small_model


def run(module, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a run on the grammar, recorded in MLflow, and one on lines of characters."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "names.txt").write_text("\n".join(f"{a}{b}o" for a in "bcdf" for b in "aeiu"))
    lines = ["dataset=text", "dataset.path=names.txt", "dataset.level=char", "dataset.lines=true"]
    small = [option for option in SMALL if not option.startswith("dataset.")]
    for arguments in ["hydra.run.dir=words", *SMALL], ["hydra.run.dir=chars", *lines, *small]:
        made = run("rnnexp.cli.train", *arguments, cwd=folder)
        assert made.returncode == 0, made.stderr
    return folder


def test_text_from_a_run(runs):
    plain = run("rnnexp.cli.generate", "run=words", "num=2", "length=30", cwd=runs)
    assert plain.returncode == 0, plain.stderr
    assert len(plain.stdout.split()) > 30
    run_id = RunFolder(runs / "words").deliveries.to(f"sqlite:///{runs}/runs/mlflow.db")["run_id"]
    by_id = run("rnnexp.cli.generate", f"run={run_id}", "num=2", "length=30", cwd=runs)
    assert by_id.stdout == plain.stdout, by_id.stderr
    assert (
        run("rnnexp.cli.generate", "run=words", "num=2", "length=30", "seed=1", cwd=runs).stdout
        != plain.stdout
    )


def test_a_prompt_stands_before_every_text(runs):
    result = run("rnnexp.cli.generate", "run=words", "prompt=the dog", "num=3", "length=4", cwd=runs)
    assert result.stdout.count("the dog ") == 3
    result = run("rnnexp.cli.generate", "run=chars", "prompt=ba", "num=4", "temperature=0", cwd=runs)
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
        (["run=empty"], ["empty is no run folder"]),
    ],
)
def test_what_generate_refuses(runs, monkeypatch, arguments, parts):
    (runs / "empty").mkdir(exist_ok=True)
    monkeypatch.chdir(runs)
    with pytest.raises(UserError) as refused:
        generate.generate(read(["run=words", *arguments], generate.Options))
    for part in parts:
        assert part in str(refused.value)


def test_a_mistake_is_one_plain_line(runs):
    for module in "rnnexp.cli.generate", "rnnexp.cli.evaluate":
        result = run(module, "nonsense=1", cwd=runs)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"{module}: ")


GRAMMAR = ["dataset.train_tokens=3000", "dataset.valid_tokens=400", "dataset.test_tokens=800"]
SHAPE = ["model.embed_size=6", "model.hidden_size=6", "model.num_layers=2", "train.batch_size=4"]


@pytest.fixture
def model():
    corpus = grammar.make(train_tokens=3000, valid_tokens=400, test_tokens=800)
    return small_model("gru", num_layers=2, vocab_size=len(corpus.vocabulary), dtype=np.float32), corpus


def test_the_perplexity_of_given_weights(model, tmp_path):
    model, corpus = model
    np.savez(tmp_path / "w.npz", **model.params.value)
    exact = run(
        "rnnexp.cli.evaluate", "weights=w.npz", "cell=gru", "engine=numpy", *GRAMMAR, *SHAPE, cwd=tmp_path
    )
    assert exact.returncode == 0, exact.stderr
    expected = np.exp(evaluate(model, corpus.splits["test"]))
    assert f"perplexity {expected:.3f}" in exact.stdout
    book = run(
        "rnnexp.cli.evaluate", "weights=w.npz", "cell=gru", "protocol=book", *GRAMMAR, *SHAPE, cwd=tmp_path
    )
    assert abs(float(book.stdout.split()[-1]) / expected - 1) < 0.05


def test_what_evaluate_refuses(model, tmp_path, monkeypatch):
    model, _ = model
    monkeypatch.chdir(tmp_path)
    arrays = dict(model.params.value)
    np.savez(tmp_path / "w.npz", **arrays)
    np.savez(tmp_path / "less.npz", **{name: a for name, a in arrays.items() if name != "cell1.b"})
    np.savez(tmp_path / "more.npz", **arrays, extra=np.ones(3))
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
