"""What a part of a recipe is worth: found by the settings, paired by seed, for each cell."""

import pandas as pd
import pytest
from scipy import stats

from rnnexp.analysis.ablation import markdown, without_a_row, worths
from rnnexp.analysis.figures import draw_ablation
from rnnexp.analysis.study import make_study
from rnnexp.errors import UserError
from tests.helpers.recorded_runs import NO_HISTORY, runs_table

RECIPE = {"model.weight_drop": "0.3", "model.dropout": "0.4", "model.hidden_size": "9"}
LESS = {"model.weight_drop": None}, {"model.dropout": "0.0"}, {"model.hidden_size": "7", "model.tie": "false"}
SEEDS = {0: 0.0, 1: 0.5, 2: -0.2}


def study(*cells, seeds=SEEDS):
    """Runs of cells: their recipe, whose loss is 4 and that of its seed, and less each part: worse by 0.1, 0.2, ..."""
    rows, losses = [], []
    for cell in cells:
        for number, change in enumerate([{}, *LESS]):
            for seed, loss in seeds.items():
                rows.append((cell, seed, "FINISHED", 1.0, RECIPE | change))
                # the parts are worth twice as much to the second cell, and of each a little more with seed 1
                worth = 0.1 * number * (1 + cells.index(cell)) + 0.01 * (seed == 1) * (number > 0)
                losses.append(4 + loss + worth)
    return made(runs_table(*rows).assign(**{"metrics.test/loss": losses}))


def made(recorded, **columns):
    return make_study(["s"], recorded.assign(**columns), NO_HISTORY)


def test_what_the_parts_are_worth_to_each_cell():
    table = worths(study("lstm", "gru"))
    assert list(table["part"].unique()) == ["no tie, hidden_size=7", "no dropout", "no weight_drop"] or list(
        table["part"].unique()
    ) == ["hidden_size=7, no tie", "no dropout", "no weight_drop"]
    assert list(table["cell"]) == ["gru", "lstm"] * 3
    found = table.set_index(["part", "cell"])
    for part, number in ("no weight_drop", 1), ("no dropout", 2):
        for cell, times in ("lstm", 1), ("gru", 2):
            row = found.loc[(part, cell)]
            assert row["worth"] == pytest.approx(0.1 * number * times + 0.01 / 3)
            assert row["seeds"] == 3
            # of 0, 0.01 and 0 more: paired, so the seeds' own losses play no part
            half = 4.302653 * 0.01 / 3**0.5 / 3**0.5
            assert row["high"] - row["worth"] == pytest.approx(half, rel=1e-5)
    sizes = table[table["part"].str.contains("hidden_size")]
    assert (sizes["high"] - sizes["worth"]).min() > 0.5  # other first weights: Welch's


def test_only_seeds_of_both_count_and_failures_do_not():
    runs = study("lstm").recorded
    runs.loc[runs.index[3], "status"] = "FAILED"  # of the first part, with seed 0
    table = worths(made(runs)).set_index("part")
    assert table.loc["no weight_drop", "seeds"] == 2
    assert table.loc["no dropout", "seeds"] == 3


def test_a_part_without_which_every_run_diverges_is_named():
    runs = study("lstm").recorded
    runs.loc[3:5, "status"] = "FAILED"
    runs.loc[3:5, "tags.rnnexp.error"] = "Diverged: the loss became nan at step 3"
    found = made(runs)
    assert "no weight_drop" not in set(worths(found)["part"])
    (sentence,) = without_a_row(found, worths(found))
    assert sentence.startswith("[lstm, dropout=0.4, ")
    assert sentence.endswith(
        "has no row: fewer than two seeds beside the recipe's (0 of 3 runs finished, 3 diverged)"
    )
    complete = study("lstm")
    assert not without_a_row(complete, worths(complete))


def test_runs_that_share_nothing_count_whatever_their_seeds():
    runs = study("lstm").recorded
    runs.loc[9:11, "params.seed"] = ["1", "6", "7"]  # of other first weights
    more = runs.iloc[:2].assign(run_id=["a", "b"], **{"params.seed": ["8", "9"]})
    row = worths(made(pd.concat([runs, more], ignore_index=True))).iloc[0]
    assert "hidden_size=7" in row["part"]
    assert row["seeds"] == 3
    recipe, less = [4.0, 4.5, 3.8, 4.0, 4.5], [4.3, 4.81, 4.1]
    found = stats.ttest_ind(less, recipe, equal_var=False)
    assert row["worth"] == pytest.approx(sum(less) / 3 - sum(recipe) / 5)
    assert row["high"] == pytest.approx(found.confidence_interval(0.95).high)


@pytest.mark.parametrize("seeds", [{0: 0.0}, SEEDS])
def test_a_study_without_parts_is_refused(seeds):
    one = study("lstm", seeds=seeds).recorded
    with pytest.raises(UserError, match="no recipe and recipe less a part with two seeds each"):
        worths(made(one if len(seeds) == 1 else one.iloc[:3]))


@pytest.mark.parametrize("number", [1, 2])
def test_of_two_configurations_the_recipe_has_the_part(number):
    runs = study("lstm").recorded
    table = worths(made(pd.concat([runs.iloc[:3], runs.iloc[3 * number : 3 * number + 3]])))
    assert list(table["part"]) == ["no weight_drop", "no dropout"][number - 1 : number]
    assert table["worth"].iloc[0] > 0


def test_what_diverged_or_was_done_again_does_not_count():
    runs = study("lstm").recorded
    runs.loc[3, "metrics.test/loss"] = 100.0
    runs.loc[3, "tags.rnnexp.error"] = "Diverged: the loss became nan at step 3"
    runs.loc[3, "status"] = "FAILED"
    again = runs.iloc[6:9].assign(run_id=["a", "b", "c"], **{"metrics.test/loss": [5.0, 5.5, 4.8]})
    table = worths(made(pd.concat([runs, again], ignore_index=True))).set_index("part")
    assert table.loc["no weight_drop", "seeds"] == 2
    assert table.loc["no dropout", "worth"] == pytest.approx(1)


def test_parts_are_worth_something_on_one_text():
    digests = ["a"] * 11 + ["b"]
    runs = study("lstm").recorded.assign(**{"params.dataset.seed": ["0"] * 11 + ["7"]})
    with pytest.raises(UserError, match=r"on several texts: choose one, as by where=dataset\.seed=0"):
        worths(made(runs, **{"tags.rnnexp.data_digest": digests}))


def test_the_table_and_the_picture_say_all():
    table = worths(study("lstm", "gru"))
    lines = markdown(table).splitlines()
    assert lines[-1].endswith(
        "hidden_size=9, weight_drop=0.3; lstm, dropout=0.4, hidden_size=9, weight_drop=0.3."
    )
    assert lines[0] == "| without | gru | lstm |"
    assert lines[4].startswith("| no weight_drop | +0.2033 (+0.1")
    picture = draw_ablation(table)
    assert "lstm, no dropout: +0.2033" in picture.description
    assert isinstance(table, pd.DataFrame)


def test_settings_none_of_which_lacks_a_part_are_no_recipe():
    rates = [
        (cell, seed, "FINISHED", 10.0 + seed, {"optimizer.lr": lr})
        for cell, own in (("lstm", "1248"), ("gru", "1"))
        for lr in own
        for seed in (0, 1)
    ]
    with pytest.raises(UserError, match="no recipe and recipe less a part"):
        worths(made(runs_table(*rates)))
    beside = made(pd.concat([runs_table(*rates), study("rnn").recorded.assign(run_id=list("abcdefghijkl"))]))
    table = worths(beside)
    assert set(table["cell"]) == {"rnn"}
    sentences = without_a_row(beside, table)
    assert len(sentences) == 5
    assert all("has no row: no one configuration of " in sentence for sentence in sentences)
