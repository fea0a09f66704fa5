"""Go on with an interrupted run, from its last checkpoint and with its own config.

rnnexp resume RUN_FOLDER

The command that began the run does the same when it is given again, and so does rnnexp resume=RUN_FOLDER.
"""

from pathlib import Path

from rnnexp.errors import UserError
from rnnexp.experiment import rules, runner, schema
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.worker import log_to


def run(arguments: list[str]) -> None:
    """Go on with the run in the folder that the arguments name."""
    if len(arguments) != 1 or not arguments[0]:
        raise UserError("name one run folder: rnnexp resume RUN_FOLDER")
    folder = RunFolder(Path(arguments[0]).resolve())
    config = schema.saved(folder.load_config(), folder.config_file)
    rules.check(config)
    log_to(folder.path / "rnnexp.log", "console")
    runner.run_experiment(config, folder)
