"""Do the training step in PyTorch with cuDNN, as its examples write it, and the same in a CUDA graph."""

import torch

from rnnexp.analysis.speed.contenders.pytorch import PyTorch
from rnnexp.analysis.speed.contenders.pytorch_loop import Loop, as_tuple
from rnnexp.analysis.speed.contenders.timing import seconds_of_a_step
from rnnexp.analysis.speed.tasks import Task


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


class StepByStep(Loop, InGraph):
    """Train the GRU with its reset gate before the product, which cuDNN does not have."""
