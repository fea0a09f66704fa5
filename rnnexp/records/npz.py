"""Read npz files of plain arrays, whose sizes are known before memory is taken. Nothing is unpickled."""

import math
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

# what zipfile, npy and JSON raise over altered bytes
DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, struct.error, TokenError),
)
SUFFIX = ".npy"


class Header(NamedTuple):
    """Say what an array is that was not read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype


class Npz:
    """Read arrays from an open npz file; any of `DAMAGE` is raised where it was cut short or altered.

    Parameters
    ----------
    only : the name of the only array to look at; None: all.

    Attributes
    ----------
    headers : name -> what each array is.
    """

    def __init__(self, file: BinaryIO, only: str | None = None):
        self.file = zipfile.ZipFile(file)
        members = {info.filename.removesuffix(SUFFIX): info for info in self.file.infolist()}
        self.members = {name: info for name, info in members.items() if only in (None, name)}
        self.headers = {name: self.header(name) for name in self.members}

    def header(self, name: str) -> Header:
        """Return what an array is; ValueError where its member is not as long as that says."""
        info = self.members[name]
        with self.file.open(info) as member:
            version = npy.read_magic(member)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(member)
            begins = member.tell()
        if dtype.hasobject:
            raise ValueError(f"{name} holds Python objects")
        if begins + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{name} is not of the size that it says")
        return Header(shape, dtype)

    def stored_size(self) -> int:
        """Return the bytes of all arrays."""
        return sum(info.file_size for info in self.members.values())

    def read(self, names: Collection[str]) -> dict[str, np.ndarray]:
        """Return the named arrays."""
        arrays = {}
        for name in names:
            with self.file.open(self.members[name]) as member:
                arrays[name] = npy.read_array(member, allow_pickle=False)
                member.read()  # to the end, where the checksum is compared, of an empty array too
        return arrays


def read_plain(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file that this program wrote without compression; any of `DAMAGE` else."""
    with path.open("rb") as file:
        npz = Npz(file)
        if npz.stored_size() > path.stat().st_size:
            raise ValueError("it claims more bytes than it has")
        return npz.read(npz.members)


def is_whole(path: Path) -> bool:
    """Return whether there is an npz file that was not cut short; its numbers are not read."""
    try:
        with path.open("rb") as file:
            Npz(file)
    except DAMAGE:
        return False
    return True
