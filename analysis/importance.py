"""Say which settings of a search mattered, with Optuna, where it is installed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

LEAST_TRIALS = 10
LOG_FROM = 10.0  # times its least value, from which a setting is taken by its logarithm


def importances(
    trials: pd.DataFrame, settings: Sequence[str], repeats: int = 20, seed: int = 0
) -> pd.DataFrame | None:
    """Return a row a setting, the most important first: `setting importance low high`, shares of the variance.

    Functional analysis of variance over a random forest (Hutter et al. 2014, ICML). `low` and `high` are
    the 10 and 90% quantiles over trials drawn again with return. Trials that failed or diverged count as
    the worst that finished. None where Optuna is not installed, fewer than ten trials finished, or no
    setting varies.

    Parameters
    ----------
    trials : with `valid_loss` and `status`, and a column for each of the settings.
    """
    try:
        import optuna
    except ImportError:
        return None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    losses = pd.to_numeric(trials["valid_loss"], errors="coerce").to_numpy(float)
    is_good = (trials["status"] == "finished").to_numpy() & np.isfinite(losses)
    varying = [name for name in settings if name in trials and trials[name].nunique() > 1]
    if is_good.sum() < LEAST_TRIALS or not varying:
        return None
    losses = np.where(is_good, losses, losses[is_good].max())
    table = trials[varying].reset_index(drop=True)
    distributions = {name: _distribution(table[name]) for name in varying}
    random = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        drawn = random.integers(len(table), size=len(table))
        study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=seed))
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: _plain(table[name][k]) for name in varying},
                    distributions=distributions,
                    value=float(losses[k]),
                )
                for k in drawn
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, max_depth=16, seed=seed)
        found.append(optuna.importance.get_param_importances(study, evaluator=evaluator))
    shares = pd.DataFrame(found).fillna(0.0)
    rows = pd.DataFrame(
        {"importance": shares.mean(), "low": shares.quantile(0.1), "high": shares.quantile(0.9)}
    )
    rows = rows.rename_axis("setting").reset_index()
    return rows.sort_values("importance", ascending=False, ignore_index=True)


def _distribution(values: pd.Series):
    """Return Optuna's description of a setting's range: what was tried."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not pd.api.types.is_numeric_dtype(values) or values.dtype == bool:
        return CategoricalDistribution(sorted(set(map(str, values))))
    low, high = float(values.min()), float(values.max())
    return FloatDistribution(low, high, log=low > 0 and high >= LOG_FROM * low)


def _plain(value):
    """Return a value of a table as Optuna takes it."""
    return (
        float(value)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
        else str(value)
    )
