"""Turn Python's names and values into the config that the command composes of the same.

A setting goes by its dotted key, or by the key's last part where only one key ends so.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.errors import UserError, one_line
from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment import schema
from rnnexp.experiment.compose import composed
from rnnexp.experiment.config import CHOICES, keys_of, keys_of_choice
from rnnexp.experiment.own_parts import PARTS, where
from rnnexp.experiment.typed import require_typed_counts
from rnnexp.installation import CONF
from rnnexp.options import Key

GROUPS = (
    "cell",
    "model",
    "dataset",
    "optimizer",
    "schedule",
    "train",
    "evaluation",
    "tracking",
    "experiment",
    "without",
)
OF_COMMANDS = "sweep", "rerun", "hydra"  # a script has a loop, and names another folder


def config_of(
    settings: Mapping[str, Any], config_dir: Path | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Return the config of settings, with every key and type checked, and the settings as overrides.

    Nothing is tracked unless `tracking` is among them.

    Raises
    ------
    UserError, which names the setting and suggests others.
    """
    for key in settings:
        if not isinstance(key, str):
            raise UserError(f"{key!r} is no name of a setting: write it as a text, as in 'optimizer.lr'")
    given = {key: plain(value) for key, value in settings.items() if not (key in GROUPS and value is None)}
    chosen = {key: value for key, value in given.items() if key in GROUPS}
    texts = [f"{group}={option_of(group, value, config_dir)}" for group, value in chosen.items()]
    config = composed([*([] if "tracking" in chosen else ["tracking=none"]), *texts], config_dir)
    keys = settable(config)
    named: dict[str, Any] = {}
    for name, value in given.items():
        if name in GROUPS:
            continue
        key = key_of(name, keys)
        if key in named:
            raise UserError(f"{name} is given twice: leave one out")
        named[key] = value
    for key, value in named.items():
        try:
            OmegaConf.update(config, key, schema.as_text(value))
        except OmegaConfBaseException as error:
            raise UserError(f"{key}={value!r}: {one_line(error)}") from error
    texts += [f"{key}={value}" for key, value in named.items()]
    resolved = schema.resolve(schema.typed(config))
    require_typed_counts(texts, resolved)
    return resolved, texts


def plain(value: Any) -> Any:
    """Return a value as a config holds it: NumPy's numbers and arrays are Python's, also in lists, paths are text."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def option_of(group: str, value: Any, config_dir: Path | None) -> str:
    """Return what is chosen of a group in Hydra's grammar; UserError where there is no such option."""
    several = group in ("evaluation", "without") and isinstance(value, list)
    known = options(group, config_dir)
    for name in value if several else [value]:
        if not isinstance(name, str):
            raise UserError(f"{group}={name!r} must be the name of one of {', '.join(known)}")
        if name not in known:
            own = where(group, name, "config_dir=FOLDER")
            raise UserError(f"{group}={name!r} is not known: {suggestion(name, known)}{own}")
    return f"[{','.join(value)}]" if several else value


def options(group: str, config_dir: Path | None) -> list[str]:
    """Return the options of a group: the files of conf/, and of a folder of the user's."""
    folders = [CONF, *([config_dir] if config_dir else [])]
    own = {name for of_group, name in PARTS if of_group == group}
    files = ((folder / group, file) for folder in folders for file in (folder / group).rglob("*.yaml"))
    return sorted({file.relative_to(top).with_suffix("").as_posix() for top, file in files} | own)


def settable(config: DictConfig) -> dict[str, Key]:
    """Return the keys that a setting can name, given the config of what is chosen."""
    keys: Any = keys_of(OmegaConf.to_container(config))  # type: ignore[arg-type]
    return {
        key: described
        for key, described in keys.items()
        if key.partition(".")[0] not in OF_COMMANDS
        and key.rpartition(".")[2] != "name"
        and get_origin(described.type) is not dict
    }


def key_of(name: str, keys: Mapping[str, Key]) -> str:
    """Return the key that a name stands for; UserError where it is none, or more than one."""
    if name in keys:
        return name
    ends = [key for key in keys if key.rpartition(".")[2] == name]
    if len(ends) == 1:
        return ends[0]
    if ends:
        written = " or ".join(f'{{"{key}": ...}}' for key in ends)
        raise UserError(f"{name} may be {' or '.join(ends)}: write {written} before the other settings")
    if name.partition(".")[0] in OF_COMMANDS:
        raise UserError(f"{name} is for the command: a script names another folder, or has a loop")
    owners = [f"{group}={choice}" for group, choice in all_choices() if name in short_names(group, choice)]
    if owners:
        raise UserError(f"{name} is an option of {' or '.join(owners)}, which is not chosen here")
    shorts = {key.rpartition(".")[2] for key in keys}
    raise UserError(f"{name} is not known: {suggestion(name, sorted({*keys, *shorts, *GROUPS}))}")


def all_choices() -> list[tuple[str, str]]:
    """Return each group and name of what a config can choose."""
    return [(group, name) for group, found in CHOICES.items() for name in found]


def short_names(group: str, choice: str) -> set[str]:
    """Return the options of a choice, with and without the group before them."""
    found = keys_of_choice(group, choice)
    return {*found, *(f"{group}.{name}" for name in found)}


def suggestion(name: str, known: list[str]) -> str:
    """Return what a mistaken name may have meant, in words."""
    near = get_close_matches(name, known, n=1)
    few = f"there are {', '.join(known)}" if len(known) <= len(EVALUATORS) + 12 else ""
    asked = f"did you mean {near[0]}?" if near else ""
    page = "conf/README.md lists all keys" if not few else ""
    return " ".join(part for part in (asked, few or page) if part)
