"""State the contract of a tracker."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from rnnexp.options import Option
from rnnexp.records.address import Address
from rnnexp.records.folder import RunFolder

Uri = Annotated[
    str | None, Option("the address of the store, such as sqlite:///FILE or a server's", defines_result=False)
]


class Tracker(ABC):
    """Deliver run folders to a store.

    A config names a module of this package as `tracking.name`; its function `make(uri, **options)` returns the
    tracker. The options have their values in conf/tracking/<name>.yaml. Every process that reads a config imports
    all of these modules, so libraries that take long to import are imported by the methods.

    Parameters
    ----------
    uri : the address of the store, by which delivered.json keeps what the store has.
    """

    def __init__(self, uri: str):
        self.uri = Address(uri)

    @contextmanager
    def connected(self) -> Iterator[str]:
        """Yield the address for a library to connect with; it finds user and password in the environment meanwhile."""
        given = self.uri.credentials()
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield self.uri.to_connect()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    @abstractmethod
    def deliver(self, folder: RunFolder) -> None:
        """Bring what the store knows of a run up to what the run folder holds.

        Several processes call this again and again while a run goes on, also after a call that was cut off in the
        middle. So nothing that was sent before may appear twice. `folder.to_deliver(uri)` says whether there is
        anything to do; `folder.deliveries` keeps what was done, and has a lock.

        Raises
        ------
        any error of a store, a network or a server: the run goes on, and the delivery is tried again.
        """

    def absolute_uri(self) -> str:
        """Return the address of the store, independent of the current folder."""
        return self.uri

    def folder_of(self, run_id: str) -> Path | None:
        """Return the folder of a run, given the store's id for it; None where the store knows none.

        Raises
        ------
        UserError where there is no store.
        """
        return None
