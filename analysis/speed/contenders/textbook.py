"""Compute the training step the way textbook code does: each layer, at each step, for itself.

This is the yardstick for what hoisting, flat buffers and reused memory gain. It follows the manner of "Deep
Learning from Scratch 2" (chapters 5 and 6): every step multiplies its own input and adds up its own weight
gradients, the embedding makes a gradient of the whole vocabulary at every step, and every array is new.

A step takes x (B, D), a state of arrays (B, H), and weights W (D, G H), U (H, G H) and b (G H,). It returns the
next state and a function from its gradient to those of x, of the state and of the weights.
"""

import math
from collections.abc import Callable

import numpy as np

from rnnexp.analysis.speed.tasks import SEED, Task


def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def lstm(x, state, W, U, b):
    """Take a step of the LSTM."""
    h, c = state
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)

    def backward(dstate):
        dh, dc = dstate
        tanh_c = np.tanh(c_next)
        dc = dc + dh * o * (1 - tanh_c**2)
        da = np.hstack(
            (
                dc * g * i * (1 - i),
                dc * c * f * (1 - f),
                dh * tanh_c * o * (1 - o),
                dc * i * (1 - g**2),
            )
        )
        return da @ W.T, (da @ U.T, dc * f), [x.T @ da, h.T @ da, da.sum(axis=0)]

    return (h_next, c_next), backward


def rnn(x, state, W, U, b):
    """Take a step of the vanilla recurrent network."""
    (h,) = state
    h_next = np.tanh(x @ W + h @ U + b)

    def backward(dstate):
        da = dstate[0] * (1 - h_next**2)
        return da @ W.T, (da @ U.T,), [x.T @ da, h.T @ da, da.sum(axis=0)]

    return (h_next,), backward


def gru_before(x, state, W, U_rz, U_n, b):
    """Take a step of the GRU with the reset gate before the product."""
    (h,) = state
    H = h.shape[1]
    a = x @ W + b
    rz = sigmoid(a[:, : 2 * H] + h @ U_rz)
    r, z = rz[:, :H], rz[:, H:]
    n = np.tanh(a[:, 2 * H :] + (r * h) @ U_n)
    h_next = z * h + (1 - z) * n

    def backward(dstate):
        (dh,) = dstate
        da_n = dh * (1 - z) * (1 - n**2)
        d_rh = da_n @ U_n.T
        da_rz = np.hstack((d_rh * h * r * (1 - r), dh * (h - n) * z * (1 - z)))
        da = np.hstack((da_rz, da_n))
        dh_prev = dh * z + d_rh * r + da_rz @ U_rz.T
        return da @ W.T, (dh_prev,), [x.T @ da, h.T @ da_rz, (r * h).T @ da_n, da.sum(axis=0)]

    return (h_next,), backward


def gru_after(x, state, W, U, b):
    """Take a step of the GRU with the reset gate after the product."""
    (h,) = state
    H = h.shape[1]
    a_n, a_rz = np.split(x @ W + b[: 3 * H], [H], axis=1)
    u = h @ U
    rz = sigmoid(a_rz + u[:, : 2 * H])
    r, z = rz[:, :H], rz[:, H:]
    m = u[:, 2 * H :] + b[3 * H :]
    n = np.tanh(a_n + r * m)
    h_next = z * h + (1 - z) * n

    def backward(dstate):
        (dh,) = dstate
        da_n = dh * (1 - z) * (1 - n**2)
        da_rz = np.hstack((da_n * m * r * (1 - r), dh * (h - n) * z * (1 - z)))
        da, du = np.hstack((da_n, da_rz)), np.hstack((da_rz, da_n * r))
        db = np.concatenate((da.sum(axis=0), (da_n * r).sum(axis=0)))
        return da @ W.T, (dh * z + du @ U.T,), [x.T @ da, h.T @ du, db]

    return (h_next,), backward


STEPS: dict[str, Callable] = {"lstm": lstm, "rnn": rnn, "gru": gru_before, "gru reset after": gru_after}


class Textbook:
    """Train a task as the book would."""

    def __init__(self, task: Task):
        self.task = task
        self.step_of: Callable = STEPS[task.variant.label]
        model = task.model()

        def columns(array):  # gates side by side
            return array.copy().reshape(-1) if array.ndim == 2 else np.concatenate(array, axis=1)

        self.embedding = model.params.value["embedding.W"].copy()
        self.layers = [[columns(layer.p[name]) for name in layer.shapes] for layer in model.recurrent]
        self.decoder = self.embedding if task.shape.tie_weights else model.decoder.p["W"].copy()
        self.bias = model.decoder.p["b"].copy()
        self.state = model.zero_state(task.shape.batch_size)
        self.windows, self.steps = task.windows(), 0
        self.rng = np.random.default_rng(SEED)

    def use_threads(self, number: int) -> None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(number)

    def prepare_comparison(self) -> None:
        self.rate = 0.0

    def prepare_timing(self) -> None:
        self.rate = self.task.shape.dropout

    def dropout(self, x):
        if not self.rate:
            return x, 1
        mask = (self.rng.random(x.shape) > self.rate).astype("f") / np.float32(1 - self.rate)
        return x * mask, mask

    def step(self) -> float:
        inputs, targets = self.windows[self.steps % len(self.windows)]
        self.steps += 1
        T, B = inputs.shape
        x = np.stack([self.embedding[inputs[t]] for t in range(T)])
        masks, backwards = [], []
        for k, weights in enumerate(self.layers):
            x, mask = self.dropout(x)
            state, hs, back = self.state[k], [], []
            for t in range(T):
                state, backward = self.step_of(x[t], state, *weights)
                hs.append(state[0])
                back.append(backward)
            x, self.state[k] = np.stack(hs), state
            masks.append(mask)
            backwards.append(back)
        x, mask = self.dropout(x)
        features = x.reshape(T * B, -1)
        logits = features @ self.decoder.T + self.bias
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        rows = np.arange(T * B)
        loss = -np.log(p[rows, targets.ravel()]).mean()

        p[rows, targets.ravel()] -= 1
        dlogits = p / (T * B)
        ddecoder, dbias = dlogits.T @ features, dlogits.sum(axis=0)
        dx = (dlogits @ self.decoder).reshape(T, B, -1) * mask
        grads = []
        for k in reversed(range(len(self.layers))):
            dstate = tuple(np.zeros_like(array) for array in self.state[k])
            dweights = [np.zeros_like(weight) for weight in self.layers[k]]
            dxs = []
            for t in reversed(range(T)):
                dx_t, dstate, parts = backwards[k][t]((dstate[0] + dx[t], *dstate[1:]))
                dxs.append(dx_t)
                for total, part in zip(dweights, parts):
                    total += part
            dx = np.stack(dxs[::-1]) * masks[k]
            grads.append((self.layers[k], dweights))
        dembedding = ddecoder if self.decoder is self.embedding else np.zeros_like(self.embedding)
        for t in range(T):
            of_step = np.zeros_like(self.embedding)
            np.add.at(of_step, inputs[t], dx[t])
            dembedding += of_step

        pairs = [(self.embedding, dembedding), (self.bias, dbias)]
        if self.decoder is not self.embedding:
            pairs.append((self.decoder, ddecoder))
        pairs += [pair for weights, dweights in grads for pair in zip(weights, dweights)]
        norm = math.sqrt(sum(float((grad**2).sum()) for _, grad in pairs))
        rate = min(1.0, self.task.clip_norm / norm)
        for parameter, grad in pairs:
            grad *= rate
            parameter -= self.task.lr * grad
        return float(loss)
