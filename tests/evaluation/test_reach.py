"""How far gradients reach back is what backpropagation says, in untrained cells what their gates keep."""

import numpy as np
import pytest

from rnnexp.evaluation import reach as module
from rnnexp.evaluation.reach import LAGS, Reach, reach
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import IGNORE_INDEX
from tests.evaluation.test_evaluators import CORPUS, TOKENS, V


def untrained(cell, hidden=8, dtype=np.float64, scale=None, **options):
    model = Model([CELLS[cell](hidden, hidden, **options)], V, hidden, dtype=dtype)
    model.init(0)
    if scale is not None:
        for name, value in model.params.value.items():
            if ".U_" in name:
                value *= scale
    return model


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_norm_is_that_of_differences_of_the_loss(cell, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 1)
    model, lag = untrained(cell), 3
    window = TOKENS[: LAGS[-1] + 1]
    _, state = model.features(window[: LAGS[-1] - lag, None], model.zero_state(1), model.workspace())
    inputs = window[LAGS[-1] - lag : -1, None]
    targets = np.full_like(inputs, IGNORE_INDEX)
    targets[-1] = window[-1]

    def loss(unit, step):
        moved = [tuple(array.copy() for array in layer) for layer in state]
        moved[0][0][0, unit] += step
        return model.forward(inputs, targets, moved, model.workspace())[0]

    slopes = [(loss(unit, 1e-5) - loss(unit, -1e-5)) / 2e-5 for unit in range(8)]
    # of one place of the text, its first
    found = reach(model, TOKENS[: LAGS[-1] + 1])[LAGS.index(lag)]
    assert 10**found == pytest.approx(np.linalg.norm(slopes), rel=1e-5)


@pytest.mark.parametrize(("bias", "kept"), [(0.0, 0.5), (1.0, 0.7311)])
def test_without_recurrent_weights_an_lstm_keeps_what_its_forget_gate_keeps(bias, kept):
    """With tiny ones, that is: without any no gradient passes from h to h."""
    model = untrained("lstm", hidden=32, scale=1e-3, forget_bias=bias)
    assert Reach().score(model, CORPUS, "test")["reach_kept"] == pytest.approx(kept, rel=0.01)


def test_a_limit_of_gradients_in_training_does_not_count():
    free, limited = untrained("lstm"), untrained("lstm")
    limited.recurrent[0].clip_through_time = 1e-3
    scores = [Reach().score(model, CORPUS, "test") for model in (free, limited)]
    assert scores[0] == scores[1]
    assert limited.recurrent[0].clip_through_time == 1e-3


def test_what_single_precision_cannot_hold_is_measured_all_the_same():
    small = reach(untrained("gru", dtype=np.float32), TOKENS)
    assert small[-1] < -20
    np.testing.assert_allclose(small, reach(untrained("gru"), TOKENS), atol=1e-3)
