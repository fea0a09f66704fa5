"""A study says of every run what became of it, and compares what may be compared."""

from math import inf, log, nan

import pandas as pd
import pytest

from rnnexp.analysis.fates import unrecorded
from rnnexp.analysis.study import make_study
from rnnexp.analysis.tables import csv, group_text, left_out, study_text
from rnnexp.errors import UserError
from tests.helpers.recorded_runs import NO_HISTORY, runs_table


def seeds(cell, ppl, special=None, numbers=(0, 1, 2), status="FINISHED"):
    """Rows of a configuration, a run a seed: test perplexity rises a little with the seed."""
    return [(cell, n, status, ppl * (1 + 0.01 * n), special or {}) for n in numbers]


def study_of(*rows, history=NO_HISTORY, baseline="", **columns):
    runs = runs_table(*rows)
    for name, values in columns.items():
        runs[name.replace("__", ".")] = values
    return make_study(["s"], runs, history, baseline)


def pairs(study):
    return [{v.better, v.worse} for group in study.groups for v in group.verdicts]


def light(group, name):
    return next((each.level, each.sentence) for each in group.lights if each.name == name)


LSTM, GRU = {"model.hidden_size": "12"}, {"model.hidden_size": "14"}


def test_what_goes_with_the_cell_prevents_no_comparison_and_is_said():
    study = study_of(*seeds("lstm", 9, LSTM), *seeds("gru", 10, GRU | {"optimizer.lr": "2"}))
    (group,) = study.groups
    assert pairs(study) == [{"lstm, hidden_size=12, lr=1", "gru, hidden_size=14, lr=2"}]
    assert group.verdicts[0].kind == "provisional"
    assert light(group, "settings") == (
        "stated",
        "settings differ: hidden_size (gru 14, lstm 12), lr (gru 2, lstm 1)",
    )


def test_sizes_that_go_with_cell_and_depth_are_compared_at_equal_depth():
    def at(depth, size):
        return {"model.num_layers": depth, "model.hidden_size": size}

    study = study_of(
        *seeds("lstm", 9, at("1", "12")),
        *seeds("lstm", 8, at("2", "10")),
        *seeds("gru", 9, at("1", "14")),
        *seeds("gru", 8, at("2", "12")),  # the size of another cell at another depth
    )
    assert pairs(study) == [
        {"lstm, hidden_size=10, num_layers=2", "gru, hidden_size=12, num_layers=2"},
        {"lstm, hidden_size=12, num_layers=1", "gru, hidden_size=14, num_layers=1"},
    ] or pairs(study)[::-1] == [
        {"lstm, hidden_size=10, num_layers=2", "gru, hidden_size=12, num_layers=2"},
        {"lstm, hidden_size=12, num_layers=1", "gru, hidden_size=14, num_layers=1"},
    ]


def test_like_is_compared_with_like_and_what_has_no_partner_is_said():
    def dropout(p):
        return {"model.dropout": p}

    study = study_of(
        *seeds("lstm", 9, dropout("0")), *seeds("gru", 9, dropout("0")), *seeds("gru", 8, dropout("0.5"))
    )
    assert pairs(study) == [{"lstm, dropout=0", "gru, dropout=0"}]
    assert study.groups[0].notes == ["[gru, dropout=0.5] has no partner: no other cell ran with dropout=0.5"]


def test_a_lone_trial_does_not_displace_a_set_of_seeds():
    lone = {"optimizer.lr": "12"}
    study = study_of(*seeds("lstm", 9), *seeds("gru", 10), *seeds("lstm", 5, lone, [0]))
    assert pairs(study) == [{"lstm, lr=1", "gru, lr=1"}]
    assert study.groups[0].notes == [
        "[lstm, lr=1] stands for its cell, with 3 finished runs, more than [lstm, lr=12] with 1"
    ]
    assert study.groups[0].configurations[0] == "lstm, lr=12", "the table still has it, in its place"
    assert light(study.groups[0], "budget") == (
        "ok",
        "no search recorded; settings tried of each: 1",
    )


def test_the_best_of_more_settings_than_the_other_had_is_no_fair_pair():
    rates = [row for lr in "124" for row in seeds("lstm", 8 + int(lr), {"optimizer.lr": lr})]
    study = study_of(*rates, *seeds("gru", 10))
    sentence = "the best of unequal numbers of settings: [gru, lr=1] 1, [lstm, lr=1] 3"
    assert light(study.groups[0], "budget") == ("refused", sentence)
    assert study.groups[0].verdicts[0].kind == "refused: budget"
    equal = study_of(*rates, *(row for lr in "124" for row in seeds("gru", 10, {"optimizer.lr": lr})))
    assert light(equal.groups[0], "budget") == (
        "ok",
        "no search recorded; settings tried of each: 3",
    )


def test_a_setting_that_diverged_was_tried_too():
    rates = [(cell, lr, 9 + int(lr)) for cell in ("lstm", "gru") for lr in "124"]
    rows = [row for cell, lr, ppl in rates for row in seeds(cell, ppl, {"optimizer.lr": lr})]
    rows[8] = ("lstm", 2, "FAILED", nan, {"optimizer.lr": "4"})
    study = study_of(*rows, **{"tags__rnnexp.error": [None] * 8 + ["Diverged: the loss is nan"] + [None] * 9})
    assert light(study.groups[0], "budget")[0] == "ok"


def test_pairs_that_could_not_be_tested_cost_nothing():
    few = [
        row for n in range(8) for row in seeds(f"cell{n}", 9 + n / 10, numbers=(0, 1, 2) if n < 3 else (0,))
    ]
    assert {v.tested.pairs for v in study_of(*few).groups[0].verdicts if v.tested} == {3}


def test_of_very_many_the_best_is_compared_and_all_pairs_are_paid_for():
    study = study_of(*(row for n in range(8) for row in seeds(f"cell{n}", 9 + n / 10)))
    (group,) = study.groups
    assert len(group.verdicts) == 7
    assert {verdict.tested.pairs for verdict in group.verdicts} == {28}
    assert "corrected for all that could be tested" in group.notes[0]
    base = study_of(*(row for n in range(8) for row in seeds(f"cell{n}", 9 + n / 10)), baseline="cell0")
    assert {verdict.tested.pairs for verdict in base.groups[0].verdicts} == {7}


def test_of_as_many_seeds_the_best_by_validation_stands_whatever_the_test_says():
    study = study_of(
        *seeds("lstm", 9), *seeds("lstm", 8, {"optimizer.lr": "2"}), *seeds("gru", 10),
        **{"metrics__best/valid_ppl": [10] * 3 + [11] * 3 + [12] * 3},
    )  # fmt: skip
    assert pairs(study) == [{"lstm, lr=1", "gru, lr=1"}]
    assert study.groups[0].configurations == ["lstm, lr=1", "lstm, lr=2", "gru, lr=1"]


@pytest.mark.parametrize("how", ["infinite", "tagged", "failed", "above its first loss"])
def test_a_diverged_run_leaves_a_sentence_in_place_of_the_pair(how):
    rows = [*seeds("lstm", 9), *seeds("gru", 10)]
    more, history = {}, NO_HISTORY
    if how == "infinite":
        rows[3] = ("gru", 0, "FINISHED", inf, {})
    elif how == "tagged":
        more = {"tags__rnnexp__diverged": [None] * 3 + ["true"] + [None] * 2}
    elif how == "failed":
        rows[3] = ("gru", 0, "FAILED", nan, {})
        more = {"tags__rnnexp__error": [""] * 3 + ["Diverged: the loss became nan at step 2"] + [""] * 2}
    else:
        losses = {"run_id": ["3", "3"], "epoch": [1, 2], "valid/loss": [2.0, 2.5]}
        history = pd.DataFrame(losses)
    study = study_of(*rows, history=history, **more)
    assert study.runs["status"].tolist() == ["finished"] * 3 + ["diverged"] + ["finished"] * 2
    (verdict,) = study.groups[0].verdicts
    assert verdict.kind == "refused: diverged"
    assert "gru diverged in 1 of 3 runs" in verdict.sentence
    assert "counts as diverged" in study.runs["fate"][3]
    assert "2 of 3, 1 diverged" in group_text(study, study.groups[0])


@pytest.mark.parametrize(("train", "status"), [(1.9, "finished"), (2.0, "diverged")])
def test_overfitting_is_no_divergence(train, status):
    losses = {
        "run_id": ["0"] * 3,
        "epoch": [1, 2, 3],
        "valid/loss": [2.2, 2.0, 2.5],
        "train/loss": [3, 2, train],
    }
    assert study_of(*seeds("lstm", 9), history=pd.DataFrame(losses)).runs["status"][0] == status


def test_few_seeds_leave_a_sentence_too():
    study = study_of(*seeds("lstm", 9, numbers=[0]), *seeds("gru", 10, numbers=[1]))
    assert study.groups[0].verdicts[0].sentence == (
        "one run each: lstm 9.00 and gru 10.10; says nothing about cells"
    )
    assert light(study.groups[0], "seeds") == ("stated", "seeds missing: lstm 1; gru 0")


def test_a_cell_that_only_failed_leaves_a_sentence():
    study = study_of(*seeds("lstm", 9), *seeds("gru", nan, status="FAILED"))
    assert study.groups[0].verdicts[0].sentence == "no verdict on lstm and gru: no finished run to compare"


def test_seeds_are_compared_by_all_their_runs():
    study = study_of(*seeds("lstm", 9, numbers=range(5)), *seeds("gru", 10, numbers=range(3, 8)))
    assert "5 seeds each" in study.groups[0].verdicts[0].sentence


def test_one_switch_of_one_cell_is_paired_over_the_seeds_that_both_have_and_that_is_said():
    study = study_of(
        *seeds("gru", 9, {"model.dropout": "0"}, range(5)),
        *seeds("gru", 10, {"model.dropout": "0.5"}, range(4)),
    )
    assert "paired t, 4 shared seeds" in study.groups[0].verdicts[0].sentence
    assert study.groups[0].notes[-1] == (
        "the interval is of the 4 seeds that both have; "
        "the table's means of 5 of [gru, dropout=0] and 4 of [gru, dropout=0.5]"
    )
    sizes = study_of(*seeds("gru", 9, LSTM), *seeds("gru", 10, GRU))
    assert "Welch" in sizes.groups[0].verdicts[0].sentence, "other sizes share nothing"


def test_stray_runs_that_failed_define_no_columns_or_names():
    stray = {"optimizer.clip_norm": "7", "model.dropout": "0.9"}
    study = study_of(*seeds("lstm", 9), *seeds("gru", 10), ("gru", 0, "FAILED", nan, stray))
    assert study.settings == {"cell.name": "cell"}
    assert pairs(study) == [{"lstm", "gru"}]
    assert left_out(study) == ["gru, dropout=0.9, clip_norm=7, seed 0: failed; runs/6"]
    assert study.groups[0].configurations == ["lstm", "gru"]
    assert study.groups[0].notes == []


def test_every_run_is_named_with_its_fate():
    study = study_of(
        ("gru", 0, "FINISHED", 99.0, {}),
        ("gru", 0, "FAILED", nan, {}),
        ("gru", 0, "FINISHED", 10.0, {}),
        ("gru", 1, "FAILED", nan, {}),
        ("gru", 2, "RUNNING", nan, {}),
        ("gru", 3, "KILLED", nan, {}),
        ("gru", 4, "KILLED", nan, {}),
        ("gru", 5, "FINISHED", 9.0, {}),
        tags__rnnexp__pruned=[None] * 6 + ["true", None],
        tags__rnnexp__trial=[None] * 6 + ["3", "4"],
        tags__rnnexp__error=["", "Killed: it was too large", "", "OSError: disk full", "", "", "", ""],
    )
    assert [sentence.partition("; runs/")[0] for sentence in left_out(study)] == [
        "gru, seed 0: a later run of this configuration and seed counts instead",
        "gru, seed 0: failed (Killed: it was too large); a run that ended counts instead",
        "gru, seed 1: failed (OSError: disk full)",
        "gru, seed 2: still running, or killed without a chance to say so",
        "gru, seed 3: interrupted",
        "gru, seed 4: trial 3 of a search, not a final run: pruned by a search, which it fell behind",
        "gru, seed 5: trial 4 of a search, not a final run",
    ]
    assert study.runs["reported"].tolist() == [False, False, True, *[False] * 5]
    text = study_text(study, [], 3, "table.md")
    assert "and 4 more, in table.md" in text
    assert "1 of 4" in group_text(study, study.groups[0])


def test_a_run_that_died_before_it_said_what_it_was_is_named():
    runs = runs_table(*seeds("gru", 10))
    runs.loc[2, [column for column in runs.columns if column.startswith("params.")]] = None
    study = make_study(["s"], runs, NO_HISTORY)
    assert left_out(study) == ["run 2: died before it recorded its config; runs/2"]


def test_runs_of_other_commits_engines_and_threads_are_said():
    study = study_of(
        *seeds("lstm", 9), *seeds("gru", 10),
        tags__rnnexp__git_commit=["a"] * 3 + ["b"] * 3, tags__rnnexp__git_dirty=["true"] + ["false"] * 5,
        tags__rnnexp__engine=["numba"] * 3 + ["numpy"] * 3, tags__rnnexp__threads=["1"] * 5 + ["2"],
        tags__rnnexp__device="cpu",
    )  # fmt: skip
    (group,) = study.groups
    assert light(group, "commits") == (
        "stated", "runs of 2 commits, 1 of 6 runs by code with changes beyond its commit"
    )  # fmt: skip
    assert light(group, "machines") == ("stated", "mixed engine: numba, numpy; threads: 1, 2")


def test_a_run_that_came_out_otherwise_by_another_commit_refuses():
    study = study_of(
        *seeds("lstm", 9), *seeds("lstm", 8, numbers=[0]), *seeds("gru", 10),
        tags__rnnexp__git_commit=["a"] * 3 + ["b"] + ["a"] * 3, tags__rnnexp__git_dirty="false",
    )  # fmt: skip
    assert study.groups[0].verdicts[0].kind == "refused: commits"


def test_data_sets_are_groups_of_their_own_each_with_its_best_reachable():
    a, b = {"dataset.name": "grammar"}, {"dataset.name": "text"}
    study = study_of(*(row for d, p in ((a, 9), (b, 90)) for c in ("lstm", "gru") for row in seeds(c, p, d)))
    assert [group.name for group in study.groups] == ["grammar", "text"]
    assert len(pairs(study)) == 2
    assert "Holm over 2 pairs" in study.groups[0].verdicts[0].sentence, (
        "all pairs of a study are tested together"
    )
    reachable = study.runs.groupby("group")["best_reachable"].first()
    assert reachable.to_dict() == {"grammar": pytest.approx(log(4.5)), "text": pytest.approx(log(45))}
    of_valid = study.runs.groupby("group")["best_reachable_valid"].first()
    assert of_valid.to_dict() == {"grammar": pytest.approx(log(3)), "text": pytest.approx(log(30))}


def test_data_are_the_same_where_their_digests_are():
    moved = study_of(
        *seeds("lstm", 9, {"dataset.path": "a.txt"}), *seeds("gru", 9, {"dataset.path": "b.txt"}),
        tags__rnnexp__data_digest="d",
    )  # fmt: skip
    assert len(pairs(moved)) == 1
    rewritten = study_of(
        *seeds("lstm", 9, {"dataset.path": "a.txt"}), *seeds("gru", 9, {"dataset.path": "a.txt"}),
        tags__rnnexp__data_digest=["d"] * 3 + ["e"] * 3,
    )  # fmt: skip
    assert rewritten.groups[0].verdicts[0].kind == "refused: data"


def test_protocols_are_not_mixed():
    one, ten = {"train.eval_streams": "1"}, {"train.eval_streams": "10"}
    study = study_of(*(row for e in (one, ten) for c in ("lstm", "gru") for row in seeds(c, 9, e)))
    assert [group.name for group in study.groups] == ["text, exact", "text, 10 streams"]
    assert "| 10 streams" in group_text(study, study.groups[1])


def test_failed_and_pruned_trials_count_in_the_budget():
    trials = [("gru", 0, s, p, {"optimizer.lr": str(k)}) for k, (s, p) in enumerate(
        [("FINISHED", 9.0), ("FAILED", nan), ("KILLED", nan), ("FINISHED", 8.0)], 1)]  # fmt: skip
    finals = [*seeds("lstm", 9, numbers=[1, 2, 3]), *seeds("gru", 9, numbers=[1, 2, 3])]
    study = study_of(
        *trials, *finals,
        tags__rnnexp__trial=["1", "2", "3", "4"] + [None] * 6,
        tags__rnnexp__tuned=[None] * 4 + ["optimizer.lr"] * 6,
        tags__rnnexp__tuning_trials=[None] * 4 + ["3"] * 6,
    )  # fmt: skip
    budget = study.groups[0].verdicts[0]
    assert budget.kind == "refused: budget"
    assert "gru 4, lstm 3" in budget.sentence


def test_where_only_trials_ended_the_study_of_the_best_is_named():
    trials = study_of(*seeds("lstm", 9), tags__rnnexp__trial=["0", "1", "2"])
    assert "its best settings ran as study=s_best" in study_text(trials, [])
    assert study_of(*seeds("lstm", 9)).notes == []


def test_a_baseline_is_compared_with_each_and_must_be_there():
    rows = [row for cell, ppl in (("lstm", 9), ("gru", 10), ("rnn", 11)) for row in seeds(cell, ppl)]
    assert pairs(study_of(*rows)) == [{"lstm", "gru"}, {"lstm", "rnn"}, {"gru", "rnn"}]
    assert pairs(study_of(*rows, baseline="gru")) == [{"lstm", "gru"}, {"gru", "rnn"}]
    with pytest.raises(UserError, match="baseline=xyz is no cell or configuration: there are gru; lstm; rnn"):
        study_of(*rows, baseline="xyz")


def test_runs_whose_test_split_was_not_scored_are_compared_by_validation():
    study = study_of(*seeds("lstm", 9), *seeds("gru", 10), **{"metrics__test/ppl": nan})
    assert "gru's best validation perplexity is" in study.groups[0].verdicts[0].sentence
    assert "compared by validation" in study.groups[0].notes[0]


def test_the_table_says_what_the_records_say():
    history = pd.DataFrame(
        {
            "run_id": ["0", "0", "1", "1"], "epoch": [1, 2, 1, 2], "valid/loss": [3.0, 2.9, 3.0, 2.9],
            "epoch_s": [6.0, 6.6, 6.0, 6.2], "epoch_cpu_s": [1.0, 1.4, 1.1, 1.3],
        }
    )  # fmt: skip
    study = study_of(
        *seeds("gru", 10, numbers=[0, 1]), history=history,
        **{"metrics__test/bpc": [2.0, 2.5], "metrics__best/epoch": 2.0},
    )  # fmt: skip
    header, _, row = (
        line.strip("| ").split("|") for line in group_text(study, study.groups[0]).splitlines()[:3]
    )
    cells = dict(zip((name.strip() for name in header), (cell.strip() for cell in row)))
    assert cells == {
        "cell": "gru", "runs": "2", "parameters": "7", "valid nats": "3.0007 ± 0.0070",
        "test nats": "2.3076 ± 0.0070", "test ppl": "10.05", "over best reachable": "0.6931 ± 0.0000",
        "test bits/char": "2.2500 ± 0.3536", "s/epoch": "6.20", "CPU s/epoch": "1.20", "s to best": "12",
    }  # fmt: skip
    assert "of the sampled test text" in group_text(study, study.groups[0])
    numbers = csv(study).splitlines()[1].split(",")
    assert (
        max(
            len(number.replace(".", "").lstrip("0"))
            for number in numbers
            if "." in number and "e" not in number
        )
        <= 6
    )


def test_a_run_folder_that_the_store_never_got_is_named(tmp_path):
    for name, study in (("known", "s"), ("deleted", "s"), ("unknown", "s"), ("other", "t")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"seed: 0\nstudy: {study}\n")
    (sentence,) = unrecorded({tmp_path / "known"}, {tmp_path / "deleted"}, ["s"])
    assert sentence.startswith(f"{tmp_path / 'unknown'}: a run folder of which the store knows nothing")
