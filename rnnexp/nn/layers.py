"""Compute the layers around the recurrent ones: embedding and decoder."""

import math

import numpy as np

from rnnexp.compute.ops import Ops
from rnnexp.compute.threads import run_all
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.inputs import TokenInputs


class Layer:
    """Hold named parameters.

    `shapes` says which parameters a layer needs, name -> shape. `bind` gives it their values `p` and gradients
    `g`, under the same names, and the backend where these arrays are. A backward pass sets `g`; it does not add
    to it.
    """

    shapes: dict[str, tuple[int, ...]]
    p: dict
    g: dict
    backend: Ops

    def bind(self, values: dict, grads: dict, backend: Ops) -> None:
        """Take the arrays of the parameters and of their gradients, by name."""
        self.p, self.g, self.backend = values, grads, backend

    def init(self, rng: np.random.Generator) -> None:
        """Draw the first values of the parameters."""
        raise NotImplementedError


class Embedding(Layer):
    """Look up a row of W for each token: x = W[token], W of shape (V, D).

    First values: normal with standard deviation 0.01, as in "Deep Learning from Scratch 2".
    """

    def __init__(self, vocab_size: int, embed_size: int):
        self.shapes = {"W": (vocab_size, embed_size)}

    def init(self, rng):
        self.p["W"][...] = rng.normal(0, 0.01, self.shapes["W"])

    def forward(self, tokens, workspace: Workspace):
        """Turn (T, B) tokens into (T, B, D) vectors; -1 becomes zeros."""
        workspace["tokens"] = tokens
        x = workspace.array("x", (*tokens.shape, self.p["W"].shape[1]))
        self.backend.take_rows(self.p["W"], tokens, x)
        return x

    def lookup_later(self, tokens, workspace: Workspace) -> TokenInputs:
        """Return the vectors of (T, B) tokens as inputs that leave them in the table, for the next layer to look up."""
        workspace["tokens"] = None
        return TokenInputs(tokens, self.p["W"])

    def backward(self, dx, workspace: Workspace, accumulate: bool) -> None:
        """Set the gradient of W from dx; with `accumulate`, add it to the gradient that a tied decoder has set.

        dx : (T, B, D), or (V, D) after `lookup_later`.
        """
        if not accumulate:
            self.g["W"].fill(0)
        if workspace["tokens"] is None:
            self.g["W"] += dx
        else:
            self.backend.add_rows(self.g["W"], workspace["tokens"].ravel(), dx.reshape(-1, dx.shape[-1]))


class OneHot(Embedding):
    """Turn each token into zeros with a one in its own place: vectors of V numbers, no parameters."""

    def __init__(self, vocab_size: int, dtype, backend: Ops):
        self.shapes, self.backend = {}, backend
        self.p = {"W": backend.to_device(np.eye(vocab_size, dtype=dtype))}

    def bind(self, values, grads, backend):
        pass

    def init(self, rng):
        pass

    def backward(self, dx, workspace, accumulate):
        pass


class Decoder(Layer):
    """Compute logits = h @ W.T + b, with W of shape (V, H), as an embedding has, so that the two can be one array.

    Weight tying (Press & Wolf 2017; Inan et al. 2017) is `tied_to=embedding`: W is then the
    embedding's array and only b is the decoder's own.
    First values: W normal with standard deviation 1 / sqrt(H), b zero.
    """

    def __init__(self, vocab_size: int, hidden_size: int, tied_to: Embedding | None = None):
        self.tied_to = tied_to
        self.shapes = {"b": (vocab_size,)}
        if tied_to is None:
            self.shapes = {"W": (vocab_size, hidden_size)} | self.shapes

    def bind(self, values, grads, backend):
        if self.tied_to is not None:
            values = values | {"W": self.tied_to.p["W"]}
            grads = grads | {"W": self.tied_to.g["W"]}
        super().bind(values, grads, backend)

    def init(self, rng):
        if self.tied_to is None:
            vocab_size, hidden_size = self.shapes["W"]
            self.p["W"][...] = rng.normal(0, 1 / math.sqrt(hidden_size), (vocab_size, hidden_size))
        self.p["b"].fill(0)

    def forward(self, h, workspace: Workspace):
        """Turn (N, H) features into (N, V) logits, to which b is still to be added.

        (`loss` adds it while a row is in the cache.)
        """
        workspace["h"] = h
        logits = workspace.array("logits", (len(h), len(self.p["b"])))
        run_all(self.backend.matmul_jobs(h, self.p["W"].T, logits))
        return logits

    def loss(self, logits, targets, grad_scale: float | None = None, token_nats=None):
        """Return the summed loss of logits from `forward`, in nats; arguments as of `Ops.softmax_cross_entropy`.

        With `grad_scale` that turns the logits into their gradient, and sets the gradient of b.
        """
        return self.backend.softmax_cross_entropy(
            logits, self.p["b"], targets, grad_scale, token_nats, self.g["b"]
        )

    def backward(self, dlogits, workspace: Workspace):
        """Set the gradient of W from dlogits (N, V), as `loss` has left them; return dh (N, H)."""
        dh = workspace.array("dh", workspace["h"].shape)
        jobs = self.backend.matmul_jobs(dlogits.T, workspace["h"], self.g["W"])
        jobs += self.backend.matmul_jobs(dlogits, self.p["W"], dh)
        run_all(jobs)
        return dh
