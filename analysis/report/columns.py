"""List the columns of the table: how each is headed and written, for people and for programs."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any

from rnnexp.analysis.intervals import LEAST_INTERVAL

NONE = "-"
DIGITS = 4  # of nats: 0.0001 is 0.01% of perplexity


@dataclass(frozen=True)
class Cell:
    """Hold one cell: its text, a smaller line below it, and the number that it is sorted by."""

    text: str
    note: str = ""
    sort: float | str | None = None


@dataclass(frozen=True)
class Column:
    """Hold a column: its title, a word of explanation, and how a row of `numbers` becomes its cell."""

    title: str
    hint: str
    cell: Callable[[dict[str, Any]], Cell]


def shown(rows: list[dict[str, Any]]) -> list[Column]:
    """Return the columns of which any row has something to show."""
    return [column for column in COLUMNS if any(column.cell(row).text != NONE for row in rows)]


def number(value: float | None, digits: int | None = None) -> str:
    """Return a number with so many digits after the point, or with four that count; a dash for none."""
    if value is None or not isfinite(value):
        return NONE
    if digits is None:
        digits = max(0, 3 - floor(log10(abs(value)))) if value else 0
        digits = min(digits, 6)
    return f"{value:,.{digits}f}"


def short(value: Any) -> str:
    """Return a setting: a whole number with commas, another one as short as it is exact."""
    if isinstance(value, list):
        return " / ".join(short(own) for own in value)
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        value = int(value)
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)
    )


def setting(key: str) -> Callable[[dict[str, Any]], Cell]:
    """Return what writes a setting."""

    def cell(row: dict[str, Any]) -> Cell:
        value = row[key]
        if value is None:
            return Cell(NONE)
        first = value[0] if isinstance(value, list) else value
        return Cell(short(value), sort=first)

    return cell


def mean(key: str, has_sd: bool = True, has_interval: bool = True) -> Callable[[dict[str, Any]], Cell]:
    """Return what writes a mean, with its standard deviation beside it and its interval below."""

    def cell(row: dict[str, Any]) -> Cell:
        value = row[key]
        if value is None:
            return Cell(NONE)
        spread = f" ± {value.sd:.{DIGITS}f}" if has_sd and isfinite(value.sd) else ""
        is_told = has_interval and value.n >= LEAST_INTERVAL
        interval = f"{value.low:.{DIGITS}f} to {value.high:.{DIGITS}f}" if is_told else ""
        return Cell(f"{value.mean:.{DIGITS}f}{spread}", interval, value.mean)

    return cell


def perplexity(row: dict[str, Any]) -> Cell:
    """Write the exponential of the test loss and of its interval's ends."""
    value = row["test_ppl"]
    if value is None:
        return Cell(NONE)
    interval = f"{number(value['low'])} to {number(value['high'])}" if row["test"].n >= LEAST_INTERVAL else ""
    return Cell(number(value["mean"]), interval, value["mean"])


def seconds(key: str, cpu_key: str = "") -> Callable[[dict[str, Any]], Cell]:
    """Return what writes a median of seconds, with those of the CPU below."""

    def cell(row: dict[str, Any]) -> Cell:
        cpu = row[cpu_key] if cpu_key else None
        return Cell(_seconds(row[key]), "" if cpu is None else f"{_seconds(cpu)} CPU", row[key])

    return cell


def _seconds(value: float | None) -> str:
    return number(value, 2 if value is not None and value < 100 else 0)


def share(key: str) -> Callable[[dict[str, Any]], Cell]:
    """Return what writes a share in percent; nothing where it is 0."""
    return lambda row: Cell(f"{100 * row[key]:.2g}%", sort=row[key]) if row[key] else Cell(NONE)


def trials(row: dict[str, Any]) -> Cell:
    """Write how many trials tuned it; nothing where none did."""
    return setting("trials")(row) if row["trials"] else Cell(NONE)


def finished(row: dict[str, Any]) -> Cell:
    """Write how many of the runs begun are finished, and how many diverged."""
    note = f"{row['diverged']} diverged" if row["diverged"] else ""
    return Cell(f"{row['finished']} of {row['begun']}", note, row["finished"])


COLUMNS = [
    Column("configuration", "what varies", lambda row: Cell(row["configuration"], sort=row["configuration"])),
    Column("runs", "finished of begun", finished),
    Column("hidden", "hidden units of a layer", setting("hidden_size")),
    Column("parameters", "of the model", setting("parameters")),
    Column("lr", "learning rate", setting("lr")),
    Column("validation", "nats per token: mean ± standard deviation", mean("valid", has_interval=False)),
    Column("test", "nats per token: mean ± standard deviation, 95% t interval", mean("test")),
    Column("test perplexity", "exp of the mean, 95% t interval", perplexity),
    Column("excess", "test nats above the best reachable on the same tokens", mean("excess", has_sd=False)),
    Column("bits/char", "of the test split", mean("bpc", has_sd=False, has_interval=False)),
    Column("bits/byte", "of the test split", mean("bpb", has_sd=False, has_interval=False)),
    Column("unseen", "share of the test tokens that the vocabulary lacks", share("unseen")),
    Column("test of seen", "nats per token of those that it has", mean("seen", has_interval=False)),
    Column(
        "s/epoch", "seconds of the clock, median; below, those of the CPU", seconds("epoch_s", "epoch_cpu_s")
    ),
    Column("s to best", "seconds until the best validation loss, median", seconds("s_to_best")),
    Column("trials", "that tuned it", trials),
]
