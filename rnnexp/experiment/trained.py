"""Load the model of a run folder, and read texts as the tokens that it was trained on."""

import sys
from collections.abc import Sequence

from rnnexp.data import subwords
from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import END, UNKNOWN
from rnnexp.errors import UserError
from rnnexp.experiment import models, own_parts, schema
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import BOS_INPUT
from rnnexp.output import say
from rnnexp.records.folder import RunFolder


def load(folder: RunFolder) -> tuple[Model, Corpus]:
    """Return the model of a run with its best weights, and its vocabulary in a corpus without text."""
    config = folder.load_config()
    config.pop("evaluation", None)  # a run is not scored here, and what scored it may not be installed
    config = schema.saved(config, folder.config_file)
    own_parts.require_recorded(config, folder)
    corpus = folder.load_vocabulary()
    model = models.make_model(config, len(corpus.vocabulary))
    models.load_weights(model, folder.path)
    return model, corpus


def prompt_tokens(prompt: str, corpus: Corpus) -> Sequence[int]:
    """Return the tokens that the model reads before it writes: where a text begins, and the prompt."""
    try:
        prompt.encode()
    except UnicodeEncodeError:  # of a terminal with another encoding
        raise UserError(f"prompt={prompt!r} is no text in UTF-8") from None
    if corpus.tokenizer:
        return as_read(subwords.encode(corpus.tokenizer, prompt).tolist(), corpus)
    index = corpus.vocabulary.index
    symbols = list(prompt) if corpus.level == "char" else prompt.replace("\n", f" {END} ").split()
    unknown = [symbol for symbol in symbols if symbol not in index]
    if unknown and (UNKNOWN not in index or corpus.level == "char"):
        named = ", ".join(map(repr, dict.fromkeys(unknown)))
        raise UserError(f"prompt={prompt!r} has symbols that the model does not know: {named}")
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        say(f"not in the vocabulary, read as {UNKNOWN}: {named}", file=sys.stderr)
    return as_read(corpus.vocabulary.encode(symbols).tolist(), corpus)


def as_read(tokens: list[int], corpus: Corpus) -> list[int]:
    """Return the tokens of a prompt after what stands before every text."""
    index = corpus.vocabulary.index
    if corpus.end is not None:
        return [BOS_INPUT, *tokens]
    # a stream goes on where a line ended before; without line ends, with its most frequent symbol
    start = next((index[symbol] for symbol in (END, "\n", subwords.NEWLINE) if symbol in index), 0)
    return tokens or [start]
