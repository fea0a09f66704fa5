"""Name the runs of a sweep by what varies in it, and the sweep by what it goes over."""

import shlex
from typing import Any

from rnnexp.experiment.titles import brief_keys, briefly, cut, defining_overrides, key_of, title
from rnnexp.output import safe
from rnnexp.records.digests import digest
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.overrides import is_one, text
from rnnexp.sweeps.request import Request


def label(job: Job, request: Request, final: bool = False) -> dict[str, Any]:
    """Return what the run of a job is called, and the sweep that it belongs to.

    A command with more values of what varies, more seeds or more trials goes on with the same sweep.

    final : whether it is one of the final runs of a search.
    """
    searched = [override.key_or_group for override in request.space.values()]
    swept = [o.key_or_group for o in request.overrides if not is_one(o) and o.key_or_group not in searched]
    over = [key for key in dict.fromkeys([*swept, *searched]) if key != "study"]
    one = [text(o) for o in request.overrides if is_one(o) and o.key_or_group not in [*searched, "seed"]]
    fixed = defining_overrides(job.config, one)
    what = {"over": sorted({*over} - {"seed"}), "search": sorted(searched), "final": final}
    return {
        "name": title(job.config, [o for o in job.overrides if key_of(o) in over]),
        "sweep": {
            "key": digest(what | {"fixed": sorted(fixed)}),
            "name": sweep_name([key for key in over if key in swept], searched, fixed, final),
            "command": safe(shlex.join(["rnnexp", "-m", *request.arguments])),
        },
    }


def sweep_name(swept: list[str], searched: list[str], fixed: list[str], final: bool) -> str:
    """Return the name of a sweep over some keys, or of a search for others for each combination of these."""
    if searched:
        words = ["final runs of the search" if final else "search", f"over {', '.join(brief_keys(searched))}"]
        words += [f"for each {', '.join(brief_keys(swept))}"] if swept else []
    else:
        words = ["sweep", f"over {', '.join(brief_keys(swept))}"] if swept else ["sweep of one run"]
    return cut([*words[:-1], words[-1] + ":" * bool(fixed), *briefly(fixed)])
