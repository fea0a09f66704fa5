"""What `rnnexp --help` prints. (Hydra's own help asks for its groups in a way that takes a second.)"""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

HEAD = """\
rnnexp trains recurrent language models and records how they did.

  rnnexp [GROUP=OPTION] [KEY=VALUE] ...           one run
  rnnexp -m cell=lstm,gru seed=0,1,2              a sweep: every combination, in parallel over the cores
  rnnexp experiment=dlfs2_rnnlm                   a preset
  rnnexp resume=RUN_FOLDER                        go on with an interrupted run, as its command again does
  rnnexp --cfg job                                only show the config
  python -m rnnexp.cli.generate run=RUN_FOLDER        text from a trained model
  python -m rnnexp.cli.evaluate weights=FILE ...      the perplexity of weights from elsewhere
  python -m rnnexp.cli.sync runs/                     records that a store missed, into MLflow
  python -m analysis.compare study=NAME           the table and the figure of a study
"""
FOOT = "Options of the command itself: rnnexp --hydra-help. What the keys mean: conf/ and README.md"


def text(overrides: Sequence[str], conf: Path) -> str:
    """The commands, the groups in the folder `conf`, and the config with these overrides."""
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = OmegaConf.to_yaml(compose("config", overrides=list(overrides)))
    options = {folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in conf.iterdir()}
    groups = [f"{group}: {', '.join(names)}" for group, names in sorted(options.items()) if names]
    return "\n".join(
        [
            HEAD,
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
