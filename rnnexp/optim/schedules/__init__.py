"""Find the schedules, which set the learning rate from epoch to epoch: a file each, found by its name."""

from rnnexp.options import found_by_file

SCHEDULES = found_by_file(__name__, __path__)
