"""Draw the settings of trials: at random by number and seed, or those of a trial before."""

import zlib
from typing import Any

import numpy as np
import optuna


class Independent(optuna.samplers.BaseSampler):
    """Draw each value by itself."""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}


class RandomSampler(Independent):
    """Draw each trial from its number and a seed alone: the same, whoever draws and whatever came before."""

    def __init__(self, seed: int, number: int):
        self.seed, self.number = seed, number

    def sample_independent(self, study, trial, param_name, param_distribution):
        own = optuna.samplers.RandomSampler(mixed(self.seed, self.number, zlib.crc32(param_name.encode())))
        return own.sample_independent(study, trial, param_name, param_distribution)


class Again(Independent):
    """Give a trial the settings of another."""

    def __init__(self, params: dict[str, Any]):
        self.params = params

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self.params[param_name]


def mixed(*numbers: int) -> int:
    """Return a seed of 32 bits that depends on all of the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
