"""Define the numbers that stand where a window has no token; tokens count from 0, so both are negative."""

BOS_INPUT = -1  # an input: nothing has been read yet, a vector of zeros
IGNORE_INDEX = -1  # a target: the position does not count
