"""Put a verdict in words: perplexities and percent, from nats per token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, expm1, log10

from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.differences import Difference, Equivalence, Superiority
from rnnexp.analysis.intervals import Rate
from rnnexp.analysis.multiplicity import Adjusted
from rnnexp.analysis.planning import MOST_SEEDS


@dataclass(frozen=True)
class Wording:
    """Hold two configurations and how they are spoken of, the worse first; each method returns a sentence."""

    worse: str
    better: str
    measure: str
    context: str
    counts: tuple[int, int]
    begun: tuple[int, ...]
    is_paired: bool

    def refused(self, reasons: Sequence[str]) -> str:
        """Say that there is no verdict, and why."""
        return f"no verdict on {as_one(self.worse)} and {as_one(self.better)}: {'; '.join(reasons)}"

    def rates(self, rates: Mapping[str, Rate], p: float, alpha: float, pairs: int) -> str:
        """Say how often each diverged, and whether these rates differ, by p after Holm over so many pairs."""
        each = [
            f"{as_one(name)} diverged in {rate.count} of {rate.n} runs "
            f"(95% interval {100 * rate.low:.0f} to {100 * rate.high:.0f}%)"
            for name, rate in rates.items()
        ]
        chance = "by more than chance" if p < alpha else "by no more than chance may"
        holm = f", Holm over {pairs} pairs" if pairs > 1 else ""
        return (
            f"no verdict on losses: {', '.join(each)}; these rates differ {chance} "
            f"(Fisher's exact p = {p:.2g}{holm})"
        )

    def values(self, high: Sequence[float], low: Sequence[float]) -> str:
        """List the perplexity of every run, where there are too few for more."""
        each = [
            f"{name} {', '.join(f'{exp(loss):,.2f}' for loss in losses)}"
            for name, losses in ((as_one(self.better), low), (as_one(self.worse), high))
        ]
        both = f"{each[0]} and {each[1]}" if max(self.counts) == 1 else "; ".join(each)
        if max(self.counts) == 1:
            return f"one run each: {both}; says nothing about cells"
        if min(self.counts) == 1:
            lone = as_one(self.worse if self.counts[0] == 1 else self.better)
            return f"one run of {lone}: {both}; says nothing about cells"
        return f"values only: {both}; two runs say nothing about a difference"

    def provisional(self, tested: Adjusted) -> str:
        """Say which is worse, as something that more seeds may change."""
        return f"provisional: {self._statement(tested)} ({self._how(tested)})"

    def better_by(self, tested: Adjusted) -> str:
        """Say which is worse, by the margin at least."""
        low, *_ = percents(tested.difference.low, width=_width(tested.difference))
        return f"{self._statement(tested)}, by at least {low}% ({self._how(tested)})"

    def perhaps(self, tested: Adjusted, margin: float) -> str:
        """Say which is worse by less than the margin, or perhaps so."""
        by = "by less" if tested.difference.high < margin else "perhaps by less"
        return f"{self._statement(tested)}, {by} than the margin of {_margin(margin)}% ({self._how(tested)})"

    def as_good(self, tested: Adjusted, equality: Equivalence) -> str:
        """Say that the two are equal within the margin."""
        mean, low, high = percents(
            tested.difference.mean, equality.low, equality.high, width=equality.high - equality.low
        )
        level = _level(1 - 2 * tested.alpha)
        together = f", corrected for {tested.pairs} pairs" if tested.pairs > 1 else ""
        return (
            f"{self._opening()}{as_one(self.better)} and {as_one(self.worse)} are as good as each other in "
            f"{self.measure}, within {_margin(equality.margin)}% "
            f"(difference {mean}%, {level}% interval {low} to {high}, two one-sided tests, {self._seeds()}{together})"
        )

    def undecided(self, tested: Adjusted, needed: int | None) -> str:
        """Say what was seen, and how many seeds would decide."""
        more = f"about {needed:,} seeds each" if needed else f"more than {MOST_SEEDS:,} seeds each"
        return f"undecided: {self._statement(tested)} ({self._how(tested)}); {more} would decide"

    def effect(
        self,
        hedges_g: float | None = None,
        superiority: Superiority | None = None,
        permutation_p: float | None = None,
    ) -> str:
        """Say how large the effect is for single runs; empty where nothing is known."""
        parts = []
        if superiority:
            parts.append(
                f"a run of {as_one(self.better)} beats one of {as_one(self.worse)} with probability "
                f"{superiority.probability:.2f} (95% interval {superiority.low:.2f} to {superiority.high:.2f})"
            )
        if permutation_p is not None:
            parts.append(f"exact permutation p = {permutation_p:.2g}")
        if hedges_g is not None:
            parts.append(f"Hedges g = {hedges_g:.1f}")
        return "; ".join(parts)

    def _statement(self, tested: Adjusted) -> str:
        mean, *_ = percents(tested.difference.mean, width=_width(tested.difference))
        return (
            f"{self._opening()}{possessive(self.worse)} {self.measure} is {mean}% worse than "
            f"{possessive(self.better)}"
        )

    def _opening(self) -> str:
        return f"{self.context}, " if self.context else ""

    def _how(self, tested: Adjusted) -> str:
        gap = tested.difference
        low, high = percents(gap.low, gap.high, width=_width(gap))
        together = tested.pairs > 1
        interval = f"{'simultaneous ' * together}{_level(1 - tested.alpha)}% interval {low} to {high}"
        holm = f", Holm over {tested.pairs} pairs, p = {tested.p:.2g}" if together else ""
        wider = ", although the interval, which is wider, reaches 0"
        only_holm = wider if tested.p < tested.alpha and gap.low <= 0 else ""
        return f"{interval}, {gap.method}, {self._seeds()}{holm}{only_holm}"

    def _seeds(self) -> str:
        if self.is_paired:
            return f"{self.counts[0]} shared seeds"
        each = [
            f"{count} of {begun}" if begun > count else str(count)
            for count, begun in zip(self.counts, self.begun)
        ]
        return f"{each[0]} seeds each" if each[0] == each[1] else f"{each[0]} and {each[1]} seeds"


def percents(*nats: float, width: float) -> list[str]:
    """Return differences in nats as percent of perplexity, `100 (exp(d) - 1)`, as fine as `width` needs."""
    digits = min(max(1, ceil(-log10(100 * width))), 6) if width > 0 else 1
    return [f"{round(100 * expm1(d), digits) + 0.0:.{digits}f}" for d in nats]


def possessive(name: str) -> str:
    """Return "GRU's"; a name of several words in brackets, so that it reads as one: "[gru, lr=2]'s"."""
    return f"{as_one(name)}'s"


def _width(gap: Difference) -> float:
    return gap.high - gap.low


def _margin(nats: float) -> str:
    return f"{100 * expm1(nats):.2g}"


def _level(level: float) -> str:
    return f"{100 * level:.3g}"
