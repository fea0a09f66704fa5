"""Find the data sets: a file each, found by its name, whose `make` returns a `Corpus`."""

from rnnexp.options import found_by_file

DATASETS = found_by_file(__name__, __path__)
