"""Ways of scoring a text with a model, a file each; and text drawn from a model.

`EVALUATORS` has every module here with a `make`, by its name: that of the option in conf/evaluation/. The
options of an evaluator are the arguments of its `make`, which returns what `base` describes.
"""

import importlib
import pkgutil

MODULES = {
    module.name: importlib.import_module(f"{__name__}.{module.name}")
    for module in pkgutil.iter_modules(__path__)
}
EVALUATORS = {name: module.make for name, module in MODULES.items() if hasattr(module, "make")}
