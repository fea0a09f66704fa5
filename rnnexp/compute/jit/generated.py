"""Keep written source where numba keeps what it compiles of it, and load it."""

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from threading import get_ident
from types import ModuleType

import llvmlite
import numba
from numba.core.registry import cpu_target

from rnnexp.compute.jit import maths

HERE = Path(__file__).parent
COMPILED_IN = *HERE.glob("*.py"), *HERE.parent.glob("blas/*.py")  # what written source calls
WRITTEN_AT = 0, 0  # the time of each file, by which numba tells whether it has changed


@cache
def module_of(source: str) -> ModuleType:
    """Return a module of this source, kept in a file where there is room for one.

    The file's name is a hash of the source and of our own functions that numba compiles into it.
    """
    digest = hashlib.sha256(source.encode())
    for file in sorted(COMPILED_IN):
        digest.update(file.read_bytes())
    name = f"rnnexp_loops_{digest.hexdigest()[:16]}"
    path = kept(name, source)
    module = ModuleType(name)
    module.__file__ = str(path or f"<{name}>")
    sys.modules[name] = module  # where numba looks for it when it loads what it compiled
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module


def compiled_by() -> list[str]:
    """Return what numba's compiled code depends on besides the source: versions, and the processor it is for."""
    versions = [numba.__version__, llvmlite.__version__, str(sys.implementation.cache_tag)]
    return [*versions, *map(str, cpu_target.target_context.codegen().magic_tuple())]


def compiled_in() -> Path | None:
    """Return the folder in which numba keeps what it compiles of this package; None where it has none."""
    path = maths.maximum.stats.cache_path  # of any function: they are kept in one place
    return Path(path) if path else None


def kept(name: str, source: str) -> Path | None:
    """Return the file with a source, written unless it is there; None where nothing can be kept."""
    if not (compiled := compiled_in()):
        return None
    folder = compiled / "loops"
    path = folder / f"{name}.txt"  # no module of the program
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != source:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f".{name}.{os.getpid()}.{get_ident()}"  # for others to read, as numba's own files
            with part.open("w", encoding="utf-8") as file:
                file.write(source)
            os.utime(part, WRITTEN_AT)
            part.replace(path)
    except OSError:
        return None
    return path
