"""State the contract of a tracker."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated

from rnnexp.options import Option
from rnnexp.records.folder import RunFolder

Uri = Annotated[
    str | None, Option("the address of the store, such as sqlite:///FILE or a server's", defines_result=False)
]


class Tracker(ABC):
    """Deliver run folders to a store.

    A module of this package with a function `make(uri, **options)`, which returns one, is the tracker that a
    config names as `tracking.name`; its options have their values in conf/tracking/<name>.yaml. A process
    composes its config with every tracker at hand, so a library that takes long to import is imported by the
    methods.

    Parameters
    ----------
    uri : the address of the store; delivered.json notes by it what the store has got.
    """

    def __init__(self, uri: str):
        self.uri = uri

    @abstractmethod
    def deliver(self, folder: RunFolder) -> None:
        """Bring what the store knows of a run up to what the run folder holds.

        It is called again and again while a run goes on, by several processes, and anew where it was cut off
        in the middle: whatever was sent before must not be there twice. `folder.to_deliver(uri)` says whether
        there is anything to do, `folder.deliveries` keeps what was done and has a lock.

        Raises
        ------
        whatever a store, a network or a server can: the run goes on, and it is tried again.
        """

    def absolute_uri(self) -> str:
        """Return the address, the same wherever the program runs."""
        return self.uri

    def folder_of(self, run_id: str) -> Path | None:
        """Return the folder of a run by the store's own name for it; None where it knows of none.

        Raises
        ------
        UserError where there is no store.
        """
        return None
