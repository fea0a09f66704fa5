"""Find out where a run comes from: the program, the libraries and the machine that compute it."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np

import rnnexp

HERE = Path(__file__).parent
# of a checkout, what a run's result can depend on
CODE = ":/rnnexp", ":/conf", ":/analysis", ":/pyproject.toml"
PREFIX = "rnnexp."  # of tags
MAY_DIFFER = {"load"}  # different whenever one looks
FOUND: dict[Path, dict[str, str]] = {}  # what `git` returns without looking


def collect(device: str, engine: str, gpu: str | None = None) -> dict[str, str]:
    """Return what computes a run now, name -> value, without what cannot be found out.

    Parameters
    ----------
    device, engine : as in the config of the run.
    gpu : the description of the GPU, where there is one.
    """
    found = {
        "version": rnnexp.__version__,
        **git(HERE),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "numba": installed("numba") if engine in ("numba", "mkl") else None,
        "mkl": installed("mkl") if engine == "mkl" else None,
        "device": device,
        "dtype": "float32",
        "gpu": gpu,
        "cpu": cpu(),
        "cores": str(os.cpu_count()),
        "load": load(),
    }
    return {name: value for name, value in found.items() if value}


def tags(found: dict[str, str]) -> dict[str, str]:
    """Return the tags with which the run is recorded, from what `collect` found."""
    return {PREFIX + name: value for name, value in found.items()}


def difference(begun: dict[str, str], found: dict[str, str]) -> dict[str, str]:
    """Return a tag that names what has changed since a run was begun; empty where nothing has.

    Parameters
    ----------
    begun : the tags of the run.
    found : what `collect` gives now.
    """
    named = begun.get(f"{PREFIX}changed", "").split(", ")
    for name, value in found.items():
        if begun.get(PREFIX + name, value) != value and name not in MAY_DIFFER:
            named.append(name)
    changed = ", ".join(dict.fromkeys(filter(None, named)))
    return {f"{PREFIX}changed": changed} if changed else {}


def keep_git() -> None:
    """Find out the state of the program's checkout for this process and those forked from it, which have its code."""
    FOUND[HERE] = git(HERE)


def git(folder: Path) -> dict[str, str]:
    """Return the commit of a checkout and whether its code was changed since; empty where there is none."""
    if folder in FOUND:
        return FOUND[folder]
    try:
        command = ["git", "-C", str(folder)]
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*command, "status", "--porcelain", "--", *CODE], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}  # not a checkout, or no git
    return {
        "git_commit": commit.stdout.strip(),
        "git_dirty": "true" if changes.stdout.strip() else "false",
    }


def blas() -> str | None:
    """Return the library of NumPy's products, and the processor that its kernel is made for."""
    try:
        from threadpoolctl import threadpool_info  # which a machine with a GPU may lack
    except ImportError:
        return None
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools.sort(key=lambda pool: "numpy" not in pool["filepath"])  # SciPy brings a library of its own
    if not pools:
        return None
    parts = (pools[0].get(key) for key in ("internal_api", "version", "architecture"))
    return " ".join(part for part in parts if part)


def installed(library: str) -> str | None:
    """Return the version of an installed library."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def cpu() -> str:
    """Return the model of the processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load() -> str | None:
    """Return how many processes want to compute, on average over the last minute."""
    try:
        return f"{os.getloadavg()[0]:.2f}"
    except (OSError, AttributeError):  # not on Windows
        return None
