"""List the subcommands of `rnnexp`, and carry out the one that is given."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from rnnexp import __version__
from rnnexp.cli import help
from rnnexp.cli.help import Command
from rnnexp.command.process import exit_status
from rnnexp.errors import UserError
from rnnexp.installation import CONF
from rnnexp.output import say
from rnnexp.records.address import clean_arguments, remembered

# Each module is imported when its command is given. It has a docstring, which is the command's help, and a
# function `run`, which takes the arguments and returns the exit status or None.
COMMANDS = {
    "train": Command(
        "[KEY=VALUE] ...", "train a model, with -m many; also without the word", "rnnexp.cli.train"
    ),
    "resume": Command(
        "RUN_FOLDER", "go on with an interrupted run, as its command again does", "rnnexp.cli.resume"
    ),
    "generate": Command("run=RUN_FOLDER", "text from a trained model", "rnnexp.cli.generate"),
    "evaluate": Command(
        "run=RUN_FOLDER", "its perplexity, or with weights=FILE that of others", "rnnexp.cli.evaluate"
    ),
    "status": Command("[study=NAME]", "how the runs stand: under way, finished, failed", "rnnexp.cli.status"),
    "clean": Command("[study=NAME]", "remove what finished and failed runs need no more", "rnnexp.cli.clean"),
    "sync": Command("runs/", "records that a store missed, into MLflow", "rnnexp.cli.sync"),
    "offline": Command(
        "FOLDER ...", "prepared runs, where neither Hydra nor MLflow is", "rnnexp.cli.offline"
    ),
    "compare": Command("study=NAME", "the table and the figure of a study", "rnnexp.analysis.compare"),
    "report": Command(
        "study=NAME", "a study on one page: verdicts, figures, tables", "rnnexp.analysis.report.command"
    ),
    "claims": Command(
        "", "what the documents claim of the cells, each judged", "rnnexp.analysis.claims.command"
    ),
    "challenge": Command(
        "study=NAME", "the runs that nobody beats on all counts", "rnnexp.analysis.challenge"
    ),
    "ablation": Command("study=NAME", "what each part of a recipe is worth", "rnnexp.analysis.ablation"),
    "reproduce": Command(
        "[run=true]", "published figures beside those of our presets", "rnnexp.analysis.reproduce"
    ),
    "ui": Command("", "the runs in a browser, by MLflow", "rnnexp.cli.ui"),
}
DEFAULT = "train"
QUERIES = ["-sc", "query=bash"], ["-sc", "query=fish"]  # what a shell asks when TAB is pressed
OF_CONFIGS = {"train", "resume", "generate", "evaluate", "offline"}  # they may meet parts of the user's own


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line, by default that of the process; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    word = given[0] if given else ""
    # what is left has the form of an override (KEY=VALUE or ~KEY) or of a flag
    named = word in COMMANDS or (word != "" and "=" not in word and word[0] not in "-~+")
    name, rest = (word, given[1:]) if named else (DEFAULT, given)
    prefix = "rnnexp" if name == DEFAULT or name not in COMMANDS else f"rnnexp {name}"
    return exit_status(prefix, lambda: run_command(name, clean_arguments(rest)))


def run_command(name: str, arguments: list[str]) -> int | None:
    """Carry out a subcommand, or print its help; return the exit status, None being 0."""
    if sys.platform == "win32":  # whose files, signals and processes nobody has tried it with
        raise UserError("Windows is not supported: use WSL, or another machine with Linux")
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder has been deleted: go to another one") from None
    remembered()  # refuses what something else has put there
    if "--version" in arguments:
        say(f"rnnexp {__version__}")
        return None
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1, cutoff=0)[0]
        if (CONF / name).is_dir() and arguments:
            near = f"{name}={arguments[0]}"
        raise UserError(f"{name} is no command: did you mean {near}? There are {', '.join(COMMANDS)}")
    module = COMMANDS[name].module
    if arguments in QUERIES:
        from rnnexp.cli import completion

        if completion.say_choices(COMMANDS, DEFAULT):
            return None
    if name in OF_CONFIGS:
        from rnnexp.cli.config_dir import use_own_parts  # imports all that a config can choose

        arguments = use_own_parts(arguments, is_kept=name == DEFAULT)
    if {"-h", "--help"} & set(arguments):
        say(help.overview(arguments, COMMANDS) if name == DEFAULT else import_module(module).__doc__ or "")
        return None
    sys.argv[1:] = arguments  # where Hydra reads them
    return import_module(module).run(arguments)
