"""Do the training step in PyTorch: nn.LSTM, nn.GRU or nn.RNN, as its own examples write it."""

from typing import Any

import numpy as np
import torch
from torch import nn

from rnnexp.analysis.speed.tasks import Task
from rnnexp.nn.model import Model

ORDER = {"rnn": "n", "lstm": "ifgo", "gru": "rzn"}  # of PyTorch's blocks


class PyTorch:
    """Train a task; of the GRU, PyTorch has only the form with the reset gate after the product."""

    def __init__(self, task: Task):
        shape, self.task = task.shape, task
        size, model = shape.hidden_size, task.model()
        self.embedding = nn.Embedding(shape.vocab_size, size)
        self.cells, self.second_biases = self.make_cells(model)
        self.dropout = nn.Dropout(shape.dropout)
        self.decoder = nn.Linear(size, shape.vocab_size)
        if shape.tie_weights:
            self.decoder.weight = self.embedding.weight
        self.net = nn.ModuleList([self.embedding, self.cells, self.decoder])
        self.loss = nn.CrossEntropyLoss()
        self.load_around(model)
        self.optimizer = torch.optim.SGD(self.net.parameters(), task.lr)
        self.windows = [tuple(map(torch.from_numpy, window)) for window in task.windows()]
        self.state: Any = None
        self.steps = 0

    def make_cells(self, model: Model) -> tuple[Any, dict[str, torch.Tensor]]:
        """Return the layers with our first weights, and by name which of their second biases ours has too."""
        shape, name = self.task.shape, self.task.variant.cell
        cells = getattr(nn, name.upper())(shape.hidden_size, shape.hidden_size, shape.num_layers)
        order = ORDER[name]
        # the candidate's recurrent part is a block of its own here
        recurrent = order.replace("n", "m") if name == "gru" else order
        state, masks = {}, {}
        for k, layer in enumerate(model.recurrent):
            cell, p = layer.cell, layer.p

            def rows(array, gates, wanted):
                return torch.tensor(np.concatenate([array[gates.index(gate)].T for gate in wanted]))

            (group,) = cell.recurrent_matmuls
            ours = torch.tensor(np.repeat([gate == "m" for gate in recurrent], shape.hidden_size)).float()
            state[f"weight_ih_l{k}"] = rows(p["W"], cell.input_gates, order)
            state[f"weight_hh_l{k}"] = rows(p[f"U_{group}"], group, recurrent)
            state[f"bias_ih_l{k}"] = rows(p["b"], cell.gates, order)
            state[f"bias_hh_l{k}"] = rows(p["b"], cell.gates, recurrent) * ours
            masks[f"bias_hh_l{k}"] = ours
        cells.load_state_dict(state)
        return cells, masks

    @torch.no_grad()
    def load_around(self, model: Model) -> None:
        """Take the first weights of embedding and decoder."""
        self.embedding.weight.copy_(torch.tensor(model.params.value["embedding.W"]))
        if not self.task.shape.tie_weights:
            self.decoder.weight.copy_(torch.tensor(model.params.value["decoder.W"]))
        self.decoder.bias.copy_(torch.tensor(model.params.value["decoder.b"]))

    def use_threads(self, number: int) -> None:
        torch.set_num_threads(number)

    def prepare_comparison(self) -> None:
        """Leave out dropout, and updates of biases that ours does not have, until `prepare_timing`."""
        self.dropout.p = self.cells.dropout = 0.0
        named = dict(self.cells.named_parameters())
        self.hooks = [named[name].register_hook(mask.mul) for name, mask in self.second_biases.items()]

    def prepare_timing(self) -> None:
        self.dropout.p = self.task.shape.dropout
        self.cells.dropout = self.task.shape.dropout if self.task.shape.num_layers > 1 else 0.0
        for hook in self.hooks:
            hook.remove()

    def follow(self, windows: list) -> None:
        """Train on these windows, with dropout, and without updates of biases that ours does not have."""
        self.prepare_comparison()
        self.dropout.p = self.cells.dropout = self.task.shape.dropout
        self.windows = [tuple(map(torch.from_numpy, window)) for window in windows]

    @torch.no_grad()
    def nats(self, windows) -> float:
        """Return the summed loss of windows in nats."""
        self.dropout.p = self.cells.dropout = 0.0
        nats, state = 0.0, None
        for inputs, targets in windows:
            h, state = self.cells(self.embedding(torch.from_numpy(inputs)), state)
            logits, size = self.decoder(h), targets.size
            nats += size * self.loss(logits.view(size, -1), torch.from_numpy(targets).view(-1).long()).item()
        return nats

    def step(self) -> float:
        """Do one training step; return its loss in nats per token."""
        window = self.windows[self.steps % len(self.windows)]
        self.steps += 1
        return self.train(*window).item()

    def train(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Do a step on a window, tokens (T, B); return its loss in nats per token, without waiting for it."""
        self.optimizer.zero_grad()
        h, self.state = self.cells(self.dropout(self.embedding(inputs)), self.state)
        logits = self.decoder(self.dropout(h))
        loss = self.loss(logits.view(-1, logits.shape[-1]), targets.view(-1).long())
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.task.clip_norm)
        self.optimizer.step()
        self.state = (
            tuple(a.detach() for a in self.state) if isinstance(self.state, tuple) else self.state.detach()
        )
        return loss.detach()
