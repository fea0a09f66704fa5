"""Hold a cell, an optimizer, an evaluator of a user's own, and the folder they are in."""

CELL = """
from typing import Annotated
from rnnexp.nn.cells.rnn import RNN
from rnnexp.options import Option, at_least

class Mine(RNN):
    def __init__(self, input_size, hidden_size, bias, gain):
        super().__init__(input_size, hidden_size, bias)
        self.gain = gain

    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        arrays["h"] *= self.gain

    def local_gradients(self, arrays, grads):
        grads["n"][...] = self.gain - arrays["h"] ** 2 / self.gain

def make(input_size, hidden_size, bias: Annotated[bool, Option("of the gates")],
         gain: Annotated[float, Option("of the state", at_least(0))]):
    return Mine(input_size, hidden_size, bias, gain)
"""
CELL_YAML = """
defaults: [/hydra/schema/cell/mine@_here_]
name: mine
bias: true
gain: 0.5
lr: {sgd: 1.0}
"""
OPTIMIZER = """
from rnnexp.optim.base import ClipNorm, LearningRate, Optimizer

class Signs(Optimizer):
    def step(self, values, g, lr, t):
        values -= lr * g

def make(lr: LearningRate, clip_norm: ClipNorm):
    return Signs(lr, clip_norm)
"""
EVALUATOR = """
from rnnexp.evaluation.base import Evaluator

class Twice(Evaluator):
    def score(self, model, corpus, split, rows=1):
        return {"twice": 2.0 * corpus.targets(split)}

make = Twice
"""


def write(folder, group, name, code, yaml):
    (folder / group).mkdir(parents=True, exist_ok=True)
    for file, text in (folder / group / f"{name}.py", code), (folder / group / f"{name}.yaml", yaml):
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
