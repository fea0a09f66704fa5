"""The claims on dropout, tied weights, the challenge, copying, and on which cell wins where: judged as recorded."""

import json

import pytest

from rnnexp.analysis.claims.claim import (
    HOLDS,
    IN_PART,
    OPPOSITE,
    OPPOSITE_IN_PART,
    PERHAPS,
    UNDECIDED,
    UNFINISHED,
)
from rnnexp.analysis.claims.evidence import challenge, copying
from tests.analysis.claims.test_evidence import SEEDS, distance, judged
from tests.analysis.report.studies import NOISE, Store


def dropped(losses, seeds=range(10)):
    """Both studies of dropout: the losses without, in depth, with fresh masks in time, with one mask."""
    depth, time = Store("claims_dropout"), Store("claims_dropout_in_time")
    for seed in seeds:
        for rate, loss in zip(("0.0", "0.3"), losses):
            depth.add("lstm", seed, loss, params={"model.dropout": rate})
        for one, loss in zip(("false", "true"), losses[2:]):
            time.add("lstm", seed, loss, params={"model.recurrent_variational": one})
    return {"dropout": depth, "dropout_in_time": time}


@pytest.mark.parametrize(
    ("losses", "kind"),
    [
        ((1.4, 1.3, 1.4, 1.3), HOLDS),
        ((1.4, 1.3, 1.4, 1.2), HOLDS),  # with one mask even better
        ((1.4, 1.3, 1.4, 1.35), IN_PART),
        ((1.2, 1.3, 1.2, 1.35), OPPOSITE),
        ((1.2, 1.3, 1.3, 1.32), OPPOSITE_IN_PART),
        ((1.4, 1.3, 1.4, 1.305), HOLDS),  # one mask hurts by less than matters, which the interval shows
    ],
)
def test_dropout(losses, kind):
    finding = judged("dropout", **dropped(losses)).finding
    assert finding.kind == kind
    assert "paired t, 10 runs each, Holm over 3 tests" in finding.sentence
    assert "dropout" in finding.pictures


def test_one_mask_that_may_hurt_more_than_the_margin_is_undecided():
    """A mean harm of nothing with a wide interval is no proof that there is none."""
    stores = dropped((1.4, 1.3, 1.4, 1.3))
    for k, run in enumerate(stores["dropout_in_time"].runs):
        if run["params.model.recurrent_variational"] == "true":
            run["metrics.test/loss"] = 1.3 + 0.05 * NOISE[k]
    parts = judged("dropout", **stores).finding.parts
    assert [part.kind for part in parts if part.decides] == [HOLDS, HOLDS, UNDECIDED]


def test_dropout_in_depth_alone_is_judged_without_the_other_study():
    finding = judged("dropout", dropout=dropped((1.4, 1.3))["dropout"]).finding
    assert [part.kind for part in finding.parts if part.decides] == [HOLDS]


def tied(gain, parameters=(200.0, 100.0)):
    """The losses of the untied model less `gain` are the tied one's."""
    store = Store("claims_tying")
    for seed in SEEDS:
        for is_tied, size in zip(("false", "true"), parameters):
            loss = 5.0 - gain * (is_tied == "true")
            sizes = {"num_params": size}
            store.add("lstm", seed, loss, params={"model.tie_weights": is_tied}, metrics=sizes)
    return store


@pytest.mark.parametrize(
    ("gain", "parameters", "kind"),
    [
        (0.1, (200.0, 100.0), HOLDS),
        (0.0, (200.0, 100.0), IN_PART),
        (-0.1, (200.0, 100.0), IN_PART),
        (-0.1, (100.0, 200.0), OPPOSITE),
    ],
)
def test_tying(gain, parameters, kind):
    finding = judged("tying", tying=tied(gain, parameters)).finding
    assert finding.kind == kind
    assert ("50% fewer" if parameters[0] > parameters[1] else "100% more") in finding.sentence


def challenged(monkeypatch, losses, updates):
    """Runs of both cells, LSTM first, with these losses and updates to the fixed loss; the GRU has fewer parameters."""
    store, found = Store("claims_challenge"), {}
    for units in "50", "100":
        for seed in SEEDS:
            for place, (cell, size) in enumerate((("lstm", 40_000.0), ("gru", 30_000.0))):
                sizes = {"num_params": size * int(units) / 100}
                store.add(cell, seed, losses[place], params={"model.hidden_size": units}, metrics=sizes)
                own = {"iterations": updates[place] + 10.0 * seed, "reached": float(updates[place] < 4000)}
                found[store.runs[-1]["tags.rnnexp.folder"]] = own
    monkeypatch.setattr(challenge, "_reached", found.get)
    return store


@pytest.mark.parametrize(
    ("losses", "updates", "kind"),
    [
        ((1.6, 1.5), (2000, 1000), HOLDS),
        ((1.5, 1.6), (1000, 2000), IN_PART),
        ((1.6, 1.5), (1000, 2000), IN_PART),
    ],
)
def test_challenge(losses, updates, kind, monkeypatch):
    finding = judged("challenge", challenge=challenged(monkeypatch, losses, updates)).finding
    assert finding.kind == kind
    assert [part.kind for part in finding.parts if part.decides] == [
        HOLDS if losses[0] > losses[1] else OPPOSITE,
        HOLDS if updates[0] > updates[1] else OPPOSITE,
        HOLDS,
    ]
    front = finding.parts[-1].said
    assert "gru of 50 units" in front
    assert ("lstm" in front) == (kind != HOLDS)


def test_updates_to_a_loss_are_those_of_the_first_measure_at_or_below_it(tmp_path):
    (tmp_path / "steps.jsonl").write_text(
        "".join(
            f"{json.dumps({'step': step, 'valid/loss': loss})}\n"
            for step, loss in ((100, 1.9), (200, 1.7), (400, 1.6), (500, 1.7))
        )
    )
    (tmp_path / "records.jsonl").write_text(
        json.dumps({"epoch": 1, "updates": 300, "valid/loss": 1.65}) + "\n"
    )
    assert challenge._reached(tmp_path) == {"iterations": 400.0, "reached": 1.0}
    (tmp_path / "steps.jsonl").write_text("")
    assert challenge._reached(tmp_path) == {"iterations": 300.0, "reached": 0.0}
    assert str(challenge._reached(tmp_path / "not here")["iterations"]) == "nan"


def recalled(monkeypatch, gaps):
    """A copying study in which the GRU's recalled letters cost so much more, by lag."""
    store, found = Store("claims_copying"), {}
    for lag, gap in gaps.items():
        for seed in SEEDS:
            for cell in "lstm", "gru":
                store.add(cell, seed, params={"dataset.lag": str(lag), "dataset.name": "copy"})
                loss = 0.5 + gap * (cell == "gru") + 0.001 * NOISE[len(store.runs)]
                found[store.runs[-1]["tags.rnnexp.folder"]] = loss
    monkeypatch.setattr(copying, "_losses", lambda folders: [found[folder] for folder in folders])
    return store


@pytest.mark.parametrize(
    ("gaps", "kind"),
    [
        ({5: 0.0, 10: 0.1, 20: 0.2, 40: 0.3}, HOLDS),
        ({5: 0.0, 10: -0.1, 20: -0.2, 40: -0.3}, IN_PART),
    ],
)
def test_letters_recalled_over_a_lag_count_towards_long_sequences(gaps, kind, monkeypatch):
    stores = {
        "distance": distance(monkeypatch, [0.0, 0.1, 0.2, 0.3, 0.4]),
        "copying": recalled(monkeypatch, gaps),
    }
    finding = judged("distance", **stores).finding
    assert finding.kind == kind
    assert {part.kind for part in finding.parts[-2:]} == {HOLDS if gaps[40] > 0 else OPPOSITE}
    assert {*finding.pictures} == {"distance", "copying"}
    assert "on letters recalled over 40 blanks" in finding.sentence


def won(gaps, diverged=()):
    """Studies in which the GRU is so much worse, by data set and rate; the grammar is in a study of its own."""
    stores = {"which_wins": Store("claims_which_wins"), "learning_rate": Store("claims_learning_rate")}
    for (data, rate), gap in gaps.items():
        store = stores["learning_rate" if data == "grammar" else "which_wins"]
        for seed in SEEDS:
            for cell in "lstm", "gru":
                params = {"dataset.name": data, "optimizer.lr": str(rate)}
                lost = (data, rate) in diverged and seed == 0
                tags = {"diverged": str(lost).lower(), "data_digest": f"{data:>16}"}
                store.add(cell, seed, 1.3 + gap * (cell == "gru"), params=params, tags=tags)
    return {name: store for name, store in stores.items() if store.runs}


@pytest.mark.parametrize(
    ("gaps", "kind"),
    [
        ({("dinos", 1.0): 0.1, ("dinos", 16.0): -0.1, ("tinyshakespeare", 1.0): -0.1}, HOLDS),
        ({("dinos", 1.0): 0.1, ("dinos", 16.0): -0.1, ("tinyshakespeare", 1.0): 0.1}, IN_PART),
        ({("dinos", 1.0): 0.1, ("dinos", 16.0): -0.007, ("tinyshakespeare", 1.0): -0.007}, PERHAPS),
        ({("dinos", 1.0): 0.1, ("dinos", 16.0): 0.0, ("tinyshakespeare", 1.0): 0.1}, UNDECIDED),
        ({("dinos", 1.0): 0.1, ("dinos", 16.0): 0.1, ("tinyshakespeare", 1.0): 0.1}, OPPOSITE),
        ({("dinos", 1.0): 0.1, ("grammar", 1.0): -0.1, ("grammar", 4.0): 0.1}, HOLDS),
    ],
)
def test_which_wins(gaps, kind):
    finding = judged("which_wins", **won(gaps)).finding
    assert finding.kind == kind
    assert f"of {len(gaps)} places" in finding.sentence


def test_a_place_where_a_run_diverged_is_named_and_not_compared():
    gaps = {("dinos", 1.0): 0.1, ("tinyshakespeare", 1.0): -0.1, ("tinyshakespeare", 16.0): -0.1}
    finding = judged("which_wins", **won(gaps, diverged=[("tinyshakespeare", 1.0)])).finding
    assert finding.kind == UNDECIDED
    assert any("2 runs diverged" in part.said for part in finding.parts)


def test_cells_that_share_no_place_are_not_finished():
    stores = won({("dinos", 1.0): 0.1})
    stores["which_wins"].runs = [
        run for run in stores["which_wins"].runs if run["params.cell.name"] == "lstm"
    ]
    assert judged("which_wins", **stores).finding.kind == UNFINISHED
