"""Score a text with a model, a file each way; and draw text from a model.

`EVALUATORS` has every module here with a `make`, by its name: that of the option in conf/evaluation/. The
options of an evaluator are the arguments of its `make`, which returns what `base` describes.
"""

from rnnexp.options import found_by_file

EVALUATORS = found_by_file(__name__, __path__)
