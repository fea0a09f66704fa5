"""The data sets: `make(**options)` of a file gives a `Corpus`; the options stand in conf/dataset/."""

from rnnexp.data import grammar, ptb, text

DATASETS = {"grammar": grammar.make, "ptb": ptb.make, "text": text.make}
