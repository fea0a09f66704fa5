"""No run is left out without being named."""

from math import nan

from analysis.comparison import compare
from analysis.tables import markdown
from tests.helpers.recorded_runs import NO_HISTORY, runs_table


def test_no_run_is_left_out_silently():
    comparison = compare(
        runs_table(
            ("gru", 0, "FINISHED", 99.0, {}),
            ("gru", 0, "FAILED", nan, {}),
            ("gru", 0, "FINISHED", 10.0, {}),
            ("gru", 1, "FAILED", nan, {}),
            ("gru", 2, "RUNNING", nan, {}),
            ("gru", 3, "KILLED", nan, {}),
        ),
        NO_HISTORY,
    )
    (group,) = comparison.groups.to_dict("records")
    assert group["test_mean"] == 10.0
    assert (group["runs"], group["seeds"]) == (1, 4)
    assert [problem.partition(";")[0] for problem in comparison.problems] == [
        "gru, seed 1: FAILED (no reason recorded)",
        "gru, seed 2: RUNNING (still running, or killed without a chance to say so)",
        "gru, seed 3: KILLED (interrupted)",
        "2 other runs: the last finished one of a configuration and seed counts",
    ]
    assert all(problem in markdown(comparison) for problem in comparison.problems)


def test_pruned_runs_are_counted():
    runs = runs_table(
        *[("gru", 0, "KILLED", nan, {"model.dropout": d}) for d in "12"], ("gru", 0, "FINISHED", 9.0, {})
    )
    runs["tags.rnnexp.pruned"] = ["true", "true", None]
    assert compare(runs, NO_HISTORY).problems == ["2 runs were pruned by a search"]


def test_a_run_that_died_before_it_said_what_it_was_is_named():
    runs = runs_table(("gru", 0, "FINISHED", 10.0, {}), ("gru", 1, "RUNNING", nan, {}))
    runs.loc[1, [column for column in runs.columns if column.startswith("params.")]] = None
    comparison = compare(runs, NO_HISTORY)
    assert comparison.problems == ["run 1: died before it recorded its config"]
