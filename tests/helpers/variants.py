"""Name every cell there is, with its options: what the tests over cells run through."""

import numpy as np
import pytest

from rnnexp.compute.backend import CPU
from rnnexp.compute.parameters import Parameters
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model
from rnnexp.nn.recurrent import RecurrentLayer

# options worth a run of their own; a new cell runs with its defaults without a line here
OPTIONS = {
    "gru": [{"reset": "before"}, {"reset": "after"}, {"reset": "before", "bias": False}],
    "lstm": [{"forget_bias": 1.0}],
}

VARIANTS = [
    pytest.param(name, options, id="-".join([name, *map(str, options.values())]))
    for name in CELLS
    for options in OPTIONS.get(name, [{}])
]
# those that stand for all where a cell is only something to train: the LSTM, the GRU, one with four states, one
# with a diagonal and without a recurrent product
REPRESENTATIVES = "lstm", "gru", "slstm", "indrnn"
# those that take part in what is slow to try
CORE = [param for param in VARIANTS if param.values[0] in ("lstm", "gru", "rnn")]
OTHERS = [param for param in VARIANTS if param not in CORE]


# everything that disturbs a model in training
REGULARISED = {
    "input_dropout": 0.3,
    "between_dropout": 0.2,
    "output_dropout": 0.4,
    "recurrent_dropout": 0.1,
    "variational": True,
    "embedding_dropout": 0.2,
    "weight_drop": 0.5,
    "drop_state": 0.5,
    "activation_penalty": 2.0,
    "temporal_penalty": 1.0,
}


def bound_layer(cell, dtype=np.float64, where=CPU):
    """Return a recurrent layer of a cell, with parameters of its own, all of them zero."""
    layer = RecurrentLayer(cell)
    params = Parameters({f"cell.{key}": shape for key, shape in layer.shapes.items()}, dtype, where)
    layer.bind(*params.of("cell"), where)
    return layer, params


def random_layer(name, options, input_size, hidden_size, rng, dtype=np.float64):
    """Return the same of a cell by its name, with random parameters (biases too)."""
    layer, params = bound_layer(CELLS[name](input_size, hidden_size, **options), dtype)
    layer.init(rng)
    if layer.cell.bias:
        layer.p["b"][...] = rng.standard_normal(layer.p["b"].shape)
    for vector in layer.cell.diagonals:
        layer.p[vector][...] = rng.uniform(0.1, 1, layer.p[vector].shape)
    return layer, params


def small_model(
    name="lstm",
    options=None,
    *,
    vocab_size=11,
    size=6,
    sizes=None,
    num_layers=1,
    dropout=0.0,
    tie=False,
    embed_size=None,
    one_hot=False,
    dtype=np.float64,
    where=CPU,
    **more,
):
    """Return a model with random parameters, large enough for every gradient to matter."""
    sizes = sizes or [size] * num_layers
    embed_size = None if one_hot else embed_size or sizes[-1]
    inputs = [embed_size or vocab_size, *sizes[:-1]]
    cells = [CELLS[name](*pair, **(options or {})) for pair in zip(inputs, sizes, strict=True)]
    model = Model(cells, vocab_size, embed_size, dropout, tie_weights=tie, dtype=dtype, backend=where, **more)
    values = np.random.default_rng(3).normal(0, 0.4, len(model.params.values))
    model.params.set(model.params.split(values))
    return model


def random_state(model, seed=2, rows=3):
    """A state of a model from which its window begins, of each layer."""
    rng = np.random.default_rng(seed)
    state = [
        tuple(rng.standard_normal(array.shape).astype(array.dtype) for array in layer)
        for layer in model.zero_state(rows)
    ]
    for cell, layer in zip(model.cells, state):
        for name, array in zip(cell.states, layer):
            if name == "n":  # by which slstm divides
                array[...] = 1 + np.abs(array)
    return state
