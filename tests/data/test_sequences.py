"""Sequences in batches are the sequences one by one."""

import numpy as np
import pytest

from rnnexp.data.batches import Sequences
from rnnexp.data.datasets import text
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import evaluate
from tests.helpers.variants import VARIANTS, small_model

END, V = 0, 11
LINES = [[3, 4], [5], [], [7, 8, 9, 10, 1, 2], [6, 6, 6]]
TOKENS = np.array([token for line in LINES for token in [*line, END]], np.int32)


def one_by_one(model, lines):
    """Summed nats and gradients, a sequence and a token at a time, without a batch or a mask."""
    nats, grads = 0.0, np.zeros_like(model.params.grads)
    for line in lines:
        inputs, targets = np.array([-1, *line])[:, None], np.array([*line, END])[:, None]
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
            for b in np.flatnonzero(y >= 0):
                pasts[b].append(int(x[b]))
                seen.append((tuple(pasts[b]), int(y[b])))
    expected = []
    for line in LINES:
        inputs = [-1, *line]
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
    assert {len(inputs) for inputs, _ in batches} <= set(range(1, 8))
    assert evaluate(model, tokens, end=END) * len(tokens) == pytest.approx(whole, rel=1e-12)


def corpus(tmp_path, content, **options):
    path = tmp_path / "lines.txt"
    path.write_text(content, encoding="utf-8")
    return text.make(str(path), lines=True, **options)


def lines_of(corpus, split):
    symbols = [corpus.vocabulary.symbols[token] for token in corpus.splits[split]]
    return "".join(symbols).split("\n")[:-1]


def test_lines_are_split_at_random_copies_together_empty_ones_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    names = [f"name{k}" for k in range(50)]
    made = corpus(tmp_path, "\n".join([*names, "", "  ", *names[:20]]), level="char", split=(0.6, 0.2, 0.2))
    assert "2 empty lines are left out" in caplog.text
    parts = {split: lines_of(made, split) for split in ("train", "valid", "test")}
    assert [len(set(part)) for part in parts.values()] == [30, 10, 10]
    assert sorted(line for part in parts.values() for line in part) == sorted(names + names[:20])
    assert parts["train"] != sorted(parts["train"])
    same = corpus(tmp_path, "\n".join([*names, "", "  ", *names[:20]]), level="char", split=(0.6, 0.2, 0.2))
    assert same.digest() == made.digest()


def test_lines_of_words_end_with_eos(tmp_path):
    made = corpus(tmp_path, "a b\nc a\nb c\n")
    assert made.vocabulary.symbols[made.end] == "<eos>"
    assert sum(len(part) for part in made.splits.values()) == 9


def test_too_few_lines_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"lines.txt has 1 lines that differ; training, validation and test take one each"
    ):
        corpus(tmp_path, "once\nonce\n")
