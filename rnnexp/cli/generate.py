"""Generate text with the model of a run.

rnnexp generate run=FOLDER_OR_ID [prompt="the cat"] [num=5] [length=200] [temperature=1] [top_k=20] [seed=0]
                [uri=MLFLOW_STORE]

run: a run folder, or the id of an MLflow run in the store `uri`. A prompt goes before every text; a model of
names or sentences begins a new one without it. temperature=0 always takes the likeliest symbol; below 1 the
likely ones become likelier. top_k: draw among that many of them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnexp import tracking
from rnnexp.cli import arguments
from rnnexp.data.corpus import END, UNKNOWN, Corpus
from rnnexp.errors import UserError
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment import models, schema
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import BOS_INPUT
from rnnexp.output import say
from rnnexp.records.folder import RunFolder


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
    for key, least in ("num", 1), ("length", 1), ("temperature", 0), ("top_k", 1), ("seed", 0):
        value = getattr(options, key)
        if value is not None and not value >= least:
            raise UserError(f"{key}={value} must be {least} or more")
    path = Path(options.run)
    folder = RunFolder(path if path.is_dir() else tracking.folder_of(options.run, options.uri))
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


def load(folder: RunFolder) -> tuple[Model, Corpus]:
    """Return the model of a run with its best weights, and its vocabulary in a corpus without text."""
    config = folder.load_config()
    config.pop("evaluation", None)  # a run is not scored here, and what scored it may not be installed
    config = schema.saved(config)
    corpus = folder.load_vocabulary()
    model = models.make_model(config, len(corpus.vocabulary))
    models.load_weights(model, folder.path)
    return model, corpus


def prompt_tokens(prompt: str, corpus: Corpus) -> Sequence[int]:
    """Return the tokens that the model reads before it writes: where a text begins, and the prompt."""
    index = corpus.vocabulary.index
    symbols = list(prompt) if corpus.level == "char" else prompt.replace("\n", f" {END} ").split()
    unknown = [symbol for symbol in symbols if symbol not in index]
    if unknown and (UNKNOWN not in index or corpus.level == "char"):
        named = ", ".join(map(repr, dict.fromkeys(unknown)))
        raise UserError(f"prompt={prompt!r} has symbols that the model does not know: {named}")
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        say(f"not in the vocabulary, read as {UNKNOWN}: {named}", file=sys.stderr)
    tokens = corpus.vocabulary.encode(symbols).tolist()
    if corpus.end is not None:
        return [BOS_INPUT, *tokens]
    # a stream goes on where a line ended before; without line ends, with its most frequent symbol
    start = next((index[symbol] for symbol in (END, "\n") if symbol in index), 0)
    return tokens or [start]


def run(given: list[str]) -> None:
    """Print the texts that the arguments ask for."""
    texts = generate(arguments.read(given, Options))
    say("\n".join(texts) if all("\n" not in text for text in texts) else "\n---\n".join(texts))
