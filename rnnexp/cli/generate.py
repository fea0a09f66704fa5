"""Generate text with the model of a run.

rnnexp generate run=FOLDER_OR_ID [prompt="the cat"] [num=5] [length=200] [temperature=1] [top_k=20] [seed=0]
                [uri=MLFLOW_STORE]

run: a run folder, also without run= before it, or the id of an MLflow run in the store `uri`. A prompt goes
before every text; a model of names or sentences begins a new one without it. temperature=0 always takes the
likeliest symbol; below 1 the likely ones become likelier. top_k: draw among that many of them.
"""

import math
from dataclasses import dataclass

import numpy as np

from rnnexp.cli import naming
from rnnexp.command import arguments
from rnnexp.errors import UserError
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment.trained import load, prompt_tokens
from rnnexp.output import say

LIMITS = [
    ("num", 1, 10_000),  # side by side, which takes memory
    ("length", 1, 10_000_000),
    ("temperature", 0, math.inf),
    ("top_k", 1, math.inf),
    ("seed", 0, math.inf),
]


@dataclass
class Options:
    """Hold the options of the command."""

    run: str
    prompt: str = ""
    num: int = 5
    length: int = 200
    temperature: float = 1.0
    top_k: int | None = None
    seed: int = 0
    uri: str = "sqlite:///runs/mlflow.db"


def generate(options: Options) -> list[str]:
    """Return the generated texts, prompt included."""
    for key, least, most in LIMITS:
        value = getattr(options, key)
        if value is not None and not least <= value <= most:
            limits = f"{least} or more" if most == math.inf else f"from {least} to {most}"
            raise UserError(f"{key}={value} must be {limits}")
    folder = naming.folder_of(options.run, "rnnexp generate run=", naming.has_weights, options.uri)
    model, corpus = load(folder)
    texts = sample(
        model,
        prompt_tokens(options.prompt, corpus),
        options.length,
        np.random.default_rng(options.seed),
        options.num,
        corpus.end,
        options.temperature,
        options.top_k,
    )
    between = " " if corpus.level == "word" and options.prompt else ""
    return [f"{options.prompt}{between}{corpus.text(tokens)}" for tokens in texts]


def run(given: list[str]) -> None:
    """Print the texts that the arguments ask for."""
    texts = generate(arguments.read(naming.with_run(given, Options), Options))
    say("\n".join(texts) if all("\n" not in text for text in texts) else "\n---\n".join(texts))
