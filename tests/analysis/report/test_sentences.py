"""The report of a study of each size has the sentence that the rules allow."""

import json

import pytest

from tests.analysis.report.studies import Store, grid, of_seeds


def sentences(report):
    return [verdict["sentence"] for group in report["groups"] for verdict in group["verdicts"]]


def light(report, name, group=0):
    return next(light for light in report["groups"][group]["lights"] if light["name"] == name)


def test_one_seed_says_nothing_about_cells(report):
    said = report(of_seeds(1))
    assert said["groups"][0]["verdicts"][0]["kind"] == "one run each"
    assert sentences(said) == ["one run each: lstm 3.67 and gru 3.78; says nothing about cells"]
    assert light(said, "runs")["level"] == "refused"
    assert said["refused"] == 1
    assert said["groups"][0]["numbers"][0]["test"]["sd"] is None


def test_two_seeds_give_values_only(report):
    said = report(of_seeds(2))
    assert said["groups"][0]["verdicts"][0]["kind"] == "values only"
    assert sentences(said)[0].startswith("values only: lstm 3.6")
    assert said["groups"][0]["verdicts"][0]["tested"] is None


def test_three_seeds_are_provisional(report):
    said = report(of_seeds(3))
    (verdict,) = said["groups"][0]["verdicts"]
    assert verdict["kind"] == "provisional"
    assert verdict["sentence"].startswith(
        "provisional: On grammar, with 77,787 parameters within 0.6%, gru's"
    )
    assert verdict["equality"] is None
    assert said["refused"] == 0


def test_five_seeds_give_the_full_sentence(report):
    (verdict,) = report(of_seeds(5))["groups"][0]["verdicts"]
    assert verdict["kind"] == "better by at least"
    assert "Welch, 5 seeds each" in verdict["sentence"]
    assert verdict["hedges_g"] > 1
    assert verdict["superiority"] is None


def test_five_equal_seeds_are_undecided_or_as_good_never_better(report):
    (verdict,) = report(of_seeds(5, gap=0.0))["groups"][0]["verdicts"]
    assert verdict["kind"] in ("undecided", "as good")


def test_ten_seeds_say_everything(report):
    (verdict,) = report(of_seeds(10))["groups"][0]["verdicts"]
    assert verdict["kind"] == "better by at least"
    assert verdict["superiority"]["probability"] == 1
    assert verdict["permutation_p"] < 1e-4
    assert "a run of lstm beats one of gru with probability 1.00" in verdict["detail"]


def test_four_cells_are_six_pairs_tested_together(report):
    said = report(of_seeds(5, cells=("lstm", "gru", "rnn", "mgu")))
    assert len(said["groups"][0]["verdicts"]) == 6
    assert all("Holm over 6 pairs" in sentence for sentence in sentences(said))
    assert said["groups"][0]["configurations"] == ["lstm", "gru", "rnn", "mgu"]


def test_with_a_baseline_only_its_pairs_are_tested(report):
    said = report(of_seeds(5, cells=("lstm", "gru", "rnn", "mgu")), baseline="gru")
    assert len(sentences(said)) == 3
    assert all("gru" in sentence and "Holm over 3 pairs" in sentence for sentence in sentences(said))
    assert said["rules"]["command"] == "rnnexp report study=cells baseline=gru"


def test_a_diverged_cell_has_rates_instead_of_losses(report):
    store = of_seeds(5, cells=("lstm",))
    for seed in range(5):
        store.add("gru", seed, 1.33, tags={"diverged": "true"} if seed < 2 else {})
    said = report(store)
    (verdict,) = said["groups"][0]["verdicts"]
    assert verdict["kind"] == "refused: diverged"
    assert verdict["sentence"].startswith("no verdict on losses: ")
    assert "gru diverged in 2 of 5 runs" in verdict["sentence"]
    assert light(said, "diverged")["level"] == "refused"
    gru = next(row for row in said["groups"][0]["numbers"] if row["configuration"] == "gru")
    assert (gru["finished"], gru["begun"], gru["diverged"]) == (3, 5, 2)
    rate = next(row for row in said["groups"][0]["stability"] if row["configuration"] == "gru")
    assert (rate["count"], rate["n"]) == (2, 5)
    assert rate["low"] == pytest.approx(0.0527, abs=1e-4)
    assert rate["high"] == pytest.approx(0.8534, abs=1e-4)
    assert [run["seed"] for run in said["left_out"]["runs"]] == [0, 1]


def test_unequal_budgets_allow_no_verdict(report):
    store = Store()
    for cell, trials in (("lstm", "20"), ("gru", "5")):
        for seed in range(1, 6):
            store.add(
                cell, seed, tags={"tuned": "optimizer.lr", "tuning_trials": trials, "ranges": "lr 1 to 16"}
            )
    said = report(store)
    (verdict,) = said["groups"][0]["verdicts"]
    assert verdict["kind"] == "refused: budget"
    assert verdict["sentence"] == (
        "no verdict on gru and lstm: unequal numbers of trials: gru 5, lstm 20"
        if verdict["worse"] == "gru"
        else "no verdict on lstm and gru: unequal numbers of trials: gru 5, lstm 20"
    )
    assert [row["trials"] for row in said["groups"][0]["numbers"]] in ([20, 5], [5, 20])


def test_two_data_sets_are_two_groups_that_are_not_compared(report):
    store = Store()
    for data, loss, digest in (("grammar", 1.30, "feed"), ("ptb", 4.6, "beef")):
        for cell, worse in (("lstm", 0.0), ("gru", 0.03)):
            for seed in range(5):
                reachable = {} if data == "grammar" else {"oracle/ppl": float("nan")}
                store.add(
                    cell,
                    seed,
                    loss + worse,
                    params={"dataset.name": data},
                    metrics=reachable,
                    tags={"data_digest": digest},
                )
    said = report(store)
    assert [group["name"] for group in said["groups"]] == ["grammar", "ptb"]
    assert [len(group["verdicts"]) for group in said["groups"]] == [1, 1]
    for group, first in zip(said["groups"], ("On grammar, ", "On ptb, ")):
        assert group["verdicts"][0]["sentence"].startswith(first)
        assert group["verdicts"][0]["kind"] == "better by at least"
    assert light(said, "data", 0)["level"] == light(said, "data", 1)["level"] == "ok"
    assert said["groups"][1]["numbers"][0]["excess"] is None  # no best reachable is known of ptb
    assert said["groups"][0]["numbers"][0]["excess"]["mean"] == pytest.approx(0.05, abs=0.005)


def test_a_grid_of_48_jobs_compares_cells_under_equal_settings(report):
    said = report(grid())
    (group,) = said["groups"]
    assert len(group["configurations"]) == 16
    assert len(group["verdicts"]) == 4  # widths, at the better rate of each cell
    for verdict in group["verdicts"]:
        assert verdict["kind"] == "provisional"
        better, worse = verdict["better"], verdict["worse"]
        assert better.startswith("lstm, ")
        assert worse == better.replace("lstm", "gru")
    assert [row["begun"] for row in group["numbers"]] == [3] * 16
    losses = [row["valid"]["mean"] for row in group["numbers"]]
    assert losses == sorted(losses)


def test_failed_runs_and_trials_are_named_and_in_no_mean(report):
    store = of_seeds(3)
    store.add("gru", 7, status="FAILED", tags={"error": "MemoryError: too large"})
    for trial in range(4):
        store.add(
            "gru",
            0,
            9.9,
            tags={"trial": str(trial), "sampler": "random"},
            params={"optimizer.lr": f"{trial + 1}.5"},
        )
    said = report(store)
    sentences = said["left_out"]["sentences"]
    assert sentences[0] == "gru, seed 7: failed (MemoryError: too large)"
    assert sentences[1] == "4 trials of searches (4 finished): they chose settings, and are in no mean"
    assert said["left_out"]["counted"] == 6
    gru = next(row for row in said["groups"][0]["numbers"] if row["configuration"] == "gru")
    assert (gru["finished"], gru["begun"]) == (3, 4)
    assert gru["test"]["mean"] < 2


def test_one_configuration_alone_says_so(report):
    said = report(of_seeds(3, cells=("gru",)))
    assert said["groups"][0]["alone"] == "one configuration alone, gru: nothing to compare it with"


def test_nothing_but_failures_still_makes_a_page(report):
    store = Store()
    store.add("gru", 0, status="FAILED", epochs=0, metrics={"test/loss": None, "best/valid_ppl": None})
    said = report(store)
    assert said["left_out"]["counted"] == 0
    assert said["groups"] == []
    assert said["notes"] == ["no run came to an end: nothing to compare"]


def test_the_numbers_are_those_of_the_runs(report):
    store = of_seeds(5)
    losses = [run["metrics.test/loss"] for run in store.runs if run["params.cell.name"] == "gru"]
    gru = report(store)["groups"][0]["numbers"][1]
    assert gru["configuration"] == "gru"
    assert gru["test"]["mean"] == pytest.approx(sum(losses) / 5, rel=1e-12)
    assert gru["seeds"] == [0, 1, 2, 3, 4]
    assert (gru["hidden_size"], gru["parameters"], gru["lr"]) == (100, 78_215, 8)
    assert (gru["epoch_s"], gru["epoch_cpu_s"]) == (2.1, 2.0)


def test_it_is_json_that_everybody_reads(report, tmp_path):
    report(of_seeds(1))

    def refuse(word):
        raise AssertionError(word)

    json.loads((tmp_path / "cells" / "report.json").read_text(), parse_constant=refuse)
