"""No tracker: the run folder alone keeps the records."""


def make(uri: str | None = None) -> None:
    """Return no tracker; `uri` is where `rnnexp.cli.sync` would deliver the run later."""
