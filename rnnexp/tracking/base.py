"""State the contract of a tracker."""

from abc import ABC, abstractmethod
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
    system_metrics : whether a run is to record what the machine does.
    """

    def __init__(self, uri: str, system_metrics: bool = False):
        self.uri, self.system_metrics = Address(uri), system_metrics

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
