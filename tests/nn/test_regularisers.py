"""What disturbs a model in training: its gradients in every cell, where it acts, and that evaluation is free of it."""

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.backend import CPU
from rnnexp.compute.workspace import Workspace
from rnnexp.data.batches import Sequences
from rnnexp.nn.loops.reading import kind_of
from rnnexp.nn.regularisers import Dropout
from rnnexp.nn.tokens import IGNORE_INDEX
from tests.helpers.gradcheck import check_gradients
from tests.helpers.variants import CORE, OTHERS, REGULARISED, VARIANTS, random_state, small_model

T, B, V, H = 4, 3, 11, 6
KEY = 7, 3
PARTS = {
    "rates": {"input_dropout": 0.3, "between_dropout": 0.2, "output_dropout": 0.4},
    "embedding_dropout": {"embedding_dropout": 0.4},
    "weight_drop": {"weight_drop": 0.5},
    "drop_state": {"drop_state": 0.5},
    "penalties": {"activation_penalty": 2.0, "temporal_penalty": 1.5, "output_dropout": 0.3},
    "all": REGULARISED,
}


def window(steps=T, seed=1):
    """Inputs, some of them nothing, and targets."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1, V, size=(steps, B)), rng.integers(V, size=(steps, B))


def penalty(model, workspace, targets):
    """What the penalties add to the loss, from their definition."""
    h = workspace.child(f"cell{len(model.cells) - 1}")["window"].states["h"][1:]
    dropped, counts = workspace.child("decoder")["h"].reshape(h.shape), targets != IGNORE_INDEX
    moved = np.diff(h, axis=0)[counts[1:] & counts[:-1]]
    penalties = model.penalties
    return penalties.activation * np.mean(dropped[counts] ** 2) + penalties.temporal * np.mean(moved**2)


def trained(model, workspace, inputs, targets, state, key=KEY):
    nats, after = model.forward(inputs, targets, state, workspace, key, grad_scale=1 / 5)
    return nats, after, model.backward(workspace)


# each part for every cell, and tied for some; the other cells tied with all parts at once
TRIED = [pytest.param(*p.values, part, False, id=f"{p.id}-{part}") for p in VARIANTS for part in PARTS]
TRIED += [pytest.param(*p.values, part, True, id=f"{p.id}-{part}-tied") for p in CORE for part in PARTS]
TRIED += [pytest.param(*p.values, "all", True, id=f"{p.id}-all-tied") for p in OTHERS]


@pytest.mark.parametrize(("name", "options", "part", "tie"), TRIED)
def test_gradients(name, options, part, tie):
    model = small_model(name, options, sizes=[7, 5], tie=tie, **PARTS[part])
    (inputs, targets), state = window(), random_state(model)

    def loss():
        workspace = model.workspace()
        nats, _ = model.forward(inputs, targets, state, workspace, KEY)
        return nats / 5 + penalty(model, workspace, targets)

    _, _, before = trained(model, model.workspace(), inputs, targets, state)
    arrays = {f"state {k} {j}": array for k, layer in enumerate(state) for j, array in enumerate(layer)}
    grads = {f"state {k} {j}": array for k, layer in enumerate(before) for j, array in enumerate(layer)}
    rng = np.random.default_rng(0)
    check_gradients(loss, model.params.value | arrays, model.params.grad | grads, rng, directions=1)


SEQUENCES = np.array([1, 2, 3, 0, 4, 0, 5, 6, 7, 8, 9, 0, 0, 1, 3, 0])  # five, each with a 0 as its end


def test_gradients_of_penalties_leave_out_what_pads_a_sequence():
    model = small_model(output_dropout=0.3, activation_penalty=2.0, temporal_penalty=1.0)
    inputs, targets = Sequences(SEQUENCES, 0, 8, 10).window(0)
    state = model.zero_state(8)

    def loss():
        workspace = model.workspace()
        nats, _ = model.forward(inputs, targets, state, workspace, KEY)
        return nats / 5 + penalty(model, workspace, targets)

    trained(model, model.workspace(), inputs, targets, state)
    check_gradients(loss, model.params.value, model.params.grad, np.random.default_rng(0), directions=1)


def test_rows_that_no_sequence_fills_change_no_gradient():
    model, grads = small_model(num_layers=2, activation_penalty=2.0, temporal_penalty=1.0), []
    for rows in 5, 8:
        batch = Sequences(SEQUENCES, 0, rows, 10).window(0)
        trained(model, model.workspace(), *batch, model.zero_state(rows))
        grads.append(model.params.grads.copy())
    np.testing.assert_allclose(*grads, rtol=1e-10, atol=1e-14)


def test_a_window_of_one_step_has_no_difference_to_the_next():
    model = small_model(temporal_penalty=1.0)
    plain = small_model()
    for one in model, plain:
        trained(one, one.workspace(), *window(1), random_state(one))
    np.testing.assert_array_equal(model.params.grads, plain.params.grads)


@pytest.mark.parametrize(("variational", "kind"), [(True, "one"), (False, "each")])
def test_a_window_of_one_step_takes_the_loops_of_longer_ones(variational, kind):
    """Others would have to be compiled while it trains."""
    dropout = Dropout(0.5, 0, variational)
    for steps in 3, 1:
        assert kind_of(dropout.mask((steps, 2, 4), Workspace(np.float32, CPU), (0, 1))) == kind


def test_evaluation_and_what_is_reported_are_free_of_it():
    model, plain = small_model(num_layers=2, **REGULARISED), small_model(num_layers=2)
    state = random_state(model)
    nats, after = model.forward(*window(), state, model.workspace())
    expected, kept = plain.forward(*window(), state, plain.workspace())
    assert nats == expected
    np.testing.assert_array_equal(after[1][0], kept[1][0])
    # nor has a gradient that is asked for while evaluating
    trained(model, model.workspace(), *window(), state, key=None)
    trained(plain, plain.workspace(), *window(), state, key=None)
    np.testing.assert_array_equal(model.params.grads, plain.params.grads)
    penalised = small_model(num_layers=2, activation_penalty=3.0, temporal_penalty=3.0)
    assert trained(penalised, penalised.workspace(), *window(), state)[0] == expected


def mask(shape, rate, place, key=KEY):
    drawn = np.empty(shape)
    CPU.dropout_mask(rate, (*key, place), drawn)
    return drawn


def test_each_place_has_a_rate_of_its_own():
    """Null is that of all: the same masks as with one rate."""
    one = small_model(num_layers=2, dropout=0.4)
    by_place = small_model(num_layers=2, input_dropout=0.4, between_dropout=0.4, output_dropout=0.4)
    mixed = small_model(num_layers=2, dropout=0.4, between_dropout=0.1)
    found = [
        model.forward(*window(), random_state(model), model.workspace(), KEY)[0]
        for model in (one, by_place, mixed)
    ]
    assert found[0] == found[1] != found[2]
    assert [dropout.rate for dropout in mixed.dropouts] == [0.4, 0.1, 0.4]
    each = small_model(num_layers=3, input_dropout=0.3, between_dropout=0.2, output_dropout=0.1)
    assert [dropout.rate for dropout in each.dropouts] == [0.3, 0.2, 0.2, 0.1]


@pytest.mark.parametrize("tie", [False, True])
def test_a_dropped_symbol_is_so_wherever_it_stands_but_not_for_the_decoder(tie):
    model, plain = small_model(embedding_dropout=0.4, tie=tie), small_model()
    of_symbols = mask((V, 1), 0.4, 3)
    assert 0 < (of_symbols == 0).sum() < V
    for name in plain.params.value:
        plain.params.value[name][...] = model.params.value.get(name, model.params.value["embedding.W"])
    plain.params.value["embedding.W"] *= of_symbols
    found, _ = model.forward(*window(), random_state(model), model.workspace(), KEY)
    assert found == pytest.approx(
        plain.forward(*window(), random_state(plain), plain.workspace(), KEY)[0], rel=1e-12
    )


# numba is given other numbers to multiply by, which is the same for every cell
ENGINES = [(*param.values, "numpy") for param in VARIANTS] + [("lstm", {}, "numba"), ("rnn", {}, "numba")]


@pytest.mark.parametrize(("name", "options", "name_of_engine"), ENGINES)
def test_dropped_weights_multiply_and_the_parameters_stay(name, options, name_of_engine):
    """One mask of a layer over all its recurrent products, also in the compiled loops."""
    if name_of_engine == "numba":
        pytest.importorskip("numba")
    model, plain = (
        small_model(name, options, num_layers=2, weight_drop=0.5),
        small_model(name, options, num_layers=2),
    )
    before = model.params.values.copy()
    with engine.use(name_of_engine):
        found = trained(model, model.workspace(), *window(), random_state(model))
        for k in range(2):
            U = plain.recurrent[k].recurrent_part(plain.recurrent[k].p)
            drawn = mask(sum(weights.size for weights in U.values()), 0.5, 6 + k)
            for weights in U.values():
                weights *= drawn[: weights.size].reshape(weights.shape)
                drawn = drawn[weights.size :]
        expected = trained(plain, plain.workspace(), *window(), random_state(plain))
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(found[2][0][0], expected[2][0][0], rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(model.params.values, before)
    for group in model.cells[0].recurrent_matmuls:
        dropped = plain.params.value[f"cell0.U_{group}"] == 0
        assert dropped.mean() == pytest.approx(0.5, abs=0.25)
        assert (model.params.grad[f"cell0.U_{group}"][dropped] == 0).all()


def test_a_dropped_state_begins_its_row_anew():
    model, plain = small_model(num_layers=2, drop_state=0.5), small_model(num_layers=2)
    state = random_state(model)
    goes = mask((B, 1), 0.5, 8)[:, 0] == 0
    assert 0 < goes.sum() < B
    for layer in state:
        for array in layer:
            array[goes] = 0
    found, after, before = trained(model, model.workspace(), *window(), random_state(model))
    expected, kept, gradient = trained(plain, plain.workspace(), *window(), state)
    assert found == expected
    np.testing.assert_array_equal(after[1][1], kept[1][1])
    np.testing.assert_array_equal(before[0][0][goes], 0)
    np.testing.assert_array_equal(before[0][0][~goes], gradient[0][0][~goes])


def test_windows_of_many_lengths_share_the_memory_of_the_longest():
    model = small_model(num_layers=2, **REGULARISED)
    used, found, memory = model.workspace(), [], set()
    for k, steps in enumerate([5, 9, 3, 9, 1, 5]):
        inputs, targets = window(steps, seed=k)
        for workspace in used, model.workspace():
            found.append(trained(model, workspace, inputs, targets, random_state(model), (7, k))[0])
            found.append(model.params.grads.copy())
        if k > 0:
            gates = used.child("cell1")["window"].gates
            memory |= {gates.__array_interface__["data"][0], used["dlogits"].__array_interface__["data"][0]}
        np.testing.assert_array_equal(found[-3], found[-1])
        assert found[-4] == found[-2]
    assert len(memory) == 2


def test_a_shorter_window_borrows_the_memory_of_a_longer_one():
    """As windows that are captured on a GPU do, each of which has a workspace of its own."""
    model = small_model(num_layers=2, **REGULARISED)
    longer = model.workspace()
    trained(model, longer, *window(9), random_state(model))
    shorter, longest = model.workspace(longer), model.workspace(longer)
    for workspace, steps, borrows in (shorter, 5, True), (longest, 12, False):
        nats, *_ = trained(model, workspace, *window(steps), random_state(model))
        grads = model.params.grads.copy()
        assert nats == trained(model, model.workspace(), *window(steps), random_state(model))[0]
        np.testing.assert_array_equal(model.params.grads, grads)
        assert np.shares_memory(workspace["dlogits"], longer["dlogits"]) == borrows
    gates = [workspace.child("cell1")["window"].gates for workspace in (shorter, longer)]
    assert np.shares_memory(*gates)
