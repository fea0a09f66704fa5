"""Find the user's own parts: cells, data sets, optimizers, schedules and evaluators outside this package.

A part is a Python file with a `make`, and a YAML of the same stem beside it. It comes from the folder that a command
names with --config-dir, FOLDER/cell/x.py and FOLDER/cell/x.yaml, or from an installed package, which names its `make`
as an entry point:

    [project.entry-points."rnnexp.cells"]
    x = "package.x:make"

A saved config names neither file nor folder: nothing is run because a run folder says so. The processes that a command
starts know its parts by the environment.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from rnnexp.data import files
from rnnexp.errors import UserError, from_environment
from rnnexp.experiment.faults import blamed, told_by_file
from rnnexp.experiment.progress import in_sweep
from rnnexp.installation import CONF
from rnnexp.options import options_of
from rnnexp.records.digests import content
from rnnexp.records.files import replace_text
from rnnexp.records.folder import RunFolder

ENTRY_POINTS = {  # group of the config -> of entry points
    "cell": "rnnexp.cells",
    "dataset": "rnnexp.datasets",
    "optimizer": "rnnexp.optimizers",
    "schedule": "rnnexp.schedules",
    "evaluation": "rnnexp.evaluations",
}
PASSED_ON = "RNNEXP_OWN_PARTS"  # environment variable: the parts of the command that started this process

Choices = dict[str, dict[str, Callable]]


@dataclass(frozen=True)
class Part:
    """Say where a part is.

    file : its Python file. sha256 : of that. entry : MODULE:NAME, where an entry point has named it.
    """

    file: str
    sha256: str
    entry: str = ""

    @property
    def yaml(self) -> Path:
        """Return the file of its values, which a part without options need not have."""
        return Path(self.file).with_suffix(".yaml")


PARTS: dict[tuple[str, str], Part] = {}  # by group and name, in this process
FOLDERS: list[Path] = []  # of the user's, in which this process looks for options of groups


def load_passed_on(choices: Choices, given: frozenset[str]) -> None:
    """Load the parts that the process was started with, which go on as they were.

    Raises
    ------
    UserError in a job of a sweep, where a file has changed since; another command finds its parts itself.
    """
    for key, where in from_environment(PASSED_ON, dict).items():
        group, _, name = key.partition("/")
        part = Part(**where)
        if in_sweep():
            require_unchanged(part)
        elif content(Path(part.file)) != part.sha256:
            continue
        _load(group, name, part, choices, given)


def require_unchanged(part: Part) -> None:
    """Raise UserError where the file of a part is no longer what it was."""
    if content(Path(part.file)) != part.sha256:
        raise UserError(f"{part.file} was changed or removed while its runs went on: give the command again")


def use(config_dir: Path | None, choices: Choices, given: frozenset[str]) -> None:
    """Load the parts in a folder of the user's, if one is named, and those of installed packages.

    A file that has changed since it was loaded is loaded anew.

    Parameters
    ----------
    choices : to which they are added, group -> name -> `make`.
    given : the arguments of a `make` that are no options.

    Raises
    ------
    UserError, which names the file.
    """
    FOLDERS[:] = [config_dir.absolute()] if config_dir else []
    for group, name, part in [*_in_folder(config_dir), *_installed()]:
        known = PARTS.get((group, name))
        if known != part:
            if name in choices[group] and not known:
                raise UserError(f"{part.file}: {group}={name} comes with rnnexp, so yours needs another name")
            _load(group, name, part, choices, given)
    os.environ[PASSED_ON] = json.dumps(
        {f"{group}/{name}": asdict(part) for (group, name), part in PARTS.items()}
    )


def chosen(config: Mapping[str, Any]) -> dict[str, Part]:
    """Return the parts that a config chooses, by group and name as in "cell/x"."""
    names = [(group, config.get(group, {}).get("name")) for group in ENTRY_POINTS if group != "evaluation"]
    names += [("evaluation", name) for name in config.get("evaluation", {})]
    return {f"{group}/{name}": PARTS[group, name] for group, name in names if (group, name) in PARTS}


def faults() -> AbstractContextManager[None]:
    """Return the context within which what goes wrong in a part of the user's is a UserError, by file and line."""
    return told_by_file({part.file: f"{group}={name}: {part.file}" for (group, name), part in PARTS.items()})


def where(group: str, name: str, given: str = "--config-dir FOLDER") -> str:
    """Return where an option of a group would be found that is the user's own, as the end of a sentence.

    given : how a user names the folder.
    """
    is_part = group in ENTRY_POINTS
    for folder in FOLDERS if is_part else ():
        code, values = folder / group / f"{name}.py", folder / group / f"{name}.yaml"
        if code.exists():
            return f"; {code} lacks {values.name} beside it, with {of_part(group, name)}"
        if values.exists():
            return f"; {values} lacks {code.name} beside it"
    files = f"{name}.py with {name}.yaml" if is_part else f"{name}.yaml"
    return f"; one of your own needs {given}, which has it as {group}/{files}"


def of_part(group: str, name: str) -> str:
    """Return the line by which the keys of a part's YAML are checked."""
    return f"defaults: [/hydra/schema/{group}/{name}@_here_]"


def file_of(config: str) -> Path:
    """Return the file of a config that goes by its place, such as "cell/x"."""
    group, _, name = config.partition("/")
    found = [file for folder in [*FOLDERS, CONF] if (file := folder / f"{config}.yaml").exists()]
    return PARTS[group, name].yaml if (group, name) in PARTS else (found or [Path(f"{config}.yaml")])[0]


def digests(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of the code of the parts that a config chooses, by which their runs are told apart."""
    return {f"{key.replace('/', '.')}.code": part.sha256 for key, part in chosen(config).items()}


def keep_copies(config: Mapping[str, Any], folder: RunFolder) -> None:
    """Copy the Python files of the parts that a config chooses into the folder of its run, to be read and never run."""
    for key, part in chosen(config).items():
        with folder.exclusive():
            (folder.path / "parts").mkdir(exist_ok=True)
            text = Path(part.file).read_text(encoding="utf-8")
            replace_text(folder.path / "parts" / f"{key.replace('/', '_')}.py", text)


def tag(config: Mapping[str, Any]) -> str:
    """Return what a run records of the parts that its config chooses; empty where there is none."""
    return ", ".join(f"{key}.py {part.sha256[:16]}" for key, part in chosen(config).items())


def require_recorded(config: Mapping[str, Any], folder: RunFolder) -> None:
    """Raise UserError where the cell of a run is the user's own, and its code another than that which the run had."""
    now, before = tag({"cell": config["cell"]}), folder.tags().get("rnnexp.own_parts", "")
    if now and before and now not in before:
        raise UserError(other_code(folder, before, now))


def other_code(folder: RunFolder, before: str, now: str) -> str:
    """Return that a run was made by other parts than there are now, each as from `tag`, and where those are kept."""
    return (
        f"{folder} was made by other code: {before or 'none of your own'}, now {now or 'there is none'}; "
        f"what made it is in {folder}/parts"
    )


def _in_folder(folder: Path | None) -> Iterator[tuple[str, str, Part]]:
    """Yield group, name and place of each part in a folder."""
    if folder is None:
        return
    if not folder.is_dir():
        raise UserError(f"--config-dir {folder} is no folder")
    for group in ENTRY_POINTS:
        for file in sorted((folder / group).glob("*.py")):
            if file.with_suffix(".yaml").exists():
                yield group, file.stem, Part(str(file.absolute()), content(file) or "")


def _installed() -> Iterator[tuple[str, str, Part]]:
    """Yield group, name and place of each part of installed packages."""
    found = entry_points()
    for group, named in ENTRY_POINTS.items():
        for point in found.select(group=named):
            file = _imported(point.module, f"entry point {point.name} of {named}").__file__
            assert file
            yield group, point.name, Part(file, content(Path(file)) or "", point.value)


def _load(group: str, name: str, part: Part, choices: Choices, given: frozenset[str]) -> None:
    """Load a part, and make it one that can be chosen."""
    if part.entry:
        point = EntryPoint(name, part.entry, ENTRY_POINTS[group])
        make = getattr(_imported(point.module, part.file), point.attr, None)
    else:
        make = getattr(_executed(Path(part.file), f"rnnexp_own.{group}.{name}"), "make", None)
    if not callable(make):
        raise UserError(f"{part.file} has no make, which returns what {group}={name} stands for")
    with blamed(part.file, part.file):
        try:
            options_of(make, given)
        except UserError as error:
            raise UserError(f"{part.file}: {error}") from error
    choices[group][name] = make
    PARTS[group, name] = part


def _executed(file: Path, name: str) -> ModuleType:
    """Return the module in a file, of which nothing is left beside it."""
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where what inspects its classes looks
    code = files.read_bytes(file)
    files.decoded(code, str(file))
    with blamed(str(file), str(file)):
        exec(compile(code, str(file), "exec"), module.__dict__)
    return module


def _imported(module: str, what: str) -> ModuleType:
    """Return an installed module."""
    with blamed(what, what):
        return importlib.import_module(module)
