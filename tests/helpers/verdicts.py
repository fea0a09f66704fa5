"""Judge configurations without a study."""

from itertools import combinations

from rnnexp.analysis.verdict import Question, Rules, judge_together


def verdicts(configurations, rules=None, lights=(), baseline=None, unasked=0):
    """Return what may be said of each pair, or each with the baseline, tested together."""
    return judge_together(
        [
            Question(a, b, rules or Rules(), lights)
            for a, b in combinations(configurations, 2)
            if baseline in (None, a.name, b.name)
        ],
        unasked,
    )
