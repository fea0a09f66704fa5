"""Judge whether it depends on task and settings which cell wins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rnnexp.analysis.claims.claim import (
    HOLDS,
    OPPOSITE,
    PERHAPS,
    UNDECIDED,
    Finding,
    Part,
    how,
    in_words,
    signed,
)
from rnnexp.analysis.claims.claim import whole as together
from rnnexp.analysis.claims.runs import everything, number
from rnnexp.analysis.contrasts import LEAST_RUNS, TooFewRuns, contrast
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.multiplicity import Adjusted, adjust
from rnnexp.analysis.study import Study
from rnnexp.analysis.verdict import FULL

MARGIN = 0.01  # nats per token
RATES = 1.0, 4.0, 16.0
TASKS = {"grammar": "grammar", "dinos": "names", "tinyshakespeare": "Shakespeare"}
CELLS = "lstm", "gru"


@dataclass(frozen=True)
class Place:
    """Hold the validation loss of the GRU less that of the LSTM on a data set at a rate, tested with all others."""

    data: str
    rate: float
    tested: Adjusted

    @property
    def sign(self) -> int:
        """Return 1 where the LSTM wins, -1 where the GRU does, 0 where neither has been found to."""
        gap = self.tested.difference
        found = self.tested.p < self.tested.alpha and min(gap.n_a, gap.n_b) >= FULL
        return (1 if gap.mean > 0 else -1) if found else 0

    @property
    def matters(self) -> bool:
        """Return whether the interval excludes what does not matter."""
        gap = self.tested.difference
        return gap.low > MARGIN or gap.high < -MARGIN

    @property
    def said(self) -> str:
        """Return where it is, with the difference and its interval."""
        return f"{TASKS.get(self.data, self.data)} at rate {self.rate:g} {in_words(self.tested, signed(3), 'nats')}"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the cells on each data set at each rate, and find where the winner changes."""
    runs = pd.concat([everything(study) for study in studies.values()])
    runs = runs[runs["lr"].isin(RATES) & runs["cell"].isin(CELLS) & runs["reported"].astype(bool)]
    places, diverged = _places(runs)
    if not places:
        raise TooFewRuns("no data set has two runs of both cells at a rate")
    tasks = [data for data in TASKS if any(place.data == data for place in places)]
    of_task = {data: [place for place in places if place.data == data] for data in tasks}
    of_rate = {rate: [place for place in places if place.rate == rate] for rate in RATES}
    parts = [
        _changes("the winner changes with the task, at one rate", of_rate.values()),
        _changes("the winner changes with the rate, on one task", of_task.values()),
    ]
    beside = [Part(f"{TASKS[p.data]}, rate {p.rate:g}: GRU less LSTM", _alone(p), "", False) for p in places]
    beside += [
        Part(f"{TASKS[data]}, rate {rate:g}", f"{count} runs diverged: no losses are compared", "", False)
        for (data, rate), count in diverged.items()
    ]
    wins = {sign: [place for place in places if place.sign == sign] for sign in (1, -1)}
    said = [
        f"the {name} wins at {len(own)} of {len(places)} places, most at {most.said}"
        for name, sign in (("LSTM", 1), ("GRU", -1))
        if (own := wins[sign])
        for most in [max(own, key=lambda place: abs(place.tested.difference.mean))]
    ]
    if not said:
        said = [f"neither wins at any of {len(places)} places that could be told from chance"]
    sentence = (
        f"Of the GRU's validation loss less the LSTM's, over data set and rate: {'; '.join(said)} "
        f"({how(places[0].tested)})."
    )
    panels = [
        Panel(
            TASKS[data],
            [Series.of_differences([p.rate for p in own], [p.tested.difference for p in own])],
            zero=True,
            ticks={rate: f"{rate:g}" for rate in RATES},
        )
        for data, own in of_task.items()
    ]
    picture = draw_panels(
        panels, "learning rate", "nats per token, GRU less LSTM", "Who wins where", log_x=True
    )
    return Finding(together(parts), sentence, [*parts, *beside], {"which_wins": picture}, [SETTINGS])


SETTINGS = (
    "Above 0 the LSTM wins. Three rates that every task shares, none tuned; 300 updates (on the grammar 800, "
    "of the study of rates), recurrent layers of one size (on the grammar all parameters), validation losses. "
    "Larger budgets may end otherwise."
)


def _places(runs: pd.DataFrame) -> tuple[list[Place], dict[tuple[str, float], int]]:
    """Return the differences that can be tested, and how many runs diverged where none can be."""
    gaps, diverged = {}, {}
    for data in TASKS:
        for rate in RATES:
            own = runs[(runs["dataset"] == data) & (runs["lr"] == rate)]
            if lost := int((own["status"] == "diverged").sum()):
                diverged[data, rate] = lost
                continue
            own = own[own["status"] == "finished"]
            lstm, gru = (own[own["cell"] == cell]["valid_loss"].map(number) for cell in CELLS)
            if min(len(lstm), len(gru)) >= LEAST_RUNS:
                gaps[data, rate] = contrast([(1, gru), (-1, lstm)])
    tested = adjust(list(gaps.values())) if gaps else []
    return [Place(data, rate, one) for (data, rate), one in zip(gaps, tested)], diverged


def _changes(name: str, groups: Iterable[Sequence[Place]]) -> Part:
    """Return whether both cells win within one of the groups, and where."""
    families = [family for family in groups if family]
    tests = how(families[0][0].tested)
    where, kinds = [], []
    for family in families:
        lstm, gru = ([place for place in family if place.sign == sign] for sign in (1, -1))
        if lstm and gru:
            a, b = (max(own, key=lambda place: abs(place.tested.difference.mean)) for own in (lstm, gru))
            where.append(f"{a.said}, but {b.said}")
            matter = [any(place.matters for place in own) for own in (lstm, gru)]
            kinds.append(HOLDS if all(matter) else PERHAPS)
    if where:
        return Part(name, "; ".join(where), HOLDS if HOLDS in kinds else PERHAPS, how=tests)
    signs = [place.sign for family in families for place in family]
    one_wins_all = bool(signs) and 0 not in signs and len(set(signs)) == 1
    return Part(
        name, "nowhere that could be told from chance", OPPOSITE if one_wins_all else UNDECIDED, how=tests
    )


def _alone(place: Place) -> str:
    winner = {1: ": the LSTM wins", -1: ": the GRU wins", 0: ""}[place.sign]
    return in_words(place.tested, signed(3), "nats") + winner
