"""Every config of every group composes, builds and trains two steps."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose

from rnnexp.api.settings import GROUPS as OF_PYTHON
from rnnexp.compute import engine
from rnnexp.errors import UserError
from rnnexp.experiment import build, corpora, models, rules, schema
from rnnexp.experiment.config import keys_of, make_chosen, option_of
from rnnexp.experiment.config_hash import hashes
from rnnexp.installation import CONF
from rnnexp.nn.cells import CELLS
from rnnexp.nn.cells.base import Cell
from rnnexp.records.digests import leaves
from rnnexp.sweeps.configs import open_configs
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.loop import fit
from tests.conftest import FILES, SMALL, data_folder
from tests.helpers.variants import REPRESENTATIVES

GROUPS = [*OF_PYTHON, "sweep"]
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]


# what an evaluator asks of a model or of the short texts here
FITTING = {"mc_dropout": "model.dropout=0.1", "neural_cache": "evaluation.neural_cache.window=[100]"}
FROM_USERS = "text8", "wikitext2"  # data sets that only users have


def composed(*overrides):
    """The config that these overrides give; composed once a folder, for Hydra takes a quarter of a second."""
    return deepcopy(composed_in(Path.cwd(), *overrides))


def read_once(chosen):
    """As `corpora.of`, but a data set is read once: half a second where it is PTB."""
    corpus = corpus_of(json.dumps(chosen))
    return replace(corpus, splits=dict(corpus.splits))


@cache
def corpus_of(chosen):
    return make_chosen("dataset", json.loads(chosen))


@cache
def composed_in(folder, *overrides):
    """The same in the current folder, from which relative paths lead."""
    with open_configs():
        return schema.resolve(compose("config", overrides=list(overrides)))


def test_every_group_is_tested():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} == {*GROUPS, "hydra"}


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=[f"{g}={o}" for g, o in OPTIONS])
def test_config_composes_builds_and_trains_two_steps(group, option, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "of", read_once)
    overrides = [f"{group}={option}", "train.max_steps=2", "train.max_epochs=1"]
    if group == "experiment" and not option.startswith(("char", "dino")):  # built at their size below
        overrides += ["train.batch_size=2", "train.bptt=8", "model.match_params=null"]
        overrides += ["model.layer_sizes=[9,8]", "model.embed_size=8"]
    if group not in ("dataset", "experiment"):  # which say how long their texts are
        overrides += SMALL[:3]
    if option == "text":
        (tmp_path / "t.txt").write_text("some words and more words\n" * 4000)
        overrides += [f"dataset.path={tmp_path / 't.txt'}"]
    overrides += ["dataset.dir=."] if "dino" in option or option in FROM_USERS else []
    overrides += [FITTING[option]] if option in FITTING else []
    config = composed(*overrides)
    keys = keys_of(config)
    assert all(option_of(keys, key) for key in leaves(config)), "every key is described"
    if option in FROM_USERS:
        pytest.skip("no copy of the data set here; its reading is tested in tests/data/test_texts.py")
    name = config["dataset"]["name"].removesuffix("_char")
    if name in FILES:
        config["dataset"]["dir"] = str(data_folder(name))
    e = build.experiment(config)
    if e.corpus.end is None:
        e.corpus.splits["valid"] = e.corpus.splits["valid"][:200]
    checkpoints = Checkpoints(tmp_path, e.fingerprint)
    before = e.model.params.values.copy()
    with engine.use("numpy"):  # to compile the loops of every cell takes a minute
        (record,) = fit(e.model, e.corpus, e.optimizer, e.schedule, e.settings, checkpoints, e.seed)
    assert record["updates"] == 2
    assert np.isfinite(record["valid/ppl"])
    assert (before != e.model.params.values).mean() > 0.1


@pytest.mark.parametrize(
    ("preset", "expected"),
    [  # embedding, recurrent (layers of 4 or 3 gates, each with D + H + 1 rows of H), output
        ("dlfs2_rnnlm", 10_000 * 100 + 4 * 201 * 100 + 10_000 * 101),
        ("dlfs2_better_lstm", 10_000 * 650 + 2 * 4 * 1301 * 650 + 10_000),
        ("dlfs2_better_gru", 10_000 * 650 + 2 * 3 * 1301 * 650 + 10_000),
        ("awd_small_lstm", 10_000 * 300 + 4 * (701 * 400 + 701 * 300) + 10_000),
        ("awd_small_gru", 10_000 * 324 + 3 * (757 * 432 + 757 * 324) + 10_000),
        ("awd_lstm", 24_210_800),
        ("zoo_ptb", 10_000 * 200 + 4 * 401 * 200 + 10_000 * 201),
        ("zaremba_medium", 2 * 10_000 * 650 + 2 * 4 * 1301 * 650 + 10_000),
        ("dinosaur_names", (27 + 50 + 1) * 50 + 51 * 27),
        ("demo", 77_787),
        ("demo_gru", 78_215),
    ],
)
def test_the_presets_have_the_parameters_of_their_documents(preset, expected):
    config = composed(f"experiment={preset}", *(["dataset.dir=."] if preset == "dinosaur_names" else []))
    symbols = {"dinosaur_names": 27, "demo": 91, "demo_gru": 91}
    model = models.make_model(config, symbols.get(preset, 10_000))
    assert len(model.params.values) == expected


def test_hashes_tell_results_apart_and_nothing_else():
    def of(*overrides):
        return hashes(composed("dataset.train_tokens=2000", *overrides))

    plain = of()
    for same in (
        ["tracking=none", "study=other", "train.checkpoint_every_s=1", "threads=2", "engine=numpy"],
        ["rerun=true", "sweep.workers=1", "sweep.timeout=5", "train.sample_every=3"],
    ):
        assert of(*same) == plain
    seed = of("seed=1")
    assert seed[0] != plain[0]
    assert seed[1] == plain[1]
    solved = of("model.match_params=5000", "model.hidden_size=7")
    assert solved == of("model.match_params=5000") != of("model.match_params=5001")
    for other in "model.dropout=0.1", "cell=gru", "optimizer.lr=1", "dataset.seed=1", "train.bptt=31":
        assert of(other)[1] != plain[1]


def test_the_same_text_elsewhere_is_the_same_experiment(tmp_path):
    found = set()
    for name in "a", "b":
        path = tmp_path / f"{name}.txt"
        path.write_text("some words and more words\n" * 1000)
        found.add(hashes(composed("dataset=text", f"dataset.path={path}")))
    path.write_text("other words and more words\n" * 1000)
    assert len(found) == 1
    assert hashes(composed("dataset=text", f"dataset.path={path}")) not in found


def test_the_books_model_has_the_books_parameters():
    model = models.make_model(composed("experiment=dlfs2_rnnlm"), vocab_size=10_000)
    assert model.num_params() == {"embedding": 1_000_000, "recurrent": 80_400, "output": 1_010_000}


@pytest.mark.parametrize(
    ("cell", "tie"), [*((cell, False) for cell in REPRESENTATIVES), ("lstm", True), ("gru", True)]
)
def test_the_size_that_matches_a_number_of_parameters(cell, tie):
    config = composed(f"cell={cell}", f"model.tie_weights={tie}")

    def count(**settings):
        model = models.make_model(config | {"model": config["model"] | settings}, vocab_size=50)
        return model.cells[0].hidden_size, len(model.params.values)

    counts = {size: count(hidden_size=size, embed_size=size if tie else 64)[1] for size in range(1, 100)}
    for target in counts[37], counts[37] + 1, counts[38] - 1, counts[1], 3 * counts[20] // 2:
        best = min(counts, key=lambda size: abs(counts[size] - target))
        assert count(match_params=target) == (best, counts[best])
    with pytest.raises(UserError, match=f"takes {counts[1]}"):
        count(match_params=counts[1] - 1)


def test_the_size_that_matches_the_recurrent_parameters_alone():
    """Where weights are tied, more units also make a larger embedding: the two ways of counting differ."""
    tied = ["model.tie_weights=true", "model.embed_size=64"]
    target = models.make_model(composed("cell=lstm", *tied), vocab_size=500).num_params()
    widths = {}
    for match, number in ("recurrent", target["recurrent"]), ("all", sum(target.values())):
        config = composed("cell=gru", *tied, f"model.match={match}", f"model.match_params={number}")
        found = models.make_model(config, vocab_size=500)
        counts = found.num_params() | {"all": sum(found.num_params().values())}
        assert abs(counts[match] / number - 1) < 0.02
        widths[match] = found.cells[0].hidden_size
    assert 64 < widths["all"] < widths["recurrent"]


@pytest.mark.parametrize("tie", [True, False])
def test_sizes_of_layers(tie):
    config = composed("model.layer_sizes=[40,30]", "model.embed_size=30", f"model.tie_weights={tie}")
    model = models.make_model(config, vocab_size=50)
    assert [cell.hidden_size for cell in model.cells] == [40, 30]
    assert model.params.value["cell0.W"].shape[1:] == (30, 40)
    number = len(model.params.values)
    for factor in 0.5, 2:
        config["model"]["match_params"] = int(number * factor)
        matched = models.make_model(config, vocab_size=50)
        first, last = (cell.hidden_size for cell in matched.cells)
        assert first == round(4 / 3 * last)
        assert len(matched.params.values) / number == pytest.approx(factor, rel=0.05)
        assert matched.params.value["embedding.W"].shape == (50, last if tie else 30)


def test_sizes_that_do_not_end_with_the_tied_embedding():
    config = composed("model.layer_sizes=[40,30]", "model.embed_size=40", "model.tie_weights=true")
    with pytest.raises(
        UserError, match=r"^model\.layer_sizes=\[40, 30\] must end with model.embed_size=40, for"
    ):
        rules.check(config)
    config["model"]["layer_sizes"] = []
    with pytest.raises(UserError, match="must be sizes of at least 1"):
        rules.check(config)


@pytest.mark.parametrize("key", ["weight_drop", "recurrent_dropout"])
def test_a_part_that_a_cell_cannot_have(key, monkeypatch):
    """As a cell whose gates see the input alone."""
    monkeypatch.setitem(CELLS, "rnn", WithoutProducts)
    config = composed("cell=rnn", f"model.{key}=0.2")
    with pytest.raises(
        UserError, match=rf"^model\.{key}=0\.2 is for recurrent products, and cell=rnn has none"
    ):
        rules.check(config)


def test_momentum_below_one():
    config = composed("optimizer.momentum=1")
    with pytest.raises(UserError, match=r"^optimizer\.momentum=1\.0 must be from 0 to below 1$"):
        rules.check(config)


def test_windows_of_random_length_are_of_a_stream():
    config = composed("dataset=gettysburg", "train.random_bptt=true")
    with pytest.raises(
        UserError, match=r"^train\.random_bptt=true cuts a stream, and this text is sequences"
    ):
        build.experiment(config)


@pytest.mark.parametrize(
    "overrides",
    [
        ["schedule=cosine", "schedule.epochs=8", "train.max_epochs=8"],
        ["schedule=plateau", "train.max_epochs=1000"],  # of which nobody knows how often it lowers the rate
    ],
    ids=["cosine", "plateau"],
)
def test_a_schedule_of_which_every_epoch_learns_is_accepted(overrides):
    rules.check(composed(*overrides))


class WithoutProducts(Cell):
    gates = input_gates = "n"
    recurrent_matmuls = {}


def test_every_cell_has_a_config_of_its_name():
    for name in CELLS:
        assert yaml.safe_load((CONF / f"cell/{name}.yaml").read_text())["name"] == name


def test_a_preset_chooses_a_value_by_another_key():
    cells = "rnn", "lstm", "gru"
    rates = {cell: composed("experiment=claims/grammar", f"cell={cell}")["optimizer"]["lr"] for cell in cells}
    assert rates == {"rnn": 4.0, "lstm": 16.0, "gru": 2.0}
    assert composed("experiment=claims/grammar", "optimizer.lr=3")["optimizer"]["lr"] == 3
    with pytest.raises(UserError, match="the preset has no value for mine, only for lstm, gru"):
        schema.choose("mine", {"lstm": 1.0, "gru": 2.0})


def test_an_option_without_a_type_is_named():
    def make(input_size: int, hidden_size: int, leak=0.5):
        pass

    with pytest.raises(UserError, match="option leak has no type"):
        schema.options("cell", make)


def test_an_option_without_a_description_is_named():
    def make(input_size: int, hidden_size: int, leak: float = 0.5):
        pass

    with pytest.raises(
        UserError, match=r"option leak is not described; write leak: Annotated\[float, Option"
    ):
        schema.options("cell", make)
