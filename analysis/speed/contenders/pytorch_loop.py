"""Do the training step in PyTorch with a cell that it lacks, as its users write one: a Python loop over time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rnnexp.analysis.speed.contenders.pytorch import PyTorch
from rnnexp.analysis.speed.contenders.pytorch_steps import BEFORE_LOOP, STEPS
from rnnexp.nn.model import Model
from rnnexp.nn.recurrent import RecurrentLayer


class Loop(PyTorch):
    """Train a task, its cell step by step."""

    def make_cells(self, model: Model) -> tuple[Any, dict[str, torch.Tensor]]:
        label = self.task.variant.label
        run = self.prepared(over_time(STEPS[label], BEFORE_LOOP.get(label)))
        return Layers([LoopLayer(ours, run) for ours in model.recurrent]), {}

    def prepared(self, run: Callable) -> Callable:
        """Return a function that takes a layer over a window, made ready to be called."""
        return run


class CompiledLoop(Loop):
    """Have PyTorch compile the loop, all steps of a window at once."""

    def prepared(self, run: Callable) -> Callable:
        return torch.compile(run, dynamic=False)


def over_time(step: Callable, before_loop: Callable | None) -> Callable:
    """Return a function that takes a step over all inputs (T, B, gates x H)."""

    def run(inputs, state, *weights):
        outputs = []
        for a in before_loop(inputs) if before_loop else inputs:
            state = step(a, state, *weights)
            outputs.append(state[0])
        return torch.stack(outputs), state

    return run


class LoopLayer(nn.Module):
    """Multiply all inputs at once, then go through the steps; the first weights are those of our layer."""

    def __init__(self, ours: RecurrentLayer, run: Callable):
        super().__init__()
        self.run = run
        self.states, self.hidden_size = len(ours.cell.states), ours.hidden_size
        fed = len(ours.cell.input_gates)

        def side_by_side(array):
            return torch.cat(list(torch.tensor(array)), -1)

        p = ours.p
        self.inputs = nn.Linear(p["W"].shape[1], fed * ours.hidden_size)
        self.inputs.load_state_dict({"weight": side_by_side(p["W"]).T, "bias": side_by_side(p["b"][:fed])})
        weights = [side_by_side(p[f"U_{group}"]) for group in ours.cell.recurrent_matmuls]
        if len(p["b"]) > fed:
            weights.append(side_by_side(p["b"][fed:]))
        weights += [torch.tensor(p[name]) for name in ours.cell.diagonals]
        self.weights = nn.ParameterList(weights)

    def forward(self, x, state):
        return self.run(self.inputs(x), state, *self.weights)


class Layers(nn.Module):
    """Put one layer upon the other, with the arguments and results of nn.LSTM or, with one state, nn.GRU."""

    def __init__(self, layers: list[LoopLayer]):
        super().__init__()
        self.dropout, self.layers = 0.0, nn.ModuleList(layers)

    def forward(self, x, state):
        last = []
        layer: Any
        for k, layer in enumerate(self.layers):
            if k:
                x = nn.functional.dropout(x, self.dropout)
            if state is None:
                before = (x.new_zeros(x.shape[1], layer.hidden_size),) * layer.states
            else:
                before = tuple(part[k] for part in as_tuple(state))
            x, after = layer(x, before)
            last.append(after)
        stacked = tuple(map(torch.stack, zip(*last, strict=True)))
        return x, stacked if len(stacked) > 1 else stacked[0]


def as_tuple(state: Any) -> tuple:
    """Return the states as a tuple, also where there is one."""
    return state if isinstance(state, tuple) else (state,)
