"""State the contract of a tracker."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated

from rnnexp.options import POSITIVE, Option
from rnnexp.records.address import Address
from rnnexp.records.folder import RunFolder

Uri = Annotated[
    str | None, Option("the address of the store, such as sqlite:///FILE or a server's", defines_result=False)
]

TIMEOUT_S = 30.0
Timeout = Annotated[
    float,
    Option(
        "seconds that the end of a run or a sweep waits for the store, in all",
        POSITIVE,
        defines_result=False,
        since_default=TIMEOUT_S,
    ),
]

# how a delivery ended
DELIVERED, THERE = "delivered", "there already"
DELETED = "deleted there by hand, and left so"


class Tracker(ABC):
    """Deliver run folders to a store.

    A config names a module of this package as `tracking.name`; its function `make(uri, **options)` returns the
    tracker. The options have their values in conf/tracking/<name>.yaml. Every process that reads a config imports
    all of these modules, so libraries that take long to import are imported by the methods.

    Parameters
    ----------
    uri : the address of the store, by which delivered.json keeps what the store has.
    system_metrics : whether a run is to record what the machine does.
    timeout : seconds that the end of a run or a sweep waits for the store.
    """

    def __init__(self, uri: str, system_metrics: bool = False, timeout: float = TIMEOUT_S):
        self.uri, self.system_metrics, self.timeout = Address(uri), system_metrics, timeout

    @abstractmethod
    def deliver(self, folder: RunFolder) -> str | None:
        """Bring what the store knows of a run up to what the run folder holds; ask the store itself what it knows.

        Several processes call this again and again while a run goes on, also after a call that was cut off in the
        middle. So nothing that was sent before may appear twice. `folder.to_deliver(uri)` says whether there is
        anything to do; `folder.deliveries` keeps what was done, and has a lock.

        Returns
        -------
        DELIVERED, THERE where there was nothing to do, or DELETED where somebody has deleted the run in the store,
        which is left so; None: `folder.to_deliver` has said it.

        Raises
        ------
        any error of a store, a network or a server: the run goes on, and the delivery is tried again.
        """

    def may_lack(self, folder: RunFolder) -> bool:
        """Return whether the store may lack something of a run, without asking it."""
        return folder.to_deliver(self.uri) is not None

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
