"""The data sets: `make(**options)` of a file gives a `Corpus`; the options stand in conf/dataset/."""

from rnnexp.data.datasets import dinos, gettysburg, grammar, ptb, text, tinyshakespeare

DATASETS = {
    "dinos": dinos.make,
    "gettysburg": gettysburg.make,
    "grammar": grammar.make,
    "ptb": ptb.make,
    "text": text.make,
    "tinyshakespeare": tinyshakespeare.make,
}
