"""Find the recurrent cells: a file each. Its name is the config's `cell.name`, its `make` builds a layer.

`make(input_size, hidden_size, **options)` takes the cell's own options, each described by an `Option`;
the config schema of `conf/cell/<name>.yaml` is read off that signature.
"""

from rnnexp.options import found_by_file

CELLS = found_by_file(__name__, __path__)
