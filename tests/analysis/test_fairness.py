"""Each light turns for what it watches, and none is green for what nobody recorded."""

import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis.fairness import CHECKS, COLUMNS, OK, REFUSED, STATED, lights, refusals


def study(**changes):
    """Return a fair study of two cells with three seeds each; `changes` are whole columns."""
    plain = {
        **{"status": "finished", "reported": True, "data_digest": "d1", "trials": 20, "ranges": "lr 1..16"},
        **{"epochs": 40, "patience": 3.0, "schedule": "plateau", "max_seconds": np.nan, "commit": "c1"},
        **{
            "dirty": False,
            "test_loss": 1.3,
            "test_evaluated": True,
            "lr": 4.0,
            "lr_low": 1.0,
            "lr_high": 16.0,
        },
        **{"engine": "numba", "threads": 1, "device": "cpu", "tuning_seed": 100.0, "best_epoch": 30},
        **{"last_epoch": 33, "shared_machine": False, "alternatives": np.nan},
    }
    runs = pd.DataFrame({"configuration": ["lstm"] * 3 + ["gru"] * 3, "seed": [1, 2, 3] * 2}).assign(**plain)
    runs["parameters"] = [77787] * 3 + [78215] * 3
    return runs.assign(**changes)


def lit(runs):
    return {light.name: (light.level, light.sentence) for light in lights(runs)}


def test_a_fair_study_has_no_light_but_green():
    assert {level for level, _ in lit(study()).values()} == {OK}
    assert refusals(lights(study())) == []
    assert set(study().columns) == set(COLUMNS)


HALF = [1, 1, 1, 2, 2, 2]
REFUSALS = {
    "data": ({"data_digest": ["a", "a", "a", "b", "b", "b"]}, "different data: gru b, lstm a"),
    "budget": ({"trials": [20, 20, 20, 7, 7, 7]}, "unequal numbers of trials: gru 7, lstm 20"),
    "budget without a search": (
        {"trials": 0, "ranges": None, "alternatives": [4, 4, 4, 1, 1, 1]},
        "the best of unequal numbers of settings: gru 1, lstm 4",
    ),
    "training": ({"epochs": HALF}, "unequal epochs: gru 2, lstm 1"),
    "runs": ({"status": ["failed"] + ["finished"] * 5}, "fewer than 3 finished runs: lstm 2"),
    "diverged": (
        {"status": ["finished"] * 5 + ["diverged"]},
        "diverged: gru in 1 of 3 runs; compare these rates, not losses",
    ),
    "diverged with a failure": (
        {"status": ["finished"] * 3 + ["finished", "failed", "diverged"]},
        "diverged: gru in 1 of 2 runs; compare these rates, not losses",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_refuses(name):
    changes, sentence = REFUSALS[name]
    assert lit(study(**changes))[name.partition(" ")[0]] == (REFUSED, sentence)


STATEMENTS = {
    "parameters": ({"parameters": [100] * 3 + [127] * 3}, "parameters are apart by 27.0%: gru 127, lstm 100"),
    "learning rate": (
        {"lr": [4.0] * 3 + [15.0] * 3},
        "the best learning rate is in the outer tenth of its range: gru 15",
    ),
    "machines": ({"engine": ["numba"] * 5 + ["numpy"]}, "mixed engine: numba, numpy"),
    "tuning seed": ({"tuning_seed": 3.0}, "the seed of tuning is among the final seeds: gru 3, lstm 3"),
    "seeds": ({"seed": [1, 2, 3, 1, 2, 4]}, "seeds missing: lstm 4; gru 3"),
    "cut off": (
        {"best_epoch": [30] * 5 + [33]},
        "the best epoch is the last in 1 of 6 runs (gru)",
    ),
    "untuned": ({"trials": 0}, "no search recorded here chose the settings of lstm, gru"),
    "times": ({"shared_machine": [True, True] + [False] * 4}, "2 of 6 runs shared the machine"),
    "commits": ({"dirty": [True] + [False] * 5}, "1 of 6 runs by code with changes beyond its commit"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_is_stated(name):
    changes, sentence = STATEMENTS[name]
    runs = study(**changes)
    assert lit(runs)[name] == (STATED, sentence)
    assert refusals(lights(runs)) == []


@pytest.mark.parametrize("column", sorted(set(COLUMNS) - {"configuration", "seed", "status"}))
def test_a_missing_column_is_stated_as_not_recorded(column):
    found = lit(study().drop(columns=column))
    reading = [check.name for check in CHECKS if column in check.needs + check.may_be_empty]
    assert reading
    for name in reading:
        level, sentence = found[name]
        assert level == STATED
        assert sentence.startswith("not recorded: ")
        assert column in sentence
    assert {level for name, (level, _) in found.items() if name not in reading} == {OK}


@pytest.mark.parametrize("check", [check for check in CHECKS if check.needs], ids=lambda check: check.name)
def test_what_some_runs_did_not_record_is_stated(check):
    runs = study().astype({check.needs[0]: object})
    runs.loc[0, check.needs[0]] = None
    level, sentence = lit(runs)[check.name]
    if check.needs[0] == "reported":  # a run that is not said to be reported is not
        return
    assert level == STATED
    assert "not recorded for 1 of 6 runs" in sentence
    runs[check.needs[0]] = None
    assert lit(runs)[check.name][0] == STATED


def test_a_refusal_stands_where_some_runs_recorded_nothing():
    level, sentence = lit(study(data_digest=["a", "a", None, "b", "b", "b"]))["data"]
    assert level == REFUSED
    assert sentence.endswith("; not recorded for 1 of 6 runs: data_digest")


def test_ranges_must_be_equal():
    runs = study(ranges=["lr 1..16"] * 3 + ["lr 1..4"] * 3)
    assert lit(runs)["budget"] == (REFUSED, "different ranges were searched: gru lr 1..4, lstm lr 1..16")
    untuned = study(trials=0, alternatives=1, ranges=None, lr_low=np.nan, lr_high=np.nan, tuning_seed=np.nan)
    found = lit(untuned)
    assert found["budget"] == (OK, "no search recorded; settings tried of each: 1")
    assert found["learning rate"][0] == found["tuning seed"][0] == OK
    assert found["untuned"][0] == STATED


def test_patience_of_one_cell_alone_refuses():
    runs = study(patience=[3.0] * 3 + [np.nan] * 3)
    assert lit(runs)["training"] == (REFUSED, "unequal patience: gru none, lstm 3")


def test_with_a_limit_of_seconds_these_are_what_must_be_equal():
    assert lit(study(max_seconds=60.0, epochs=HALF))["training"] == (OK, "equal max_seconds")
    unequal = study(max_seconds=[60.0] * 3 + [90.0] * 3)
    assert lit(unequal)["training"] == (REFUSED, "unequal max_seconds: gru 90, lstm 60")
    one_sided = study(max_seconds=[60.0] * 3 + [np.nan] * 3)
    assert lit(one_sided)["training"][0] == REFUSED


def test_one_run_with_two_results_refuses():
    runs = pd.concat([study(), study().iloc[:1].assign(commit="c2", test_loss=1.4)])
    assert lit(runs)["commits"] == (REFUSED, "lstm, seed 1: different results from different commits")
    same = pd.concat([study(), study().iloc[:1].assign(commit="c2")])
    assert lit(same)["commits"] == (STATED, "runs of 2 commits")


def test_trials_are_asked_about_the_test_split_and_pruning_alone():
    trial = (
        study().iloc[:2].assign(reported=False, seed=100, data_digest="other", status=["finished", "pruned"])
    )
    found = lit(pd.concat([study(), trial]))
    assert found.pop("test split") == (
        STATED,
        "the test split was evaluated in 8 runs, of which 6 are reported",
    )
    assert found.pop("pruned") == (STATED, "pruned runs: 1")
    assert {level for level, _ in found.values()} == {OK}


def test_no_finished_run_is_no_green_light():
    found = lit(study(status="failed"))
    assert found["data"] == (STATED, "no finished run to ask")
    assert found["runs"] == (REFUSED, "fewer than 3 finished runs: gru 0, lstm 0")


def test_runs_without_names_are_an_error():
    with pytest.raises(ValueError, match="no column seed"):
        lights(study().drop(columns="seed"))
