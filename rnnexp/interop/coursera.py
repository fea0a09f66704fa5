"""Offer the building blocks of the assignment "Dinosaurus Island" of Coursera's "Sequence Models", by our model.

The course multiplies from the left, a' = tanh(Wax x + Waa a + b) and y = softmax(Wya a' + by), with one-hot
x, a vector of zeros as the first one, and the end of a name as symbol 0. Its parameters are a dictionary of
Wax (n_a, V), Waa (n_a, n_a), Wya (V, n_a), b (n_a, 1) and by (V, 1).
"""

from collections.abc import Sequence

import numpy as np

from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import BOS_INPUT

END = 0
# of the course: of ours, and whether that is its transpose
PARAMETERS = {
    "Wax": "cell0.W",
    "Waa": "cell0.U_n",
    "Wya": "decoder.W",
    "b": "cell0.b",
    "by": "decoder.b",
}
TRANSPOSED = {"Wax", "Waa"}


def model_of(parameters: dict) -> Model:
    """Return our model with the parameters of the course's."""
    n_a, V = parameters["Wax"].shape
    model = Model([RNN(V, n_a)], V, embed_size=None, dtype=np.float64)
    for theirs, ours in PARAMETERS.items():
        value = model.params.value[ours]
        array = parameters[theirs]
        value[...] = (array.T if theirs in TRANSPOSED else array).reshape(value.shape)
    return model


def in_course_form(arrays: dict) -> dict:
    """Return copies of our model's parameters or gradients, by name, as the course's dictionary."""
    n_a = arrays["cell0.b"].shape[-1]
    shapes = {"Wax": (-1, n_a), "Waa": (n_a, n_a), "Wya": (-1, n_a), "b": (n_a, 1), "by": (-1, 1)}
    course = {theirs: arrays[ours].reshape(shapes[theirs]).copy() for theirs, ours in PARAMETERS.items()}
    return {name: array.T if name in TRANSPOSED else array for name, array in course.items()}


def clip(gradients: dict, max_value: float) -> dict:
    """Return gradients with every number between -max_value and max_value."""
    return {name: np.clip(array, -max_value, max_value) for name, array in gradients.items()}


def sample(parameters: dict, seed: int, longest: int = 50) -> list[int]:
    """Return the symbols of a new name, its end included.

    Symbol k is drawn with NumPy's legacy generator seeded by seed + 2 k, for the course adds to its seed what
    it adds to its counter: so the same weights give the same name as the course's code.
    """
    model = model_of(parameters)
    state, workspace, symbols = model.zero_state(1), model.workspace(), [BOS_INPUT]
    while symbols[-1] != END and len(symbols) <= longest:
        logits, state = model.logits(np.array([[symbols[-1]]]), state, workspace)
        p = np.exp(logits[0] - logits[0].max())
        random = np.random.RandomState(seed + 2 * (len(symbols) - 1))
        symbols.append(int(random.choice(len(p), p=p / p.sum())))
    return symbols[1:] + ([END] if symbols[-1] != END else [])


def optimize(
    X: Sequence[int | None], Y: Sequence[int], a_prev, parameters: dict, learning_rate: float = 0.01
) -> tuple[float, dict, np.ndarray]:
    """Take one step of gradient descent on a name, which changes `parameters`.

    Parameters
    ----------
    X : the symbols read, None for the vector of zeros. Y : the symbols to be predicted.
    a_prev : (n_a, 1), the hidden state before.

    Returns
    -------
    the summed loss, the gradients clipped to 5, and the last hidden state (n_a, 1).
    """
    model = model_of(parameters)
    workspace = model.workspace()
    inputs = np.array([BOS_INPUT if symbol is None else symbol for symbol in X])[:, None]
    loss, state = model.forward(inputs, np.array(Y)[:, None], [(a_prev.T,)], workspace, grad_scale=1.0)
    model.backward(workspace)
    gradients = clip(in_course_form(model.params.grad), 5)
    for name, gradient in gradients.items():
        parameters[name] -= learning_rate * gradient
    return loss, gradients, state[0][0].T
