"""Run a module of the repository as a user does."""

import subprocess
import sys

from tests.conftest import REPOSITORY


def run_module(folder, module, *arguments, timeout=300):
    """Run `python -m module arguments` in a folder; what it prints is in `stdout` and `stderr`."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
