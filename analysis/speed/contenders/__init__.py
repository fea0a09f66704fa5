"""Name the contenders, which do the same training step by different code; each is imported where it runs."""

import importlib
import os
from importlib.util import find_spec
from typing import Any

from rnnexp.analysis.speed.tasks import (
    JAX_LABELS,
    LOOP_LABELS,
    PYTORCH_VARIANTS,
    TEXTBOOK_LABELS,
    Task,
    Variant,
)

CPU = {
    "ours": "rnnexp.analysis.speed.contenders.ours.Ours",
    "mkl": "rnnexp.analysis.speed.contenders.ours.Mkl",
    "numba": "rnnexp.analysis.speed.contenders.ours.Numba",
    "numpy": "rnnexp.analysis.speed.contenders.ours.NumPy",
    "torch": "rnnexp.analysis.speed.contenders.pytorch.PyTorch",
    "torch, loop": "rnnexp.analysis.speed.contenders.pytorch_loop.Loop",
    "torch, compiled loop": "rnnexp.analysis.speed.contenders.pytorch_loop.CompiledLoop",
    "textbook": "rnnexp.analysis.speed.contenders.textbook.Textbook",
    "jax": "rnnexp.analysis.speed.contenders.jax_scan.Jax",
}
GPU = {
    "graph": "rnnexp.analysis.speed.contenders.ours_gpu.Graph",
    "fused": "rnnexp.analysis.speed.contenders.ours_gpu.Fused",
    "cupy": "rnnexp.analysis.speed.contenders.ours_gpu.Plain",
    "torch": "rnnexp.analysis.speed.contenders.pytorch_gpu.CuDNN",
    "torch in a graph": "rnnexp.analysis.speed.contenders.pytorch_gpu.InGraph",
    "torch, step by step": "rnnexp.analysis.speed.contenders.pytorch_gpu.StepByStep",
    "graph, tf32": "rnnexp.analysis.speed.contenders.ours_gpu.GraphTF32",
    "torch, tf32": "rnnexp.analysis.speed.contenders.pytorch_gpu.CuDNNTF32",
    "torch in a graph, tf32": "rnnexp.analysis.speed.contenders.pytorch_gpu.InGraphTF32",
}
STEP_BY_STEP = "torch, step by step"  # the GRU with the reset gate before the product
LOOP, COMPILED_LOOP = "torch, loop", "torch, compiled loop"  # any cell


def load(path: str, task: Task) -> Any:
    """Return an object of the class that "package.module.Class" names, made for a task."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(task)


def has_torch() -> bool:
    """Return whether PyTorch is installed."""
    return find_spec("torch") is not None


def has_jax() -> bool:
    """Return whether JAX is installed, and can be held to a number of cores here."""
    return find_spec("jax") is not None and hasattr(os, "sched_setaffinity")


def takes_part(who: str, variant: Variant) -> bool:
    """Return whether a contender is installed and has the cell, in this or another variant."""
    if who == STEP_BY_STEP:
        return has_torch() and variant.label == "gru"
    if who in (LOOP, COMPILED_LOOP):
        return has_torch() and variant.label in LOOP_LABELS
    if who.startswith("torch"):
        return has_torch() and variant.label in PYTORCH_VARIANTS
    if who == "jax":
        return has_jax() and variant.label in JAX_LABELS
    return who != "textbook" or variant.label in TEXTBOOK_LABELS


def variant_of(who: str, variant: Variant) -> Variant:
    """Return the variant of a cell that a contender trains: another where PyTorch's layers lack this one."""
    if who.startswith("torch") and who not in (STEP_BY_STEP, LOOP, COMPILED_LOOP):
        return PYTORCH_VARIANTS[variant.label]
    return variant
