"""Contenders do the same work."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from rnnexp.analysis.speed.contenders import (
    COMPILED_LOOP,
    CPU,
    GPU,
    LOOP,
    STEP_BY_STEP,
    takes_part,
    variant_of,
)
from rnnexp.analysis.speed.contenders.ours import Numba, NumPy, Ours
from rnnexp.analysis.speed.contenders.textbook import STEPS, Textbook
from rnnexp.analysis.speed.tasks import (
    GOALS,
    GRU,
    GRU_RESET_AFTER,
    JAX_LABELS,
    LOOP_LABELS,
    LSTM,
    PYTORCH_VARIANTS,
    RNN,
    SHAPES,
    TEXTBOOK_LABELS,
    VARIANTS,
    Shape,
    Task,
    Variant,
)
from rnnexp.compute import engine
from rnnexp.nn.cells import CELLS
from tests.helpers.variants import REPRESENTATIVES

# compiled here, some seconds each; what is compiled of the others, `tests.compute.test_engine` runs as Python
TRIED = {variant.cell for variant in VARIANTS if variant.label in TEXTBOOK_LABELS} | {*REPRESENTATIVES}


def losses(contender, task, steps=6):
    run = contender(task)
    run.prepare_comparison()
    return np.array([run.step() for _ in range(steps)])


def small_task(variant, tie=False):
    return Task(Shape(11, 6, 2, 3, 4, dropout=0.4, tie_weights=tie), variant, lr=5.0)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.cell in TRIED], ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_all_contenders_do_the_same_work(variant, tie):
    task = small_task(variant, tie)
    ours = losses(Ours, task)
    assert abs(ours[0] - ours[-1]) > 1e-3  # they train
    for slower in [Numba] * ("numba" in engine.installed()) + [NumPy]:
        np.testing.assert_allclose(losses(slower, task), ours, rtol=1e-5)
    if takes_part("textbook", variant):
        np.testing.assert_allclose(losses(Textbook, task), ours, rtol=1e-5)


SAME_IN_PYTORCH = [variant for variant in VARIANTS if PYTORCH_VARIANTS.get(variant.label) == variant]


@pytest.mark.parametrize("variant", SAME_IN_PYTORCH, ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_pytorch_does_the_same_work(variant, tie):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from rnnexp.analysis.speed.contenders.pytorch import PyTorch

    task = small_task(variant, tie)
    np.testing.assert_allclose(losses(PyTorch, task), losses(Ours, task), rtol=1e-5)


@pytest.fixture
def lively(monkeypatch):
    """Begin with weights so large that an error of a hundredth in any gate's gradient shows in the losses."""
    quiet = Task.model

    def model(task, *where):
        made = quiet(task, *where)
        made.params.values[...] = np.random.default_rng(1).normal(0, 0.6, len(made.params.values))
        return made

    monkeypatch.setattr(Task, "model", model)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.label in LOOP_LABELS], ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_a_loop_in_pytorch_does_the_same_work(variant, tie, lively):
    """So our gradients, written by hand, are those that PyTorch finds by itself."""
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from rnnexp.analysis.speed.contenders.pytorch_loop import Loop

    task = replace(
        small_task(variant, tie), lr=1.0, clip_norm=1e3
    )  # never clipped, which would hide a factor
    np.testing.assert_allclose(losses(Loop, task), losses(NumPy, task), rtol=1e-6)


def test_a_loop_in_pytorch_has_the_cells_that_are_said_to_be_in_it():
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from rnnexp.analysis.speed.contenders import pytorch_steps

    assert pytorch_steps.STEPS.keys() == LOOP_LABELS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # PyTorch's own, of its compiler
def test_a_compiled_loop_in_pytorch_does_the_same_work():
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    if not shutil.which("g++"):
        pytest.skip("no g++")
    from rnnexp.analysis.speed.contenders.pytorch_loop import CompiledLoop

    task = small_task(GRU)
    np.testing.assert_allclose(losses(CompiledLoop, task), losses(NumPy, task), rtol=1e-5)


@pytest.fixture
def jax_scan():
    """The module of the contender, which may leave this process on fewer cores."""
    pytest.importorskip("jax", reason="JAX is not installed: pip install jax")
    from rnnexp.analysis.speed.contenders import jax_scan

    cores = os.sched_getaffinity(0)
    yield jax_scan
    os.sched_setaffinity(0, cores)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.label in JAX_LABELS], ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_jax_does_the_same_work(jax_scan, variant, tie):
    task = small_task(variant, tie)
    np.testing.assert_allclose(losses(jax_scan.Jax, task), losses(Ours, task), rtol=1e-5)


def test_jax_has_the_cells_that_are_said_to_be_in_it(jax_scan):
    assert jax_scan.STEPS.keys() == JAX_LABELS


def test_jax_goes_on_with_another_number_of_threads(jax_scan):
    task = small_task(LSTM)
    run = jax_scan.Jax(task)
    run.prepare_comparison()
    found = []
    for number in 1, len(run.cores), 1:
        run.use_threads(number)
        found += [run.step(), run.step()]
        assert len(os.sched_getaffinity(0)) == number
    np.testing.assert_allclose(found, losses(Ours, task), rtol=1e-5)


def test_jax_drops_other_values_at_each_step(jax_scan):
    task = small_task(LSTM)
    run = jax_scan.Jax(replace(task, lr=0.0))
    run.prepare_timing()
    run.windows, first = run.windows[:1], run.states
    found = []
    for _ in range(3):
        run.states = jax_scan.jax.tree.map(np.copy, first)
        found.append(run.step())
    assert len(set(found)) == 3


@pytest.mark.parametrize(("variant", "name"), [(LSTM, "CuDNN"), (RNN, "InGraph"), (GRU, "StepByStep")])
@pytest.mark.parametrize("tie", [False, True])
def test_pytorch_on_a_gpu_does_the_same_work(variant, name, tie, monkeypatch):
    """Tried on the CPU, where PyTorch needs no GPU."""
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from rnnexp.analysis.speed.contenders import pytorch_gpu

    monkeypatch.setattr(pytorch_gpu.CuDNN, "device", "cpu")
    task = small_task(variant, tie)
    np.testing.assert_allclose(getattr(pytorch_gpu, name)(task).losses(6), losses(Ours, task), rtol=1e-5)


def test_a_step_on_a_gpu_is_what_it_is_on_the_cpu(gpu):
    from rnnexp.analysis.speed.contenders.ours_gpu import Graph, Plain

    task = small_task(GRU)
    expected = losses(Ours, task, 40)
    for contender in Graph, Plain:
        run = contender(task)
        np.testing.assert_allclose(run.losses(40), expected, rtol=1e-4)
        run.use.__exit__(None, None, None)


def test_every_cell_is_measured():
    assert {variant.cell for variant in VARIANTS} == CELLS.keys()


def test_every_shape_has_a_goal_for_every_cell_that_pytorch_has():
    assert GOALS.keys() == SHAPES.keys()
    for goals in GOALS.values():
        assert goals.keys() == {variant.cell for variant in PYTORCH_VARIANTS.values()}


def test_the_textbook_has_the_cells_that_are_said_to_be_in_it():
    assert STEPS.keys() == TEXTBOOK_LABELS


def test_a_cell_that_only_we_have_is_measured_without_the_others(monkeypatch):
    for has in "has_torch", "has_jax":
        monkeypatch.setattr(f"rnnexp.analysis.speed.contenders.{has}", lambda: True)
    assert takes_part("jax", LSTM)
    ours_alone = Variant("mine", "mine")
    assert [who for who in CPU if takes_part(who, ours_alone)] == ["ours", "mkl", "numba", "numpy"]
    assert [who for who in GPU if takes_part(who, ours_alone)] == ["graph", "fused", "cupy", "graph, tf32"]


def test_a_loop_in_pytorch_has_the_cells_that_its_layers_lack(monkeypatch):
    monkeypatch.setattr("rnnexp.analysis.speed.contenders.has_torch", lambda: True)
    peephole = Variant("peephole", "peephole")
    assert [who for who in CPU if takes_part(who, peephole) and who.startswith("torch")] == [
        LOOP,
        COMPILED_LOOP,
    ]
    assert variant_of(LOOP, GRU) == variant_of(COMPILED_LOOP, GRU) == GRU, "in the form that ours has"


def test_pytorch_trains_the_gru_that_it_has(monkeypatch):
    monkeypatch.setattr("rnnexp.analysis.speed.contenders.has_torch", lambda: True)
    assert variant_of("torch", GRU) == GRU_RESET_AFTER
    assert variant_of(STEP_BY_STEP, GRU) == variant_of("textbook", GRU) == GRU
    assert takes_part(STEP_BY_STEP, GRU)
    assert not takes_part(STEP_BY_STEP, LSTM)
    monkeypatch.setattr("rnnexp.analysis.speed.contenders.has_torch", lambda: False)
    assert not any(takes_part(who, GRU) for who in [*CPU, *GPU] if who.startswith("torch"))


def test_jax_is_left_out_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("rnnexp.analysis.speed.contenders.find_spec", lambda name: None)
    assert not takes_part("jax", LSTM)
