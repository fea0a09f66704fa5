"""What tells configurations apart is what defines their results."""

from rnnexp.analysis.study import make_study
from tests.helpers.recorded_runs import NO_HISTORY, finished, runs_table


def study_of(runs):
    return make_study(["s"], runs, NO_HISTORY)


def names(runs):
    return study_of(runs).runs["configuration"].unique().tolist()


def test_groups_are_what_differs_besides_the_seed():
    study = study_of(
        runs_table(
            ("gru", 0, "FINISHED", 10.0, {"cell.reset": "before", "optimizer.lr": "1"}),
            ("gru", 1, "FINISHED", 12.0, {"cell.reset": "before", "optimizer.lr": "1", "dataset.dir": "y"}),
            ("lstm", 0, "FINISHED", 9.0, {"cell.forget_bias": "1.0", "optimizer.lr": "2"}),
        )
    )
    assert list(study.settings.items()) == [("cell.name", "cell"), ("optimizer.lr", "lr")]
    assert study.runs["configuration"].tolist() == ["gru, lr=1", "gru, lr=1", "lstm, lr=2"]
    assert study.groups[0].configurations == ["lstm, lr=2", "gru, lr=1"]


def test_options_of_a_cell_count_where_they_differ():
    study = study_of(
        runs_table(
            ("gru", 0, "FINISHED", 10.0, {"cell.reset": "before"}),
            ("gru", 0, "FINISHED", 12.0, {"cell.reset": "after"}),
            ("lstm", 0, "FINISHED", 12.0, {}),
        )
    )
    assert list(study.settings) == ["cell.name", "cell.reset"]
    assert study.groups[0].standing == ["gru, reset=before", "gru, reset=after", "lstm"]


def test_other_data_is_another_configuration_and_another_place_is_not():
    other = finished(
        ("gru", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
        ("gru", 200.0, {"dataset.path": "b.txt", "hash": "b" * 16}),
    )
    assert names(other) == ["gru, path=a.txt", "gru, path=b.txt"]
    moved = runs_table(
        ("gru", 0, "FINISHED", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
        ("gru", 1, "FINISHED", 12.0, {"dataset.path": "b.txt", "hash": "a" * 16}),
    )
    assert len(names(moved)) == len(study_of(moved).groups) == 1
    rewritten = runs_table(
        ("gru", 0, "FINISHED", 10.0, {"dataset.path": "a.txt", "hash": "a" * 16}),
        ("gru", 0, "FINISHED", 12.0, {"dataset.path": "a.txt", "hash": "b" * 16}),
    )
    assert names(rewritten) == ["gru (aaaaaa)", "gru (bbbbbb)"]


def test_a_recipe_taken_apart_is_named_by_what_differs():
    recipe = {f"model.{key}": "0.5" for key in "abcde"}
    less = [recipe | {f"model.{key}": "0.0"} for key in "abcd"] + [
        {k: v for k, v in recipe.items() if k != "model.e"}
    ]
    study = study_of(finished(*(("gru", 10.0 + n, params) for n, params in enumerate([recipe, *less]))))
    expected = ["gru", *(f"gru, {key}=0.0" for key in "abcd"), "gru, no e"]
    assert study.runs["configuration"].unique().tolist() == expected
    assert (
        "configurations of gru are named by what differs from a=0.5, b=0.5, c=0.5, d=0.5, e=0.5"
        in study.notes
    )
    values = [("0.5", "1"), ("0.5", "2"), ("0.1", "1")]
    few = study_of(
        finished(*(("gru", 10.0 + n, {"model.a": a, "model.b": b}) for n, (a, b) in enumerate(values)))
    )
    assert few.runs["configuration"].unique().tolist() == [f"gru, a={a}, b={b}" for a, b in values]
    assert few.notes == []


def test_names_that_would_be_ambiguous_are_written_out():
    study = study_of(
        finished(
            ("gru", 10.0, {"dataset.seed": "0", "schedule.name": "plateau"}),
            ("gru", 12.0, {"dataset.seed": "1", "schedule.name": "constant"}),
        )
    )
    assert study.settings == {
        "cell.name": "cell",
        "dataset.seed": "dataset.seed",
        "schedule.name": "schedule",
    }
