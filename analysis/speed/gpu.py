"""A training step on a GPU: our three engines, PyTorch with cuDNN, and what the step spends its time on.

Every contender has a process of its own on the same GPU, starts from the same weights, and must have the same
losses; then they are timed in turn. Nothing is needed but NumPy, CuPy and, for the rival, PyTorch.
"""

import importlib.util
import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from analysis.speed.options import Refused
from analysis.speed.race import RIVALS, STEPS_COMPARED, require_same_work
from analysis.speed.tables import aligned, number
from analysis.speed.work import FORMS, SHAPES, Form, Task
from analysis.speed.worker import Worker, load
from rnnexp.compute import backend
from rnnexp.errors import UserError

OURS = "analysis.speed.gpu_ours"
TORCH = "analysis.speed.gpu_pytorch"
CONTENDERS = {
    "graph": f"{OURS}.Graph",
    "fused": f"{OURS}.Fused",
    "cupy": f"{OURS}.Plain",
    "torch": f"{TORCH}.CuDNN",
    "torch in a graph": f"{TORCH}.InGraph",
    "torch, step by step": f"{TORCH}.StepByStep",  # a GRU with the reset gate before the product
    "graph, tf32": f"{OURS}.GraphTF32",
    "torch, tf32": f"{TORCH}.CuDNNTF32",
    "torch in a graph, tf32": f"{TORCH}.InGraphTF32",
}
CUDNN = "torch", "torch in a graph", "torch, tf32", "torch in a graph, tf32"
GOALS = {("lstm", "torch"): 1.0, ("gru", "torch, step by step"): 1.3, (None, "cupy"): 10.0}
TURN_S = 0.5
EPOCH = 929_588  # tokens of Penn Treebank's training text


def report(shapes: Sequence[str], cells: Sequence[str], rounds: int, out: Path) -> None:
    """Measure, print as it goes, and write the files."""
    try:
        about = backend.gpu().description()
    except UserError as error:
        raise Refused(str(error)) from error
    print(about, flush=True)
    if not importlib.util.find_spec("torch"):
        print("PyTorch is not installed (pip install torch): measuring the rest.")
    out.mkdir(parents=True, exist_ok=True)
    records = []
    for name in shapes:
        for form in FORMS:
            if form.label in cells:
                records.append(race(name, form, rounds))
                print(f"\n{name}, {form.label}", *anatomy(records[-1]), sep="\n", flush=True)
                found = {"gpu": about, "records": records}
                (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join([*table(records), "", *notes(records), about, ""])
    (out / "gpu.md").write_text(text)
    print(f"\n{text}\nWritten: {out}/gpu.json, gpu.md")


def race(name: str, form: Form, rounds: int) -> dict:
    """The record of one shape and cell. Refused where a contender's losses differ from ours."""
    task = Task(SHAPES[name], form)
    names = [who for who in CONTENDERS if takes_part(who, form)]
    left_out = {}
    with ExitStack() as stack:
        workers = {}
        for who in names:
            theirs = RIVALS.get(form.label, form) if who in CUDNN else form
            worker = Worker(partial(load, CONTENDERS[who]), Task(task.shape, theirs))
            workers[who] = stack.enter_context(worker)
        losses = {}
        for who in names:
            try:
                losses[who] = np.array(workers[who].ask("losses", STEPS_COMPARED))
                workers[who].ask("get_ready")
            except (RuntimeError, EOFError) as error:
                why = str(error).strip().rpartition("\n")[2] or "its process died"
                if who == "graph":
                    raise Refused(f"{name}, {form.label}: {why}") from error
                left_out[who] = why
                del workers[who]
        differences = {
            who: float(max(abs(losses[who] / losses["graph"] - 1)))
            for who in workers
            if who != "graph" and "tf32" not in who and (who not in CUDNN or form.label not in RIVALS)
        }
        for who, difference in differences.items():
            require_same_work(f"{name}, {form.label}", who, difference)
        seconds: dict[str, list[float]] = {who: [] for who in workers}
        order = list(workers)
        for k in range(rounds):
            turn = k % len(order)
            for who in order[turn:] + order[:turn]:
                seconds[who].append(workers[who].ask("seconds", TURN_S))
        reserved = {who: worker.ask("reserved_bytes") for who, worker in workers.items()}
        floor = workers["graph"].ask("floor")
        parts = workers["graph"].ask("parts")
    times = {who: float(np.median(values)) for who, values in seconds.items()}
    ratios = {who: np.array(values) / seconds["graph"] for who, values in seconds.items() if who != "graph"}
    return {
        "shape": name,
        "cell": form.label,
        "rounds": rounds,
        "seconds": times,
        "ratios": {who: float(np.median(ratio)) for who, ratio in ratios.items()},
        "ranges": {who: [float(min(ratio)), float(max(ratio))] for who, ratio in ratios.items()},
        "floor_seconds": floor,
        "loss_differences": differences,
        "left_out": left_out,
        "reserved_bytes": reserved,
        "parts": parts,
    }


def takes_part(who: str, form: Form) -> bool:
    if who == "torch, step by step" and form.label != "gru":
        return False
    return not who.startswith("torch") or bool(importlib.util.find_spec("torch"))


def anatomy(record: dict) -> list[str]:
    """What a step's time goes to, in lines; and who was left out."""
    step = record["seconds"]["graph"]
    parts = sorted(record["parts"].items(), key=lambda part: -part[1]["seconds"])
    rows = [
        {"part": name, "times": str(part["times"]), "us": f"{1e6 * part['seconds']:.1f}"}
        for name, part in parts
    ]
    together = sum(part["seconds"] for part in record["parts"].values())
    rows.append({"part": "together, each on its own", "times": "", "us": f"{1e6 * together:.1f}"})
    rows.append({"part": "the step", "times": "", "us": f"{1e6 * step:.1f}"})
    return aligned(rows) + [f"left out: {who}: {why}" for who, why in record["left_out"].items()]


def table(records: list[dict]) -> list[str]:
    """The records as Markdown."""
    rows = []
    for record in records:
        shape, ratios = SHAPES[record["shape"]], record["ratios"]
        step = record["seconds"]["graph"]
        tokens = shape.batch_size * shape.bptt
        rows.append(
            {
                "shape": record["shape"],
                "cell": record["cell"],
                "ms a step": f"{1e3 * step:.3f}",
                "s / PTB": f"{step * EPOCH / tokens:.2f}",
                "x cupy": number(ratios.get("cupy"), digits=1),
                "x fused": number(ratios.get("fused")),
                "x cuDNN": number(ratios.get("torch")),
                "in a graph": number(ratios.get("torch in a graph")),
                "step by step": number(ratios.get("torch, step by step")),
                "of the floor": number(record["floor_seconds"] / step),
                "tf32: ms": number(record["seconds"].get("graph, tf32"), 1e3, 3),
                "x cuDNN tf32": number(tf32_ratio(record)),
                "MB": number(record["reserved_bytes"]["graph"], 1e-6, 0),
                "cuDNN's MB": number(record["reserved_bytes"].get("torch"), 1e-6, 0),
            }
        )
    return aligned(rows)


def tf32_ratio(record: dict) -> float | None:
    """Beside the faster of PyTorch's two."""
    seconds = record["seconds"]
    theirs = [seconds[who] for who in ("torch, tf32", "torch in a graph, tf32") if who in seconds]
    return min(theirs) / seconds["graph, tf32"] if theirs and "graph, tf32" in seconds else None


def notes(records: list[dict]) -> list[str]:
    """What the columns mean, and which aims were met."""
    lines = [
        "x: times as fast with engine=graph, median of the rounds. cupy, fused: our other engines. cuDNN:",
        "PyTorch's nn.LSTM, nn.GRU (reset after) or nn.RNN; in a graph: the same step captured; step by",
        "step: the GRU with its reset gate before the product in PyTorch's operations, captured. The floor",
        "is the products of a step alone. MB: what is taken from the driver. tf32: beside the faster of",
        "PyTorch's two.",
    ]
    for record in records:
        for (cell, who), goal in GOALS.items():
            if cell in (None, record["cell"]) and who in record["ratios"]:
                ratio = record["ratios"][who]
                met = "met" if ratio >= goal else "missed"
                lines.append(f"{record['shape']}, {record['cell']}: {ratio:.2f} x {who}, aim {goal:g}: {met}")
    return lines
