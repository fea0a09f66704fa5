"""Differences are those of paired seeds, between cells under equal settings."""

import numpy as np
from scipy import stats

from analysis.comparison import compare
from analysis.statistics import is_beaten
from analysis.tables import difference_sentences
from tests.helpers.recorded_runs import NO_HISTORY, finished, runs_table


def test_the_interval_is_that_of_a_paired_t_test():
    lstm, gru = [9.0, 9.5, 10.1], [10.0, 10.8, 10.9]
    comparison = compare(
        runs_table(
            *(("lstm", seed, "FINISHED", ppl, {}) for seed, ppl in enumerate(lstm)),
            *(("gru", seed, "FINISHED", ppl, {}) for seed, ppl in enumerate(gru)),
        ),
        NO_HISTORY,
    )
    interval = stats.ttest_rel(gru, lstm).confidence_interval(0.95)
    (sentence,) = difference_sentences(comparison)
    assert sentence == (
        f"test perplexity of gru minus lstm: {np.mean(gru) - np.mean(lstm):+.3f}, 95% interval "
        f"{interval.low:+.3f} to {interval.high:+.3f} (paired t, 3 seeds)"
    )


def test_only_cells_under_equal_settings_are_compared():
    dropouts = [{"model.dropout": "0"}, {"model.dropout": "0.5"}]
    comparison = compare(
        finished(*((cell, ppl, d) for cell, ppl in (("lstm", 10.0), ("gru", 11.0)) for d in dropouts)),
        NO_HISTORY,
    )
    pairs = [sentence.partition(":")[0] for sentence in difference_sentences(comparison)]
    assert pairs == [
        "test perplexity of gru, dropout=0 minus lstm, dropout=0",
        "test perplexity of gru, dropout=0.5 minus lstm, dropout=0.5",
        "each interval stands for itself",
    ]


def test_a_cell_stands_with_its_best_learning_rate():
    comparison = compare(
        finished(
            ("lstm", 10.0, {"optimizer.lr": "1"}),
            ("lstm", 9.0, {"optimizer.lr": "2"}),
            ("gru", 11.0, {"optimizer.lr": "1"}),
            ("gru", 12.0, {"optimizer.lr": "2"}),
        ),
        NO_HISTORY,
    )
    difference, note = difference_sentences(comparison)
    assert difference.startswith("test perplexity of gru, lr=1 minus lstm, lr=2: +2.000")
    assert "best validation perplexity" in note


def test_what_was_tuned_for_each_cell_may_differ_in_a_pair():
    def sentences(gru_trials):
        tuned = {"rnnexp.tuned": "optimizer.lr,model.dropout"}
        runs = runs_table(
            ("gru", 0, "FINISHED", 10.0, {"optimizer.lr": "1", "model.dropout": "0.1"}),
            ("gru", 1, "FINISHED", 11.0, {"optimizer.lr": "1", "model.dropout": "0.1"}),
            ("lstm", 0, "FINISHED", 12.0, {"optimizer.lr": "2", "model.dropout": "0.3"}),
            ("lstm", 1, "FINISHED", 14.0, {"optimizer.lr": "2", "model.dropout": "0.3"}),
        )
        for key, value in tuned.items():
            runs[f"tags.{key}"] = value
        runs["tags.rnnexp.tuning_trials"] = [gru_trials, gru_trials, "20", "20"]
        return difference_sentences(compare(runs, NO_HISTORY))

    difference, budget = sentences("20")
    assert difference.startswith(
        "test perplexity of lstm, dropout=0.3, lr=2 minus gru, dropout=0.1, lr=1: +2.5"
    )
    assert budget.endswith("the same budget before: 20 trials over model.dropout, optimizer.lr")
    assert "UNEQUALLY before, over model.dropout, optimizer.lr: gru 7, lstm 20 trials" in sentences("7")[1]


def test_who_is_beaten():
    values = np.array([[1, 5, 5], [2, 4, 5], [2, 5, 5], [1, 5, 5], [3, 3, 3], [3, 3, 4]])
    assert is_beaten(values).tolist() == [False, False, True, False, False, True]
