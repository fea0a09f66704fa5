"""Put a language model together: embed -> (dropout, cell) x L -> dropout -> decoder -> loss."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from rnnexp.compute.backend import CPU
from rnnexp.compute.ops import Ops
from rnnexp.compute.parameters import Parameters
from rnnexp.compute.workspace import Workspace
from rnnexp.errors import UserError
from rnnexp.nn import loops
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.inputs import DenseInputs, TokenInputs
from rnnexp.nn.layers import Decoder, Embedding, Layer, OneHot
from rnnexp.nn.recurrent import RecurrentLayer
from rnnexp.nn.regularisers import Dropout, EmbeddingDropout, Penalties, StateDrop, WeightDrop


class Model:
    """Predict the next token by an embedding, any stack of cells and a decoder.

    Parameters
    ----------
    cells : those of the recurrent layers, bottom first; the first takes vectors of `embed_size` numbers.
    vocab_size, embed_size : V and D; embed_size None: one-hot vectors, D = V, instead of an embedding.
    dropout : the rate before every cell and before the decoder, while training.
    input_dropout, between_dropout, output_dropout : the rates before the first cell, before the other ones and before
        the decoder; None: `dropout`.
    recurrent_dropout : the rate for the hidden state that the recurrent products read, while training.
    variational, recurrent_variational : whether the masks of the one and of the other are the same for all steps
        of a window; None: of both as `variational` says.
    tie_weights : whether the decoder uses the embedding's matrix.
    clip_through_time : limit of every number of the gradients that go from step to step; None: none.
    init_std : standard deviation of the first weights, biases apart; None: as each layer says.
    embedding_dropout, weight_drop, drop_state, activation_penalty, temporal_penalty : see `rnnexp.nn.regularisers`.
    dtype : the type of the parameters and of everything computed from them.
    backend : the device where they are.

    Attributes
    ----------
    params : every parameter and gradient, by name: embedding.W, cell0.W, cell0.U_..., cell0.b, ...,
        decoder.W (absent where tied), decoder.b.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        vocab_size: int,
        embed_size: int | None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        variational: bool = False,
        tie_weights: bool = False,
        clip_through_time: float | None = None,
        init_std: float | None = None,
        recurrent_variational: bool | None = None,
        input_dropout: float | None = None,
        between_dropout: float | None = None,
        output_dropout: float | None = None,
        embedding_dropout: float = 0.0,
        weight_drop: float = 0.0,
        drop_state: float = 0.0,
        activation_penalty: float = 0.0,
        temporal_penalty: float = 0.0,
        dtype=np.float32,
        backend: Ops = CPU,
    ):
        hidden_size = cells[-1].hidden_size
        if tie_weights and embed_size != hidden_size:
            raise UserError(
                "model.tie_weights=true makes one matrix serve as embedding and decoder, so "
                f"model.embed_size={'null' if embed_size is None else embed_size} "
                f"must equal model.hidden_size={hidden_size}"
            )
        self.cells = list(cells)
        self.recurrent = [RecurrentLayer(cell, clip_through_time) for cell in cells]
        self.tie_weights = tie_weights
        self.init_std = init_std
        if embed_size is None:
            self.embedding: Embedding = OneHot(vocab_size, dtype, backend)
        else:
            self.embedding = Embedding(vocab_size, embed_size)
        L, in_time = len(cells), variational if recurrent_variational is None else recurrent_variational
        rates = [input_dropout, *[between_dropout] * (L - 1), output_dropout]
        self.dropouts = [
            Dropout(dropout if rate is None else rate, place, variational) for place, rate in enumerate(rates)
        ]
        self.recurrent_dropouts = [
            Dropout(recurrent_dropout, place, in_time) for place in range(L + 1, 2 * L + 1)
        ]
        self.embedding_dropout = EmbeddingDropout(embedding_dropout, 2 * L + 1)
        self.weight_drops = [WeightDrop(weight_drop, place) for place in range(2 * L + 2, 3 * L + 2)]
        self.state_drop = StateDrop(drop_state, 3 * L + 2)
        self.penalties = Penalties(activation_penalty, temporal_penalty)
        self.decoder = Decoder(vocab_size, hidden_size, self.embedding if tie_weights else None)
        self.layers: dict[str, Layer] = {
            "embedding": self.embedding,
            **{f"cell{k}": layer for k, layer in enumerate(self.recurrent)},
            "decoder": self.decoder,
        }
        self.params = Parameters(
            {
                f"{layer_name}.{name}": shape
                for layer_name, layer in self.layers.items()
                for name, shape in layer.shapes.items()
            },
            dtype,
            backend,
        )
        self.backend = backend
        self.bind(self.params)

    def bind(self, params: Parameters) -> None:
        """Have every layer compute with these parameters."""
        for layer_name, layer in self.layers.items():
            layer.bind(*params.of(layer_name), params.backend)

    def init(self, seed: int) -> None:
        """Draw every parameter anew; a seed gives the same values in any dtype, except for rounding."""
        rng = np.random.default_rng(seed)
        drawn = Parameters(self.params.shapes, self.params.values.dtype)
        self.bind(drawn)
        for layer in self.layers.values():
            layer.init(rng)
        if self.init_std is not None:
            for name, value in drawn.value.items():
                if not name.endswith(".b"):
                    value[...] = rng.normal(0, self.init_std, value.shape)
        self.bind(self.params)
        self.params.set(drawn.value)

    def num_params(self) -> dict[str, int]:
        """Return the number of parameters by part; a tied matrix counts once, as the embedding's."""
        return {
            "embedding": self.params.count("embedding"),
            "recurrent": self.params.count(*(name for name in self.layers if name.startswith("cell"))),
            "output": self.params.count("decoder"),
        }

    def operations_per_token(self) -> int:
        """Return the multiply-adds of the products of a forward step; a lookup takes none."""
        total = self.cells[-1].hidden_size * len(self.decoder.p["b"])
        for k, layer in enumerate(self.recurrent):
            looked_up = k == 0 and isinstance(self.embedding, OneHot)
            for name, shape in layer.shapes.items():
                if len(shape) == 3 and not (looked_up and name == "W"):  # matrices of gates
                    total += math.prod(shape)
        return total

    def not_compiled(self) -> list[str]:
        """Return why training does without compiled loops, where the engine in use has them for other cells."""
        if not self.backend.compiled_loops:
            return []
        reasons = dict.fromkeys(loops.why_not_compiled(cell) for cell in self.cells)
        return [reason for reason in reasons if reason]

    def zero_state(self, batch_size: int) -> list[tuple]:
        """Return the state before any token: the arrays (B, H) of each layer."""
        return [layer.zero_state(batch_size) for layer in self.recurrent]

    def workspace(self, lender: Workspace | None = None) -> Workspace:
        """Return a fresh workspace for `forward` and `backward`; `lender`: see `Workspace`."""
        return Workspace(self.params.values.dtype, self.backend, lender)

    def features(self, inputs, state, workspace: Workspace, dropout_key=None):
        """Return the inputs of the decoder for a window.

        Parameters
        ----------
        inputs : (T, B) tokens; BOS_INPUT (-1) is a vector of zeros.
        state : the state before the window, as from `zero_state` or an earlier call.
        dropout_key : (seed, step), the address of the dropout masks; None: no dropout and no penalties, as where a
            model is evaluated. On a GPU the step may be an array there, of one uint64.

        Returns
        -------
        (T B, H) features, an array of the workspace, and the state after the window.
        """
        next_state = []
        state = self.state_drop.forward(state, workspace.child("drop_state"), dropout_key)
        bottom, W = workspace.child("embedding"), self.embedding.p["W"]
        masked = self.dropouts[0].active(dropout_key) or self.embedding_dropout.active(dropout_key)
        later = not masked and TokenInputs.is_cheaper(inputs, W, self.backend)
        workspace["looked up later"], x = later, None
        if not later:
            x = self.embedding.forward(inputs, bottom)
            child = workspace.child("embedding_dropout")
            x = self.embedding_dropout.forward(x, inputs, len(W), child, dropout_key)
        for k, layer in enumerate(self.recurrent):
            source: DenseInputs | TokenInputs
            if x is None:
                source = self.embedding.lookup_later(inputs, bottom)
            else:
                source = DenseInputs(self.dropouts[k].forward(x, workspace.child(f"dropout{k}"), dropout_key))
            shape = *inputs.shape, layer.hidden_size
            mask = self.recurrent_dropouts[k].mask(
                shape, workspace.child(f"recurrent_dropout{k}"), dropout_key
            )
            U = layer.recurrent_part(layer.p)
            U = self.weight_drops[k].forward(U, workspace.child(f"weight_drop{k}"), dropout_key)
            x, after = layer.forward(source, state[k], workspace.child(f"cell{k}"), mask, U)
            # copies: what a cell returns may be part of the workspace, which the next window overwrites
            next_state.append(tuple(array.copy() for array in after))
        h, x = x, self.dropouts[-1].forward(x, workspace.child("dropout_top"), dropout_key)
        self.penalties.forward(h, x, workspace.child("penalties"), dropout_key)
        return x.reshape(-1, x.shape[-1]), next_state

    def logits(self, inputs, state, workspace: Workspace):
        """Return unnormalised log probabilities (T B, V) of the next token after each input; see `features`."""
        h, next_state = self.features(inputs, state, workspace)
        return self.decoder.forward(h, workspace.child("decoder")) + self.decoder.p["b"], next_state

    def forward(
        self,
        inputs,
        targets,
        state,
        workspace: Workspace,
        dropout_key=None,
        grad_scale=None,
        token_nats=None,
    ):
        """Return the loss of a window.

        Parameters
        ----------
        inputs, state, dropout_key : see `features`.
        targets : (T, B) tokens; IGNORE_INDEX (-1) does not count.
        grad_scale : factor of the summed loss in the gradients of `backward`; None: no `backward`
            will follow.
        token_nats : (T B,) float64 array of the backend, set to the nats of every target, 0 of one that does
            not count; None: they are only summed.

        Returns
        -------
        the summed loss in nats (on a GPU an array () there), and the state after the window.
        """
        h, next_state = self.features(inputs, state, workspace, dropout_key)
        logits = self.decoder.forward(h, workspace.child("decoder"))
        nats = self.decoder.loss(logits, targets.ravel(), grad_scale, token_nats)
        workspace["dlogits"], workspace["targets"] = logits, targets
        return nats, next_state

    def backward(self, workspace: Workspace, dstate=None):
        """Set the gradients of `grad_scale` times the summed loss of the last `forward` on this workspace.

        With a `dropout_key` there, those of the penalties are added, which are means over the window.

        Parameters
        ----------
        dstate : gradient of the state after the window, in the shape of the state; None: zeros, because
            backpropagation stops at the window's end (truncated backpropagation through time).

        Returns
        -------
        the gradient of the state before the window. `params.grads` is set, not added to.
        """
        targets = workspace["targets"]
        T, B = targets.shape
        dstate = dstate or self.zero_state(B)
        dprevious: list[tuple] = []
        dx = self.decoder.backward(workspace["dlogits"], workspace.child("decoder")).reshape(T, B, -1)
        dx = self.penalties.backward_dropped(dx, targets, workspace.child("penalties"))
        dx = self.dropouts[-1].backward(dx, workspace.child("dropout_top"))
        dx = self.penalties.backward(dx, targets, workspace.child("penalties"))
        for k, layer in reversed(list(enumerate(self.recurrent))):
            dx, before = layer.backward(dx, dstate[k], workspace.child(f"cell{k}"))
            self.weight_drops[k].backward(layer.recurrent_part(layer.g), workspace.child(f"weight_drop{k}"))
            if k > 0 or not workspace["looked up later"]:
                dx = self.dropouts[k].backward(dx, workspace.child(f"dropout{k}"))
            dprevious.insert(0, before)
        if not workspace["looked up later"]:
            dx = self.embedding_dropout.backward(dx, workspace.child("embedding_dropout"))
        self.embedding.backward(dx, workspace.child("embedding"), accumulate=self.tie_weights)
        return self.state_drop.backward(dprevious, workspace.child("drop_state"))


def arrays_of(state: Iterable[tuple]) -> list:
    """Return the arrays (B, H) of a state, layer by layer."""
    return [array for layer in state for array in layer]


def copy_state(state: Iterable[tuple], after: Iterable[tuple]) -> None:
    """Set the arrays of a state to those of another."""
    for kept, new in zip(arrays_of(state), arrays_of(after), strict=True):
        kept[...] = new
