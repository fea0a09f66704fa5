"""Track nothing: the run folder alone keeps the records."""

from rnnexp.tracking.base import Uri


def make(uri: Uri = None) -> None:
    """Return no tracker; `uri` is the store to which `rnnexp sync` can deliver the run later."""
