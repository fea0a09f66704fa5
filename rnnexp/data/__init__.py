"""The data sets. `make(**options)` of a data set's file gives a `Corpus`; the options are those of conf/dataset/."""

from rnnexp.data import grammar, ptb, text

DATASETS = {"grammar": grammar.make, "ptb": ptb.make, "text": text.make}
