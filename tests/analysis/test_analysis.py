"""Tables and figures say what the records say, and name what is not in them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.challenge import beaten
from analysis.reproduce import BEGIN, END, MODELS, row
from analysis.tables import compare, markdown, spread
from tests.conftest import REPOSITORY, SMALL


def analysis_compare(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "analysis.compare", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_study_from_the_command_to_table_and_figure(rnnexp, tmp_path):
    small = [*SMALL, "study=s"]
    assert rnnexp("-m", *small, "cell=lstm,gru", "seed=0,1").returncode == 0
    assert rnnexp(*small, "cell=rnn", "optimizer.lr=1e38", "optimizer.clip_norm=null").returncode == 1
    result = analysis_compare(tmp_path, "study=s")
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    out = result.stdout
    assert "0 of 1" in out
    assert "FAILED (Diverged: the " in out
    assert "rnn, clip_norm=null, lr=1e+38, seed 1: missing" in out
    assert "paired t, 2 seeds" in out
    folder = tmp_path / "runs" / "reports" / "s"
    assert out.startswith((folder / "table.md").read_text().removeprefix("# s\n\n"))
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(folder / "table.csv")
    assert table["runs"].tolist() == [2, 2, 0]
    # the numbers are those of the run folders
    results = [pd.read_json(p, typ="series") for p in tmp_path.glob("runs/s/*lstm*/result.json")]
    lstm = table[table["cell.name"] == "lstm"].iloc[0]
    perplexities = [result["test/ppl"] for result in results]
    assert lstm["test_mean"] == pytest.approx(np.mean(perplexities), rel=1e-9)
    assert lstm["test_sd"] == pytest.approx(np.std(perplexities, ddof=1), rel=1e-6)
    assert lstm["num_params"] == results[0]["num_params"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=none"], "uri=sqlite:///runs/mlflow.db holds no records"),
        ([], "study"),
        (["stdy=x"], "'stdy'"),
    ],
)
def test_mistakes_get_one_plain_line(tmp_path, arguments, message):
    result = analysis_compare(tmp_path, *arguments)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def runs_table(*rows):
    """Records as MLflow gives them; a row is (cell, seed, status, test perplexity, what else is special).

    Validation perplexity is twice that of test, the best reachable half.
    """
    table = []
    for number, (cell, seed, status, ppl, special) in enumerate(rows):
        settings = {"cell.name": cell, "seed": str(seed), "study": "s", "dataset.dir": "x"}
        settings |= {"optimizer.name": "sgd", "schedule.name": "plateau", "dataset.name": "text"}
        settings |= {"optimizer.lr": "1"} | special
        tags = {"rnnexp.group_hash": settings.pop("hash", None), "rnnexp.folder": f"runs/{number}"}
        metrics = {"test/ppl": ppl, "best/valid_ppl": 2 * ppl, "oracle/ppl": ppl / 2, "num_params": 7}
        table.append(
            {"run_id": str(number), "status": status}
            | {f"params.{key}": value for key, value in settings.items()}
            | {f"tags.{key}": value for key, value in tags.items()}
            | {f"metrics.{key}": value for key, value in metrics.items()}
        )
    return pd.DataFrame(table)


NO_HISTORY = pd.DataFrame(columns=["run_id", "epoch", "epoch_s"])
nan = float("nan")


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


def test_what_was_tuned_for_each_cell_may_differ_in_a_pair():
    def sentences(gru_trials):
        tuned = {"rnnexp.tuned": "optimizer.lr,model.dropout"}
        runs = runs_table(
            ("gru", 0, "FINISHED", 10.0, {"optimizer.lr": "1", "model.dropout": "0.1"}),
            ("gru", 1, "FINISHED", 11.0, {"optimizer.lr": "1", "model.dropout": "0.1"}),
            ("lstm", 0, "FINISHED", 12.0, {"optimizer.lr": "2", "model.dropout": "0.3"}),
            ("lstm", 1, "FINISHED", 14.0, {"optimizer.lr": "2", "model.dropout": "0.3"}),
        )
        for key, value in tuned.items():
            runs[f"tags.{key}"] = value
        runs["tags.rnnexp.tuning_trials"] = [gru_trials, gru_trials, "20", "20"]
        return compare(runs, NO_HISTORY).differences

    difference, budget = sentences("20")
    assert difference.startswith(
        "test perplexity of lstm, dropout=0.3, lr=2 minus gru, dropout=0.1, lr=1: +2.5"
    )
    assert budget.endswith("the same budget before: 20 trials over model.dropout, optimizer.lr")
    assert "UNEQUALLY before, over model.dropout, optimizer.lr: gru 7, lstm 20 trials" in sentences("7")[1]


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


def test_the_interval_is_that_of_a_paired_t_test():
    lstm, gru = [9.0, 9.5, 10.1], [10.0, 10.8, 10.9]
    comparison = compare(
        runs_table(
            *(("lstm", seed, "FINISHED", ppl, {}) for seed, ppl in enumerate(lstm)),
            *(("gru", seed, "FINISHED", ppl, {}) for seed, ppl in enumerate(gru)),
        ),
        NO_HISTORY,
    )
    interval = stats.ttest_rel(gru, lstm).confidence_interval(0.95)
    (sentence,) = comparison.differences
    assert sentence == (
        f"test perplexity of gru minus lstm: {np.mean(gru) - np.mean(lstm):+.3f}, 95% interval "
        f"{interval.low:+.3f} to {interval.high:+.3f} (paired t, 3 seeds)"
    )


def finished(*rows):
    """Both seeds of each (cell, test perplexity of seed 0, special)."""
    return runs_table(
        *((cell, seed, "FINISHED", ppl + seed, special) for cell, ppl, special in rows for seed in (0, 1))
    )


def test_only_cells_under_equal_settings_are_compared():
    dropouts = [{"model.dropout": "0"}, {"model.dropout": "0.5"}]
    comparison = compare(
        finished(*((cell, ppl, d) for cell, ppl in (("lstm", 10.0), ("gru", 11.0)) for d in dropouts)),
        NO_HISTORY,
    )
    pairs = [sentence.partition(":")[0] for sentence in comparison.differences]
    assert pairs == [
        "test perplexity of gru, dropout=0 minus lstm, dropout=0",
        "test perplexity of gru, dropout=0.5 minus lstm, dropout=0.5",
        "each interval stands for itself",
    ]


def test_a_cell_stands_with_its_best_learning_rate():
    comparison = compare(
        finished(
            ("lstm", 10.0, {"optimizer.lr": "1"}),
            ("lstm", 9.0, {"optimizer.lr": "2"}),
            ("gru", 11.0, {"optimizer.lr": "1"}),
            ("gru", 12.0, {"optimizer.lr": "2"}),
        ),
        NO_HISTORY,
    )
    assert comparison.differences[0].startswith("test perplexity of gru, lr=1 minus lstm, lr=2: +2.000")
    assert "best validation perplexity" in comparison.differences[1]


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


def test_each_column_holds_what_it_says():
    history = pd.DataFrame(
        {"run_id": ["0", "0", "0", "1"], "epoch": [1, 2, 3, 1], "epoch_s": [1.0, 1.0, 9.0, 3.0]}
    )
    text = markdown(compare(finished(("gru", 10.0, {})), history))
    header, _, row = (line.strip("| ").split("|") for line in text.splitlines()[:3])
    cells = dict(zip((name.strip() for name in header), (cell.strip() for cell in row)))
    assert cells == {
        "cell": "gru",
        "runs": "2",
        "parameters": "7",
        "valid ppl": "21.00 ± 1.41",
        "test ppl": "10.50 ± 0.71",
        "best reachable test ppl": "5.250",
        "s/epoch": "2.00",
    }


def test_a_run_that_died_before_it_said_what_it_was_is_named():
    runs = runs_table(("gru", 0, "FINISHED", 10.0, {}), ("gru", 1, "RUNNING", nan, {}))
    runs.loc[1, [column for column in runs.columns if column.startswith("params.")]] = None
    comparison = compare(runs, NO_HISTORY)
    assert comparison.problems == ["run 1: died before it recorded its config"]


def test_the_figure_has_a_line_a_seed_their_mean_and_the_best_reachable(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    from analysis.figures import learning_curves

    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: kept.append(figure))
    runs = finished(("gru", 10.0, {}), ("lstm", 12.0, {}))
    runs["metrics.oracle/valid_ppl"] = 3.0
    history = pd.DataFrame(
        [(str(k), epoch, 20.0 / epoch + k, 1.0) for k in range(4) for epoch in (1, 2, 3)],
        columns=["run_id", "epoch", "valid/ppl", "epoch_s"],
    )
    learning_curves(compare(runs, history), history, "s", tmp_path / "curves.png")
    lines = kept[0].axes[0].lines
    assert len(lines) == 4 + 2 + 1
    assert lines[2].get_ydata().tolist() == [20.5, 10.5, 20.0 / 3 + 0.5]
    assert set(lines[-1].get_ydata()) == {3.0}


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (3.14159, 0.01, "3.142 ± 0.010"),
        (135.31, 0.42, "135.3 ± 0.4"),
        (9876.5, nan, "9876"),
        (nan, nan, "-"),
        (float("inf"), nan, "inf"),
    ],
)
def test_spread(mean, sd, text):
    assert spread(mean, sd) == text


def test_infinite_perplexities_do_not_spoil_the_report():
    text = markdown(compare(finished(("lstm", 10.0, {}), ("gru", 1.7e308, {})), NO_HISTORY))
    assert "| gru  | 2    | 7          | inf " in text
    assert "minus" not in text


def command(folder, module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_who_is_beaten():
    values = np.array([[1, 5, 5], [2, 4, 5], [2, 5, 5], [1, 5, 5], [3, 3, 3], [3, 3, 4]])
    assert beaten(values).tolist() == [False, False, True, False, False, True]


def test_the_challenge_ranks_the_runs_of_a_study(rnnexp, tmp_path):
    assert rnnexp("-m", *SMALL, "study=s", "cell=rnn,gru", "model.hidden_size=4,8").returncode == 0
    result = command(tmp_path, "analysis.challenge", "study=s")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "runs" / "reports" / "s"
    assert result.stdout.startswith((folder / "challenge.md").read_text().removeprefix("# s\n\n"))
    assert (folder / "challenge.png").read_bytes().startswith(b"\x89PNG")
    rows = [line.split(" | ") for line in result.stdout.splitlines() if line.startswith("| ")][2:]
    losses = [float(row[3]) for row in rows]
    assert len(rows) == 4
    assert losses == sorted(losses)
    recorded = [pd.read_json(p, lines=True) for p in tmp_path.glob("runs/s/*/records.jsonl")]
    assert losses == pytest.approx(sorted(r["valid/loss"].min() for r in recorded), abs=1e-4)
    assert any("nobody beats it" in row[-1] for row in rows)
    assert rnnexp(*SMALL, "study=s", "dataset.seed=1").returncode == 0
    refused = command(tmp_path, "analysis.challenge", "study=s")
    assert refused.returncode == 1
    assert "dataset.seed" in refused.stderr


def test_the_published_figures_beside_ours(rnnexp, tmp_path):
    nothing = command(tmp_path, "analysis.reproduce", "only=char_gru_hackathon")
    assert nothing.returncode == 0, nothing.stderr
    assert "| not run |" in nothing.stdout
    assert rnnexp("experiment=char_gru_hackathon", "train.max_epochs=1", "seed=7").returncode == 0
    other = command(tmp_path, "analysis.reproduce", "only=char_gru_hackathon")
    assert "| not run |" in other.stdout, "a run with other settings is not the preset's"
    made = command(tmp_path, "analysis.reproduce", "only=char_gru_hackathon", "run=true")
    assert made.returncode == 0, made.stderr
    records = [
        pd.read_json(p, lines=True)
        for p in tmp_path.glob("runs/char_gru_hackathon/*seed[012]_*/records.jsonl")
    ]
    assert len(records) == 3
    ours = np.mean([r[r["step"] >= 10]["train/sequence_loss"].iloc[0] for r in records])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    again = command(tmp_path, "analysis.reproduce", "only=char_gru_hackathon", "run=true", "into=page.md")
    assert len(again.stdout) < len(made.stdout), "what has finished is not run again"
    table = (tmp_path / "runs/reports/reproduce.md").read_text()
    assert f"**{ours:.4g}** (" in table
    assert page.read_text() == f"before\n{BEGIN}\n{table}{END}\nafter\n"
    assert command(tmp_path, "analysis.reproduce", "only=nonsense").returncode == 1


def test_a_model_is_prepared_for_another_machine(tmp_path):
    made = command(tmp_path, "analysis.reproduce", "only=dlfs2_better_gru", "prepare=true")
    assert made.returncode == 0, made.stderr
    assert "3 of 3 jobs prepared" in made.stdout
    assert len(list(tmp_path.glob("runs/dlfs2_better_gru/gru_seed?_*/config.yaml"))) == 3


def test_the_readme_has_the_table_of_the_models():
    _, _, rest = (REPOSITORY / "README.md").read_text().partition(f"{BEGIN}\n")
    shown = [line.split(" | ") for line in rest.partition(END)[0].splitlines()[2:]]
    made = [row(model, None).split(" | ") for model in MODELS]
    assert [line[:3] + line[-1:] for line in shown] == [line[:3] + line[-1:] for line in made]
