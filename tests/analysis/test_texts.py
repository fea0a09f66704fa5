"""Check that what a difference owes to the text is said where the run folders hold the losses of the tokens."""

import json

import numpy as np
import pytest

from rnnexp.analysis.study import make_study
from rnnexp.analysis.text_error import sentences, text_error
from rnnexp.analysis.texts import text_sentences, token_losses
from tests.helpers.recorded_runs import NO_HISTORY, runs_table


@pytest.fixture
def study(tmp_path):
    """Two cells with three seeds each, and a run folder with the losses of the tokens for each run."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 5, 400).astype(np.int32)
    runs = runs_table(
        *((c, s, "FINISHED", p + 0.1 * s, {}) for c, p in (("lstm", 9), ("gru", 10)) for s in (0, 1, 2))
    )
    nats = rng.normal(3, 1, (6, 400)).astype(np.float32)
    for k in range(6):
        folder = tmp_path / str(k)
        folder.mkdir()
        np.savez(folder / "test_nats.npz", nats=nats[k], targets=targets, train_counts=np.arange(5))
        meaning = {"level": "word", "end": None, "symbols": ["a", "b", "<eos>", "c", "d"]}
        (folder / "vocabulary.json").write_text(json.dumps(meaning))
    runs["tags.rnnexp.folder"] = [str(tmp_path / str(k)) for k in range(6)]
    return make_study(["s"], runs, NO_HISTORY), nats, targets, tmp_path


def said(made):
    (group,) = made.groups
    return text_sentences(group, token_losses(made.runs, group))


def test_the_error_is_that_of_the_mean_difference_by_sentence(study):
    made, nats, targets, _ = study
    (sentence,) = said(made)
    gap = nats[3:].astype(np.float64).mean(axis=0) - nats[:3].astype(np.float64).mean(axis=0)
    expected = text_error(gap, sentences(targets, 2))
    assert sentence.startswith("gru minus lstm: Other seeds, this text: ±")
    assert f"These models, other text: ± {expected.error:.1e} nats" in sentence
    assert f"{expected.clusters} clusters" in sentence


def test_a_missing_file_is_no_error_and_gives_no_sentence(study):
    made, _, _, folder = study
    (folder / "4" / "test_nats.npz").unlink()
    assert said(made) == []


def test_other_texts_give_no_sentence(study):
    made, nats, targets, folder = study
    np.savez(folder / "4" / "test_nats.npz", nats=nats[4], targets=targets[::-1], train_counts=np.arange(5))
    assert said(made) == []
