"""Write what `rnnexp --help` prints. (Hydra's own help asks for its groups in a way that takes a second.)"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

HEAD = """\
rnnexp trains recurrent language models and records how they did.

  rnnexp [GROUP=OPTION] [KEY=VALUE] ...   one run
  rnnexp -m cell=lstm,gru seed=0,1,2      a sweep: every combination, in parallel over the cores
  rnnexp experiment=dlfs2_rnnlm           a preset
  rnnexp resume=RUN_FOLDER                the same as rnnexp resume RUN_FOLDER
  rnnexp --cfg job                        only show the config; with -m the jobs and their folders
  rnnexp --config-dir FOLDER              with groups and options of your own
  rnnexp --version

Commands (rnnexp COMMAND --help says more):

"""
FOOT = """\
Flags of Hydra's: rnnexp --hydra-help. What the keys mean: conf/README.md
TAB completes groups, options and keys after: eval "$(rnnexp -sc install=bash)"; also zsh and fish"""


class Command(NamedTuple):
    """Describe a subcommand: its arguments, what it is for in a line, and the module that carries it out."""

    usage: str
    line: str
    module: str


def overview(arguments: Sequence[str], commands: Mapping[str, Command]) -> str:
    """Return the commands, the groups of conf/, and the config with the overrides among the arguments."""
    from hydra import compose
    from omegaconf import OmegaConf

    from rnnexp.cli import flags
    from rnnexp.installation import CONF
    from rnnexp.sweeps.configs import open_configs
    from rnnexp.sweeps.overrides import parse, values

    given = flags.read(arguments)
    with open_configs(given.config_dir):
        # of several values the first
        config = OmegaConf.to_yaml(compose("config", [values(o)[0] for o in parse(given.overrides)]))
    options = {
        folder.name: sorted(
            file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml")
        )
        for folder in CONF.iterdir()
        if folder.name != "hydra"
    }
    groups = [f"{group}: {', '.join(names)}" for group, names in sorted(options.items()) if names]
    return "\n".join(
        [
            HEAD + "\n".join(f"  {f'rnnexp {name} {c.usage}':<38}  {c.line}" for name, c in commands.items()),
            "",
            "Groups (GROUP=OPTION):",
            "",
            *groups,
            "",
            "Keys (KEY=VALUE), with their present values:",
            "",
            config,
            FOOT,
        ]
    )
