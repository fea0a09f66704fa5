"""Write what `rnnexp --help` prints. (Hydra's own help asks for its groups in a way that takes a second.)"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

HEAD = """\
rnnexp trains recurrent language models and records how they did.

  rnnexp [GROUP=OPTION] [KEY=VALUE] ...   one run
  rnnexp -m cell=lstm,gru seed=0,1,2      a sweep: every combination, in parallel over the cores
  rnnexp experiment=dlfs2_rnnlm           a preset
  rnnexp resume=RUN_FOLDER                the same as rnnexp resume RUN_FOLDER
  rnnexp --cfg job                        only show the config

Commands (rnnexp COMMAND --help says more):

"""
FOOT = "Options of the command itself: rnnexp --hydra-help. What the keys mean: conf/README.md"


class Command(NamedTuple):
    """Describe a subcommand: its arguments, what it is for in a line, and the module that carries it out."""

    usage: str
    line: str
    module: str


def overview(arguments: Sequence[str], commands: Mapping[str, Command]) -> str:
    """Return the commands, the groups of conf/, and the config with the overrides among the arguments."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from rnnexp.experiment import schema
    from rnnexp.sweeps.worker import CONF

    schema.register()
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_yaml(compose("config", overrides=overrides))
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
