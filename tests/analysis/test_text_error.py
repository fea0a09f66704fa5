"""The error of the text is that of a bootstrap over its sentences."""

import numpy as np
import pytest

from rnnexp.analysis.text_error import blocks, sentences, text_error, total_error, uncertainty_sentences


def text(seed=0, number=400):
    """Return losses and clusters of sentences that are hard or easy as a whole, of unequal lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 30, number)
    clusters = np.repeat(np.arange(number), lengths)
    hardness = rng.normal(0, 0.5, number)
    return 3.5 + hardness[clusters] + rng.gamma(2.0, 0.5, len(clusters)), clusters


def test_it_agrees_with_a_bootstrap_over_sentences():
    losses, clusters = text()
    row = text_error(losses, clusters)
    sums, lengths = np.bincount(clusters, losses), np.bincount(clusters)
    drawn = np.random.default_rng(1).integers(0, len(sums), (4_000, len(sums)))
    means = sums[drawn].sum(axis=1) / lengths[drawn].sum(axis=1)
    assert row.mean == pytest.approx(losses.mean())
    assert row.error == pytest.approx(means.std(), rel=0.05)
    assert (row.tokens, row.clusters) == (len(losses), 400)
    independent = losses.std() / np.sqrt(len(losses))
    assert row.error > 1.5 * independent


def test_tokens_by_themselves_have_the_usual_error():
    losses = np.random.default_rng(2).gamma(2.0, 0.5, 500)
    row = text_error(losses, np.arange(500))
    assert row.error == pytest.approx(losses.std(ddof=1) / np.sqrt(500))


def test_by_hand():
    # r = 12/4 = 3; d - r m: 2 - 3 = -1, 10 - 9 = 1; error^2 = 2/1 (1 + 1) / 16
    row = text_error(np.array([2.0, 4.0, 5.0, 1.0]), np.array([0, 1, 1, 1]))
    assert (row.mean, row.error) == pytest.approx((3.0, 0.5))


def test_it_covers_the_mean_of_all_text():
    rows = [text_error(*text(seed, 60)) for seed in range(600)]
    assert 0.92 < np.mean([row.low <= 4.5 <= row.high for row in rows]) < 0.975


def test_numbers_without_tokens_are_no_clusters():
    losses = np.array([1.0, 2.0, 4.0])
    assert text_error(losses, np.array([0, 5, 5])) == text_error(losses, np.array([0, 1, 1]))


def test_one_sentence_has_no_error():
    with pytest.raises(ValueError, match="two sentences"):
        text_error(np.ones(5), np.zeros(5, int))
    with pytest.raises(ValueError, match="one length"):
        text_error(np.ones(5), np.zeros(4, int))


def test_a_sentence_ends_with_its_end():
    assert sentences(np.array([7, 0, 7, 7, 0, 0, 7]), end=0).tolist() == [0, 0, 1, 1, 1, 2, 3]


def test_blocks_are_of_at_least_35_tokens():
    assert np.bincount(blocks(110)).tolist() == [35, 35, 40]
    assert np.bincount(blocks(20)).tolist() == [20]
    assert np.bincount(blocks(70)).tolist() == [35, 35]


def test_both_errors_add_up_as_squares():
    assert total_error(0.03, 9, 0.024) == pytest.approx(0.026)
    row = text_error(np.array([2.0, 4.0, 5.0, 1.0]), np.array([0, 1, 1, 1]))
    assert uncertainty_sentences(0.6, 4, row) == (
        "Other seeds, this text: ± 3.0e-01 nats (standard error, 4 seeds).",
        "These models, other text: ± 5.0e-01 nats (standard error, 2 clusters).",
        "Both: ± 5.8e-01 nats.",
    )
