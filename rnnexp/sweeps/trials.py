"""Take the trials of one combination from a storage that other processes, here and elsewhere, take from too.

Optuna numbers the trials of a study without a gap, whoever asks. The number of a trial is its place in a queue: each
process decides what its trial is to be once all before it are decided, so decisions follow one another as if one
process made them. A trial that the budget has no room for is given up. One whose process has died is taken
up by another, with the same settings; a process that only seemed dead can write no more to what it has lost.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from rnnexp.records.lease import LEASE_S
from rnnexp.records.processes import has_gone
from rnnexp.sweeps.samplers import Again, RandomSampler, mixed
from rnnexp.sweeps.signs import sign

REPEATS = 100  # so many repeated proposals mean that a combination has nothing new to try
FINISHED_STATES = TrialState.COMPLETE, TrialState.PRUNED
TURN_S = 0.05  # from one look at the trials before to the next
POLL_S = 2.0  # from one look at what other processes do to the next, where there is nothing to do here
# attributes of a trial: the process that is at it, with its last sign of life; that it has the settings of one before;
# when it failed by itself; which final run its process does, and which it has done
OWNER, AGAIN, FAILED, FINAL, DONE = (
    f"rnnexp.{name}" for name in ("owner", "again", "failed", "final", "done")
)


class Trials:
    """Take trials from an Optuna study, as many as its budget has, together with other processes.

    Parameters
    ----------
    keys : what is searched over.
    words : returns how settings are written in an override.
    draw : has a trial draw all its values by the study's sampler.
    since : seconds since 1970; what failed before that time is tried again, what fails later is not.

    Attributes
    ----------
    begun : the trials that count towards the budget, as of the last look.
    others : the numbers of those that other processes are at, as of the last look.
    lost : numbers of trials that another process has taken over from this one.
    """

    def __init__(
        self,
        study: optuna.Study,
        budget: int,
        seed: int,
        sampler: str,
        keys: set[str],
        words: Callable[[dict[str, Any]], str],
        draw: Callable[[Trial], None],
        since: float,
    ):
        self.study, self.budget, self.seed, self.sampler = study, budget, seed, sampler
        self.keys, self.words, self.draw, self.since = keys, words, draw, since
        self.tpe: optuna.samplers.BaseSampler | None = None
        self.own: set[int] = set()  # all numbers that this process was given
        self.mine: dict[int, Trial] = {}  # those under way
        # of the others: the last one, and when it was first seen
        self.signs: dict[int, tuple[Any, float]] = {}
        self.lost: set[int] = set()
        self.repeats = self.begun = 0
        self.others: set[int] = set()
        before = self.look()
        self.first, self.over = len(before), len(self.finished())

    # What there is

    def look(self) -> list[FrozenTrial]:
        """Return all trials by number, after those were given up whose processes have died."""
        trials = self.study.get_trials(deepcopy=False)
        if dead := [trial for trial in self.of_others(trials) if self.is_dead(trial)]:
            for trial in dead:
                with suppress(UpdateFinishedTrialError, ValueError):  # another process was first
                    self.study.tell(trial.number, state=TrialState.FAIL)
            trials = self.study.get_trials(deepcopy=False)
        self.begun = len(self.taken(trials))
        self.others = {trial.number for trial in self.of_others(trials) if FINAL not in trial.user_attrs}
        return trials

    def of_others(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return those of the trials that other processes are at."""
        return [t for t in trials if t.state == TrialState.RUNNING and t.number not in self.mine]

    def is_dead(self, trial: FrozenTrial) -> bool:
        """Return whether the process that was at a trial has ended, or gave no sign for `LEASE_S`.

        Signs are compared with each other, not with a clock, for those of two machines differ.
        """
        owner = trial.user_attrs.get(OWNER)
        if owner and has_gone(owner):
            return True
        last, since = self.signs.get(trial.number, (None, 0.0))
        if trial.number not in self.signs or last != owner:
            self.signs[trial.number] = owner, time.monotonic()
            return False
        return time.monotonic() - since > LEASE_S

    def is_decided(self, trial: FrozenTrial) -> bool:
        """Return whether it is known what a trial is."""
        waits = trial.state == TrialState.RUNNING
        return not waits or self.is_drawn(trial) or FINAL in trial.user_attrs

    def is_drawn(self, trial: FrozenTrial) -> bool:
        """Return whether a trial has all of its settings."""
        return trial.params.keys() >= self.keys

    def taken(self, trials: list[FrozenTrial]) -> list[str]:
        """Return the settings of the trials that count towards the budget."""
        live = [
            self.words(trial.params)
            for trial in trials
            if trial.state in FINISHED_STATES or (trial.state == TrialState.RUNNING and self.is_drawn(trial))
        ]
        failed = {
            self.words(trial.params)
            for trial in trials
            if trial.state == TrialState.FAIL and float(trial.user_attrs.get(FAILED, 0)) >= self.since
        }
        return live + sorted(failed - set(live))

    def left(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials that came to no result, and are to be tried again."""
        taken = set(self.taken(trials))
        return [
            trial
            for trial in trials
            if trial.state == TrialState.FAIL
            and self.is_drawn(trial)
            and self.words(trial.params) not in taken
        ]

    def has_room(self, trials: list[FrozenTrial]) -> bool:
        """Return whether there is a trial to take."""
        fresh = self.repeats < REPEATS
        return len(self.taken(trials)) < self.budget and (fresh or bool(self.left(trials)))

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that have come to a result."""
        return self.study.get_trials(deepcopy=False, states=FINISHED_STATES)

    # Taking

    def take(self) -> Trial | None:
        """Return a trial with its settings; None where there is none to do now.

        Settings that were tried before do not count as a trial. A combination for which Optuna proposes nothing
        new is done.
        """
        while self.has_room(self.look()):
            trial = self.ask()
            try:
                before = self.turn_of(trial)
                if self.has_room(before) and self.settle(trial, before):
                    self.begun = len(self.taken(before)) + 1
                    return trial
                self.give_up(trial)
            except UpdateFinishedTrialError:  # this process was suspended, and taken for dead
                self.mine.pop(trial.number, None)
            except BaseException:
                self.give_up(trial)
                raise
        return None

    def ask(self) -> Trial:
        """Return a trial of the next number, of which nothing is decided."""
        trial = self.study.ask()
        self.own.add(trial.number)
        self.mine[trial.number] = trial
        trial.set_user_attr(OWNER, sign())
        return trial

    def turn_of(self, trial: Trial) -> list[FrozenTrial]:
        """Return all trials before one, once all of them are decided."""
        while True:
            before = [other for other in self.look() if other.number < trial.number]
            if all(map(self.is_decided, before)):
                return before
            time.sleep(TURN_S)

    def settle(self, trial: Trial, before: list[FrozenTrial]) -> bool:
        """Give a trial its settings; return whether they are to be tried."""
        if left := self.left(before):
            trial.set_user_attr(AGAIN, left[0].number)
            self.study.sampler = Again(left[0].params)
        elif self.sampler == "random":
            self.study.sampler = RandomSampler(self.seed, sum(map(self.is_fresh, before)))
        else:
            self.tpe = self.tpe or optuna.samplers.TPESampler(seed=self.own_seed(trial.number, before))
            self.study.sampler = self.tpe
        self.draw(trial)
        if left or self.words(trial.params) not in self.taken(before):
            return True
        self.repeats += 1
        return False

    def is_fresh(self, trial: FrozenTrial) -> bool:
        """Return whether a trial has drawn settings of its own."""
        given = AGAIN in trial.user_attrs or "fixed_params" in trial.system_attrs  # as older versions had it
        return self.is_drawn(trial) and not given

    def own_seed(self, number: int, before: list[FrozenTrial]) -> int:
        """Return a seed that no process at this search has had.

        A search that goes on with the stream of its beginning would draw the same again.
        """
        others = any(trial.number >= self.first and trial.number not in self.own for trial in before)
        return mixed(self.seed, self.over, number) if others else mixed(self.seed, self.over)

    # Ending

    def tell(self, trial: Trial, value: float | None = None, state: TrialState | None = None) -> None:
        """Record how a trial ended, unless another process has taken it over."""
        self.mine.pop(trial.number, None)
        try:
            self.study.tell(trial, value, state)
        except (UpdateFinishedTrialError, ValueError):
            if self.study.get_trials(deepcopy=False)[trial.number].state == TrialState.RUNNING:
                raise
            self.lost.add(trial.number)

    def fail(self, trial: Trial) -> None:
        """Record that a trial failed by itself: it is tried again by the next command, not by this one."""
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr(FAILED, time.time())
        self.tell(trial, state=TrialState.FAIL)

    def give_up(self, trial: Trial) -> None:
        """Leave a trial to whoever has room for it."""
        self.tell(trial, state=TrialState.FAIL)

    def beat(self) -> None:
        """Give a sign of life for each trial under way."""
        for number, trial in list(self.mine.items()):
            try:
                trial.set_user_attr(OWNER, sign())
            except UpdateFinishedTrialError:
                if number in self.mine:
                    self.lost.add(number)

    # The final runs, each of which one process does

    def others_at(self, key: str, place: str) -> FrozenTrial | None:
        """Return the trial that stands for a final run which another process does, or has done elsewhere, if any.

        key : which run. place : where this process has its runs.
        """
        return self.find_final(self.look(), key, place)

    def find_final(self, trials: list[FrozenTrial], key: str, place: str) -> FrozenTrial | None:
        """Return which of the trials stands for a final run of others, see `others_at`."""
        for trial in trials:
            under_way = trial.state == TrialState.RUNNING and trial.number not in self.mine
            there, done = trial.user_attrs.get(DONE, ("", ""))
            if (under_way and trial.user_attrs.get(FINAL) == key) or (done == key and there != place):
                return trial
        return None

    def take_final(self, key: str, place: str) -> Trial | None:
        """Return a trial that stands for a final run of this process; None where others do it; see `others_at`."""
        if self.others_at(key, place):
            return None
        trial = self.ask()
        if self.find_final(self.turn_of(trial), key, place):
            self.give_up(trial)
            return None
        trial.set_user_attr(FINAL, key)
        return trial

    def end_final(self, trial: Trial, key: str, place: str, done: bool) -> None:
        """Record that this process does a final run no longer, and whether it has done it."""
        with suppress(UpdateFinishedTrialError):
            if done:
                trial.set_user_attr(DONE, [place, key])
        self.give_up(trial)
