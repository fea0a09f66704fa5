"""Go on with an interrupted run, from its last checkpoint and with its own config.

rnnexp resume RUN_FOLDER

The name of a study will do where one of its runs was interrupted. The command that began the run does the same
when it is given again, and so does rnnexp resume=RUN_FOLDER.
"""

from pathlib import Path

from rnnexp.cli import naming
from rnnexp.errors import UserError
from rnnexp.experiment import build, rules, runner, schema
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.worker import log_to


def run(arguments: list[str]) -> None:
    """Go on with the run in the folder that the arguments name."""
    others = [a for a in arguments if ("=" in a or a.startswith("-")) and not Path(a).exists()]
    if others:
        raise UserError(
            f"{others[0]} does not go with resume, by which a run goes on with its own config: leave it out"
        )
    if len(arguments) != 1:
        raise UserError("name one run folder: rnnexp resume RUN_FOLDER")
    named = naming.folder_of(arguments[0], "rnnexp resume ", naming.may_go_on)
    folder = RunFolder(named.path.resolve())
    config = schema.saved(folder.load_config(), folder.config_file)
    rules.check(config, made=True)
    if not folder.result():
        build.require_text(config)
    log_to(folder.path / "rnnexp.log", "console")
    runner.run_experiment(config, folder)
