"""Put a table between two marks of a page that the user names."""

from pathlib import Path

from rnnexp.errors import UserError
from rnnexp.records.files import replace_text


def put_into(page: str | Path, begin: str, end: str, table: str) -> None:
    """Replace what stands between two marks of a page; see `with_table`."""
    text = with_table(page, begin, end, table)
    replace_text(Path(page), text)


def with_table(page: str | Path, begin: str, end: str, table: str) -> str:
    """Return the text of a page with a table in place of what stands between two marks.

    Raises
    ------
    UserError where the page, which the argument `into` names, cannot be read or lacks a mark.
    """
    if not Path(page).is_file():
        raise UserError(f"into={page} is no file")
    before, first, rest = Path(page).read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not last:
        raise UserError(f"into={page} has no place for the table: write {begin} and {end} there")
    return f"{before}{first}\n{table}{last}{after}"
