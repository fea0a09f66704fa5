"""Find the optimizers: a file each, found by its name, whose `make` builds the optimizer from its options.

`schedules` has the schedules of their learning rate.
"""

from rnnexp.options import found_by_file

OPTIMIZERS = found_by_file(__name__, __path__)
