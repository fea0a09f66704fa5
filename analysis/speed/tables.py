"""Write the records of the benchmark as sentences and tables."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rnnexp.analysis.markdown import aligned_table
from rnnexp.analysis.speed.profile.parts import PARTS
from rnnexp.analysis.speed.tasks import GOALS, SHAPES

NOTES = """x PyTorch, x JAX, x textbook: times as fast, median of the rounds; engine=numba, engine=numpy: the slower
engines, times as fast as PyTorch. PyTorch's GRU has the reset gate after the product, whichever form
ours has. x loop, x compiled: times as fast as the same cell written as a loop over time in PyTorch, and as
what torch.compile makes of that loop; our aim is 1.2. Each contender uses the number of threads that is
fastest for it. Products alone: the share of a step that its own matrix products take. Peak memory is that
of the process less what it held with its libraries loaded."""
SHARED = """ Everyone had one thread, and the seconds are those of the CPU: others used the machine too."""
NAMES = {
    "mkl": "engine=mkl",
    "numba": "engine=numba",
    "numpy": "engine=numpy",
    "torch": "PyTorch",
    "torch, loop": "PyTorch's loop",
    "torch, compiled loop": "PyTorch's compiled loop",
    "jax": "JAX",
    "textbook": "textbook code",
}


def sentence(record: dict) -> str:
    """Return a record in one line."""
    parts = [f"{record['shape']}, {record['cell']}: {record['tokens_per_s']['ours']:,.0f} tokens/s"]
    for pair, ratio in record["ratios"].items():
        ours, _, other = pair.partition("/")
        low, high = record["ranges"][pair]
        if ours == "ours":
            parts.append(f"{ratio:.2f} x {NAMES[other]} ({low:.2f} to {high:.2f})")
    return ", ".join([*parts, f"{record['matmul_only_ratio']:.2f} of the products' speed"])


def table(records: list[dict]) -> str:
    """Return the records as Markdown."""
    rows = []
    for record in records:
        ratios, peaks = record["ratios"], record["peak_bytes"]
        rows.append(
            {
                "shape": record["shape"],
                "cell": record["cell"],
                "tokens/s": f"{record['tokens_per_s']['ours']:,.0f}",
                "x PyTorch": number(ratios.get("ours/torch")),
                "x JAX": number(ratios.get("ours/jax")),
                "goal": number(GOALS[record["shape"]].get(record["cell"].split()[0])),
                "engine=numba": number(ratios.get("numba/torch")),
                "engine=numpy": number(ratios.get("numpy/torch")),
                "x loop": number(ratios.get("ours/torch, loop")),
                "x compiled": number(ratios.get("ours/torch, compiled loop")),
                "x textbook": number(ratios.get("ours/textbook")),
                "products alone": number(record["matmul_only_ratio"]),
                "peak MB": number(peaks["ours"], 1e-6, 0),
                "PyTorch's MB": number(peaks.get("torch"), 1e-6, 0),
            }
        )
    used = dict.fromkeys(record["shape"] for record in records)
    return "\n".join(
        [
            *aligned(rows),
            "",
            "Shapes (vocabulary / hidden x layers / batch / window):",
            "",
            *(f"- {name}: {SHAPES[name]}" for name in used),
            "",
            NOTES + (SHARED if any(record["shared"] for record in records) else ""),
            "",
            "Where a step of ours spends its time, in percent:",
            "",
            *aligned([profile(record) for record in records]),
            "",
            machine(),
            "",
        ]
    )


def profile(record: dict) -> dict[str, str]:
    """Return the shares of a step's time, as a row."""
    parts = record["seconds_by_part"]
    shares = {
        part: f"{parts.get(part, 0) / sum(parts.values()):.0%}" for part in dict.fromkeys(PARTS.values())
    }
    return {"shape": record["shape"], "cell": record["cell"]} | shares


def aligned(rows: list[dict[str, str]]) -> list[str]:
    """Return rows with the same keys as the lines of a Markdown table."""
    return aligned_table(list(rows[0]), [list(row.values()) for row in rows])


def number(value: float | None, scale: float = 1.0, digits: int = 2) -> str:
    """Return a number times `scale` in words; "-" where there is none."""
    return "-" if value is None else f"{value * scale:.{digits}f}"


def machine() -> str:
    """Return a line about the machine that was measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    parts = [cpu, f"{os.cpu_count()} cores", platform.system(), f"Python {platform.python_version()}"]
    for name in "numpy", "numba", "mkl", "torch", "jax":
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)
