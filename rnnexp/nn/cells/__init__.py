"""Find the recurrent cells: a file each. Its name is the config's `cell.name`, its `make` builds a layer.

`make(input_size, hidden_size, **options)` takes the cell's own options with their types and defaults;
the config schema of `conf/cell/<name>.yaml` is read off that signature.
"""

import importlib
import pkgutil

CELLS = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").make
    for module in pkgutil.iter_modules(__path__)
    if module.name != "base"
}
