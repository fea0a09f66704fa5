"""Say how much of a sweep is left: jobs, hours and disk, from the jobs that have finished, and those that run."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from statistics import fmean

from rnnexp.errors import UserError
from rnnexp.records.digests import digest
from rnnexp.sweeps.job import Job

# what changes from job to job of a sweep and hardly changes how long one takes
OF_NO_WEIGHT = "seed", "study", "tracking"
ENOUGH = 0.02  # share of a job's work from which its pace is told
RATES = "lr", "clip_norm", "dropout", "recurrent_dropout", "forget_bias"


def shape(job: Job) -> str:
    """Return what makes jobs take about as long as each other: their settings but for seeds, rates and the like."""

    def lasting(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: lasting(inner) for key, inner in value.items() if key not in RATES}

    return digest(lasting({key: value for key, value in job.config.items() if key not in OF_NO_WEIGHT}))


class Outlook:
    """Hold the seconds and the bytes of the jobs that have finished, by shape."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.bytes: list[int] = []

    def note(self, job: Job, seconds: float | None = None) -> bool:
        """Take a finished job into account; return whether it is the first of its shape.

        seconds : that it took; None: those that its epochs took, as it has recorded.
        """
        with suppress(OSError, UserError):
            if seconds is None:
                seconds = sum(record.get("epoch_s", 0.0) for record in job.folder.records())
            self.bytes.append(sum(file.stat().st_size for file in job.folder.path.iterdir()))
        of_shape = self.seconds[shape(job)]
        of_shape.append(seconds or 0.0)
        return len(of_shape) == 1

    def seconds_left(
        self, waiting: Iterable[Job], running: Sequence[tuple[Job, float, float]], more: int = 0
    ) -> float | None:
        """Return how many seconds the jobs that are left take, one after the other; None while nothing is known.

        waiting : those not begun; running: those that run, for how many seconds, and what share of its work each
        has done in them; more: the number of those that are not known yet. Of a shape that none has finished, those
        that run tell the pace; a shape without either counts as the mean of the others.
        """
        seconds = {key: list(values) for key, values in self.seconds.items()}
        for job, since, gained in running:
            if gained >= ENOUGH and shape(job) not in self.seconds:
                seconds.setdefault(shape(job), []).append(since / gained)
        if not seconds:
            return None
        by_shape = {key: fmean(values) for key, values in seconds.items()}
        usual = fmean(by_shape.values())
        left = sum(by_shape.get(shape(job), usual) for job in waiting) + more * usual
        return left + sum(max(by_shape.get(shape(job), usual) - since, 0.0) for job, since, _ in running)

    def bytes_left(self, jobs: int) -> float:
        """Return how many bytes so many jobs leave."""
        return jobs * fmean(self.bytes) if self.bytes else 0.0


def size(count: float) -> str:
    """Return about how much so many bytes are."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
