"""A verdict says what its number of seeds allows, and no more."""

import json
from dataclasses import asdict, replace
from math import log

import numpy as np
import pytest

from rnnexp.analysis.fairness import OK, REFUSED, STATED, Light
from rnnexp.analysis.multiplicity import holm
from rnnexp.analysis.verdict import Configuration, Rules
from tests.helpers.verdicts import verdicts

LSTM = log(3.64)


def verdict(a, b, rules=None, lights=()):
    return verdicts([a, b], rules, lights)[0]


def runs(name, seeds, loss=LSTM, sd=0.002, **facts):
    """Return a configuration whose losses have exactly this mean and standard deviation."""
    pattern = np.sin(np.arange(seeds) * 2.4 + (0.5 if name == "LSTM" else 0))
    pattern -= pattern.mean()
    pattern /= pattern.std(ddof=1) if seeds > 1 else 1
    return Configuration(name, dict(enumerate(loss + sd * pattern)), **facts)


def pair(seeds, gap=0.024, sd=0.002):
    return runs("LSTM", seeds, sd=sd), runs("GRU", seeds, LSTM + gap, sd)


def test_one_seed_says_nothing():
    row = verdict(*pair(1))
    assert row.kind == "one run each"
    assert row.sentence == "one run each: LSTM 3.64 and GRU 3.73; says nothing about cells"
    assert (row.tested, row.detail) == (None, "")


def test_one_seed_beside_many_says_nothing():
    row = verdict(runs("LSTM", 3, sd=0.01), runs("GRU", 1, LSTM + 0.024))
    assert row.kind == "one run each"
    assert row.sentence.startswith("one run of GRU: LSTM 3.6")
    assert row.sentence.endswith("; GRU 3.73; says nothing about cells")


def test_two_seeds_give_values_only():
    row = verdict(*pair(2))
    assert row.kind == "values only"
    assert row.sentence == (
        "values only: LSTM 3.65, 3.63; GRU 3.72, 3.73; two runs say nothing about a difference"
    )
    assert row.tested is None


def test_three_seeds_are_provisional():
    row = verdict(*pair(3))
    assert row.kind == "provisional"
    assert row.sentence == (
        "provisional: GRU's test perplexity is 2.4% worse than LSTM's "
        "(95% interval 2.0 to 2.9, Welch, 3 seeds each)"
    )
    assert (row.better, row.worse, row.equality, row.hedges_g) == ("LSTM", "GRU", None, None)


@pytest.mark.parametrize("seeds", [3, 4])
def test_three_seeds_are_never_as_good(seeds):
    row = verdict(*pair(seeds, gap=0.0001, sd=0.0001), Rules(margin=0.1))
    assert row.kind in ("undecided", "provisional")
    assert verdict(*pair(seeds, gap=0, sd=0.0001), Rules(margin=0.1)).kind == "undecided"


def test_five_seeds_say_by_how_much():
    row = verdict(*pair(5))
    assert row.kind == "better by at least"
    assert row.sentence == (
        "GRU's test perplexity is 2.4% worse than LSTM's, by at least 2.1% "
        "(95% interval 2.1 to 2.7, Welch, 5 seeds each)"
    )
    assert row.detail == "Hedges g = 10.8"
    assert (row.superiority, row.permutation_p) == (None, None)


def test_ten_seeds_say_everything():
    row = verdict(*pair(10, sd=0.01))
    assert row.kind == "better by at least"
    assert row.sentence.endswith("% (95% interval 1.5 to 3.4, Welch, 10 seeds each)")
    assert row.detail.startswith("a run of LSTM beats one of GRU with probability 0.9")
    assert "exact permutation p = " in row.detail
    assert row.permutation_p < 0.001
    assert row.superiority.low > 0.5


def test_a_difference_that_may_be_small_is_perhaps_less_than_matters():
    row = verdict(*pair(5, gap=0.008, sd=0.004))
    assert row.kind == "better perhaps"
    assert row.sentence == (
        "GRU's test perplexity is 0.8% worse than LSTM's, perhaps by less than the margin of 1% "
        "(95% interval 0.2 to 1.4, Welch, 5 seeds each)"
    )


def test_a_difference_that_is_small_is_less_than_matters():
    row = verdict(*pair(5, gap=0.004, sd=0.001))
    assert row.kind == "better perhaps"
    assert "worse than LSTM's, by less than the margin of 1% (" in row.sentence
    beyond = verdict(*pair(5, gap=0.007, sd=0.0024))
    assert beyond.equality.holds
    assert beyond.tested.difference.high > 0.01
    assert "perhaps by less than the margin of 1% (95% interval 0.4 to 1.1" in beyond.sentence


def test_equality_is_said_where_the_90_percent_interval_is_within_the_margin():
    row = verdict(*pair(5, gap=0.001, sd=0.004))
    assert row.kind == "as good"
    assert row.sentence == (
        "LSTM and GRU are as good as each other in test perplexity, within 1% "
        "(difference 0.1%, 90% interval -0.4 to 0.6, two one-sided tests, 5 seeds each)"
    )


def test_five_seeds_are_equal_only_where_the_margin_allows_it():
    """The interval is within the margin by luck: 1.6 standard deviations of a run are more than it."""
    few = verdict(*pair(5, gap=0, sd=0.007))
    assert few.equality.holds
    assert few.kind == "undecided"
    assert few.seeds_needed >= 10
    assert verdict(*pair(10, gap=0, sd=0.007)).kind == "as good"


def test_undecided_says_how_many_seeds_would_decide():
    row = verdict(*pair(5, gap=0.008, sd=0.01))
    assert row.kind == "undecided"
    assert row.seeds_needed > 5
    assert row.sentence == (
        "undecided: GRU's test perplexity is 0.8% worse than LSTM's (95% interval -0.7 to 2.3, Welch, "
        f"5 seeds each); about {row.seeds_needed} seeds each would decide"
    )
    never = verdict(*pair(5, gap=0.0100001, sd=0.5), Rules(margin=0.01))
    assert never.seeds_needed is None
    assert never.sentence.endswith("; more than 1,000 seeds each would decide")


def test_two_looks_are_stricter():
    once, twice = (verdict(*pair(5, gap=0.0062, sd=0.004), Rules(look=look)) for look in (1, 2))
    assert (once.kind, twice.kind) == ("better perhaps", "undecided")
    assert "(97.1% interval " in twice.sentence


def test_pairs_of_a_study_are_tested_together():
    cells = [runs("LSTM", 10), runs("GRU", 10, LSTM + 0.024), runs("RNN", 10, LSTM + 0.2, 0.01)]
    rows = verdicts(cells, Rules(context="On grammar, with 20 trials each"))
    assert rows[0].sentence == (
        "On grammar, with 20 trials each, GRU's test perplexity is 2.4% worse than LSTM's, by at least 2.2% "
        "(simultaneous 95% interval 2.2 to 2.7, Welch, 10 seeds each, Holm over 3 pairs, "
        f"p = {rows[0].tested.p:.2g})"
    )
    alone = [verdict(a, b).tested.p for a, b in ((cells[0], cells[1]), (cells[0], cells[2]), cells[1:])]
    assert [row.tested.p for row in rows] == pytest.approx(list(holm(alone)))
    assert [(row.better, row.worse) for row in verdicts(cells, baseline="GRU")] == [
        ("LSTM", "GRU"),
        ("GRU", "RNN"),
    ]


def test_what_a_pair_alone_could_say_three_may_not():
    cells = pair(5, gap=0.0072, sd=0.004)
    alone, among = verdict(*cells), verdicts([*cells, runs("RNN", 5, LSTM + 0.007, 0.004)])[0]
    assert (alone.kind, among.kind) == ("better perhaps", "undecided")
    assert among.tested.difference.p < 0.05 < among.tested.p
    equal = pair(5, gap=0.0, sd=0.00622)  # 1.60 of it are within the margin, 1.62 are not
    row = verdicts([*equal, runs("RNN", 5, LSTM, 0.00622)])[0]
    assert (verdict(*equal).kind, row.kind) == ("as good", "undecided")


def test_a_pair_that_is_not_tested_costs_the_others_nothing():
    cells = [*pair(5), runs("RNN", 1, LSTM + 0.3)]
    rows = verdicts(cells)
    assert [row.kind for row in rows] == ["better by at least", "one run each", "one run each"]
    assert rows[0] == verdict(*cells[:2])


def test_pairs_that_the_losses_put_aside_count():
    cells = pair(5, gap=0.0072, sd=0.004)
    asked = verdicts(cells, unasked=2)[0]
    assert asked.kind == "undecided"
    assert asked.tested.p == pytest.approx(3 * verdict(*cells).tested.p)
    assert "Holm over 3 pairs" in asked.sentence


def test_rates_are_compared_where_both_have_runs_that_came_to_an_end():
    lost, crashed = runs("GRU", 3, diverged=2, begun=5), Configuration("LSTM", {}, begun=5)
    assert verdict(lost, crashed).kind == "refused: runs"


def test_rates_of_divergence_are_tested_together():
    lost = {"GRU": 4, "RNN": 4, "MGU": 0}
    cells = [runs("LSTM", 5), *(runs(name, 5 - n, diverged=n, begun=5) for name, n in lost.items())]
    alone = verdict(*cells[:2])
    assert "these rates differ by more than chance (Fisher's exact p = 0.048)" in alone.sentence
    among = verdicts(cells)
    assert "by no more than chance may (Fisher's exact p = 0.24, Holm over 5 pairs)" in among[0].sentence
    assert verdicts(cells, unasked=9)[0] == among[0]


def test_names_of_several_words_read_as_one():
    a, b = (replace(one, name=f"{one.name.lower()}, lr={k}") for k, one in enumerate(pair(1)))
    assert verdict(a, b).sentence.startswith("one run each: [lstm, lr=0] 3.64 and [gru, lr=1] 3.73;")
    refused = verdict(a, b, lights=[Light("data", REFUSED, "different data: gru 1, lstm 2")])
    assert refused.sentence.startswith("no verdict on [gru, lr=1] and [lstm, lr=0]: ")


def test_holm_may_find_a_difference_whose_simultaneous_interval_reaches_0():
    """The sentence gives the p-value that decided beside the interval."""
    cells = [runs("LSTM", 5, sd=0.01), runs("GRU", 5, LSTM + 0.0175, 0.01), runs("RNN", 5, LSTM + 0.5, 0.01)]
    row = verdicts(cells)[0]
    assert row.tested.difference.low < 0
    assert row.tested.p < 0.05
    assert row.kind == "better perhaps"
    assert "interval -0." in row.sentence
    assert "Holm over 3 pairs, p = 0.0" in row.sentence
    assert row.sentence.endswith(", although the interval, which is wider, reaches 0)")


def test_runs_that_share_something_are_paired_by_seed():
    shared = {seed: LSTM + 0.1 * seed for seed in range(6)}
    small = {0: 0.01, 2: 0.012, 3: 0.011, 4: 0.009, 5: 0.013}
    a = Configuration("plain", shared)
    b = Configuration("tied", {seed: shared[seed] + gap for seed, gap in small.items()})
    row = verdict(a, b, Rules(is_paired=True, margin=0.005))
    assert (row.kind, row.worse) == ("better by at least", "tied")
    assert row.sentence.endswith("paired t, 5 shared seeds)")
    assert verdict(a, b, Rules(margin=0.005)).kind == "undecided"
    none = Configuration("other", {9: 3.6})
    assert verdict(a, none, Rules(is_paired=True)).sentence.endswith("no seed that both finished")


def test_a_diverged_run_gives_rates_instead():
    gru = runs("GRU", 3, begun=5, diverged=2)
    row = verdict(runs("LSTM", 5), gru)
    assert row.kind == "refused: diverged"
    assert "GRU diverged in 2 of 5 runs (95% interval 5 to 85%)" in row.sentence
    assert "LSTM diverged in 0 of 5 runs (95% interval 0 to 52%)" in row.sentence
    assert "by no more than chance may (Fisher's exact p = 0.44)" in row.sentence
    assert row.tested is None
    with_failures = verdict(runs("LSTM", 5), runs("GRU", 3, begun=9, diverged=2))
    assert "GRU diverged in 2 of 5 runs (95% interval 5 to 85%)" in with_failures.sentence
    infinite = Configuration("GRU", {**runs("GRU", 4).losses, 4: float("inf")})
    assert verdict(runs("LSTM", 5), infinite).rates["GRU"].count == 1
    all_diverged = Configuration("GRU", {}, diverged=10)
    assert "differ by more than chance" in verdict(runs("LSTM", 10), all_diverged).sentence


def test_a_light_refuses():
    lights = [
        Light("data", REFUSED, "different data: gru 1, lstm 2"),
        Light("budget", REFUSED, "unequal numbers of trials: gru 7, lstm 20"),
        Light("machines", STATED, "mixed engine: numba, numpy"),
        Light("training", OK, "equal epochs"),
    ]
    row = verdict(*pair(10), lights=lights)
    assert row.kind == "refused: data, budget"
    assert row.sentence == (
        "no verdict on GRU and LSTM: different data: gru 1, lstm 2; unequal numbers of trials: gru 7, lstm 20"
    )
    assert verdict(*pair(10), lights=lights[2:]).kind == "better by at least"


def test_the_light_of_few_runs_is_left_to_the_number_of_seeds():
    few = [Light("runs", REFUSED, "fewer than 3 finished runs: gru 2")]
    assert verdict(*pair(2), lights=few).kind == "values only"


def test_no_finished_run_is_refused():
    assert verdict(runs("LSTM", 3), Configuration("GRU", {}, begun=3)).kind == "refused: runs"


def test_runs_begun_but_not_finished_are_counted_beside():
    row = verdict(runs("LSTM", 5), runs("GRU", 5, LSTM + 0.024, begun=6))
    assert row.sentence.endswith("Welch, 5 of 6 and 5 seeds)")


def test_small_differences_keep_a_digit_and_long_names_their_form():
    row = verdict(
        runs("lstm, lr=2", 10, sd=1e-5), runs("gru, lr=4", 10, LSTM + 3e-5, 1e-5), Rules(margin=1e-5)
    )
    assert row.sentence.startswith("[gru, lr=4]'s test perplexity is 0.003% worse than [lstm, lr=2]'s")


@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 5, 9, 10, 13])
def test_no_number_of_seeds_says_more_than_it_may(seeds):
    allowed = (
        {"one run each"} if seeds == 1 else {"values only"} if seeds == 2 else {"provisional", "undecided"}
    )
    if seeds >= 5:
        allowed = {"better by at least", "better perhaps", "as good", "undecided"}
    kinds = set()
    for seed in range(100):
        rng = np.random.default_rng(seed)
        gap, sd = rng.choice([0, 0.01, 0.03]), rng.choice([1e-4, 5e-3, 2e-2])
        a, b = (
            Configuration(name, dict(enumerate(rng.normal(3 + shift, sd, seeds))))
            for name, shift in (("LSTM", 0), ("GRU", gap))
        )
        row = verdict(a, b)
        kinds.add(row.kind)
        assert (row.hedges_g is not None) == (seeds >= 5)
        assert (row.superiority is not None) == (seeds >= 10)
        json.dumps(asdict(row), allow_nan=False)
    assert kinds == allowed


def test_cells_that_are_equal_are_told_apart_in_5_percent_of_studies():
    claims = 0
    for seed in range(1_000):
        losses = np.random.default_rng(seed).normal(3, 0.05, (2, 5))
        cells = [Configuration(name, dict(enumerate(row))) for name, row in zip(("LSTM", "GRU"), losses)]
        claims += verdict(*cells).kind.startswith("better")
    assert claims / 1_000 < 0.07


def test_rules_are_refused_before_a_verdict():
    with pytest.raises(ValueError, match="margin"):
        Rules(margin=0)
    with pytest.raises(ValueError, match="look"):
        Rules(look=3)
