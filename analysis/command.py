"""The commands over the records: key=value arguments, and one plain line where something is wrong."""

import sys
from collections.abc import Callable
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from analysis.load import NoRecords

T = TypeVar("T")


def run(command: Callable[[T], None], arguments: type[T], name: str, doc: str | None) -> None:
    """Call `command` with the arguments of the command line, an instance of the dataclass `arguments`."""
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(doc))
    try:
        given = OmegaConf.merge(OmegaConf.structured(arguments), OmegaConf.from_cli())
        command(OmegaConf.to_object(given))  # type: ignore[arg-type]
    except (NoRecords, OmegaConfBaseException, OSError) as error:
        message = str(error).partition("\n")[0]
        sys.exit(f"analysis.{name}: {message}")
    except KeyboardInterrupt:
        sys.exit(130)
