"""Write the table of all keys into the page of the configs, from their descriptions and conf/.

python -m rnnexp.experiment.key_table [PAGE]     (conf/README.md)
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment.config import ALWAYS, CHOICES, SECTIONS, keys_of_choice
from rnnexp.installation import CONF
from rnnexp.options import Key, PathTo, options_of

BEGIN, END = "<!-- made by python -m rnnexp.experiment.key_table -->", "<!-- to here -->"
HEAD = ("key", "type", "value", "must be", "meaning", "defines the result")


def table(conf: Path = CONF) -> str:
    """Return the table of the keys of every config, and of what each group can choose, in Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows(conf)]
    return "\n".join(lines) + "\n"


def rows(conf: Path) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each line of the table."""
    top = {key: described for key, described in ALWAYS.items() if "." not in key}
    yield from rows_of("", {"config": top}, {"config": load(conf / "config.yaml")})
    for section in SECTIONS:
        of_all = {k.partition(".")[2]: v for k, v in ALWAYS.items() if k.startswith(f"{section}.")}
        if section in CHOICES:
            del of_all["name"]
            keys = {name: of_all | keys_of_choice(section, name) for name in CHOICES[section]}
            values = {name: load(conf / section / f"{name}.yaml") for name in keys}
        else:
            values = {file.stem: load(file) for file in sorted((conf / section).glob("*.yaml"))}
            values = values or {"config": load(conf / "config.yaml")[section]}  # no group of its own
            keys = dict.fromkeys(values, of_all)
        yield from rows_of(f"{section}.", keys, values, named=section in CHOICES)
    for name, make in EVALUATORS.items():
        values = {name: load(conf / "evaluation" / f"{name}.yaml")}
        yield from rows_of(f"evaluation.{name}.", {name: options_of(make)}, values)


def load(file: Path) -> dict[str, Any]:
    """Return the values of a file of conf/, as they are written there."""
    try:
        return yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader) or {}
    except FileNotFoundError:
        raise UserError(f"{file} is missing: what can be chosen has a file of its values") from None


def rows_of(
    prefix: str,
    keys: Mapping[str, Mapping[str, Key]],
    values: Mapping[str, Mapping[str, Any]],
    named: bool = False,
) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the keys of a section; one line where several files have the same key.

    keys, values : of each file of the group, by the file's name.
    named : whether the files that have a key are named beside it.
    """
    files_of: dict[tuple, list[str]] = {}
    for file, described in keys.items():
        for name, key in described.items():
            files_of.setdefault((name, key.type_name, key.option), []).append(file)
    for (name, type_name, option), files in files_of.items():
        given = {file: shown(values[file][name]) for file in files if name in values[file]}
        distinct = set(given.values())
        value = distinct.pop() if len(distinct) == 1 else ", ".join(f"{v} ({f})" for f, v in given.items())
        counts = "by its content" if option.path is PathTo.FILE else "yes" if option.defines_result else "no"
        yield (
            f"`{prefix}{name}`" + (f" ({', '.join(files)})" if named else ""),
            type_name + (f": a {option.path.value}" if option.path else ""),
            value,
            option.allowed.text if option.allowed else "",
            option.meaning,
            counts,
        )


def shown(value: Any) -> str:
    """Return a value as it is written in a command."""
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {shown(each)}' for key, each in value.items())}}}"
    return value


def put_into(page: str, made: str) -> str:
    """Return a page with what stands between its two marks replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"the page has no place for the table: write {BEGIN} and {END} there")
    return f"{before}{begin}\n{made}{end}{after}"


def main() -> None:
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else CONF / "README.md"
    page.write_text(put_into(page.read_text(encoding="utf-8"), table()), encoding="utf-8")


if __name__ == "__main__":
    main()
