"""Say how much a mean loss owes to the text it was measured on."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from rnnexp.analysis.intervals import t_quantile

LEAST_BLOCK = 35  # tokens: shorter blocks of a stream still depend on each other


@dataclass(frozen=True)
class TextError:
    """Hold a mean loss per token with the error that other text of the same kind would bring, and its 95% interval."""

    mean: float
    error: float
    low: float
    high: float
    tokens: int
    clusters: int


def text_error(losses: np.ndarray, clusters: np.ndarray) -> TextError:
    """Return the mean loss per token and its error, for tokens that depend on each other in clusters; see `ratio`.

    The losses are of one run, the mean of several seeds a token, or the difference of two
    configurations a token, which the same text makes hard or easy for both.

    Parameters
    ----------
    losses : (N,) nats of each token.
    clusters : (N,) the number of each token's sentence or block, from 0, as `sentences` and `blocks` give.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if losses.shape != clusters.shape or losses.ndim != 1:
        raise ValueError(f"losses {losses.shape} and clusters {clusters.shape} must be rows of one length")
    tokens = np.bincount(clusters)
    sums = np.bincount(clusters, weights=losses)[tokens > 0]
    tokens = tokens[tokens > 0]
    number = len(tokens)
    if number < 2:
        raise ValueError("needs two sentences or blocks of text or more")
    mean, error = ratio(sums, tokens)
    half = t_quantile(0.95, number - 1) * error
    return TextError(mean, error, mean - half, mean + half, int(tokens.sum()), number)


def ratio(parts: np.ndarray, totals: np.ndarray) -> tuple[float, float]:
    """Return `r = sum parts / sum totals` over S clusters, and its error (Cochran 1977, section 6.4).

    `error^2 = S/(S-1) sum (part_s - r total_s)^2 / (sum total_s)^2`.
    """
    number, whole = len(totals), float(totals.sum())
    r = float(parts.sum()) / whole
    return r, sqrt(number / (number - 1) * float(((parts - r * totals) ** 2).sum())) / abs(whole)


def sentences(tokens: np.ndarray, end: int) -> np.ndarray:
    """Return the number of each token's sentence (N,); the token `end` is the last of its own."""
    ends = np.asarray(tokens) == end
    return np.cumsum(ends) - ends


def blocks(tokens: int, least: int = LEAST_BLOCK) -> np.ndarray:
    """Return the number of each token's block (N,) in a stream without sentences.

    Each block has `least` tokens; what is left over belongs to the last.
    """
    return np.minimum(np.arange(tokens) // least, max(tokens // least - 1, 0))


def total_error(seed_sd: float, seeds: int, text: float) -> float:
    """Return the error of a mean over seeds and text, `sqrt(s^2/n + SE^2)`."""
    return sqrt(seed_sd**2 / seeds + text**2)


def uncertainty_sentences(seed_sd: float, seeds: int, text: TextError) -> tuple[str, str, str]:
    """Return in words what other seeds, other text, and both would change, in nats per token."""
    return (
        f"Other seeds, this text: ± {seed_sd / sqrt(seeds):.1e} nats (standard error, {seeds} seeds).",
        f"These models, other text: ± {text.error:.1e} nats (standard error, {text.clusters:,} clusters).",
        f"Both: ± {total_error(seed_sd, seeds, text.error):.1e} nats.",
    )
