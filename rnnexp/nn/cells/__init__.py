"""Find the recurrent cells: a file each, whose name is the config's `cell.name` and whose `make` builds the cell.

`make(input_size, hidden_size, **options)` takes the cell's own options, each described by an `Option`;
the config schema of `conf/cell/<name>.yaml` comes from that signature.
"""

from rnnexp.options import found_by_file

CELLS = found_by_file(__name__, __path__)
