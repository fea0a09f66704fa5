"""Show the recorded runs in a browser, by MLflow's own pages.

rnnexp ui [uri=sqlite:///runs/mlflow.db] [port=5000]

uri: the store. The pages are at http://127.0.0.1:PORT until Ctrl-C.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from rnnexp.command import arguments
from rnnexp.errors import UserError
from rnnexp.experiment.signals import stop_requests
from rnnexp.output import say
from rnnexp.records.address import Address, require_address
from rnnexp.records.sqlite import file_of, for_sqlalchemy

LOOK_S = 0.2  # seconds from one look at the server to the next
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight idle processes for what has nothing to do with runs
    "PYTHONWARNINGS": "ignore",
}


@dataclass
class Options:
    """Hold the options of the command."""

    uri: str = "sqlite:///runs/mlflow.db"
    port: int = 5000


def run(given: list[str]) -> int:
    """Run MLflow's server of these pages; return the exit status."""
    options = arguments.read(given, Options)
    require_free(options.port)
    file = file_of(options.uri)
    if file and not file.is_file():  # MLflow would make an empty one, or try for minutes
        what = "is no file" if file.exists() else "does not exist"
        raise UserError(f"{file} {what}: train a model first, or name another store by uri=")
    require_address("uri", options.uri)  # over which MLflow prints a traceback
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(options.port), "--workers", "1"]
    # not as an argument: lists of processes show those, and this may hold a password
    whole = for_sqlalchemy(file) if file else Address(options.uri).to_connect()
    environment = os.environ | QUIET | {"MLFLOW_BACKEND_STORE_URI": whole}
    say(f"The runs are at http://127.0.0.1:{options.port} until Ctrl-C, once the line with Uvicorn has come.")
    return serve(command, environment)


def require_free(port: int) -> None:
    """Raise UserError where the pages cannot be at a port of this machine, over which the server prints a log."""
    if not 1 <= port <= 65535:
        raise UserError(f"port={port} must be from 1 to 65535")
    with socket.socket() as tried:
        # one of a server that ended a moment ago is free
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be taken ({error.strerror})"
            raise UserError(f"port={port} {why}: name another") from error


def serve(command: list[str], environment: dict[str, str]) -> int:
    """Run a server until a signal asks to stop, which it does without a word, or it ends; return the exit status."""
    with stop_requests() as raise_if_asked:
        # in a session of its own, for each of its processes would print a traceback at Ctrl-C
        server = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            while server.poll() is None:
                time.sleep(LOOK_S)
                raise_if_asked()
        except KeyboardInterrupt:
            say("stopped")
            return 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # it only reads, and what it writes is in transactions
            server.wait()
    return server.returncode or 1  # nobody has stopped it
