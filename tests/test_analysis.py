"""Tables and figures say what the records say, and name what is not in them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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
    assert "FAILED (Diverged: the loss became" in out
    assert "rnn, clip_norm=null, lr=1e+38, seed 1: missing" in out
    assert "paired t, 2 seeds" in out
    folder = tmp_path / "runs" / "reports" / "s"
    assert out.startswith((folder / "table.md").read_text().removeprefix("# s\n\n"))
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(folder / "table.csv")
    assert table["runs"].tolist() == [2, 2, 0]
    # the numbers are those of the run folders
    results = [pd.read_json(p, typ="series") for p in tmp_path.glob("runs/s/*_sweep/*lstm*/result.json")]
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
    """Records as MLflow gives them; a row is (cell, seed, status, test perplexity, changed parameters)."""
    table = []
    for number, (cell, seed, status, ppl, params) in enumerate(rows):
        settings = {
            "cell.name": cell,
            "seed": str(seed),
            "study": "s",
            "optimizer.lr": "1",
            "dataset.dir": "x",
        }
        table.append(
            {"run_id": str(number), "status": status, "metrics.test/ppl": ppl, "metrics.best/valid_ppl": ppl}
            | {f"params.{key}": value for key, value in (settings | params).items()}
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
    assert comparison.settings == ["cell.name", "optimizer.lr"]
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
    assert comparison.settings == ["cell.name", "cell.reset"]
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


def test_only_cells_under_equal_settings_are_compared():
    comparison = compare(
        runs_table(
            *((cell, seed, "FINISHED", 10.0 + seed, {"model.dropout": d}) for cell in ("lstm", "gru")
              for seed in (0, 1) for d in ("0", "0.5"))
        ),
        NO_HISTORY,
    )  # fmt: skip
    assert len(comparison.differences) == 2
    assert all(" at " in sentence for sentence in comparison.differences)


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [(3.14159, 0.01, "3.142 ± 0.010"), (135.31, 0.42, "135.3 ± 0.4"), (9876.5, nan, "9876"), (nan, nan, "-")],
)
def test_spread(mean, sd, text):
    assert spread(mean, sd) == text
