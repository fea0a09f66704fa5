"""The whole model: gradients over depth, tying and dropout; exact perplexities; parity with PyTorch."""

import itertools
import math

import numpy as np
import pytest

from rnnexp.compute import cpu, engine, ops, threads
from rnnexp.compute.backend import CPU
from rnnexp.errors import UserError
from rnnexp.nn.cells import CELLS
from rnnexp.nn.inputs import TokenInputs
from rnnexp.nn.model import Model
from tests.helpers.gradcheck import check_gradients
from tests.helpers.variants import CORE, VARIANTS, random_state, small_model

T, B, V = 4, 3, 11


def window(seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(V, size=(T, B)), rng.integers(V, size=(T, B))


DROPOUTS = [
    {},
    {"dropout": 0.4},
    {"recurrent_dropout": 0.3},
    {"dropout": 0.4, "recurrent_dropout": 0.3, "variational": True},
]
SHAPES = list(itertools.product([1, 2, 3], [False, True], DROPOUTS))


# every shape for some cells, a small and a large one for the others
TRIED = [pytest.param(*p.values, *shape, id=f"{p.id}-{k}") for p in CORE for k, shape in enumerate(SHAPES)]
TRIED += [
    pytest.param(*p.values, *SHAPES[k], id=f"{p.id}-{k}") for p in VARIANTS if p not in CORE for k in (4, 11)
]


@pytest.mark.parametrize(("name", "options", "depth", "tie", "dropout"), TRIED)
def test_gradients(name, options, depth, tie, dropout, monkeypatch):
    monkeypatch.setattr(ops, "BLOCK", 5 * V)  # blocks of 5, 5 and 2 rows
    embed_size = None if tie else 5
    model = small_model(name, options, num_layers=depth, tie=tie, embed_size=embed_size, **dropout)
    inputs, targets = window()
    state, key = random_state(model), (7, 3)
    dlast = random_state(model, seed=4)  # as if a later window had sent a gradient back

    def loss():
        nats, last = model.forward(inputs, targets, state, model.workspace(), key)
        carried = sum(np.sum(a * d) for al, dl in zip(last, dlast) for a, d in zip(al, dl))
        return nats / 5 + float(carried)

    workspace = model.workspace()
    model.forward(inputs, targets, state, workspace, key, grad_scale=1 / 5)
    dstate = model.backward(workspace, dlast)
    flat_state = {f"state{k}.{j}": a for k, layer in enumerate(state) for j, a in enumerate(layer)}
    flat_dstate = {f"state{k}.{j}": a for k, layer in enumerate(dstate) for j, a in enumerate(layer)}
    rng = np.random.default_rng(0)
    check_gradients(loss, model.params.value | flat_state, model.params.grad | flat_dstate, rng)


@pytest.mark.parametrize("fault", [lambda g: -g, np.zeros_like], ids=["sign", "zero"])
@pytest.mark.parametrize("tie", [False, True])
def test_gradient_check_catches_a_planted_fault(tie, fault):
    model = small_model("gru", num_layers=2, tie=tie, dropout=0.4)
    inputs, targets = window()

    def loss():
        return model.forward(inputs, targets, model.zero_state(B), model.workspace(), (7, 3))[0]

    workspace = model.workspace()
    model.forward(inputs, targets, model.zero_state(B), workspace, (7, 3), grad_scale=1.0)
    model.backward(workspace)
    for planted, grad in model.params.grad.items():
        grads = model.params.grad | {planted: fault(grad)}
        with pytest.raises(AssertionError, match=f"^{planted}:"):
            check_gradients(loss, model.params.value, grads, np.random.default_rng(0))


def test_tied_matrix_gets_the_sum_of_both_gradients():
    tied = small_model(tie=True)
    free = small_model(tie=False)
    for name, value in tied.params.value.items():
        free.params.value[name][...] = value
    free.params.value["decoder.W"][...] = tied.params.value["embedding.W"]
    inputs, targets = window()
    for model in tied, free:
        workspace = model.workspace()
        model.forward(inputs, targets, model.zero_state(B), workspace, grad_scale=1.0)
        model.backward(workspace)
    np.testing.assert_allclose(
        tied.params.grad["embedding.W"],
        free.params.grad["embedding.W"] + free.params.grad["decoder.W"],
        rtol=1e-12,
    )


def test_a_tape_can_be_used_again():
    """Buffers that are reused must not change the next window's gradients."""
    model = small_model("lstm", num_layers=2, dropout=0.3)
    fresh, used = model.workspace(), model.workspace()
    for seed in 5, 6:
        inputs, targets = window(seed)
        _, state = model.forward(inputs, targets, model.zero_state(B), used, (1, seed), grad_scale=1.0)
        kept = [tuple(array.copy() for array in layer) for layer in state]
        model.backward(used)
    reused = model.params.grads.copy()
    model.forward(inputs, targets, model.zero_state(B), fresh, (1, seed), grad_scale=1.0)
    model.backward(fresh)
    np.testing.assert_array_equal(reused, model.params.grads)
    np.testing.assert_array_equal(kept[0][0], state[0][0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_output_has_the_vocabulary_as_its_perplexity(dtype):
    model = small_model(dtype=dtype)
    model.params.value["decoder.W"][...] = 0
    model.params.value["decoder.b"][...] = 0.25
    inputs, targets = window()
    nats, _ = model.forward(inputs, targets, model.zero_state(B), model.workspace())
    assert math.exp(nats / targets.size) == pytest.approx(V, rel=1e-12)


@pytest.mark.parametrize("block", [1, 5 * V, 1000 * V])
def test_the_loss_does_not_depend_on_the_blocks(block, monkeypatch):
    monkeypatch.setattr(ops, "BLOCK", block)
    blocks = counted(monkeypatch, ops)
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((12, V)) * 4, rng.integers(V, size=12)
    bias = rng.standard_normal(V)
    biased = logits + bias
    p = np.exp(biased) / np.exp(biased).sum(axis=1, keepdims=True)
    gradient = (p - np.eye(V)[targets]) / 3
    nats = CPU.softmax_cross_entropy(logits, bias, targets, grad_scale=1 / 3)
    assert nats == pytest.approx(-np.log(p[np.arange(12), targets]).sum(), rel=1e-12)
    np.testing.assert_allclose(logits, gradient, atol=1e-15)
    assert blocks == [{1: 12, 5 * V: 3, 1000 * V: 1}[block]]


def counted(monkeypatch, module):
    """The numbers of parts in which a module has work done."""
    numbers, in_parts = [], module.in_parts

    def noting(function, length, part):
        numbers.append(-(-length // part))
        in_parts(function, length, part)

    monkeypatch.setattr(module, "in_parts", noting)
    return numbers


def test_dropout_masks_are_addressed_by_seed_step_and_place():
    def draw(*key):
        mask = np.empty((400, 50), np.float32)
        CPU.dropout_mask(0.3, key, mask)
        return mask

    mask = draw(1, 2, 3)
    np.testing.assert_array_equal(mask, draw(1, 2, 3))
    for other in (2, 2, 3), (1, 3, 3), (1, 2, 4):
        assert (mask != draw(*other)).mean() > 0.3
    assert mask.dtype == np.float32
    assert set(np.unique(mask).tolist()) == {0.0, np.float32(1 / 0.7)}
    assert (mask == 0).mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("in_time", [None, False, True])
@pytest.mark.parametrize("variational", [False, True])
def test_where_the_masks_of_dropout_act(variational, in_time):
    """A vanilla network written out: inputs, what the recurrent product reads, and outputs are masked."""
    switches = {"variational": variational, "recurrent_variational": in_time}
    model = small_model("rnn", dropout=0.4, recurrent_dropout=0.3, **switches)
    inputs, targets = window()
    p, key = model.params.value, (7, 3)

    def mask(rate, place, one_for_all=variational):
        return dropout_mask_of((1 if one_for_all else T, B, 6), rate, (*key, place))

    x = p["embedding.W"][inputs] * mask(0.4, 0)
    of_time = mask(0.3, 2, variational if in_time is None else in_time)
    h, m, out = np.zeros((B, 6)), np.broadcast_to(of_time, (T, B, 6)), []
    for t in range(T):
        h = np.tanh(x[t] @ p["cell0.W"][0] + (h * m[t]) @ p["cell0.U_n"][0] + p["cell0.b"][0])
        out.append(h)
    logits = (np.array(out) * mask(0.4, 1)) @ p["decoder.W"].T + p["decoder.b"]
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    expected = -np.take_along_axis(log_p, targets[..., None], axis=-1).sum()
    nats, _ = model.forward(inputs, targets, model.zero_state(B), model.workspace(), key)
    assert nats == pytest.approx(expected, rel=1e-12)
    without, _ = model.forward(inputs, targets, model.zero_state(B), model.workspace())
    assert abs(without - expected) > 1e-3


@pytest.mark.parametrize(
    ("cell", "options", "products"), [("lstm", {}, 4), ("gru", {"reset": "after"}, 3), ("rnn", {}, 1)]
)
def test_the_multiplications_of_a_token(cell, options, products):
    """D + H of each gate and number of a layer, H of each symbol; looking up a symbol is free."""
    model = small_model(cell, options, embed_size=5, num_layers=2)
    assert model.operations_per_token() == products * 6 * (5 + 6) + products * 6 * (6 + 6) + V * 6
    tied = small_model(cell, options, tie=True)
    assert tied.operations_per_token() == products * 6 * (6 + 6) + V * 6
    one_hot = small_model(cell, options, one_hot=True)
    assert one_hot.operations_per_token() == products * 6 * 6 + V * 6


def test_what_keeps_training_out_of_the_compiled_loops():
    pytest.importorskip("numba")

    class Centred(CELLS["rnn"]):
        def step(self, arrays, recurrent):
            super().step(arrays, recurrent)
            arrays["h"] -= arrays["h"].mean(axis=1, keepdims=True)

    centred = Model([Centred(4, 6)], V, embed_size=4)
    with engine.use("numba"):
        assert small_model("gru", recurrent_dropout=0.2, clip_through_time=1.0).not_compiled() == []
        (why,) = centred.not_compiled()
        assert "cannot use .mean of an array" in why
    with engine.use("numpy"):
        assert centred.not_compiled() == []


def dropout_mask_of(shape, rate, key):
    mask = np.empty(shape)
    CPU.dropout_mask(rate, key, mask)
    return mask


@pytest.mark.parametrize("limit", [1e9, 0.02])
def test_gradients_clipped_on_their_way_through_time(limit):
    """Of a vanilla network, written out."""
    model = small_model("rnn", clip_through_time=limit)
    inputs, targets = window()
    p, workspace = model.params.value, model.workspace()
    model.forward(inputs, targets, model.zero_state(B), workspace, grad_scale=1.0)
    model.backward(workspace)
    hs = [np.zeros((B, 6))]
    for x in p["embedding.W"][inputs]:
        hs.append(np.tanh(x @ p["cell0.W"][0] + hs[-1] @ p["cell0.U_n"][0] + p["cell0.b"][0]))
    dh, dU = np.zeros((B, 6)), np.zeros((6, 6))
    for t in reversed(range(T)):
        logits = hs[t + 1] @ p["decoder.W"].T + p["decoder.b"]
        dlogits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        dlogits[np.arange(B), targets[t]] -= 1
        da = (dh + dlogits @ p["decoder.W"]) * (1 - hs[t + 1] ** 2)
        dU += hs[t].T @ da
        dh = np.clip(da @ p["cell0.U_n"][0].T, -limit, limit)
    np.testing.assert_allclose(model.params.grad["cell0.U_n"][0], dU, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_mask_is_one_run_of_its_generator_whatever_draws_it(number, monkeypatch):
    monkeypatch.setattr(cpu, "PART", 64)
    parts = counted(monkeypatch, cpu)
    mask = np.empty((13, 23), np.float32)
    with threads.use(number):
        CPU.dropout_mask(0.3, (1, 2, 3), mask)
    rng = np.random.Generator(np.random.Philox(key=1, counter=[0, 0, 2, 3]))
    drawn = rng.random(mask.shape, dtype=np.float32)
    np.testing.assert_array_equal(mask, np.where(drawn < 0.3, 0, np.float32(1 / 0.7)))
    assert parts == [5]


@pytest.mark.parametrize("tie", [False, True])
def test_symbols_and_vectors_give_one_model(tie, monkeypatch):
    model = small_model("lstm", num_layers=2, tie=tie)
    inputs, targets = window()
    results = []
    for by_symbol in True, False:
        monkeypatch.setattr(TokenInputs, "is_cheaper", lambda *_, by_symbol=by_symbol: by_symbol)
        workspace = model.workspace()
        nats, _ = model.forward(inputs, targets, model.zero_state(B), workspace, grad_scale=1.0)
        assert workspace["looked up later"] == by_symbol
        model.backward(workspace)
        results.append((nats, model.params.grads.copy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-10, atol=1e-13)


def test_symbols_are_for_small_vocabularies():
    tokens = np.zeros((64, 32), int)
    assert TokenInputs.is_cheaper(tokens, np.empty((65, 256)), CPU)
    assert not TokenInputs.is_cheaper(tokens, np.empty((2000, 256)), CPU)
    assert not TokenInputs.is_cheaper(tokens[:1, :1], np.empty((65, 256)), CPU)


def test_tying_needs_equal_sizes():
    with pytest.raises(UserError, match=r"model\.embed_size=4 must equal model.hidden_size=6"):
        Model([CELLS["gru"](4, 6)], V, embed_size=4, tie_weights=True)


@pytest.mark.parametrize(("tie", "expected"), [(False, 10_000 * 100), (True, 0)])
def test_parameter_counts(tie, expected):
    model = Model([CELLS["lstm"](100, 100)], 10_000, 100, tie_weights=tie)
    assert model.num_params() == {
        "embedding": 1_000_000,
        "recurrent": 4 * (100 * 100 + 100 * 100 + 100),
        "output": expected + 10_000,
    }


TORCH = [("rnn", {}, "RNN"), ("lstm", {}, "LSTM"), ("gru", {"reset": "after"}, "GRU")]


@pytest.mark.extras
@pytest.mark.parametrize(("name", "options", "module"), TORCH)
@pytest.mark.parametrize("tie", [False, True])
def test_same_weights_same_loss_and_gradients_as_pytorch(name, options, module, tie):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    size, depth = 6, 2
    model = small_model(name, options, num_layers=depth, tie=tie)
    inputs, targets = window()
    workspace = model.workspace()
    nats, _ = model.forward(inputs, targets, model.zero_state(B), workspace, grad_scale=1 / targets.size)
    model.backward(workspace)
    p, g = model.params.value, model.params.grad

    # their blocks are stacked along rows as (i, f, g, o) or (r, z, n), and every block has two biases
    theirs = {"RNN": "n", "LSTM": "ifgo", "GRU": "rzn"}[module]
    cell = model.cells[0]

    def rows(array, gates, order):
        return torch.tensor(np.concatenate([array[gates.index(gate)].T for gate in order]))

    recurrent = theirs.replace("n", "m") if module == "GRU" else theirs

    def layer(source, k):
        (product,) = cell.recurrent_matmuls
        b = source[f"cell{k}.b"]
        return {
            f"weight_ih_l{k}": rows(source[f"cell{k}.W"], cell.input_gates, theirs),
            f"weight_hh_l{k}": rows(source[f"cell{k}.U_{product}"], product, recurrent),
            f"bias_ih_l{k}": rows(b, cell.gates, theirs),
            # the blocks with one bias here have theirs in bias_ih
            f"bias_hh_l{k}": rows(b, cell.gates, recurrent)
            * torch.tensor(np.repeat([float(gate == "m") for gate in recurrent], size)),
        }

    net = getattr(torch.nn, module)(size, size, depth).double()
    weights, grads = {}, {}
    for k in range(depth):
        weights |= layer(p, k)
        grads |= layer(g, k)
    net.load_state_dict(weights)
    embedding = torch.tensor(p["embedding.W"].copy(), requires_grad=True)
    decoder = embedding if tie else torch.tensor(p["decoder.W"].copy(), requires_grad=True)
    bias = torch.tensor(p["decoder.b"].copy(), requires_grad=True)
    h, _ = net(embedding[torch.tensor(inputs)])
    loss = torch.nn.functional.cross_entropy(
        (h @ decoder.T + bias).reshape(-1, V), torch.tensor(targets).reshape(-1)
    )
    loss.backward()

    assert nats / targets.size == pytest.approx(loss.item(), rel=1e-12)
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(g["embedding.W"], embedding.grad, **close)
    np.testing.assert_allclose(g["decoder.b"], bias.grad, **close)
    if not tie:
        np.testing.assert_allclose(g["decoder.W"], decoder.grad, **close)
    for key, parameter in net.named_parameters():
        ours, theirs_grad = grads[key], parameter.grad
        if key.startswith("bias_hh"):  # only the candidate's recurrent bias is a parameter of its own
            theirs_grad = theirs_grad * (ours != 0)
        np.testing.assert_allclose(ours, theirs_grad, err_msg=key, **close)
