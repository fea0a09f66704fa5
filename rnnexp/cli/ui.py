"""Show the recorded runs in a browser, by MLflow's own pages.

rnnexp ui [uri=sqlite:///runs/mlflow.db] [port=5000]

uri: the store. The pages are at http://127.0.0.1:PORT until Ctrl-C.
"""

import os
import sys
from dataclasses import dataclass

from rnnexp.cli import arguments
from rnnexp.errors import UserError
from rnnexp.records.address import Address
from rnnexp.records.sqlite import file_of, for_sqlalchemy


@dataclass
class Options:
    """Hold the options of the command."""

    uri: str = "sqlite:///runs/mlflow.db"
    port: int = 5000


def run(given: list[str]) -> None:
    """Replace this process by MLflow's server of these pages."""
    options = arguments.read(given, Options)
    file = file_of(options.uri)
    if file and not file.is_file():  # MLflow would make an empty one, or try for minutes
        what = "is no file" if file.exists() else "does not exist"
        raise UserError(f"{file} {what}: train a model first, or name another store by uri=")
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(options.port)]
    # not as an argument: lists of processes show those, and this may hold a password
    whole = for_sqlalchemy(file) if file else Address(options.uri).to_connect()
    more = {"MLFLOW_BACKEND_STORE_URI": whole, "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.execve(sys.executable, command, os.environ | more)
