"""Do the training step in JAX: a lax.scan over time in one compiled function, as its users write it.

A cell takes its state, arrays (B, H), what the inputs give its gates (B, G H), and its weights. It returns the
next state, whose first array is what the layer gives.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.backend import clear_backends
from jax.nn import logsumexp, sigmoid

from rnnexp.analysis.speed.tasks import SEED, Task

jax.config.update("jax_platforms", "cpu")


def lstm(state, a, p):
    h, c = state
    i, f, o, g = jnp.split(a + h @ p["U_ifog"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def rnn(state, a, p):
    (h,) = state
    return (jnp.tanh(a + h @ p["U_n"]),)


def gru_before(state, a, p):
    (h,) = state
    a_r, a_z, a_n = jnp.split(a, 3, axis=1)
    u_r, u_z = jnp.split(h @ p["U_rz"], 2, axis=1)
    r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
    n = jnp.tanh(a_n + (r * h) @ p["U_n"])
    return (z * h + (1 - z) * n,)


def gru_after(state, a, p):
    (h,) = state
    a_n, a_r, a_z = jnp.split(a, 3, axis=1)
    u_r, u_z, u_m = jnp.split(h @ p["U_rzm"], 3, axis=1)
    r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
    n = jnp.tanh(a_n + r * (u_m + p["b_m"]))
    return (z * h + (1 - z) * n,)


STEPS: dict[str, Callable] = {"lstm": lstm, "rnn": rnn, "gru": gru_before, "gru reset after": gru_after}


def dropout(key, x, rate):
    if not rate:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def layer(cell, p, x, state):
    """Return the last state of a layer, and what it gives at each step (T, B, H)."""

    def step(state, a):
        state = cell(state, a, p)
        return state, state[0]

    return lax.scan(step, state, x @ p["W"] + p["b"])


def loss(params, states, inputs, targets, key, cell, rate):
    """Return the mean loss of a window in nats per token, and the states after it."""
    *keys, last_key = jax.random.split(key, len(states) + 1)
    x, last_states = params["embedding"][inputs], []
    for p, state, layer_key in zip(params["layers"], states, keys, strict=True):
        last, x = layer(cell, p, dropout(layer_key, x, rate), state)
        last_states.append(last)
    decoder = params.get("decoder", params["embedding"])  # the same weights, where they are tied
    logits = dropout(last_key, x, rate) @ decoder.T + params["bias"]
    of_targets = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return (logsumexp(logits, axis=-1) - of_targets).mean(), last_states


@partial(jax.jit, static_argnames=("cell", "rate", "lr", "clip_norm"), donate_argnames=("params", "states"))
def train(params, states, inputs, targets, step, *, cell, rate, lr, clip_norm):
    """Do a training step; return weights, states and loss."""
    key = jax.random.fold_in(jax.random.key(SEED), step)
    gradient_of = jax.value_and_grad(loss, has_aux=True)
    (nats, states), grads = gradient_of(params, states, inputs, targets, key, cell, rate)
    norm = jnp.sqrt(sum(jnp.sum(grad**2) for grad in jax.tree.leaves(grads)))
    scale = lr * jnp.minimum(1, clip_norm / norm)
    return jax.tree.map(lambda p, grad: p - scale * grad, params, grads), states, nats


class Jax:
    """Train a task."""

    def __init__(self, task: Task):
        self.task, model = task, task.model()
        self.params: dict[str, Any] = {
            "embedding": model.params.value["embedding.W"].copy(),
            "layers": [weights(recurrent) for recurrent in model.recurrent],
            "bias": model.decoder.p["b"].copy(),
        }
        if not task.shape.tie_weights:
            self.params["decoder"] = model.decoder.p["W"].copy()
        self.states: Any = model.zero_state(task.shape.batch_size)
        self.windows = [tuple(part.astype(np.int32) for part in window) for window in task.windows()]
        self.cores, self.steps = sorted(os.sched_getaffinity(0)), 0

    def use_threads(self, number: int) -> None:
        """Start JAX anew on so many cores, for it makes a thread for each that it finds when it starts."""
        self.params, self.states = jax.device_get((self.params, self.states))
        clear_backends()
        os.sched_setaffinity(0, self.cores[:number])

    def prepare_comparison(self) -> None:
        self.rate = 0.0

    def prepare_timing(self) -> None:
        self.rate = self.task.shape.dropout

    def step(self) -> float:
        window = self.windows[self.steps % len(self.windows)]
        self.params, self.states, nats = train(
            self.params,
            self.states,
            *window,
            self.steps,
            cell=STEPS[self.task.variant.label],
            rate=self.rate,
            lr=self.task.lr,
            clip_norm=self.task.clip_norm,
        )
        self.steps += 1
        return float(nats)


def weights(recurrent: Any) -> dict[str, np.ndarray]:
    """Return the weights of one of our layers, the gates side by side."""
    p = recurrent.p
    found = {name: np.concatenate(p[name], axis=1) for name in p if p[name].ndim == 3}
    inputs = found["W"].shape[1]
    bias = p["b"].reshape(-1)
    found["b"] = bias[:inputs].copy()
    if len(bias) > inputs:  # the GRU's, of the product that its reset gate multiplies
        found["b_m"] = bias[inputs:].copy()
    return found
