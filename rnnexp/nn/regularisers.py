"""Disturb a model while it trains, so that it learns what holds in general: dropout of all kinds, and penalties.

Masks are pure functions of their address (seed, step, place), so that a run goes on to the bit and devices agree.
Where a pass is given no key (seed, step), nothing here does anything.
"""

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.nn.tokens import IGNORE_INDEX

MaskKey = tuple[int, int] | None


class RandomMask:
    """Draw a fresh mask for every window: 0 with probability `rate`, else 1 / (1 - rate).

    Parameters
    ----------
    rate : the share of numbers that are dropped.
    place : the number of this mask in its model, so that each mask of the model is another.
    """

    def __init__(self, rate: float, place: int):
        self.rate, self.place = rate, place

    def active(self, key: MaskKey) -> bool:
        """Return whether numbers are dropped. `key` (seed, step) is the rest of a mask's address; None: no dropout."""
        return key is not None and self.rate > 0

    def draw(self, shape: tuple[int, ...], workspace: Workspace, key: MaskKey):
        """Return a mask of a shape, an array of the workspace."""
        assert key is not None
        mask = workspace.array("a mask", shape)
        workspace.backend.dropout_mask(self.rate, (*key, self.place), mask)
        return mask


class Dropout(RandomMask):
    """Multiply by a mask: between layers, or in the direction of time, where the recurrent products take the mask.

    Zaremba et al. 2014, "Recurrent neural network regularization".

    Parameters
    ----------
    rate, place : see `RandomMask`.
    variational : whether one mask serves all steps of a window (Gal & Ghahramani 2016, "A theoretically grounded
        application of dropout in recurrent neural networks"); else each step has its own.
    """

    def __init__(self, rate: float, place: int, variational: bool = False):
        super().__init__(rate, place)
        self.variational = variational

    def mask(self, shape: tuple[int, int, int], workspace: Workspace, key: MaskKey):
        """Return the mask (T, B, D) of a window; None where there is no dropout."""
        if not self.active(key):
            return None
        T, B, D = shape
        mask = self.draw((1 if self.variational else T, B, D), workspace, key)
        # `kind_of` knows a shared mask by its stride of 0, which broadcasting gives even to a window of one step
        return np.broadcast_to(mask, shape) if self.variational else mask

    def forward(self, x, workspace: Workspace, key: MaskKey):
        """Return x (T, B, D) times its mask, in new memory; x itself where there is no dropout."""
        mask = workspace["mask"] = self.mask(x.shape, workspace, key)
        return x if mask is None else np.multiply(x, mask, out=workspace.array("y", x.shape))

    def backward(self, dy, workspace: Workspace):
        """Return dx (T, B, D), computed in the memory of dy."""
        if workspace["mask"] is not None:
            dy *= workspace["mask"]
        return dy


class EmbeddingDropout(RandomMask):
    """Drop whole symbols: x = mask[token] * W[token], where the mask has one number for each symbol.

    So a symbol that is dropped is a vector of zeros wherever it stands in the window. A tied decoder multiplies by W
    itself. Gal & Ghahramani 2016; Merity et al. 2018, "Regularizing and optimizing LSTM
    language models".
    """

    def forward(self, x, tokens, vocab_size: int, workspace: Workspace, key: MaskKey):
        """Return the vectors x (T, B, D) of tokens (T, B) times their masks, in the memory of x."""
        workspace["mask"] = None
        if self.active(key):
            of_symbols = self.draw((vocab_size, 1), workspace, key)
            mask = workspace["mask"] = workspace.array("of tokens", (*tokens.shape, 1))
            workspace.backend.take_rows(of_symbols, tokens, mask)
            x *= mask
        return x

    def backward(self, dx, workspace: Workspace):
        """Return the gradient of the vectors before the masks, in the memory of dx."""
        if workspace["mask"] is not None:
            dx *= workspace["mask"]
        return dx


class WeightDrop(RandomMask):
    """Multiply by recurrent weights of which some are dropped, the same ones for all steps and rows of a window.

    The parameters stay as they are. Wan et al. 2013, "Regularization of neural networks using DropConnect"; Merity et
    al. 2018.
    """

    def forward(self, U: dict, workspace: Workspace, key: MaskKey) -> dict:
        """Return recurrent weights times their masks, by name, in new memory; U itself where there are none."""
        workspace["masks"] = {}
        if not self.active(key):
            return U
        size = sum(weights.size for weights in U.values())
        mask, start, dropped = self.draw((size,), workspace, key), 0, {}
        for group, weights in U.items():
            some = mask[start : start + weights.size].reshape(weights.shape)
            start += weights.size
            workspace["masks"][group] = some
            dropped[group] = np.multiply(weights, some, out=workspace.array(group, weights.shape))
        return dropped

    def backward(self, dU: dict, workspace: Workspace) -> None:
        """Turn gradients of the dropped weights, by name, into those of the parameters, in place."""
        for group, mask in workspace["masks"].items():
            dU[group] *= mask


class StateDrop(RandomMask):
    """Set the state that a row carries into a window to zeros, all of it, with probability `rate`.

    So a model also learns to begin, and its state does not drift off. Melis et al. 2018, "On the state of the art of
    evaluation in neural language models", has it in its code.
    """

    def forward(self, state: list[tuple], workspace: Workspace, key: MaskKey) -> list[tuple]:
        """Return a state, arrays (B, H) of each layer, with the rows that are kept, in new memory where any may go."""
        workspace["kept"] = None
        if not self.active(key):
            return state
        mask = self.draw((len(state[0][0]), 1), workspace, key)
        workspace["kept"] = np.minimum(mask, 1)  # what is kept stays as it is
        return self.backward(state, workspace)

    def backward(self, dstate: list[tuple], workspace: Workspace) -> list[tuple]:
        """Return the gradient of the carried state from that of the state that a window began with."""
        kept = workspace["kept"]
        return dstate if kept is None else [tuple(array * kept for array in layer) for layer in dstate]


class Penalties:
    """Add to the training loss the squares of the top layer's outputs, and of how far they move from step to step.

    The loss gets activation * mean(dropped(h)^2) + temporal * mean((h[t + 1] - h[t])^2), in the mean over the numbers
    of a window whose targets count: not over what pads a short sequence. No loss that is reported has them. Merity et
    al. 2017, "Revisiting activation regularization for language RNNs".

    Parameters
    ----------
    activation, temporal : the factors.
    """

    def __init__(self, activation: float, temporal: float):
        self.activation, self.temporal = activation, temporal

    def forward(self, h, dropped, workspace: Workspace, key: MaskKey) -> None:
        """Keep the outputs h (T, B, H), and what dropout left of them, for the backward pass."""
        workspace["h"], workspace["dropped"] = (None, None) if key is None else (h, dropped)

    def backward_dropped(self, dy, targets, workspace: Workspace):
        """Add the gradient of what dropout left, in the memory of dy (T, B, H); targets (T, B): see `Model.forward`."""
        y = workspace["dropped"]
        if self.activation and y is not None:
            dy += factor(self.activation, targets != IGNORE_INDEX, y) * y
        return dy

    def backward(self, dh, targets, workspace: Workspace):
        """Add the gradient of the outputs themselves, in the memory of dh (T, B, H); targets: as before."""
        h = workspace["h"]
        if self.temporal and h is not None and len(h) > 1:
            counts = targets != IGNORE_INDEX
            change = h[1:] - h[:-1]
            change *= factor(self.temporal, counts[1:] & counts[:-1], change)
            dh[1:] += change
            dh[:-1] -= change
        return dh


def factor(penalty: float, counts, of):
    """Return the factor by which `of` is multiplied to give the gradient of `penalty` times its mean square.

    counts : (T, B), whether the numbers (T, B, H) of a step and row are in the mean.
    """
    numbers = np.maximum(counts.sum(), 1) * of.shape[-1]
    return (counts * (2 * penalty / numbers)).astype(of.dtype)[..., None]
