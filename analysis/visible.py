"""Write out what a text would do rather than show: escapes, new lines, turned directions."""

import unicodedata

import pandas as pd

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode's categories of such characters


def visible(text: str) -> str:
    r"""Return a text whose control characters are written out: an escape is `\x1b`, a new line `\n`."""
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in UNSEEN
        else character
        for character in text
    )


def visible_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with all its texts made visible."""
    texts = {
        str(column): table[column].map(lambda value: visible(value) if isinstance(value, str) else value)
        for column in table
        if not pd.api.types.is_numeric_dtype(table[column].dtype)
    }
    return table.assign(**texts)
