"""Say what a claim is, and what may be said of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rnnexp.analysis.differences import Difference, equivalence
from rnnexp.analysis.figures.picture import Picture
from rnnexp.analysis.intervals import mean_interval
from rnnexp.analysis.multiplicity import Adjusted, adjust
from rnnexp.analysis.planning import needs_margin
from rnnexp.analysis.study import Study
from rnnexp.analysis.verdict import ALL, FULL, LEAST

HOLDS, PERHAPS = "holds", "holds, perhaps by less than matters"
OPPOSITE, NO_DIFFERENCE = "the opposite", "no difference that matters"
IN_PART, OPPOSITE_IN_PART = "in part", "the opposite, in part"
UNDECIDED, PROVISIONAL = "undecided", "provisional"
VALUES, UNFINISHED = "values only", "not finished"
NO_RUNS = "no runs here"  # in this store
SUPPORTS = HOLDS, PERHAPS
FILES = "dataset.dir=FOLDER"  # what a command needs whose data set is read from files


@dataclass(frozen=True)
class Part:
    """Hold one measurement of a claim, in words.

    name : what was measured. said : what came out, with its interval. kind : what that says of the claim.
    decides : whether the claim stands or falls with it; else it stands beside, and was not tested.
    how : by which test, of how many runs, together with how many others.
    """

    name: str
    said: str
    kind: str = ""
    decides: bool = True
    how: str = ""


@dataclass(frozen=True)
class Finding:
    """Hold what the runs say of a claim.

    sentence : the answer. parts : what it stands on. pictures : by the names of their files. notes : what a
    reader must know to weigh it.
    """

    kind: str
    sentence: str
    parts: Sequence[Part] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Preset:
    """Hold how many runs `rnnexp -m experiment=claims/NAME` makes, and what else the command needs."""

    runs: int
    more: str = ""


def command(preset: str, more: str = "") -> str:
    """Return what makes the runs of a preset."""
    return f"rnnexp -m experiment=claims/{preset} {more}".strip()


@dataclass(frozen=True)
class Claim:
    """Hold a claim of the documents and how it is decided.

    Attributes
    ----------
    name : in file names and links.
    says, source : the claim, and who makes it.
    experiment : what decides it, in a sentence.
    literature : what others found.
    presets : of `experiment=claims/NAME`, by name.
    judge : takes the studies of the presets that have runs, by preset, the first among them always.
    """

    name: str
    says: str
    source: str
    experiment: str
    literature: str
    presets: Mapping[str, Preset]
    judge: Callable[[Mapping[str, Study]], Finding]

    @property
    def commands(self) -> list[str]:
        """Return the commands that run it."""
        return [command(name, preset.more) for name, preset in self.presets.items()]


@dataclass(frozen=True)
class Test:
    """Ask for one difference, which is above 0 where the claim is right.

    margin : what matters, in the unit of the difference. show : writes a number, unit : what stands behind it.
    """

    name: str
    difference: Difference
    margin: float
    show: Callable[[float], str]
    unit: str = ""


def test_together(tests: Sequence[Test]) -> list[Part]:
    """Return what each test says of the claim, all tested together after Holm."""
    found = adjust([test.difference for test in tests])
    return [
        Part(test.name, in_words(tested, test.show, test.unit), kind_of(tested, test.margin), how=how(tested))
        for test, tested in zip(tests, found)
    ]


def kind_of(tested: Adjusted, margin: float) -> str:
    """Return what a difference that is above 0 where the claim is right says of the claim."""
    gap = tested.difference
    seeds = min(gap.n_a, gap.n_b)
    if seeds < LEAST:
        return VALUES
    if tested.p < tested.alpha:
        if seeds < FULL:
            return PROVISIONAL
        if gap.mean < 0:
            return OPPOSITE
        return HOLDS if gap.low > margin else PERHAPS
    return NO_DIFFERENCE if is_equal(gap, margin, tested.alpha / tested.pairs) else UNDECIDED


def is_equal(gap: Difference, margin: float, alpha: float = 0.05) -> bool:
    """Return whether a difference lies within a margin, by two one-sided tests of enough runs."""
    seeds = min(gap.n_a, gap.n_b)
    may_be_equal = seeds >= ALL or (seeds >= FULL and margin >= needs_margin(gap.spread))
    return may_be_equal and equivalence(gap, margin, alpha).holds


def whole(parts: Sequence[Part]) -> str:
    """Return what the parts that decide say together: their own word where they agree, else "in part"."""
    kinds = {part.kind for part in parts if part.decides}
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= set(SUPPORTS):
        return PERHAPS
    if kinds & set(SUPPORTS):
        return IN_PART
    if OPPOSITE in kinds:
        return OPPOSITE_IN_PART
    return UNDECIDED


def in_words(tested: Adjusted, show: Callable[[float], str], unit: str = "") -> str:
    """Return "1.2 nats (95% interval 0.8 to 1.6)", each number by `show`."""
    gap = tested.difference
    mean = f"{show(gap.mean)} {unit}".strip()
    return f"{mean} (95% interval {show(gap.low)} to {show(gap.high)})"


def how(tested: Adjusted) -> str:
    """Return how a difference was tested: "Welch, 5 runs each, Holm over 3 tests"."""
    gap = tested.difference
    runs = f"{gap.n_a} runs each" if gap.n_a == gap.n_b else f"{gap.n_b} to {gap.n_a} runs each"
    return f"{gap.method}, {runs}" + (f", Holm over {tested.pairs} tests" if tested.pairs > 1 else "")


def mean_of(losses: Iterable[float]) -> str:
    """Return the mean of losses with its 95% t interval, in words."""
    mean = mean_interval(losses)
    return f"{mean.mean:.3f} nats (95% interval {mean.low:.3f} to {mean.high:.3f}, {mean.n} runs)"


def times(gap: float) -> str:
    """Return a difference of logarithms to the base 2 as a ratio."""
    return f"{2**gap:.2g} times"


def signed(digits: int) -> Callable[[float], str]:
    """Return how a number is written with its sign."""
    return lambda value: f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
