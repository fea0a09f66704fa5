"""Write tables in Markdown, without any library: `analysis.speed` uses it too."""

from collections.abc import Sequence

from rnnexp.errors import UserError


def aligned_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose columns are aligned, to be read as plain text too."""
    widths = [max(map(len, column)) for column in zip(titles, *rows)]
    lines = [titles, ["-" * width for width in widths], *rows]
    return ["| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |" for cells in lines]


def table_line(cells: Sequence[str]) -> str:
    """Return one line of a table that is not aligned."""
    return "| " + " | ".join(cells) + " |"


def put_between(page: str, begin: str, end: str, table: str, argument: str) -> str:
    """Return a page with a table in place of what stands between two marks.

    Parameters
    ----------
    argument : that named the page, as KEY=VALUE, for the UserError where it lacks a mark.
    """
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not last:
        raise UserError(f"{argument} has no place for the table: write {begin} and {end} there")
    return f"{before}{first}\n{table}{last}{after}"
