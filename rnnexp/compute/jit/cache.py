"""Find room for what numba compiles, where neither the program's folder nor the home folder can be written."""

import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from numba.core import config
from numba.core.caching import FunctionCache

log = logging.getLogger(__name__)
VARIABLE = "NUMBA_CACHE_DIR"  # by which numba is told, and with it every process that this one starts
UNWRITABLE = "neither the program's folder nor the home folder can be written"


def is_possible(function: Any) -> bool:
    """Return whether numba finds a folder for what it compiles of a function."""
    try:
        FunctionCache(function)
    except RuntimeError:  # "no locator available"
        return False
    return True


def move() -> bool:
    """Keep what is compiled in a temporary folder from now on, and say so; return whether there is one."""
    try:
        folder = own_folder()
    except OSError:  # also where there is no temporary folder at all
        log.warning(f"{UNWRITABLE}: every process compiles its loops anew, unless {VARIABLE} names a folder")
        return False
    os.environ[VARIABLE] = str(folder)
    config.reload_config()
    log.warning(f"{UNWRITABLE}: compiled loops are kept in {folder}, unless {VARIABLE} names another")
    return True


def own_folder() -> Path:
    """Return a temporary folder that nobody else can write, for numba runs what it finds there; OSError without one."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    shared = Path(tempfile.gettempdir()) / f"rnnexp-numba-{user}"
    shared.mkdir(mode=0o700, exist_ok=True)
    found = shared.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022
    if os.name == "posix" and not own:
        return Path(tempfile.mkdtemp(prefix="rnnexp-numba-"))
    return shared
