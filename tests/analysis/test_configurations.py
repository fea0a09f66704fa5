"""What tells configurations apart is what defines their results."""

from analysis.comparison import compare
from tests.helpers.recorded_runs import NO_HISTORY, finished, runs_table


def test_groups_are_what_differs_besides_the_seed():
    comparison = compare(
        runs_table(
            ("gru", 0, "FINISHED", 10.0, {"cell.reset": "before", "optimizer.lr": "1"}),
            ("gru", 1, "FINISHED", 12.0, {"cell.reset": "before", "optimizer.lr": "1", "dataset.dir": "y"}),
            ("lstm", 0, "FINISHED", 9.0, {"cell.forget_bias": "1.0", "optimizer.lr": "2"}),
        ),
        NO_HISTORY,
    )
    assert list(comparison.settings.items()) == [("cell.name", "cell"), ("optimizer.lr", "lr")]
    assert comparison.groups["group"].tolist() == ["lstm, lr=2", "gru, lr=1"]
    assert comparison.groups["test_mean"].tolist() == [9.0, 11.0]
    assert comparison.problems == ["lstm, lr=2, seed 1: missing (no such run, though others have this seed)"]


def test_options_of_a_cell_count_where_they_differ():
    comparison = compare(
        runs_table(
            ("gru", 0, "FINISHED", 10.0, {"cell.reset": "before"}),
            ("gru", 0, "FINISHED", 12.0, {"cell.reset": "after"}),
            ("lstm", 0, "FINISHED", 12.0, {}),
        ),
        NO_HISTORY,
    )
    assert list(comparison.settings) == ["cell.name", "cell.reset"]
    assert comparison.groups["group"].tolist() == ["gru, reset=before", "gru, reset=after", "lstm"]


def test_other_data_is_another_configuration_and_another_place_is_not():
    comparison = compare(
        finished(
            ("gru", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
            ("gru", 200.0, {"dataset.path": "b.txt", "hash": "b" * 16}),
        ),
        NO_HISTORY,
    )
    assert comparison.groups["group"].tolist() == ["gru, path=a.txt", "gru, path=b.txt"]
    assert comparison.groups["test_mean"].tolist() == [10.5, 200.5]

    moved = runs_table(
        ("gru", 0, "FINISHED", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
        ("gru", 1, "FINISHED", 12.0, {"dataset.path": "b.txt", "hash": "a" * 16}),
    )
    assert compare(moved, NO_HISTORY).groups["test_mean"].tolist() == [11.0]

    rewritten = runs_table(
        ("gru", 0, "FINISHED", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
        ("gru", 0, "FINISHED", 12.0, {"dataset.path": "a.txt", "hash": "b" * 16}),
    )
    groups = compare(rewritten, NO_HISTORY).groups["group"].tolist()
    assert groups == ["gru (aaaaaa)", "gru (bbbbbb)"]


def test_names_that_would_be_ambiguous_are_written_out():
    names = compare(
        finished(
            ("gru", 10.0, {"dataset.seed": "0", "schedule.name": "plateau"}),
            ("gru", 12.0, {"dataset.seed": "1", "schedule.name": "constant"}),
        ),
        NO_HISTORY,
    ).settings
    assert names == {"cell.name": "cell", "dataset.seed": "dataset.seed", "schedule.name": "schedule"}
