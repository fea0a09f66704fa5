"""Every config of every group composes, builds and trains two steps."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from rnnexp.cli.train import CONF
from rnnexp.errors import UserError
from rnnexp.experiment import models, schema
from rnnexp.experiment.build import experiment
from rnnexp.experiment.config_hash import hashes
from rnnexp.nn.cells import CELLS
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.loop import fit
from tests.conftest import FILES, SMALL, data_folder

GROUPS = [
    "cell",
    "model",
    "dataset",
    "optimizer",
    "schedule",
    "train",
    "evaluation",
    "tracking",
    "sweep",
    "experiment",
]
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]


FROM_USERS = "text8", "wikitext2"  # data sets that only users have


def composed(*overrides):
    """The config that these overrides give; composed once a folder, for Hydra takes a quarter of a second."""
    return deepcopy(composed_in(Path.cwd(), *overrides))


@cache
def composed_in(folder, *overrides):
    """The same in the current folder, from which relative paths lead."""
    schema.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return schema.resolve(compose("config", overrides=list(overrides)))


def test_every_group_is_tested():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} == {*GROUPS, "hydra"}


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=[f"{g}={o}" for g, o in OPTIONS])
def test_config_composes_builds_and_trains_two_steps(group, option, tmp_path):
    overrides = [f"{group}={option}", "train.max_steps=2", "train.max_epochs=1"]
    if group not in ("dataset", "experiment"):  # which say how long their texts are
        overrides += SMALL[:3]
    if option == "text":
        (tmp_path / "t.txt").write_text("some words and more words\n" * 4000)
        overrides += [f"dataset.path={tmp_path / 't.txt'}"]
    if option in FROM_USERS:
        pytest.skip("no copy of the data set here; its reading is tested in tests/data/test_texts.py")
    overrides += ["dataset.dir=."] if "dino" in option else []
    config = composed(*overrides)
    name = config["dataset"]["name"].removesuffix("_char")
    if name in FILES:
        config["dataset"]["dir"] = str(data_folder(name))
    e = experiment(config)
    if e.corpus.end is None:
        e.corpus.splits["valid"] = e.corpus.splits["valid"][:200]
    checkpoints = Checkpoints(tmp_path, e.fingerprint)
    before = e.model.params.values.copy()
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
    ("cell", "tie"), [*((cell, False) for cell in CELLS), *((cell, True) for cell in ("lstm", "gru", "rnn"))]
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


def test_every_cell_has_a_config_of_its_name():
    for name in CELLS:
        assert composed(f"cell={name}")["cell"]["name"] == name


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
