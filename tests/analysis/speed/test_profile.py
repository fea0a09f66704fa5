"""The parts of a step are all of it, each counted once; its products are those of the model."""

import threading
import time
from mmap import mmap
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest

from rnnexp.analysis.speed.contenders.ours import NumPy, Ours
from rnnexp.analysis.speed.profile import parts, recurrence
from rnnexp.analysis.speed.profile.memory import bytes_held, reset_peak
from rnnexp.analysis.speed.profile.parts import PARTS, seconds_by_part
from rnnexp.analysis.speed.profile.timed_run import FIRST_UPDATE, TIMED, Stopwatch
from rnnexp.analysis.speed.tasks import LSTM, VARIANTS, Shape, Task
from tests.helpers.variants import REPRESENTATIVES

SMALL = Shape(11, 6, 2, 3, 4, dropout=0.4)
clock = SimpleNamespace(now=0.0)


def outer():
    clock.now += 1
    inner()
    inner()


def inner():
    clock.now += 2


def step():
    clock.now += 3
    outer()
    inner()
    other = threading.Thread(target=inner)
    other.start()
    other.join()


def test_a_part_is_counted_without_the_parts_within_it(monkeypatch):
    monkeypatch.setattr(parts, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(parts, "PARTS", {f"{__name__}.outer": "outer", f"{__name__}.inner": "inner"})
    start = clock.now
    found = seconds_by_part(step, 5)
    # what another thread does meanwhile is waiting to the main one
    assert found == {"inner": 3 * 2, "the rest": 3 + 2, "outer": 1}
    assert list(found) == ["inner", "the rest", "outer"], "largest first"
    assert sum(found.values()) * 5 == clock.now - start


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.cell in REPRESENTATIVES], ids=str)
def test_the_parts_make_up_a_step(variant, monkeypatch):
    """By a clock that goes on by one whenever it is looked at, and counts of the calls."""
    run = Ours(Task(SMALL, variant))
    run.prepare_timing()
    run.step()
    calls = dict.fromkeys(PARTS.values(), 0)
    ticks = iter(range(10**6))
    looks = []

    def look():
        looks.append(next(ticks))
        return looks[-1]

    monkeypatch.setattr(parts, "time", SimpleNamespace(perf_counter=look))
    real = patch

    def counted(target, *arguments, **options):
        if not arguments:
            return real(target, *arguments, **options)

        def count(*args, **kwargs):
            calls[PARTS[target]] += 1
            return arguments[0](*args, **kwargs)

        return real(target, count)

    monkeypatch.setattr(parts, "patch", counted)
    steps, layers = 3, SMALL.num_layers
    found = run.seconds_by_part(steps)
    assert set(found) == {*PARTS.values(), "the rest"} - {
        part for part, number in calls.items() if not number
    }
    assert {"time loop forward", "time loop backward", "softmax", "clip and update", "dropout"} <= set(found)
    assert calls["time loop forward"] == calls["time loop backward"] == layers * steps
    assert calls["weight gradients"] == calls["input projection"] == layers * steps
    assert calls["dropout"] == 2 * (layers + 1) * steps
    assert calls["softmax"] == calls["clip and update"] == steps
    # all that passes between the first and the last look at the clock of each step, once
    assert sum(found.values()) * steps == pytest.approx(len(looks) - steps)
    # of a part that has no other within it, one between its two looks
    for part in "time loop forward", "time loop backward", "softmax", "clip and update", "dropout":
        assert found[part] * steps == pytest.approx(calls[part]), part


def multiplications(a, b):
    return np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2] * a.shape[-1] * b.shape[-1]


@pytest.mark.parametrize("tie", [False, True])
def test_the_products_alone_are_those_of_the_model(tie, monkeypatch):
    shape = Shape(11, 6, 2, 3, 4, dropout=0.4, tie_weights=tie)
    run = NumPy(Task(shape, LSTM))
    run.prepare_timing()
    V, H, B, T = shape.vocab_size, shape.hidden_size, shape.batch_size, shape.bptt
    large = sum(
        int(np.prod(stack)) * size
        for calls in run.matmuls_of_a_step()
        for stack, size in (multiplications(a, b) for a, b, out in calls)
    )
    # of each layer: the input's product, its gradient and that of W, that of U; of the decoder: three
    per_token = shape.num_layers * (3 * 4 * H * H + 4 * H * H) + 3 * H * V
    assert large == T * B * per_token, "the time loop's are repeated by `multiply_window`"

    repeated = []
    monkeypatch.setattr(
        recurrence, "multiply", lambda layer, weights, h, rows: repeated.append((layer, len(h), rows))
    )
    assert run.matmul_only_seconds(1, time.perf_counter) >= 0
    layers = [layer for layer, length, rows in repeated]
    assert layers == [layer for layer in run.model.recurrent for direction in ("forward", "backward")]
    assert all((length, rows) == (T, slice(0, B)) for _, length, rows in repeated)


def test_memory_is_counted_from_where_the_peak_was_reset():
    if bytes_held("VmRSS") is None:
        pytest.skip("the system has no /proc")
    assert bytes_held("VmNothing") is None
    reset_peak()
    before = bytes_held("VmRSS")
    held = np.frombuffer(mmap(-1, 64_000_000), np.uint8)  # new memory, not some that was freed before
    held[...] = 1
    assert bytes_held("VmHWM") - before > 0.9 * held.nbytes


def test_computation_within_computation_counts_once(monkeypatch):
    monkeypatch.setattr(
        "rnnexp.analysis.speed.profile.timed_run.time",
        SimpleNamespace(perf_counter=lambda: clock.now, time=lambda: clock.now),
    )
    clock.now = 100.0
    watch = Stopwatch()
    inner_target = next(t for t, kind in TIMED.items() if kind == "computation" and t != FIRST_UPDATE)
    training_target = next(t for t, kind in TIMED.items() if kind == "training")
    computing = watch.timed(inner_target, inner)
    update = watch.timed(FIRST_UPDATE, inner)

    def evaluate():
        clock.now += 1
        computing()

    def train():
        clock.now += 10
        watch.timed(inner_target, evaluate)()
        update()
        update()

    watch.timed(training_target, train)()
    assert watch.spent == {"training": 17.0, "computation": 7.0, "first_update": 115.0}
