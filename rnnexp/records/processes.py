"""Tell whether the process that wrote something has ended."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


def has_gone(state: dict[str, Any]) -> bool | None:
    """Return whether the process that a state names has ended; None where its number cannot be looked up here."""
    same_numbers = state.get("namespace", namespace()) == namespace()
    if state["host"] != socket.gethostname() or not same_numbers:
        return None
    try:
        return psutil.Process(state["pid"]).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def namespace() -> str:
    """Return what process numbers belong to: this start of the machine, and this container."""
    parts = []
    with suppress(OSError):
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]
        parts.append(Path("/proc/self/ns/pid").readlink().name)
    return " ".join(parts)
