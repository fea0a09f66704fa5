"""Draw the measurements."""

from pathlib import Path

import numpy as np

from rnnexp.analysis.speed.tasks import GOALS, SHAPES, VARIANTS

COLORS = {variant.label: f"C{k % 10}" for k, variant in enumerate(VARIANTS)}


def draw_ratios(records: list[dict], path: Path) -> bool:
    """Draw how many times as fast as PyTorch ours is: a dot for each shape and cell, and a tick for its goal.

    A line is the range over the rounds. Return whether there was anything to draw.
    """
    from matplotlib.figure import Figure

    records = [record for record in records if "ours/torch" in record["ratios"]]
    if not records:
        return False
    figure = Figure(figsize=(7.5, 1.2 + 0.22 * len(records)), layout="constrained")
    axes = figure.subplots()
    places, names = [], []
    place = 0.0
    for name in dict.fromkeys(record["shape"] for record in records):
        place += 0.6
        start = place
        for record in (r for r in records if r["shape"] == name):
            color = COLORS[record["cell"]]
            low, high = record["ranges"]["ours/torch"]
            axes.plot([low, high], [place, place], color=color, linewidth=2, alpha=0.5)
            axes.plot(record["ratios"]["ours/torch"], place, "o", color=color)
            axes.plot(GOALS[name][record["cell"].split()[0]], place, "|", color="0.2", markersize=11)
            place += 1
        places.append((start + place - 1) / 2)
        names.append(f"{name}\n{SHAPES[name]}")
    for label in dict.fromkeys(record["cell"] for record in records):
        axes.plot([], [], "o", color=COLORS[label], label=label)
    axes.plot([], [], "|", color="0.2", markersize=11, label="goal")
    axes.axvline(1, color="0.3", linewidth=1, linestyle="--")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlabel="times as fast as PyTorch on the same cores", xlim=(0, None))
    axes.grid(axis="x", alpha=0.25)
    axes.legend(frameon=False, fontsize="small", ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    figure.savefig(path, dpi=150)
    return True


def draw_growth(records: list[dict], path: Path) -> None:
    """Draw milliseconds and megabytes of a step over each axis: a line for each cell and contender."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, ScalarFormatter

    axes_names = list(dict.fromkeys(record["axis"] for record in records))
    figure = Figure(figsize=(3.1 * len(axes_names), 5.4), layout="constrained")
    grid = figure.subplots(2, len(axes_names), squeeze=False, sharex="col", sharey="row")
    for column, axis in enumerate(axes_names):
        for who, cell in dict.fromkeys((record["contender"], record["cell"]) for record in records):
            line = [r for r in records if (r["axis"], r["contender"], r["cell"]) == (axis, who, cell)]
            style = {
                "color": COLORS["lstm" if cell == "lstm" else "gru"],
                "linestyle": "-" if who == "ours" else "--",
                "marker": ".",
                "label": cell if who == "ours" else f"{cell}, PyTorch",
            }
            values = [record[axis] for record in line]
            grid[0, column].plot(values, [record["seconds"] * 1e3 for record in line], **style)
            if all(record["peak_bytes"] for record in line):
                grid[1, column].plot(values, [record["peak_bytes"] / 1e6 for record in line], **style)
        grid[1, column].set_xlabel(axis.replace("_", " "))
        ticks = sorted({record[axis] for record in records if record["axis"] == axis})
        for row in grid:
            row[column].set(xscale="log", yscale="log")
            row[column].set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            row[column].minorticks_off()
            row[column].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            row[column].yaxis.set_major_formatter(ScalarFormatter())
            row[column].grid(alpha=0.25)
    grid[0, 0].set_ylabel("milliseconds a step")
    grid[1, 0].set_ylabel("peak megabytes")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=150)


def draw_curve(records: dict[str, dict], number: int, path: Path) -> None:
    """Draw the perplexity of every `number` training steps: a line for each contender and cell."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for k, cell in enumerate(dict.fromkeys(record["cell"] for record in records.values())):
        for who, style in ("ours", "-"), ("torch", "--"):
            if f"{cell} {who}" not in records:
                continue
            means = mean_of_each(records[f"{cell} {who}"]["losses"], number)
            label = f"{cell}, {'PyTorch' if who == 'torch' else who}"
            steps = number * np.arange(1, len(means) + 1)
            axes.plot(steps, np.exp(means), style, color=f"C{k}", label=label)
    axes.set(xlabel="training step", ylabel=f"perplexity of {number} steps", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)


def mean_of_each(losses: list[float], number: int) -> np.ndarray:
    """Return the mean of every `number` losses, (steps // number,); what is left at the end does not count."""
    whole = len(losses) // number * number
    return np.reshape(losses[:whole], (-1, number)).mean(axis=1)
