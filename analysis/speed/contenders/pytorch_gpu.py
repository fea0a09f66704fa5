"""Do the training step in PyTorch with cuDNN, as its examples write it, and the same in a CUDA graph."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rnnexp.analysis.speed.contenders.pytorch import PyTorch
from rnnexp.analysis.speed.contenders.timing import seconds_of_a_step
from rnnexp.analysis.speed.tasks import Shape, Task
from rnnexp.nn.model import Model


class CuDNN(PyTorch):
    """Train in single precision, without TF32."""

    tf32, device = False, "cuda"

    def __init__(self, task: Task):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.tf32
        super().__init__(task)
        self.net.to(self.device)
        self.second_biases = {name: mask.to(self.device) for name, mask in self.second_biases.items()}
        self.windows = [tuple(part.to(self.device) for part in window) for window in self.windows]

    def losses(self, number: int) -> list[float]:
        """Return the losses of the first steps in nats per token, without dropout."""
        self.prepare_comparison()
        return [self.step() for _ in range(number)]

    def start_timing(self) -> None:
        self.prepare_timing()
        self.take(3)

    def take(self, number: int) -> None:
        """Do training steps, and wait for them at the end."""
        for _ in range(number):
            self.train(*self.windows[self.steps % len(self.windows)])
            self.steps += 1
        torch.cuda.synchronize()

    def seconds(self, at_least_s: float) -> float:
        """Return the seconds of a step, see `seconds_of_a_step`."""
        return seconds_of_a_step(self.take, at_least_s)

    def reserved_bytes(self) -> int:
        """Return the bytes of device memory taken from the driver."""
        return torch.cuda.memory_reserved()


class CuDNNTF32(CuDNN):
    """Train with the factors of products rounded to 10 bits."""

    tf32 = True


class InGraph(CuDNN):
    """Capture the whole step once and replay it."""

    def start_timing(self) -> None:
        self.prepare_timing()
        self.tokens = [part.clone() for part in self.windows[0]]
        self.kept = as_tuple(self.state)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.whole()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.whole()

    def whole(self) -> None:
        """Do a step on arrays with fixed places."""
        self.state = self.kept if len(self.kept) > 1 else self.kept[0]
        self.train(*self.tokens)
        for kept, new in zip(self.kept, as_tuple(self.state), strict=True):
            kept.copy_(new)

    def take(self, number: int) -> None:
        for _ in range(number):
            for kept, new in zip(self.tokens, self.windows[self.steps % len(self.windows)], strict=True):
                kept.copy_(new)
            self.graph.replay()
            self.steps += 1
        torch.cuda.synchronize()


class InGraphTF32(InGraph):
    """Replay the step with the factors of products rounded to 10 bits."""

    tf32 = True


class StepByStep(InGraph):
    """Train the GRU with its reset gate before the product, which cuDNN does not have."""

    def __init__(self, task: Task):
        after = (("reset", "after"),)  # whose weights the constructor knows how to bring
        super().__init__(replace(task, variant=replace(task.variant, options=after)))
        model = task.model()
        self.load_around(model)
        self.cells = ResetBefore(model, task.shape).to(self.device)
        self.net = nn.ModuleList([self.embedding, self.cells, self.decoder])
        self.optimizer = torch.optim.SGD(self.net.parameters(), task.lr)
        self.second_biases = {}


class ResetBefore(nn.Module):
    """Compute the GRU with the reset gate before the product, with the arguments and results of nn.GRU.

    The products with the inputs are done before the loop.
    """

    def __init__(self, model: Model, shape: Shape):
        super().__init__()
        self.dropout = shape.dropout if shape.num_layers > 1 else 0.0
        self.layers = nn.ModuleList()
        for recurrent in model.recurrent:
            p: dict[str, Any] = {name: torch.from_numpy(array.copy()) for name, array in recurrent.p.items()}
            layer = nn.ParameterDict(
                {
                    "W": torch.cat(list(p["W"]), 1),
                    "U_rz": torch.cat(list(p["U_rz"]), 1),
                    "U_n": p["U_n"][0],
                    "b": p["b"].reshape(-1),
                }
            )
            self.layers.append(layer)

    def forward(self, x, state):
        last = []
        layer: Any
        for k, layer in enumerate(self.layers):
            if k:
                x = nn.functional.dropout(x, self.dropout)
            inputs = x @ layer["W"] + layer["b"]
            H = layer["U_n"].shape[0]
            h = x.new_zeros(x.shape[1], H) if state is None else state[k]
            outputs = []
            for a in inputs:
                r, z = torch.sigmoid(a[:, : 2 * H] + h @ layer["U_rz"]).chunk(2, 1)
                n = torch.tanh(a[:, 2 * H :] + (r * h) @ layer["U_n"])
                h = n + z * (h - n)
                outputs.append(h)
            x = torch.stack(outputs)
            last.append(h)
        return x, torch.stack(last)


def as_tuple(state: Any) -> tuple:
    return state if isinstance(state, tuple) else (state,)
