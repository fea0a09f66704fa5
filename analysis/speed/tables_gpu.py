"""Write the records of the benchmark on a GPU as sentences and tables."""

from rnnexp.analysis.speed.tables import aligned, number
from rnnexp.analysis.speed.tasks import SHAPES

GOALS = {("lstm", "torch"): 1.0, ("gru", "torch, step by step"): 1.3, (None, "cupy"): 10.0}
EPOCH = 929_588  # tokens of Penn Treebank's training text


def anatomy(record: dict) -> list[str]:
    """Return lines that say where a step's time goes, and which contenders were left out."""
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
    """Return the records as Markdown."""
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
                "products alone": number(record["matmul_only_seconds"] / step),
                "tf32: ms": number(record["seconds"].get("graph, tf32"), 1e3, 3),
                "x cuDNN tf32": number(tf32_ratio(record)),
                "MB": number(record["reserved_bytes"]["graph"], 1e-6, 0),
                "cuDNN's MB": number(record["reserved_bytes"].get("torch"), 1e-6, 0),
            }
        )
    return aligned(rows)


def tf32_ratio(record: dict) -> float | None:
    """Return how many times as fast ours is as the faster of PyTorch's two, all of them with TF32."""
    seconds = record["seconds"]
    theirs = [seconds[who] for who in ("torch, tf32", "torch in a graph, tf32") if who in seconds]
    return min(theirs) / seconds["graph, tf32"] if theirs and "graph, tf32" in seconds else None


def notes(records: list[dict]) -> list[str]:
    """Return what the columns mean, and which aims were met."""
    lines = [
        "x: times as fast with engine=graph, median of the rounds. cupy, fused: our other engines. cuDNN:",
        "PyTorch's nn.LSTM, nn.GRU (reset after) or nn.RNN; in a graph: the same step captured; step by",
        "step: the GRU with its reset gate before the product in PyTorch's operations, captured. Products",
        "alone: their share of a step. MB: what is taken from the driver. tf32: beside the faster of",
        "PyTorch's two.",
    ]
    for record in records:
        for (cell, who), goal in GOALS.items():
            if cell in (None, record["cell"]) and who in record["ratios"]:
                ratio = record["ratios"][who]
                met = "met" if ratio >= goal else "missed"
                lines.append(f"{record['shape']}, {record['cell']}: {ratio:.2f} x {who}, aim {goal:g}: {met}")
    return lines
