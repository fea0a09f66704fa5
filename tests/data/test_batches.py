"""Batches: every target once behind its own past, and the loss of a batch is that of its rows one by one."""

import numpy as np
import pytest

from rnnexp.data.batches import RandomStreams, Sequences, Streams
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.nn.tokens import BOS_INPUT, IGNORE_INDEX
from tests.helpers.variants import VARIANTS, small_model

END, V = 0, 11
LINES = [[3, 4], [5], [], [7, 8, 9, 10, 1, 2], [6, 6, 6]]
TOKENS = np.array([token for line in LINES for token in [*line, END]], np.int32)


@pytest.mark.parametrize("tokens", [2, 17, 100, 101, 119])
@pytest.mark.parametrize("batch_size", [1, 3, 10])
@pytest.mark.parametrize("bptt", [1, 4, 1000])
def test_every_target_stands_in_one_window_behind_its_predecessor(tokens, batch_size, bptt):
    text = np.arange(tokens)
    streams = Streams(text, batch_size, bptt)
    parts = [*streams, streams.tail]
    inputs = np.concatenate([part[0].T.ravel() for part in parts])
    targets = np.concatenate([part[1].T.ravel() for part in parts])
    np.testing.assert_array_equal(np.sort(targets), text[1:])
    np.testing.assert_array_equal(inputs, targets - 1)
    assert len(streams.tail[0]) < batch_size
    assert len(list(streams)) == len(streams)
    assert all(1 <= len(window[0]) <= bptt for window in streams)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("bptt", [1, 4, 1000])
def test_a_window_knows_where_its_targets_stand(batch_size, bptt):
    order = np.array([4, 0, 3, 1, 2])
    for batches in (
        Streams(TOKENS, batch_size, bptt),
        Sequences(TOKENS, END, batch_size, bptt),
        Sequences(TOKENS, END, batch_size, bptt, order),
    ):
        found = []
        for k, (_, targets) in enumerate(batches):
            positions = batches.positions(k)
            assert positions.shape == targets.shape
            counted = positions != IGNORE_INDEX
            np.testing.assert_array_equal(counted, targets != IGNORE_INDEX)
            np.testing.assert_array_equal(TOKENS[positions[counted]], targets[counted])
            found += positions[counted].tolist()
        left = len(batches.tail[0]) if isinstance(batches, Streams) else 0
        first = 1 if isinstance(batches, Streams) else 0
        assert sorted(found) == list(range(first, len(TOKENS) - left))


def test_streams_go_on_from_window_to_window_and_into_the_tail():
    streams = Streams(np.arange(24), 3, 4)  # 23 targets: three runs of 7, two left over
    first, second = streams
    np.testing.assert_array_equal(first[0], [[0, 7, 14], [1, 8, 15], [2, 9, 16], [3, 10, 17]])
    np.testing.assert_array_equal(second[0], [[4, 11, 18], [5, 12, 19], [6, 13, 20]])
    np.testing.assert_array_equal(streams.tail[0], [[21], [22]])


def one_by_one(model, lines):
    """Summed nats and gradients, a sequence and a token at a time, without a batch or a mask."""
    nats, grads = 0.0, np.zeros_like(model.params.grads)
    for line in lines:
        inputs, targets = np.array([BOS_INPUT, *line])[:, None], np.array([*line, END])[:, None]
        workspace = model.workspace()
        nats += model.forward(inputs, targets, model.zero_state(1), workspace, grad_scale=1.0)[0]
        model.backward(workspace)
        grads += model.params.grads
    return nats, grads


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_every_target_once_after_its_own_past(batch_size):
    seen = []
    batches = Sequences(TOKENS, END, batch_size, bptt=3)
    pasts: dict[int, list[int]] = {}
    for k in range(len(batches)):
        inputs, targets = batches.window(k)
        assert inputs.shape == targets.shape
        assert inputs.shape[1] == batch_size
        if batches.starts_fresh(k):
            pasts = {b: [] for b in range(batch_size)}
        for x, y in zip(inputs, targets):
            for b in np.flatnonzero(y != IGNORE_INDEX):
                pasts[b].append(int(x[b]))
                seen.append((tuple(pasts[b]), int(y[b])))
    expected = []
    for line in LINES:
        inputs = [BOS_INPUT, *line]
        expected += [(tuple(inputs[: t + 1]), target) for t, target in enumerate([*line, END])]
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_loss_and_gradients_are_those_of_the_sequences_one_by_one(name, options, one_hot, batch_size):
    model = small_model(name, options, num_layers=2, vocab_size=V, one_hot=one_hot)
    nats, grads = one_by_one(model, LINES)
    batched, total = 0.0, np.zeros_like(grads)
    batches = Sequences(TOKENS, END, batch_size, bptt=100, order=np.array([4, 2, 0, 1, 3]))
    for inputs, targets in batches:
        workspace = model.workspace()
        batched += model.forward(inputs, targets, model.zero_state(batch_size), workspace, grad_scale=1.0)[0]
        model.backward(workspace)
        total += model.params.grads
    assert batched == pytest.approx(nats, rel=1e-12)
    np.testing.assert_allclose(total, grads, rtol=1e-10, atol=1e-12)
    assert evaluate(model, TOKENS, end=END) == pytest.approx(nats / len(TOKENS), rel=1e-12)


def test_windows_of_a_long_sequence_pass_on_their_state():
    line = np.random.default_rng(0).integers(1, V, 1000).astype(np.int32)
    tokens = np.append(line, np.int32(END))
    model = small_model("lstm", vocab_size=V)
    whole, _ = one_by_one(model, [line.tolist()])
    batches = Sequences(tokens, END, 3, bptt=7)
    assert [inputs.shape for inputs, _ in batches] == [(7, 3)] * 143
    assert [k for k in range(143) if batches.starts_fresh(k)] == [0]
    assert evaluate(model, tokens, end=END) * len(tokens) == pytest.approx(whole, rel=1e-12)


def lengths(epoch, number=200_000, bptt=35):
    return [len(inputs) for inputs, _ in RandomStreams(np.arange(number), 2, bptt, [7, epoch])]


def test_random_lengths_are_a_function_of_their_seed():
    assert lengths(0) == lengths(0) != lengths(1)


def test_random_lengths_are_mostly_near_bptt_and_seldom_near_half_of_it():
    found = np.array(lengths(0)[:-1])
    assert 5 <= found.min() < 17.5 < 35 < found.max() <= 55
    assert np.median(found) == pytest.approx(35, abs=1)
    assert (np.abs(found - 17) < 6).mean() == pytest.approx(0.05, abs=0.01)
    assert max(lengths(0, number=2000, bptt=3)) <= 23


def test_every_target_stands_in_one_window_of_random_length():
    streams = RandomStreams(TOKENS, 3, 4, [0, 0])
    plain = Streams(TOKENS, 3, 4)
    for part in 0, 1:
        found = np.concatenate([window[part] for window in streams])
        np.testing.assert_array_equal(found, (plain.inputs, plain.targets)[part])
    where = np.concatenate([streams.positions(k) for k in range(len(streams))])
    np.testing.assert_array_equal(where, np.concatenate([plain.positions(k) for k in range(len(plain))]))
    assert [streams.denominator(k) for k in range(len(streams))] == [inputs.size for inputs, _ in streams]
    assert sum(streams.lr_factor(k) for k in range(len(streams))) == pytest.approx(len(plain.inputs) / 4)
