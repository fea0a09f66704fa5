"""Decide what may be said of two configurations, in one sentence.

The fewer of their seeds rules: 1 and 2 say nothing of a difference, 3 and 4 something provisional,
5 the full sentence (equality where the margin is 1.6 standard deviations or more), 10 everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb, inf, isfinite

from scipy import stats

from rnnexp.analysis import differences
from rnnexp.analysis.differences import MOST_REARRANGEMENTS, Difference, Equivalence, Superiority
from rnnexp.analysis.fairness import Light, refusals
from rnnexp.analysis.intervals import Rate, rate_interval
from rnnexp.analysis.multiplicity import Adjusted, adjust, alpha_of_look, holm
from rnnexp.analysis.planning import needs_margin, seeds_to_decide
from rnnexp.analysis.wording import Wording

ONE_RUN, VALUES, PROVISIONAL = "one run each", "values only", "provisional"
BETTER, PERHAPS, AS_GOOD, UNDECIDED = "better by at least", "better perhaps", "as good", "undecided"

LEAST, FULL, ALL = 3, 5, 10  # seeds


@dataclass(frozen=True)
class Configuration:
    """Hold what a configuration reached: test losses in nats per token by seed, of its finished runs.

    A loss that is not finite counts as a diverged run. `begun` is the number of runs begun.
    """

    name: str
    losses: Mapping[int, float]
    diverged: int = 0
    begun: int = 0

    @property
    def finished(self) -> dict[int, float]:
        """Return the losses that are numbers, in the order of their seeds."""
        return {seed: loss for seed, loss in sorted(self.losses.items()) if isfinite(loss)}

    @property
    def divergence(self) -> Rate:
        """Return how many of the runs that came to an end diverged: the others say nothing of it."""
        diverged = self.diverged + len(self.losses) - len(self.finished)
        return rate_interval(diverged, max(len(self.finished) + diverged, 1))


@dataclass(frozen=True)
class Rules:
    """Hold what a study fixes before anybody looks: the margin in nats, the looks, and whether runs are paired.

    is_paired : the design shares something (the same cell with one switch flipped), seed by seed.
    measure : what the losses are of, in the sentence.
    context : opens the sentence: "On grammar, with 20 trials each".
    """

    margin: float = 0.01
    look: int = 1
    is_paired: bool = False
    measure: str = "test perplexity"
    context: str = ""

    def __post_init__(self) -> None:
        alpha_of_look(self.look)
        if not 0 < self.margin < inf:
            raise ValueError(f"margin={self.margin:g} must be a number above 0, of nats")


@dataclass(frozen=True)
class Verdict:
    """Hold what may be said of two configurations, and the numbers it stands on.

    kind : "one run each", "values only", "provisional", "better by at least", "better perhaps",
        "as good", "undecided", or "refused: " and the names of the lights.
    tested : of the loss of `worse` minus that of `better`; from 3 seeds.
    seeds_needed : how many each would decide; None where undecided means over 1,000.
    detail : a second sentence with the size of the effect, from 5 seeds.
    """

    kind: str
    sentence: str
    better: str
    worse: str
    detail: str = ""
    tested: Adjusted | None = None
    equality: Equivalence | None = None
    seeds_needed: int | None = None
    hedges_g: float | None = None
    superiority: Superiority | None = None
    permutation_p: float | None = None
    rates: dict[str, Rate] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """Ask which of two configurations is better, by rules; `lights` are those of their runs."""

    a: Configuration
    b: Configuration
    rules: Rules = field(default_factory=Rules)
    lights: Sequence[Light] = ()


def judge_together(questions: Sequence[Question], unasked: int = 0) -> list[Verdict]:
    """Return a verdict for each question, all tested together after Holm, at the same look.

    unasked : how many more pairs count in the correction; see `Design.unasked`.
    """
    pairs = [_Pair.ordered(each.a, each.b, each.rules.is_paired) for each in questions]
    both = list(zip(pairs, questions))
    found = {k: refused for k, (pair, asked) in enumerate(both) if (refused := _refusal(pair, asked))}
    diverged = [k for k, pair in enumerate(pairs) if k not in found and pair.has_diverged]
    ps = holm([pairs[k].rates_p() for k in diverged])
    found |= {k: _compare_rates(*both[k], p, len(diverged)) for k, p in zip(diverged, ps)}
    few = [k for k, pair in enumerate(pairs) if k not in found and min(pair.counts) < LEAST]
    found |= {k: _values(*both[k]) for k in few}
    rest = [k for k in range(len(pairs)) if k not in found]
    alpha = alpha_of_look(questions[0].rules.look if questions else 1)
    tested = adjust([pairs[k].difference() for k in rest], alpha, unasked)
    found |= {k: _judge(*both[k], one) for k, one in zip(rest, tested)}
    return [found[k] for k in range(len(pairs))]


@dataclass(frozen=True)
class _Pair:
    """Hold two configurations, the one with the larger mean loss first, and the losses that count."""

    worse: Configuration
    better: Configuration
    high: list[float]
    low: list[float]
    is_paired: bool

    @classmethod
    def ordered(cls, a: Configuration, b: Configuration, is_paired: bool) -> "_Pair":
        first, second = a.finished, b.finished
        if is_paired:
            shared = first.keys() & second.keys()
            first, second = ({s: own[s] for s in own if s in shared} for own in (first, second))
        x, y = list(first.values()), list(second.values())
        if x and y and sum(x) / len(x) < sum(y) / len(y):
            return cls(b, a, y, x, is_paired)
        return cls(a, b, x, y, is_paired)

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.high), len(self.low)

    @property
    def rates(self) -> dict[str, Rate]:
        """Return how often each diverged, by its name."""
        return {one.name: one.divergence for one in (self.worse, self.better)}

    @property
    def has_diverged(self) -> bool:
        """Return whether one diverged, and both have runs that came to an end: then their rates are compared."""
        ended = [len(one.losses) + one.diverged for one in (self.worse, self.better)]
        return all(ended) and any(rate.count for rate in self.rates.values())

    def rates_p(self) -> float:
        """Return the p-value of Fisher's exact test of whether both diverge equally often."""
        return float(stats.fisher_exact([[r.count, r.n - r.count] for r in self.rates.values()]).pvalue)

    def difference(self) -> Difference:
        return (differences.paired if self.is_paired else differences.welch)(self.high, self.low)

    def wording(self, rules: Rules) -> Wording:
        begun = tuple(max(one.begun, count) for one, count in zip((self.worse, self.better), self.counts))
        return Wording(
            self.worse.name,
            self.better.name,
            rules.measure,
            rules.context,
            self.counts,
            begun,
            self.is_paired,
        )


def _refusal(pair: _Pair, asked: Question) -> Verdict | None:
    """Return why there is no verdict, if so; the numbers of runs, and of those that diverged, are judged apart."""
    judged_apart = {"runs", "diverged"} if pair.has_diverged else {"runs"}
    red = [light for light in refusals(asked.lights) if light.name not in judged_apart]
    words, names = pair.wording(asked.rules), (pair.better.name, pair.worse.name)
    if red:
        kind = f"refused: {', '.join(light.name for light in red)}"
        return Verdict(kind, words.refused([light.sentence for light in red]), *names)
    if not min(pair.counts) and not pair.has_diverged:
        none = "no seed that both finished" if pair.is_paired else "no finished run to compare"
        return Verdict("refused: runs", words.refused([none]), *names)
    return None


def _compare_rates(pair: _Pair, asked: Question, p: float, pairs: int) -> Verdict:
    """Return the verdict of two of which one diverged: on how often; p: after Holm over so many pairs."""
    words = pair.wording(asked.rules).rates(pair.rates, p, alpha_of_look(asked.rules.look), pairs)
    return Verdict("refused: diverged", words, pair.better.name, pair.worse.name, rates=pair.rates)


def _values(pair: _Pair, asked: Question) -> Verdict:
    """Return what each run reached, where either configuration has one or two."""
    kind = ONE_RUN if min(pair.counts) == 1 else VALUES
    sentence = pair.wording(asked.rules).values(pair.high, pair.low)
    return Verdict(kind, sentence, pair.better.name, pair.worse.name)


def _judge(pair: _Pair, asked: Question, tested: Adjusted) -> Verdict:
    """Return the verdict of three seeds each or more."""
    rules, seeds, gap = asked.rules, min(pair.counts), tested.difference
    words = pair.wording(rules)
    alpha = tested.alpha / tested.pairs
    equality = differences.equivalence(gap, rules.margin, alpha) if seeds >= FULL else None
    may_be_equal = seeds >= ALL or rules.margin >= needs_margin(gap.spread)
    needed = None
    if tested.p < tested.alpha:
        if seeds < FULL:
            kind, sentence = PROVISIONAL, words.provisional(tested)
        elif gap.low > rules.margin:
            kind, sentence = BETTER, words.better_by(tested)
        else:
            kind, sentence = PERHAPS, words.perhaps(tested, rules.margin)
    elif equality and equality.holds and may_be_equal:
        kind, sentence = AS_GOOD, words.as_good(tested, equality)
    else:
        needed = seeds_to_decide(
            gap.mean,
            gap.spread,
            rules.margin,
            alpha=tested.alpha,
            pairs=tested.pairs,
            is_paired=pair.is_paired,
        )
        if needed is not None:
            floor = ALL if equality and equality.holds else FULL
            needed = max(needed, floor, seeds + 1)
        kind, sentence = UNDECIDED, words.undecided(tested, needed)
    numbers = _effect(pair, seeds)
    return Verdict(
        kind,
        sentence,
        pair.better.name,
        pair.worse.name,
        words.effect(**numbers),
        tested,
        equality,
        needed,
        **numbers,
    )


def _effect(pair: _Pair, seeds: int) -> dict:
    """Return the size of the effect: Hedges g from five seeds; from ten the rest, by the design."""
    if seeds < FULL:
        return {}
    numbers: dict = {}
    if isfinite(size := differences.hedges_g(pair.high, pair.low)):
        numbers["hedges_g"] = size
    if seeds >= ALL:
        if not pair.is_paired:
            numbers["superiority"] = differences.superiority(pair.low, pair.high)
        ways = 2**seeds if pair.is_paired else comb(sum(pair.counts), seeds)
        if ways <= MOST_REARRANGEMENTS:
            test = differences.sign_flip_p if pair.is_paired else differences.permutation_p
            numbers["permutation_p"] = test(pair.high, pair.low)
    return numbers
