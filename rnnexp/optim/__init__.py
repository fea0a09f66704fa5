"""The optimizers: a file each, found by its name; `schedules` has what changes their learning rate.

`make` of a file builds the optimizer from its options.
"""

from rnnexp.options import found_by_file

OPTIMIZERS = found_by_file(__name__, __path__)
