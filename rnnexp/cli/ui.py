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
from rnnexp.records.address import Address


@dataclass
class Options:
    """Hold the options of the command."""

    uri: str = "sqlite:///runs/mlflow.db"
    port: int = 5000


def run(given: list[str]) -> None:
    """Replace this process by MLflow's server of these pages."""
    options = arguments.read(given, Options)
    file = Path(options.uri.removeprefix("sqlite:///"))
    if options.uri.startswith("sqlite:///") and not file.exists():  # MLflow would make an empty one
        raise UserError(f"{file} does not exist: train a model first, or name another store by uri=")
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(options.port)]
    # not as an argument: lists of processes show those, and this may hold a password
    more = {"MLFLOW_BACKEND_STORE_URI": Address(options.uri).to_connect(), "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.execve(sys.executable, command, os.environ | more)
