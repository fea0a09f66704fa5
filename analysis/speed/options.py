"""Arguments of the commands here: key=value, read without any library."""


class Refused(Exception):
    """There is nothing to report; the message says why."""


def read(arguments: list[str], defaults: dict[str, str]) -> dict[str, str]:
    """key=value arguments over their defaults."""
    options = dict(defaults)
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in defaults:
            raise Refused(f"{argument} is not known: give {', '.join(f'{key}=VALUE' for key in defaults)}")
        options[key] = value
    return options


def choose(key: str, value: str, known: list[str]) -> list[str]:
    """The names in a comma-separated list; all where there are none."""
    names = [name for name in value.split(",") if name] or known
    for name in names:
        if name not in known:
            raise Refused(f"{key}={name} is not known: choose from {', '.join(known)}")
    return names
