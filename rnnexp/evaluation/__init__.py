"""Score a text with a model, a file each way; and draw text from a model.

`EVALUATORS` has the `make` of every module here that defines one, by the module's name, which is that of the
file in conf/evaluation/. The options of an evaluator are the arguments of its `make`, which returns an
`Evaluator`.
"""

from rnnexp.options import found_by_file

EVALUATORS = found_by_file(__name__, __path__)
