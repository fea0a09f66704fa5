"""Have the time loops compiled by a process of their own, before the first run that needs them.

numba caches what it compiles. But a process that has compiled a function itself runs slightly different code
from one that loads it from the cache, and that code rounds differently. A run killed in the one and resumed in
the other would not end with the same bits.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout, suppress
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from rnnexp.compute import engine
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.evaluation.reach import unclipped
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment import own_parts
from rnnexp.experiment.config import make_chosen
from rnnexp.experiment.faults import blamed
from rnnexp.experiment.models import make_model
from rnnexp.installation import python_path
from rnnexp.nn.loops import why_not_compiled
from rnnexp.nn.model import Model
from rnnexp.output import say
from rnnexp.records.digests import content, digest

# of what is compiled
SOURCES = (
    "compute",
    "compute/blas",
    "compute/jit",
    "nn",
    "nn/cells",
    "nn/loops",
    "nn/loops/jit",
)
FAULT_TOLD = 3  # exit status of the process that compiles, whose last line of output says what failed
LOOK_S = 0.1  # seconds from one look at what is waited for to the next
LOADED: dict[str, Path] = {}  # the loops that this process has loaded, by `key` -> their mark


class HadToCompile(RuntimeError):
    """Say that this process has compiled what it was to load, and computes slightly otherwise from now on."""


def compile_first(config: dict[str, Any], raise_if_asked: Callable[[], None] = lambda: None) -> None:
    """Compile all loops that a run of this config needs, unless numba's cache has them.

    raise_if_asked : called again and again; where it raises, this ends at once. What is compiled by then is kept.
    """
    mark = mark_of(config)
    if not mark or mark.exists():
        return
    mark.parent.mkdir(parents=True, exist_ok=True)
    with held(FileLock(f"{mark}.lock"), raise_if_asked):
        if not mark.exists():
            compile_apart(config, raise_if_asked)
            mark.touch()


@contextmanager
def held(lock: FileLock, raise_if_asked: Callable[[], None]) -> Iterator[None]:
    """Hold a lock within the context, which another process may have to give up first."""
    while not lock.is_locked:
        raise_if_asked()
        with suppress(Timeout):
            lock.acquire(timeout=LOOK_S)
    try:
        yield
    finally:
        lock.release()


def compile_apart(config: dict[str, Any], raise_if_asked: Callable[[], None]) -> None:
    """Compile the loops in a process of its own, which ends where `raise_if_asked` raises.

    Raises
    ------
    UserError where a part of the user's cannot be compiled: what that process says of it.
    """
    command = [sys.executable, "-P", "-m", "rnnexp.experiment.precompile"]
    with (
        TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            text=True,
            env=os.environ | {"PYTHONPATH": python_path()},
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin:
            json.dump(config, process.stdin)
        try:
            while process.poll() is None:
                raise_if_asked()
                time.sleep(LOOK_S)
        except BaseException:
            process.kill()
            raise
        output.seek(0)
        said = output.read().splitlines()
    if process.returncode == FAULT_TOLD:
        raise UserError(said[-1])
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def load(config: dict[str, Any]) -> None:
    """Load all loops that runs of such a config need, where they are compiled already.

    Raises
    ------
    HadToCompile where numba's cache does not have them although it was said to.
    """
    mark = mark_of(config)
    if not mark or not mark.exists():
        return
    if mark not in LOADED.values():
        from rnnexp.compute.jit.watch import compiling

        with compiling() as has_compiled:
            use_all(config)
        if has_compiled():
            raise HadToCompile(f"{mark} was there, but not all that it stands for")
    LOADED[key(config)] = mark  # for those, too, that are forked from this process


def mark_of(config: dict[str, Any]) -> Path | None:
    """Return the file whose presence says that a config's loops are compiled; None where none are, or none are kept."""
    if config["device"] == "gpu" or config["engine"] == "numpy":
        return None
    if loaded := LOADED.get(key(config)):
        return loaded
    from rnnexp.compute.jit.generated import compiled_by, compiled_in
    from rnnexp.nn.loops.jit import written

    if not (cache := compiled_in()):  # nowhere: each process compiles them itself
        return None
    here = Path(__file__).parents[1]
    parts = {part: kinds(config[part]) for part in ("cell", "model", "optimizer", "engine")}
    cells = small_model(config).cells
    parts["loops"] = [written.both(cell) for cell in cells if not why_not_compiled(cell)]
    parts["own"] = digests_of_own(config)
    parts["by"] = compiled_by()
    sources = chain([Path(__file__)], *(here.glob(f"{folder}/*.py") for folder in SOURCES))
    parts["sources"] = [[str(path), content(path)] for path in sorted(sources)]
    return cache / f"compiled-{digest(parts)}"


def key(config: dict[str, Any]) -> str:
    """Return what says which loops a config needs, as long as the program stays as it is."""
    parts = {part: kinds(config[part]) for part in ("model", "optimizer", "engine")}
    return digest(parts | {"cell": config["cell"], "own": digests_of_own(config)})


def digests_of_own(config: dict[str, Any]) -> dict[str, str]:
    """Return the digests of those parts of the user's that are compiled."""
    return own_parts.digests({part: config[part] for part in ("cell", "optimizer")})


def kinds(value: Any) -> Any:
    """Return a part of a config with each number but 0 replaced by its kind, for no code depends on which it is.

    (On those of a cell it may: its loops are looked at besides.) That a rate of dropout is 0, or that there is no
    limit of the gradient, does say which loops a run needs.
    """
    if isinstance(value, dict):  # but how many layers there are says what feeds them
        return {key: inner if key == "num_layers" else kinds(inner) for key, inner in value.items()}
    return (
        type(value).__name__
        if isinstance(value, int | float) and not isinstance(value, bool) and value
        else value
    )


def small_model(config: dict[str, Any]) -> Model:
    """Return the model of a config in small: sizes do not change what is compiled."""
    small = {"embed_size": config["model"]["embed_size"] and 4, "hidden_size": 4, "match_params": None}
    small["layer_sizes"] = None
    return make_model(config | {"model": config["model"] | small}, vocab_size=7)


def use_all(config: dict[str, Any]) -> None:
    """Do all that a run and its evaluators do with a model."""
    model = small_model(config)
    model.init(0)
    optimizer = make_chosen("optimizer", config["optimizer"])
    tokens = np.arange(40, dtype=np.int32) % 7
    workspace, state = model.workspace(), model.zero_state(2)
    with engine.use(config["engine"], 1):
        for step in range(2):
            inputs, targets = tokens[:6].reshape(3, 2), tokens[1:7].reshape(3, 2)
            _, state = model.forward(inputs, targets, state, workspace, (0, step), 1.0)
            model.backward(workspace)
            optimizer.update(model.params, 0.1)
        # as evaluators go back: without masks, and some without a limit
        for without in (nullcontext, unclipped):
            with without(model):
                _, state = model.forward(inputs, targets, state, workspace, None, 1.0)
                model.backward(workspace)
        evaluate(model, tokens)
        sample(model, [0], 3, np.random.default_rng(0))


def say_what_fails(config: dict[str, Any]) -> None:
    """Do what `use_all` does; where a part of the user's fails, say so in one line and exit with FAULT_TOLD."""
    try:
        with redirect_stdout(sys.stderr), ExitStack() as stack:
            for key, part in own_parts.chosen({"cell": config["cell"]}).items():
                stack.enter_context(blamed(f"{key.replace('/', '=')}: {part.file}", part.file))
            stack.enter_context(own_parts.faults())
            use_all(config)
    except UserError as error:
        say(f"{error}; engine=numpy compiles nothing")
        sys.exit(FAULT_TOLD)


if __name__ == "__main__":
    say_what_fails(json.load(sys.stdin))
