"""Several processes take trials from one storage: each trial is done once, and the budget is exact in the end."""

import socket
import threading
import time

import pytest

from rnnexp.errors import UserError
from tests.conftest import QUICK
from tests.helpers.requests import open_request

optuna = pytest.importorskip("optuna")

from rnnexp.records.address import Address  # noqa: E402
from rnnexp.sweeps import storages, trials  # noqa: E402
from rnnexp.sweeps.branch import Branch  # noqa: E402
from rnnexp.sweeps.finals import FinalRuns  # noqa: E402
from rnnexp.sweeps.search import Search  # noqa: E402

BUDGET = 12
NOBODY = {"host": socket.gethostname(), "pid": 1 << 30, "at": 0.0}  # a process that has ended here
ELSEWHERE = {"host": "elsewhere", "pid": 7, "at": 0.0}


@pytest.fixture(params=["sqlite", "journal"])
def address(request, tmp_path):
    return Address(f"{request.param}:///{tmp_path}/trials")


def taking(address, sampler="random", since=None, budget=BUDGET):
    """The trials of a process at a search over one number."""
    study = storages.open_study(address, "s", optuna.pruners.NopPruner())
    draw = lambda trial: trial.suggest_float("x", 0, 1)  # noqa: E731
    words = lambda params: f"x={params['x']:.4g}"  # noqa: E731
    return trials.Trials(study, budget, 0, sampler, {"x"}, words, draw, since or time.time())


def values(one):
    """The settings of the trials that have a result."""
    return [trial.params["x"] for trial in one.finished()]


def do_all(one):
    """Do trials until there is none, like a process of one worker."""
    while trial := one.take():
        one.tell(trial, trial.params["x"])


def test_threads_at_one_search_do_the_trials_that_one_alone_does(address, tmp_path):
    alone = taking(Address(f"journal:///{tmp_path}/alone"))
    do_all(alone)
    every = [taking(address) for _ in range(4)]
    threads = [threading.Thread(target=do_all, args=[one]) for one in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values(alone)) == BUDGET
    assert sorted(values(every[0])) == sorted(values(alone))
    assert not any(one.others or one.mine for one in every if one.look())


def test_what_runs_elsewhere_counts_towards_the_budget(address):
    first, second = taking(address, budget=2), taking(address, budget=2)
    running = [first.take(), second.take()]
    assert running[0].params != running[1].params
    assert (first.take(), second.take()) == (None, None)
    assert (len(first.others), len(second.others)) == (1, 1)
    second.give_up(running[1])
    again = first.take()
    assert again.params == running[1].params
    assert second.take() is None
    first.tell(running[0], 1.0)
    first.tell(again, 2.0)
    assert (first.take(), second.take()) == (None, None)
    assert not first.others
    assert not second.others
    assert len(second.finished()) == 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_trial_of_a_process_that_has_died_is_taken_up(address, sampler):
    dead, living = taking(address, sampler, budget=2), taking(address, sampler, budget=2)
    lost = dead.take()
    lost.set_user_attr(trials.OWNER, NOBODY)
    again = living.take()
    assert again.params == lost.params
    dead.beat()
    assert dead.lost == {lost.number}
    dead.tell(lost, 5.0)  # it was suspended, and comes back
    assert not dead.finished()
    living.tell(again, 1.0)
    do_all(living)
    assert len(values(living)) == len(set(values(living))) == 2


def test_a_process_elsewhere_is_dead_once_its_signs_cease(address, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(trials.time, "monotonic", lambda: now[0])
    there, here = taking(address, budget=1), taking(address, budget=1)
    trial = there.take()
    trial.set_user_attr(trials.OWNER, ELSEWHERE)
    for step in range(3):  # whatever its clock shows
        assert here.take() is None
        now[0] += trials.LEASE_S - 1
        trial.set_user_attr(trials.OWNER, ELSEWHERE | {"at": step - 5.0})
    assert here.take() is None
    now[0] += trials.LEASE_S + 1
    assert here.take().params == trial.params


def test_a_trial_that_failed_is_left_to_the_next_command(address):
    first = taking(address, budget=2)
    trial = first.take()
    first.fail(trial)
    do_all(first)
    late = taking(address, since=first.since, budget=2)  # begun late by the same command
    assert late.take() is None
    assert len(late.finished()) == 1
    following = taking(address, budget=2)
    again = following.take()
    assert again.params == trial.params
    following.tell(again, 1.0)
    assert len(following.finished()) == 2
    assert first.take() is following.take() is None


def test_a_trial_that_failed_is_left_also_where_the_local_time_goes_back(address, monkeypatch):
    first = taking(address, budget=2)
    monkeypatch.setenv("TZ", "Etc/GMT+5")
    time.tzset()
    try:
        first.fail(first.take())
        do_all(first)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert len(first.look()) == 2


def test_trials_of_other_combinations_are_not_counted(address):
    for name in "s cell=gru 1", "s cell=gru model.num_layers=2 2":
        study = storages.open_study(address, name, optuna.pruners.NopPruner())
        study.add_trial(optuna.trial.create_trial(value=1.0))
    assert Branch("cell=gru", [], "s cell=gru", address, None).spent() == 1


def test_a_decision_waits_for_those_before_it(address):
    first, second = taking(address, budget=1), taking(address, budget=1)
    undecided = first.ask()
    found = []
    thread = threading.Thread(target=lambda: found.append(second.take()))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it must not decide before the first one has"
    assert first.settle(undecided, [])
    thread.join()
    assert found == [None]
    first.tell(undecided, 1.0)
    assert len(second.finished()) == 1


def test_processes_that_learn_from_trials_propose_others(address):
    first, second = taking(address, "tpe"), taking(address, "tpe")
    drawn = [one.take().params["x"] for one in (first, second, first, second)]
    assert len(set(drawn)) == 4


SEARCH = [*QUICK[:-1], "engine=numpy", "tracking=none", "sweep=search", "sweep.trials=1", "cell=gru"]

LIMITS = {"workers": 1, "timeout": None, "on_error": "keep_going"}


def searching(*more):
    with open_request([*SEARCH, *more]) as request:
        return Search(request, **LIMITS)


def test_each_final_run_is_done_by_one_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    with open_request([*SEARCH, "sweep.best_seeds=2"]) as request:
        works = [Search(request, **LIMITS) for _ in range(2)]
        job = works[0].next_job()
        works[0].branch_of(job).trials.tell(works[0].trial_of[job.folder.path], 5.0)
        first, second = (FinalRuns(work.branches[0], work.best(), **LIMITS) for work in works)
        a, b = first.next_job(), second.next_job()
        assert {a.config["seed"], b.config["seed"]} == {1, 2}
        assert first.next_job() is second.next_job() is None
        assert first.awaits()
        second.on_job_end(b)  # without a result
        first.on_job_end(a)
        a.folder.path.mkdir(parents=True)
        a.folder.result_file.write_text('{"best/valid_ppl": 5, "best/epoch": 1}')
        assert first.next_job().config == b.config
        assert not first.awaits()
        for work in works:
            work.close()


def test_a_final_run_whose_folder_is_damaged_is_begun_and_fails_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_request([*SEARCH, "sweep.best_seeds=1"]) as request:
        work = Search(request, **LIMITS)
        one = work.branches[0].trials
        one.tell(one.take(), 5.0)
        final = FinalRuns(work.branches[0], work.best(), **LIMITS)
        folder = final.jobs[0].folder
        folder.path.mkdir(parents=True)
        folder.state_file.write_text("{")
        assert final.next_job() is final.jobs[0]
        work.close()


def test_a_process_whose_trial_was_taken_over_waits_for_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnexp.sweeps.scheduler.Sweep.on_job_end", lambda *_: None)
    with open_request(SEARCH) as request:
        suspended, other = (Search(request, **LIMITS) for _ in range(2))
        job = suspended.next_job()
        suspended.trial_of[job.folder.path].set_user_attr(trials.OWNER, NOBODY)
        assert other.next_job().name == job.name
        suspended.branches[0].trials.beat()
        suspended.on_job_end(job)
        assert job.outcome == "taken over"
        assert suspended.awaits()
        for work in suspended, other:
            work.close()


def test_a_run_that_is_done_elsewhere_is_not_done_again(address):
    first, second = taking(address), taking(address)
    trial = first.take_final("key", "folder on there")
    assert second.take_final("key", "folder on here") is None
    first.end_final(trial, "key", "folder on there", done=True)
    assert second.take_final("key", "folder on here") is None
    assert second.others_at("key", "folder on here").user_attrs[trials.DONE] == ["folder on there", "key"]
    assert second.take_final("another", "folder on here")
    assert first.take_final("key", "folder on there"), "its folder may have been removed"


@pytest.mark.parametrize("storage", ["journal:////proc/trials", "sqlite:////proc/trials"])
def test_a_storage_that_cannot_be_made_is_a_plain_line(tmp_path, monkeypatch, storage):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"sweep.storage={storage} cannot be used: ") as error:
        searching(f"sweep.storage={storage}")
    assert "\n" not in str(error.value)


def test_a_storage_that_goes_away_is_a_plain_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work = searching()
    (tmp_path / "runs/default/search.db").write_text("no database")
    with pytest.raises(UserError, match="cannot be used: "):
        work.run()
    work.close()


def test_an_sqlite_file_is_for_one_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work = searching()
    trial = work.branches[0].trials.take()
    trial.set_user_attr(trials.OWNER, ELSEWHERE | {"at": storages.time.time()})
    with pytest.raises(
        UserError, match="elsewhere is at this search too, and an SQLite file is for one machine"
    ):
        searching()
    work.close()
