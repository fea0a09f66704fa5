"""Where a gap comes from, on losses whose answer is known by how they were made."""

import json

import numpy as np
import pytest

from rnnexp.analysis.gap import excess_by_class, gap_by_class, read_losses, token_losses
from rnnexp.analysis.importance import importances
from tests.helpers.study_tables import trials

END = 9


def grammar(brackets, other=0.0, sentences=40):
    """Losses of sentences of ten tokens: six brackets (three of depth 1, three of depth 3) cost so much too much."""
    targets = np.tile(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, END], np.int32), sentences)
    kind = np.tile(np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0], np.int8), sentences)
    size = np.tile(np.array([0, 0, 0, 1, 1, 1, 3, 3, 4, 0], np.int16), sentences)
    best = np.linspace(0.5, 2, len(targets)).astype(np.float32)
    excess = np.where(kind == 1, np.where(size == 1, brackets, 2 * brackets), other)
    excess = excess * (1 + 0.1 * np.sin(np.arange(len(targets)) // 10))  # sentences differ
    arrays = {"nats": (best + excess).astype(np.float32), "targets": targets, "oracle": best}
    return arrays | {"kind": kind, "size": size, "kinds": np.array(["other", "bracket"])}


def test_the_gap_is_that_of_the_brackets():
    worse, better = (token_losses(grammar(x, 0.1), END) for x in (0.5, 0.2))
    rows = gap_by_class([worse], [better]).set_index(["kind", "size"])
    assert list(rows.index) == [("other", "all"), ("bracket", "all"), ("bracket", "1"), ("bracket", "3 to 4")]
    scale = float(np.mean(1 + 0.1 * np.sin(np.arange(40))))
    assert rows["contribution"].tolist() == pytest.approx(
        [0, 0.27 * scale, 0.09 * scale, 0.18 * scale], abs=1e-6
    )
    assert rows["share"].tolist() == pytest.approx([0, 1, 1 / 3, 2 / 3], abs=1e-5)
    assert rows["tokens"].tolist() == [160, 240, 120, 120]
    assert rows.loc[("bracket", "1"), "gap"] == pytest.approx(0.3 * scale, abs=1e-6)
    inside = rows["low"] <= rows["contribution"]
    assert (inside & (rows["contribution"] <= rows["high"])).all()


def test_the_excess_is_above_the_best_reachable_with_sentences_as_clusters():
    runs = [token_losses(grammar(0.5 + seed / 100), END) for seed in range(3)]
    rows = excess_by_class({"lstm": runs}).set_index(["kind", "size"])
    sentence = 1 + 0.1 * np.sin(np.arange(40))
    at = rows.loc[("bracket", "1")]
    assert at["excess"] == pytest.approx(0.51 * sentence.mean(), abs=1e-6)
    assert at["seed_error"] == pytest.approx(0.01 * sentence.mean() / np.sqrt(3), abs=1e-6)
    assert at["high"] - at["excess"] == pytest.approx(
        2.0226909 * 0.51 * sentence.std(ddof=1) / np.sqrt(40), rel=1e-4
    )
    assert rows.loc[("other", "all"), "excess"] == pytest.approx(0, abs=1e-6)


def test_shares_of_what_may_be_nothing_are_not_given():
    random = np.random.default_rng(0)
    one, other = grammar(0.2), grammar(0.2)
    other["nats"] = other["nats"] + random.normal(0, 0.3, len(other["nats"])).astype(np.float32)
    rows = gap_by_class([token_losses(one, END)], [token_losses(other, END)])
    assert rows["share"].isna().all()
    assert rows["contribution"].notna().all()


def test_words_are_classed_by_how_often_training_has_them():
    targets = np.array([0, 1, 2, 3] * 40, np.int32)
    arrays = {"targets": targets, "train_counts": np.array([0, 7, 12_000, 12_000], np.int32)}
    worse = token_losses(arrays | {"nats": np.where(targets == 0, 3.0, 1.0) + targets / 100}, None)
    better = token_losses(arrays | {"nats": np.ones(160) + targets / 100}, None)
    rows = gap_by_class([worse], [better])
    assert rows["size"].tolist() == ["all", "0", "1 to 9", "10,000 to 99,999"]
    assert rows["share"].tolist() == pytest.approx([1, 1, 0, 0])
    assert rows["tokens"].tolist() == [160, 40, 40, 80]


def test_runs_on_other_text_are_refused():
    other = grammar(0.2)
    other["targets"] = other["targets"][::-1]
    with pytest.raises(ValueError, match="different text"):
        gap_by_class([token_losses(grammar(0.3), END)], [token_losses(other, END)])


def test_losses_are_read_from_a_run_folder(tmp_path):
    assert read_losses(tmp_path) is None
    np.savez(tmp_path / "test_nats.npz", **grammar(0.3))
    symbols = [*"abcdefghi", "<eos>"]
    (tmp_path / "vocabulary.json").write_text(json.dumps({"level": "word", "end": None, "symbols": symbols}))
    found = read_losses(tmp_path)
    assert found.clusters[[0, 9, 10, -1]].tolist() == [0, 0, 1, 39]
    np.savez(tmp_path / "test_nats.npz", nats=np.ones(3), targets=np.zeros(3, np.int32))
    assert read_losses(tmp_path) is None  # an earlier version kept no counts


def test_the_learning_rate_mattered():
    pytest.importorskip("optuna")
    found = trials(24, 1)
    rows = importances(found, ["lr", "dropout", "seed", "nothing"], repeats=3)
    assert rows["setting"].tolist() == ["lr", "dropout"]
    assert rows["importance"].iloc[0] > 0.6
    assert (rows["low"] <= rows["high"]).all()
    assert importances(found.iloc[:8], ["lr"]) is None
