"""Say where the program was installed, and how to add what is optional there."""

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
CONF = Path(__file__).resolve().parent / "conf"  # in a clone a link to the conf/ at the top
MARK = "; extra == "
# who has put a package here, as it notes -> its command
BY = {"uv": "uv pip install", "conda": "conda install -c conda-forge"}


def how_to_add(extra: str) -> str:
    """Return the command that installs an extra of pyproject.toml: from the clone, or what it is made of by name."""
    if (CLONE / "pyproject.toml").exists():
        if Path(sys.prefix) == CLONE / ".venv":
            return f"{CLONE}/.venv/bin/pip install -e '{CLONE}[{extra}]'"
        return f"{sys.executable} -m pip install -e '{CLONE}[{extra}]'"
    needed = " ".join(f"'{name}'" for name in requirements(extra)) or f"'rnnexp[{extra}]'"
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx inject rnnexp {needed}"
    return f"{BY.get(installer(), f'{sys.executable} -m pip install')} {needed}"


def how_to_add_cupy() -> str:
    """Return the command that installs CuPy, for either CUDA that a driver may be of."""
    return f"{how_to_add('cuda13')}; where nvidia-smi names a CUDA version of 12: {how_to_add('cuda12')}"


def requirements(extra: str) -> list[str]:
    """Return the packages of an extra with their versions; empty where the program was not installed as a package."""
    try:
        lines = distribution("rnnexp").requires or []
    except PackageNotFoundError:
        return []
    own = [line.partition(MARK)[0] for line in lines if line.partition(MARK)[2].strip("'\" ") == extra]
    found = []
    for name in own:  # an extra may hold others
        found += requirements(name[len("rnnexp[") : -1]) if name.startswith("rnnexp[") else [name]
    return found


def installer() -> str:
    """Return who has installed the program, as it has noted itself; empty where nobody has."""
    try:
        read = distribution("rnnexp").read_text
    except PackageNotFoundError:
        return ""
    return (read("INSTALLER") or "").strip()


def python_path() -> str:
    """Return PYTHONPATH for a process that is to find the modules that this one finds."""
    # of what is no text Python takes no note
    return os.pathsep.join(place for place in sys.path if isinstance(place, str))
