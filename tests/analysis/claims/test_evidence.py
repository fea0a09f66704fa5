"""Each claim is judged by its studies: what was put into the records comes out as the verdict."""

import re
from dataclasses import replace

import numpy as np
import pytest

from rnnexp.analysis.claims.claim import (
    HOLDS,
    IN_PART,
    NO_DIFFERENCE,
    NO_RUNS,
    OPPOSITE,
    OPPOSITE_IN_PART,
    PERHAPS,
    UNDECIDED,
    UNFINISHED,
    Part,
    whole,
)
from rnnexp.analysis.claims.evidence import counting
from rnnexp.analysis.claims.gather import judge
from rnnexp.analysis.claims.listed import CLAIMS
from rnnexp.analysis.gap import TokenLosses
from tests.analysis.report.studies import NOISE, Store

BY_NAME = {claim.name: claim for claim in CLAIMS}
SEEDS = range(5)


def judged(name, **stores):
    """What the runs in stores say of a claim, whose design they are all of; the stores by preset."""
    claim = BY_NAME[name]
    small = replace(claim, presets={preset: replace(own, runs=0) for preset, own in claim.presets.items()})
    return judge(small, {preset: store.load() for preset, store in stores.items()})


def timed(store, seconds):
    """Give the epochs of the last run so many CPU seconds."""
    for epoch in store.epochs:
        if epoch["run_id"] == store.runs[-1]["run_id"]:
            epoch["epoch_cpu_s"] = seconds


@pytest.mark.parametrize(("gru_s", "kind"), [(1.5, HOLDS), (2.0, UNDECIDED), (2.6, OPPOSITE)])
def test_parameters(gru_s, kind):
    store = Store("claims_parameters")
    for seed in SEEDS:
        for size in "null", "100":
            for cell, seconds in ("lstm", 2.0), ("gru", gru_s):
                store.add(cell, seed, params={"model.match_params": size})
                timed(store, seconds * (1 + 0.05 * NOISE[len(store.runs)]))
    finding = judged("parameters", parameters=store).finding
    assert finding.kind == kind
    assert "95% interval" in finding.sentence
    assert "parameters" in finding.pictures


def little_data(gaps, cells=("lstm", "gru")):
    store = Store("claims_little_data")
    for tokens, gap in gaps.items():
        for seed in SEEDS:
            for cell in cells:
                digest = {"data_digest": f"{tokens:016}"}
                params = {"dataset.train_tokens": str(tokens)}
                store.add(cell, seed, 1.3 + gap * (cell == "lstm"), params=params, tags=digest)
    return store


@pytest.mark.parametrize(
    ("gaps", "kind"),
    [
        ({5000: 0.2, 20_000: 0.1, 60_000: 0.05, 200_000: 0.0}, HOLDS),
        ({5000: 0.2, 20_000: 0.2, 60_000: 0.2, 200_000: 0.2}, IN_PART),
        ({5000: -0.2, 20_000: -0.1, 60_000: 0.0, 200_000: 0.1}, OPPOSITE),
    ],
)
def test_little_data(gaps, kind):
    finding = judged("little_data", little_data=little_data(gaps)).finding
    assert finding.kind == kind
    assert f"{gaps[5000]:+.2f}".replace("-", "\N{MINUS SIGN}") in finding.parts[0].said


def test_little_data_takes_the_names_too():
    gaps = {5000: 0.2, 200_000: 0.0}
    names = Store("claims_little_data_names")
    for seed in SEEDS:
        names.add("lstm", seed, 1.3).add("gru", seed, 1.4)
    finding = judged("little_data", little_data=little_data(gaps), little_data_names=names).finding
    assert [part.kind for part in finding.parts if part.decides] == [HOLDS, HOLDS, OPPOSITE]
    assert finding.kind == IN_PART


def test_a_claim_without_enough_runs_is_not_finished_and_one_without_any_has_none_here():
    store = little_data({5000: 0.1, 20_000: 0.1}, cells=["lstm"])
    assert judged("little_data", little_data=store).finding.kind == UNFINISHED
    assert judged("little_data").finding.kind == NO_RUNS
    few = little_data({5000: 0.2, 200_000: 0.0})
    few.runs.append(few.runs[-1] | {"run_id": "again"})  # counts once
    finding = judge(BY_NAME["little_data"], {"little_data": few.load()}).finding
    assert finding.kind == UNFINISHED
    assert finding.sentence.startswith("20 of 50 runs so far, by which it is “holds”: At 5,000 words")


def distance(monkeypatch, gaps):
    """A study in which the GRU is so much worse, at each size, on agreement and brackets alike."""
    sizes = ["1", "2", "3 to 4", "5 to 8", "9 to 16"]
    classes = [(kind, size) for kind in ("agreement", "bracket") for size in sizes]
    class_of = np.repeat(np.arange(len(classes)), 40)
    store, losses = Store("claims_distance"), {}
    for seed in range(10):
        for cell in "lstm", "gru":
            store.add(cell, seed, 1.3 + float(np.mean(gaps)) * (cell == "gru"))
            lead = np.tile(gaps, 2)[class_of] * (cell == "gru")
            nats = 1.0 + lead + 0.01 * NOISE[seed * 40 + (cell == "gru")]
            folder = store.runs[-1]["tags.rnnexp.folder"]
            losses[folder] = TokenLosses(nats, None, classes, class_of, class_of, class_of)
    monkeypatch.setattr("rnnexp.analysis.claims.evidence.distance.read", losses.get)
    return store


@pytest.mark.parametrize(
    ("gaps", "kind"),
    [
        ([0.0, 0.1, 0.2, 0.3, 0.4], HOLDS),
        ([0.4, 0.3, 0.2, 0.2, 0.1], IN_PART),
        ([0.0, -0.1, -0.2, -0.3, -0.4], OPPOSITE),
    ],
)
def test_distance(gaps, kind, monkeypatch):
    finding = judged("distance", distance=distance(monkeypatch, gaps)).finding
    assert finding.kind == kind
    assert "distance" in finding.pictures


def test_distance_without_the_losses_of_tokens_says_so(monkeypatch):
    store = distance(monkeypatch, [0.1] * 5)
    monkeypatch.setattr("rnnexp.analysis.claims.evidence.distance.read", lambda folder: None)
    finding = judged("distance", distance=store).finding
    assert any("single tokens" in note for note in finding.notes)
    assert not finding.pictures


def clipping(lost):
    """Runs of which so many diverge by limit; of 15 with each."""
    store = Store("claims_clipping")
    for limit, number in lost.items():
        for k in range(15):
            tags = {"diverged": "true" if k < number else "false"}
            params = {"optimizer.clip_norm": limit, "optimizer.lr": "64.0"}
            store.add(("lstm", "gru", "rnn")[k % 3], k // 3, params=params, tags=tags)
    return store


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        ({"null": 12, "5.0": 1, "0.25": 0}, HOLDS),
        ({"null": 12, "5.0": 12, "0.25": 0}, IN_PART),
        ({"null": 2, "5.0": 1, "0.25": 0}, UNDECIDED),
        ({"null": 0, "5.0": 12, "0.25": 12}, OPPOSITE),
    ],
)
def test_clipping(lost, kind):
    finding = judged("clipping", clipping=clipping(lost)).finding
    assert finding.kind == kind
    assert f"{lost['5.0']} in 15" in finding.sentence


def vanishing(slopes):
    """Runs whose gradients fall by so many decimal orders a step, by cell."""
    store = Store("claims_vanishing")
    for epochs in "0", "100":
        for seed in SEEDS:
            for cell, slope in slopes.items():
                own = slope * (1 + 0.02 * NOISE[len(store.runs)])
                reach = {f"test/reach_log10_{k}": -own * k for k in (1, 5, 20, 50, 200)}
                reach["test/reach_kept"] = 10**-own
                store.add(cell, seed, params={"train.max_epochs": epochs}, metrics=reach)
    return store


@pytest.mark.parametrize(
    ("slopes", "kind"),
    [
        ({"lstm": 0.02, "gru": 0.05, "rnn": 0.2}, HOLDS),
        ({"lstm": 0.02, "gru": 0.3, "rnn": 0.2}, IN_PART),
        ({"lstm": 0.4, "gru": 0.3, "rnn": 0.2}, OPPOSITE),
    ],
)
def test_vanishing(slopes, kind):
    finding = judged("vanishing", vanishing=vanishing(slopes)).finding
    assert finding.kind == kind
    assert any("half-life" in part.said for part in finding.parts)


@pytest.mark.parametrize(
    ("gaps", "kind"), [((0.1, 0.1), HOLDS), ((0.1, -0.1), IN_PART), ((-0.1, -0.1), OPPOSITE)]
)
def test_forget_bias(gaps, kind):
    store = Store("claims_forget_bias")
    for window, gap in zip(("32", "128"), gaps):
        for seed in SEEDS:
            for bias in "-1.0", "0.0", "1.0", "2.0":
                params = {"train.bptt": window, "cell.forget_bias": bias}
                store.add("lstm", seed, 1.3 + gap * (bias == "0.0"), params=params)
    finding = judged("forget_bias", forget_bias=store).finding
    assert finding.kind == kind
    assert "paired t" in finding.sentence


@pytest.mark.parametrize(
    ("best", "kind"),
    [
        ({"lstm": 4.0, "gru": 2.0}, HOLDS),
        ({"lstm": 3.0, "gru": 3.0}, NO_DIFFERENCE),
        ({"lstm": 2.0, "gru": 4.0}, OPPOSITE),
    ],
)
def test_learning_rate(best, kind):
    store = Store("claims_learning_rate")
    for cell, place in best.items():
        for seed in SEEDS:
            own = place + 0.05 * (-1) ** seed
            for log in range(-1, 8):
                loss = 1.3 + 0.05 * (log - own) ** 2
                store.add(cell, seed, loss, params={"optimizer.lr": f"{2.0**log}"})
                store.runs[-1]["metrics.best/valid_ppl"] = np.exp(loss)
    finding = judged("learning_rate", learning_rate=store).finding
    assert finding.kind == kind
    times = re.search(r"The LSTM's best rate is ([\d.]+) times", finding.sentence)
    assert float(times[1]) == pytest.approx(2 ** (best["lstm"] - best["gru"]), rel=0.15)


@pytest.mark.parametrize(
    ("gap", "kind"),
    [(0.0, HOLDS), (0.1, OPPOSITE), (-0.1, OPPOSITE), (0.0095, UNDECIDED), (0.005, HOLDS), (-0.005, HOLDS)],
)
def test_reset_gate(gap, kind):
    """A difference that is told from chance and is too small to matter is as the claim says."""
    store = Store("claims_reset_gate")
    for seed in range(10):
        for place in "before", "after":
            params = {"cell.reset": place} if place == "after" else {}
            store.add("gru", seed, 1.3 + gap * (place == "after"), params=params)
    assert judged("reset_gate", reset_gate=store).finding.kind == kind


@pytest.mark.parametrize(
    ("gain", "kind"), [((0.1, 0.2), HOLDS), ((0.1, -0.1), IN_PART), ((-0.1, -0.2), OPPOSITE)]
)
def test_depth(gain, kind):
    store = Store("claims_depth")
    for seed in SEEDS:
        for cell in "lstm", "gru":
            for layers, own in zip("123", (0.0, *gain)):
                store.add(cell, seed, 1.3 - own, params={"model.num_layers": layers})
    assert judged("depth", depth=store).finding.kind == kind


def test_the_longest_number_with_all_right():
    """Sentences of 1, 3 and 2 ticks; in that of 3 the second tock is wrong, in that of 2 nothing that is certain."""
    size = np.array([1, 1, 1, 2, 3, 2, 1, 1, 1, 2, 1, 1])
    best = np.array([3, 3, 0, 3, 3, 3, 0, 0, 3, 3, 0, 0.0])
    nats = np.array([9, 9, 0.1, 9, 9, 9, 0.7, 0.1, 9, 9, 0.6, 0.1])
    is_end = np.array([0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1]).astype(bool)
    counts, right = counting.counts_and_right(nats, best, size, is_end)
    assert counts.tolist() == [1, 3, 2]
    assert right.tolist() == [True, False, True]
    assert counting.longest_right(counts, right) == 2
    assert counting.longest_right(counts, np.array([False, True, True])) == 0
    assert counting.longest_right(counts, np.array([True, True, True])) == 3


@pytest.mark.parametrize(
    ("longest", "kind"),
    [
        ({"lstm": 90, "gru": 20}, HOLDS),
        ({"lstm": 90, "gru": 90}, IN_PART),
        ({"lstm": 9, "gru": 20}, OPPOSITE),
    ],
)
def test_counting(longest, kind, monkeypatch):
    store, found = Store("claims_counting"), {}
    for seed in range(10):
        for cell, n in longest.items():
            store.add(cell, seed, params={"dataset.max_count": "20"})
            own = n + seed % 3
            found[store.runs[-1]["tags.rnnexp.folder"]] = np.arange(1, 200), np.arange(1, 200) <= own
    monkeypatch.setattr(counting, "_sentences", lambda folders: [found[folder] for folder in folders])
    finding = judged("counting", counting=store).finding
    assert finding.kind == kind
    assert finding.sentence.startswith("Trained to 20, ")
    assert f"each run: {longest['gru']}, {longest['gru'] + 1}" in " ".join(
        part.said for part in finding.parts
    )


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, PERHAPS], PERHAPS),
        ([HOLDS, UNDECIDED], IN_PART),
        ([OPPOSITE, UNDECIDED], OPPOSITE_IN_PART),
        ([UNDECIDED, NO_DIFFERENCE], UNDECIDED),
    ],
)
def test_the_whole_of_several_parts(kinds, expected):
    beside = Part("beside", "said", HOLDS, decides=False)
    assert whole([Part("a", "b", kind) for kind in kinds] + [beside]) == expected
