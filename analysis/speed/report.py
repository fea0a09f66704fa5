"""Measure, print as it goes, and write the files."""

import json
from collections.abc import Sequence
from pathlib import Path

from rnnexp.analysis.speed import tables, tables_gpu
from rnnexp.analysis.speed.arguments import BenchmarkError
from rnnexp.analysis.speed.benchmark import benchmark
from rnnexp.analysis.speed.benchmark_gpu import benchmark_gpu
from rnnexp.analysis.speed.contenders import COMPILED_LOOP, LOOP, has_torch
from rnnexp.analysis.speed.figures import draw_ratios
from rnnexp.analysis.speed.tasks import VARIANTS
from rnnexp.compute import backend, engine
from rnnexp.errors import UserError

NO_TORCH = "PyTorch is not installed (pip install torch): measuring the rest."


def report(
    shapes: Sequence[str],
    cells: Sequence[str],
    rounds: int,
    out: Path,
    compiled: bool = False,
    shared: bool = False,
) -> None:
    """Benchmark shapes and cells on the CPU; write speed.json, speed.md and, beside PyTorch, speed.png.

    compiled : whether PyTorch's loop takes part also as torch.compile makes it.
    shared : see `benchmark`.
    """
    out.mkdir(parents=True, exist_ok=True)
    print(f"Ours computes with engine={engine.fastest()}, the fastest that is installed.\n")
    slower = set(engine.installed()) - {engine.fastest()}
    contenders = ["ours", *sorted(slower), "textbook", "torch", "jax", LOOP, *[COMPILED_LOOP] * compiled]
    if not has_torch():
        print(f"{NO_TORCH}\n")
    records = []
    for name in shapes:
        for variant in VARIANTS:
            if variant.label in cells:
                records.append(benchmark(name, variant, contenders, rounds, shared))
                print(tables.sentence(records[-1]), flush=True)
    text = tables.table(records)
    found = {"machine": tables.machine(), "records": records}
    (out / "speed.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "speed.md").write_text(text)
    drawn = draw_ratios(records, out / "speed.png")
    print(f"\n{text}\nWritten: {out}/speed.json, speed.md" + (", speed.png" if drawn else ""))


def report_gpu(shapes: Sequence[str], cells: Sequence[str], rounds: int, out: Path) -> None:
    """Benchmark shapes and cells on a GPU; write gpu.json and gpu.md."""
    try:
        about = backend.gpu().description()
    except UserError as error:
        raise BenchmarkError(str(error)) from error
    print(about, flush=True)
    if not has_torch():
        print(NO_TORCH)
    out.mkdir(parents=True, exist_ok=True)
    records = []
    for name in shapes:
        for variant in VARIANTS:
            if variant.label in cells:
                records.append(benchmark_gpu(name, variant, rounds))
                lines = tables_gpu.anatomy(records[-1])
                print(f"\n{name}, {variant.label}", *lines, sep="\n", flush=True)
                found = {"gpu": about, "records": records}
                (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join([*tables_gpu.table(records), "", *tables_gpu.notes(records), about, ""])
    (out / "gpu.md").write_text(text)
    print(f"\n{text}\nWritten: {out}/gpu.json, gpu.md")
