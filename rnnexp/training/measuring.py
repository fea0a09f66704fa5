"""Measure training within its epochs, every few steps: for curves, which one epoch after another is too few for."""

from collections.abc import Callable

from rnnexp.evaluation.perplexity import loss_metrics
from rnnexp.training.config import TrainConfig
from rnnexp.training.state import TrainState

Record = dict[str, float]


def intervals(config: TrainConfig) -> list[int]:
    """Return the intervals of steps after whose ends something is to be done with the model of that step."""
    return [n for n in (config.sample_every, config.log_every, config.validate_every) if n]


def next_stop(step: int, config: TrainConfig) -> int | None:
    """Return the number of steps until the next end of an interval; None where there is none."""
    return min((n - step % n for n in intervals(config)), default=None)


def measure(
    state: TrainState,
    config: TrainConfig,
    level: str,
    tokens_before: int,
    epoch_ends: bool,
    validate: Callable[[], float],
) -> Record:
    """Return what is to be recorded of the step that was just taken; empty where that is nothing.

    Parameters
    ----------
    level : see `loss_metrics`.
    tokens_before : targets of the epochs before this one.
    epoch_ends : whether the epoch ends with the step, which is then told in any case; its validation is another's.
    validate : returns nats per token of the validation split.
    """
    found: Record = {}
    measured, due = state.measured, config.log_every and (epoch_ends or state.step % config.log_every == 0)
    if due and state.tokens > measured.logged_tokens:
        nats, tokens = state.nats - measured.logged_nats, state.tokens - measured.logged_tokens
        found |= loss_metrics("train", nats / tokens, level)
        measured.logged_nats, measured.logged_tokens = state.nats, state.tokens
    if config.validate_every and state.step % config.validate_every == 0 and not epoch_ends:
        found |= loss_metrics("valid", validate(), level)
    if not found:
        return {}
    lr = state.lr * config.warm_up(state.step)
    return {"step": state.step, "tokens": tokens_before + state.tokens, "lr": lr} | found
