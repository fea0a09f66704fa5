"""Show the recorded runs in a browser, by MLflow's own pages.

rnnexp ui [uri=sqlite:///runs/mlflow.db] [port=5000]

uri: the store. The pages are at http://127.0.0.1:PORT until Ctrl-C.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rnnexp.cli import arguments
from rnnexp.errors import UserError


@dataclass
class Options:
    """Hold the options of the command."""

    uri: str = "sqlite:///runs/mlflow.db"
    port: int = 5000


def run(given: list[str]) -> None:
    """Replace this process by MLflow's server of these pages."""
    options = arguments.read(given, Options)
    file = Path(options.uri.removeprefix("sqlite:///"))
    if options.uri.startswith("sqlite:///") and not file.is_file():  # MLflow would make an empty one
        what = "is no file" if file.exists() else "does not exist"
        raise UserError(f"{file} {what}: train a model first, or name another store by uri=")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", options.uri]
    command += ["--port", str(options.port)]
    os.execve(sys.executable, command, os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"})
