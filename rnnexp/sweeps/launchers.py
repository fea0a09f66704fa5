"""Have a Hydra launcher, such as SLURM's, do the jobs of a sweep instead of our own scheduler."""

from collections.abc import Callable, Iterable

from rnnexp.errors import UserError, first_line, one_line
from rnnexp.output import say
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.scheduler import Sweep, require_possible

PATHS = {"hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir"}


def check(request: Request) -> None:
    """Raise UserError where the launcher that a request names cannot do what the request asks for."""
    given = {override.key_or_group for override in request.overrides}
    if request.launcher and (paths := sorted(given & PATHS)):  # where the jobs would not be looked for
        raise UserError(f"{paths[0]} does not go with hydra/launcher={request.launcher}: leave it out")
    if request.launcher and request.rerun:  # each job would find a folder of another name than the sweep
        raise UserError(f"rerun=true does not go with hydra/launcher={request.launcher}: take another study")
    own = request.settings["prepare"] or request.settings["trials"]
    if request.launcher and request.settings["match_cells"] and not own:
        raise UserError(
            f"hydra/launcher={request.launcher} composes the jobs anew, without sweep.match_cells=true: give "
            "model.match_params=NUMBER instead"
        )


def hand_over(work: Sweep, start: Callable[[], object]) -> None:
    """Have Hydra do the jobs by `start`, the function that it decorates, and find out how they went.

    Raises
    ------
    UserError where a job is impossible, before anything is made, or where the launcher fails.
    """
    require_possible(work.jobs, elsewhere=True)
    say(f"jobs handed to the launcher: {len(work.jobs)}")
    for job in work.jobs:
        job.give_label()
    try:
        start()
    except Exception as error:  # whatever another launcher raises
        raise UserError(f"the launcher says: {first_line(error)}") from error
    finally:
        look_up(work.jobs)


def look_up(jobs: Iterable[Job]) -> None:
    """Find out from their folders how jobs went that others did."""
    for job in jobs:
        try:
            job.folder.mark_dead()
            state = job.folder.state()
            job.outcome, job.error = state.get("status", "not begun").lower(), state.get("error") or ""
        except UserError as error:
            job.outcome, job.error = "failed", one_line(error)
