"""Track nothing: the run folder alone keeps the records."""

from rnnexp.tracking.base import Uri


def make(uri: Uri = None) -> None:
    """Return no tracker; `uri` is where `rnnexp sync` would deliver the run later."""
