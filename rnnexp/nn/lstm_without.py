"""Compute a step of an LSTM that lacks a gate or an activation function."""

import numpy as np

from rnnexp.nn.activations import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell


class LSTMWithout(Cell):
    """Compute an LSTM without one of its parts; a subclass names the gates that it has, in the order of "ifog".

        c' = f * c + i * g    h' = o * tanh(c')

    where 1 stands for a gate that is missing. First value of the forget gate's bias: 1.

    Greff et al. 2017, "LSTM: a search space odyssey", section 3, where each has peepholes besides; these have none.

    Attributes
    ----------
    squashes_input, squashes_output : whether g and c' go through tanh.
    """

    states = ("h", "c")
    squashes_input = squashes_output = True
    more_gradients = ("c",)  # dh / dc

    def __init__(self, input_size: int, hidden_size: int, bias: Bias = True):
        self.input_gates, self.recurrent_matmuls = self.gates, {self.gates: "h_prev"}
        self.saved = ("squashed",) if self.squashes_output else ()
        self.output = "squashed" if self.squashes_output else "c"
        super().__init__(input_size, hidden_size, bias)

    def init(self, p, rng):
        super().init(p, rng)
        if self.bias and "f" in self.gates:
            p["b"][self.gates.index("f")] = 1

    def step(self, arrays, recurrent):
        gates = self.gates
        arrays[gates] += recurrent(gates, arrays["h_prev"])
        sigmoid(arrays[gates[:-1]], out=arrays[gates[:-1]])
        if self.squashes_input:
            np.tanh(arrays["g"], out=arrays["g"])
        arrays["c"][...] = arrays["c_prev"]
        if "f" in gates:
            arrays["c"] *= arrays["f"]
        arrays["c"] += arrays["i"] * arrays["g"] if "i" in gates else arrays["g"]
        if self.squashes_output:
            np.tanh(arrays["c"], out=arrays["squashed"])
        arrays["h"][...] = arrays[self.output]
        if "o" in gates:
            arrays["h"] *= arrays["o"]

    def local_gradients(self, arrays, grads):
        gates = self.gates
        sigmoid_gradient(arrays[gates[:-1]], out=grads[gates[:-1]])
        for gate, factor in {"i": "g", "f": "c_prev", "o": self.output}.items():
            if gate in gates:
                grads[gate] *= arrays[factor]
        for name, value, squashes, factor in (
            ("g", "g", self.squashes_input, "i"),
            ("c", self.output, self.squashes_output, "o"),
        ):
            grads[name][...] = 1
            if squashes:
                tanh_gradient(arrays[value], out=grads[name])
            if factor in gates:
                grads[name] *= arrays[factor]

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        grads["c"] *= dh
        dc += grads["c"]
        for gate in self.gates:
            grads[gate] *= dh if gate == "o" else dc
        if "f" in self.gates:
            dc *= arrays["f"]
        dh[...] = recurrent.back(self.gates, grads[self.gates])
