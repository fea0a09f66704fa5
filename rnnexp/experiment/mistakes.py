"""Say what Hydra and OmegaConf refuse in one plain line: which argument, and what to write instead."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches

from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from rnnexp.data.files import decoded
from rnnexp.errors import UserError, one_line
from rnnexp.experiment import own_parts
from rnnexp.experiment.config import ALWAYS, CHOICES, keys_of_choice
from rnnexp.experiment.known_keys import all_keys, is_text, must_be, unknown
from rnnexp.installation import how_to_add

# what to do in a command instead of what a file may say
OF_SEARCH = "in a command give each key itself its range, as in 'optimizer.lr=interval(1,2)'"


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn what Hydra and OmegaConf refuse within the context into a UserError."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(plain(error)) from error
    except UnicodeDecodeError as error:
        require_utf8(error.object)
        raise


@contextmanager
def hydra_raises() -> Iterator[None]:
    """Make Hydra raise its errors within the context; else it prints several lines for each, and exits.

    Only where Hydra's own program is called: other commands that are started meanwhile would show tracebacks.
    """
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if before is not None:
            os.environ["HYDRA_FULL_ERROR"] = before


def require_utf8(read: bytes) -> None:
    """Raise UserError by the name of the user's config that holds these bytes and is not UTF-8, if there is one."""
    for folder in own_parts.FOLDERS:
        for file in sorted(folder.rglob("*.yaml")):
            if file.is_file() and read in (data := file.read_bytes()):
                decoded(data, str(file))


def plain(error: HydraException | OmegaConfBaseException) -> str:
    """Return what is wrong, and what to do, in one line."""
    if isinstance(error, OverrideParseException):
        return unreadable(error.override)
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return unknown_option(error)
    if found := re.match(r"In '([^']+)': (.+)", str(error), re.DOTALL):
        return in_file(found[1], found[2])
    said, cause = str(error).partition("\n")[0], error.__cause__
    if found := re.match(r"Could not override '([^']+)'", said):
        return not_overridden(found[1], str(getattr(cause, "full_key", "")))
    if found := re.match(r"Could not delete from config\. '([^']+)'", said):
        return f"~{found[1]}: {unknown(found[1])}"
    if found := re.match(r"Ambiguous value for argument '([^=]+)=(.*)'$", said):
        return several(found[1], found[2])
    if found := re.match(r"Sweep parameters '(.+)' requires --multirun", said):
        return f"{found[1]} names several values: add -m for a run of each"
    if found := re.match(r"(\S+) appears more than once in|Multiple values for (\S+)\.", said):
        group = found[1] or found[2]
        return (
            f"{group} is chosen already: write {group}=OPTION without +, in a file override {group}: OPTION"
        )
    if found := re.match(r"Could not append to config\. An item is already at '([^']+)'", said):
        return f"{found[1]} is there already: write {found[1]}=VALUE without +"
    if found := re.match(r"Error merging override ~([^=]+)", said):
        return f"~{found[1]}: a key cannot be removed, only set: {found[1]}=VALUE"
    if isinstance(cause, OmegaConfBaseException) and (found := re.match("Error merging override (.+)", said)):
        if found[1].startswith("sweep.params="):
            return f"{found[1]} must be KEY: VALUES; {OF_SEARCH}"
        wanted = must_be(str(cause.full_key))
        return f"{found[1]} must be {wanted}" if wanted else f"{found[1]}: {one_line(cause)}"
    return "; ".join(one_line(part) for part in [error, cause] if isinstance(part, Exception))


def not_overridden(key: str, full_key: str) -> str:
    """Return why a key cannot be set; full_key: the one that OmegaConf has found missing, which may be within it."""
    searched = full_key.removeprefix("sweep.params.")
    if key == "sweep.params" and searched != full_key:
        return f"{key}: {OF_SEARCH if searched in all_keys() else unknown(searched)}"
    return unknown(key)


def in_file(config: str, said: str) -> str:
    """Return what is wrong in a config file, which goes by its place such as "cell/x"; `said` is Hydra's message."""
    file, (group, _, name) = own_parts.file_of(config), config.partition("/")
    key = found[1] if (found := re.search(r"^ *full_key: (\S+)$", said, re.MULTILINE)) else ""
    if found := re.match(r"Could not override '([^']+)'", said):
        return f"{file}: override /{found[1]}: {unknown(found[1])}"
    if "ConfigKeyError" in said and key:
        # the group, of whose keys Hydra takes the file's to be
        if config.startswith(key.replace(".", "/") + "/"):
            return f"{file} lacks its first line: # @package _global_"
        if name in CHOICES.get(group, {}) and key.startswith(f"{group}."):
            return f"{file}: {key} is not known: there are {', '.join(keys_of_section(group, name))}"
        return f"{file}: {unknown(key)}"
    _, _, why = said.partition("raised while composing config:\n")
    if (found := re.match(r"Value '(.*)' (?:is|of type) ", why)) and must_be(key):
        return f"{file}: {key}={found[1]} must be {must_be(key)}"
    return f"{file}: {one_line(ValueError(why or said))}"


def keys_of_section(group: str, name: str) -> list[str]:
    """Return the dotted keys of a section, given what is chosen of its group."""
    always = [key for key in ALWAYS if key.startswith(f"{group}.")]
    return always + [f"{group}.{option}" for option in keys_of_choice(group, name)]


def unreadable(override: str) -> str:
    """Return that Hydra's grammar does not take an override, and how to quote its value where that helps."""
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override} is no override: write KEY=VALUE or GROUP=OPTION"
    if value.endswith(","):
        return f"{override} ends with a comma: write all values without a space between, as in {key}=A,B"
    quoted = f"{key}='{value}'"
    if "'" not in value and (is_text(key) or key not in all_keys()):
        with suppress(HydraException):
            OverridesParser.create().parse_override(quoted)
            return f'{override} is not read as a text: quote the value, for a shell as "{quoted}"'
    return f"{override} cannot be read: {key} must be {must_be(key) or 'a value that is quoted or has no brackets'}"


def unknown_option(error: MissingConfigException) -> str:
    """Return that a group has no such option, and which one may have been meant."""
    path = str(error.missing_cfg_file).removeprefix("./")
    # Hydra's own groups lie in a folder; below one of ours, claims/ say, lie more options of it
    group, _, name = path.rpartition("/") if path.startswith("hydra/") else path.partition("/")
    if group.startswith("hydra/schema/"):  # which a file names that is there
        group = group.removeprefix("hydra/schema/")
        return f"{group}={name} is not known{own_parts.where(group, name)}"
    if path.startswith("hydra/launcher/submitit_"):
        return f"hydra/launcher={path.rpartition('_')[2]} is not installed: {how_to_add('slurm')}"
    there = options_of_group(group, name) if GlobalHydra.instance().is_initialized() else error.options or []
    if not there:
        return unknown(group)
    by_end = {option.rpartition("/")[2].strip(".") or option: option for option in there}
    near = [by_end[end] for end in get_close_matches(name.rpartition("/")[2].lower(), by_end, n=1)]
    meant = f"did you mean {near[0]}? There are" if near else "there are"
    plugins = "; others are plugins, to be installed" if group == "hydra/launcher" else ""
    own = "" if group.startswith("hydra") else own_parts.where(group, name)
    return f"{group}={name} is not known: {meant} {', '.join(there)}{plugins}{own}"


def options_of_group(group: str, name: str) -> list[str]:
    """Return the options of a group that stand where a name is looked for; of a folder of them those in it."""
    loader = GlobalHydra.instance().config_loader()
    folders = loader.get_group_options(group, ObjectType.GROUP)
    within = name.partition("/")[0]
    if within in folders:
        return [f"{within}/{option}" for option in loader.get_group_options(f"{group}/{within}")]
    return loader.get_group_options(group) + [f"{folder}/..." for folder in folders]


def several(key: str, values: str) -> str:
    """Return what to write for several values of a key."""
    more = f", or {key}=[{values}] for all in one" if key == "evaluation" else ""
    if "list" in must_be(key):
        return f"{key}={values} must be a list: write {key}=[{values}]"
    return f"{key}={values} names several values: add -m for a run of each{more}"
