"""Write tables in Markdown, without any library: `analysis.speed` uses it too."""

from collections.abc import Sequence


def aligned_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose columns are aligned, to be read as plain text too."""
    widths = [max(map(len, column)) for column in zip(titles, *rows)]
    lines = [titles, ["-" * width for width in widths], *rows]
    return ["| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |" for cells in lines]


def table_line(cells: Sequence[str]) -> str:
    """Return one line of a table that is not aligned."""
    return "| " + " | ".join(cells) + " |"
