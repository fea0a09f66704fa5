"""`sweep=fair`: cells of one size, the same trials each, the best of each with fresh seeds, one report."""

from math import inf

import pytest

from rnnexp.errors import UserError
from rnnexp.experiment import models
from rnnexp.records.address import Address
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.search import Search
from rnnexp.sweeps.storages import open_storage
from rnnexp.sweeps.trials import FINISHED_STATES
from tests.conftest import QUICK, SMALL
from tests.helpers.requests import open_request
from tests.sweeps.test_sweep import proposals

SYMBOLS = 89  # of the small grammar
FAIR = ["sweep=fair", "cell=lstm,gru", "sweep.trials=2", "sweep.best_seeds=2", "model.dropout=0"]
FAIR += ["sweep.params={optimizer.lr:'tag(log,interval(0.5,4))'}"]


def sizes(configs):
    """Hidden size, all parameters and recurrent ones of each config."""
    found = [models.make_model(config, SYMBOLS) for config in configs]
    parts = [model.num_params() for model in found]
    return [(m.cells[0].hidden_size, sum(p.values()), p["recurrent"]) for m, p in zip(found, parts)]


def jobs_of(*arguments):
    with open_request([*QUICK[:-2], "tracking=none", *arguments]) as request:
        return request.jobs()


def test_cells_get_the_parameters_of_the_first_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    match = "sweep.match_cells=true"
    both = jobs_of(match, "cell=lstm,gru", "model.num_layers=1,2", "model.hidden_size=16")
    per_depth = [[j for j in both if j.config["model"]["num_layers"] == layers] for layers in (1, 2)]
    for lstm, gru in per_depth:
        (h, total, _), (wider, other, _) = sizes([lstm.config, gru.config])
        assert (h, lstm.config["model"]["match_params"]) == (16, total)
        assert wider > h
        assert abs(other / total - 1) < 0.05
    assert per_depth[0][0].config["model"]["match_params"] < per_depth[1][0].config["model"]["match_params"]
    # the first one named decides, and which parameters count is up to model.match
    gru, lstm = jobs_of(match, "cell=gru,lstm", "model.match=recurrent", "model.hidden_size=16")
    (h, _, recurrent), (narrower, _, other) = sizes([gru.config, lstm.config])
    assert (h, gru.config["model"]["match_params"]) == (16, recurrent)
    assert narrower < h
    assert abs(other / recurrent - 1) < 0.1
    # forms of one cell are compared like cells
    before, after = jobs_of(match, "cell=gru", "cell.reset=before,after")
    assert before.config["model"]["match_params"] == after.config["model"]["match_params"]
    # a number that is given stays
    given = jobs_of(match, "cell=lstm,gru", "model.match_params=3000")
    assert {j.config["model"]["match_params"] for j in given} == {3000}


def test_the_cells_get_the_same_trials_which_never_see_the_test_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_request([*SMALL[:-1], *FAIR]) as request:
        work = proposals(request)
        best = work.best()
    drawn = [job.name.partition(" ")[::2] for job in work.jobs]
    assert [rest for cell, rest in drawn if cell == "cell=lstm"] == [
        rest for cell, rest in drawn if cell == "cell=gru"
    ]
    assert len(drawn) == len(set(drawn)) == 4
    assert {j.config["train"]["test"] for j in work.jobs} == {"never"}
    assert [(j.config["cell"]["name"], j.config["seed"]) for j in best] == [
        *(("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 2))
    ]
    assert len({j.config["model"]["match_params"] for j in [*work.jobs, *best]}) == 1
    assert {j.tags["rnnexp.tuning_trials"] for j in best} == {"2"}


def end_in_turn(work, outcomes):
    """Have a search's trials end so, one after the other, and nothing follow them; return their names."""
    for outcome, error in outcomes:
        job = work.next_job()
        job.outcome, job.error = outcome, error
        if outcome == "finished":
            job.folder.path.mkdir(parents=True, exist_ok=True)
            job.folder.result_file.write_text('{"best/valid_ppl": 5, "best/epoch": 1}')
            if error:
                job.folder.tags_file.write_text('{"rnnexp.diverged": "true"}')
        work.on_job_end(job)
    assert work.next_job() is None
    work.close()
    return [job.name for job in work.jobs]


def test_a_trial_that_failed_is_done_again_and_one_that_diverged_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    fine, diverged = ("finished", ""), ("failed", "Diverged: the loss became nan at step 3")
    with open_request([*SMALL[:-1], *FAIR]) as request:
        how = {"workers": 1, "timeout": None, "on_error": "keep_going"}
        work = Search(request, **how)
        names = end_in_turn(work, [fine, ("failed", "killed by SIGKILL"), diverged, fine])
        assert str(work.jobs[2]) == f"{names[2]}: diverged: the loss became nan at step 3"
        assert f"\ndiverged: {names[2]}: the loss became nan at step 3\n" in work.summary()
        assert f"\nfailed: {names[1]}: killed by SIGKILL\n" in work.summary()
        work = Search(request, **how)
        assert end_in_turn(work, [fine]) == [names[1]]
        assert [job.outcome for job in work.jobs] == ["finished"]
        budgets = [len(b.study.get_trials(states=FINISHED_STATES)) for b in work.branches]
        assert budgets == [2, 2]
        assert {job.tags["rnnexp.tuning_trials"] for job in work.best()} == {"2"}


def test_of_a_cell_whose_trials_all_diverge_there_are_no_final_runs_and_of_the_others_there_are(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    with open_request([*SMALL[:-1], *FAIR, "sweep.trials=1"]) as request:
        work = Search(request, workers=1, timeout=None, on_error="keep_going")
        end_in_turn(work, [("failed", "Diverged: the loss became nan at step 3"), ("finished", "")])
        assert [job.config["cell"]["name"] for job in work.best()] == ["gru", "gru"]
        assert "cell=lstm: 1 of 1 trials, 0 of them pruned\n" in work.summary()
        with pytest.raises(UserError, match=r"^cell=lstm: every trial diverged, failed or was pruned"):
            work.require_best()


def test_a_trial_that_ends_but_only_did_harm_is_the_worst(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    with open_request(
        [*SMALL[:-1], "sweep=search", "sweep.trials=2", "optimizer.lr=interval(1,2)"]
    ) as request:
        work = Search(request, workers=1, timeout=None, on_error="keep_going")
        end_in_turn(work, [("finished", "it did only harm"), ("finished", "")])
        assert [trial.value for trial in work.branches[0].trials.finished()] == [inf, 5]


@pytest.mark.slow
def test_with_more_trials_runs_done_before_say_of_how_many_they_are_the_best(in_process, tmp_path):
    given = ["sweep=fair", "cell=lstm,gru", "sweep.best_seeds=1", "sweep.report=false", "tracking=none"]
    given += ["optimizer.lr=interval(1,2)", "train.max_epochs=1", "model.dropout=0", "study=f"]
    for trials in 2, 3:
        result = in_process("-m", *QUICK, *given, f"sweep.trials={trials}")
        assert result.returncode == 0, result.stderr
    before = [line for line in result.stdout.splitlines() if "finished before" in line and "seed=1" in line]
    assert before, "none was the best of two trials and is that of three"
    finals = [RunFolder(path) for path in tmp_path.glob("runs/f_best/*")]
    trials = [folder.tags()["rnnexp.tuning_trials"] for folder in finals]
    assert trials.count("3") == 2


def test_a_search_over_one_combination_is_called_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    given = ["sweep=search", "sweep.trials=1", "sweep.best_seeds=1", "optimizer.lr=interval(1,2)"]
    with open_request([*SMALL[:-1], *given]) as request:
        work = Search(request, workers=1, timeout=None, on_error="keep_going")
        end_in_turn(work, [("failed", "Diverged: the loss became nan at step 3")])
        with pytest.raises(UserError, match=r"^all: every trial diverged, failed or was pruned"):
            work.best()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["cell=lstm"], "name two or more, as in cell=lstm,gru"),
        (["cell=lstm,lstm"], "name two or more"),
        (["cell=lstm,gru", "seed=0,1"], "give one seed"),
        (["cell=lstm,gru", "model.hidden_size=interval(8,16)"], "model.hidden_size=A,B"),
        (["cell=lstm,gru", "tracking=none"], "add tracking=mlflow or sweep.report=false"),
        (["cell=lstm,gru", "model.match=both"], "model.match=both must be all or recurrent"),
        (["cell=lstm,gru", "dataset=text", "dataset.path=gone.txt"], "gone.txt"),
    ],
)
def test_a_mistake_in_a_fair_comparison(in_process, tmp_path, arguments, part):
    result = in_process("-m", "sweep=fair", *arguments)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert part in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_one_command_compares_and_goes_on_where_it_was_left(in_process, tmp_path):
    import optuna

    for again in False, True:
        result = in_process("-m", *SMALL[:-1], *FAIR, "study=f", "train.max_steps=20")
        assert result.returncode == 0, result.stderr
        assert "runs/reports/f_best/" in result.stdout
        assert ("4 finished before" in result.stdout) == again
    folders = [RunFolder(path.parent) for path in tmp_path.glob("runs/f_best/*/result.json")]
    assert len(folders) == 4
    sizes = {folder.result()["num_params"] for folder in folders}
    assert max(sizes) / min(sizes) < 1.1
    names = optuna.get_all_study_names(open_storage(Address(f"sqlite:///{tmp_path}/runs/f/search.db")))
    assert len(names) == 2
    assert list(tmp_path.glob("runs/artifacts/**/report/index.html")), "the page is with the sweep in MLflow"
