"""Find the runs of the claims in a store, and judge each claim by them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rnnexp.analysis.claims.claim import FILES, NO_RUNS, UNFINISHED, Claim, Finding
from rnnexp.analysis.claims.runs import number
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.fairness import OK, Light
from rnnexp.analysis.records import NoRecords
from rnnexp.analysis.study import Study, load_study

STUDY = "claims_{}"  # of a preset
# data set -> preset that tuned its rates, and what else its command needs
TUNING = {
    "grammar": ("tuning", ""),
    "names of dinosaurs": ("tuning_names", FILES),
    "names of dinosaurs, two layers": ("tuning_deep_names", FILES),
    "names of dinosaurs, the hackathon's model": ("tuning_challenge", FILES),
    "counting": ("tuning_counting", ""),
    "copying": ("tuning_copying", ""),
}


@dataclass(frozen=True)
class Judged:
    """Hold a claim with what the runs say of it, and the studies that they are of, by preset."""

    claim: Claim
    finding: Finding
    studies: Mapping[str, Study]

    @property
    def has_runs(self) -> bool:
        """Return whether there are runs by which it is judged."""
        return self.finding.kind != NO_RUNS

    @property
    def runs(self) -> int:
        """Return how many runs were begun for it."""
        return sum(len(study.runs) for study in self.studies.values())

    @property
    def lights(self) -> list[Light]:
        """Return what the checks of fairness state or refuse, each once."""
        found = {
            (light.name, light.sentence): light
            for study in self.studies.values()
            for group in study.groups
            for light in group.lights
            if light.level != OK
        }
        return list(found.values())


@dataclass(frozen=True)
class TunedRate:
    """Hold the mean validation loss (nats per token) of a rate's runs in tuning, and whether it is the cell's best."""

    data: str
    cell: str
    lr: float
    loss: float
    runs: int
    is_best: bool


def judge_all(claims: Iterable[Claim], uri: str) -> list[Judged]:
    """Return every claim with what the runs in a store say of it."""
    return [judge(claim, load(claim.presets, uri)) for claim in claims]


def load(presets: Iterable[str], uri: str) -> dict[str, Study]:
    """Return the studies of those presets that have runs."""
    found = {}
    for preset in presets:
        try:
            found[preset] = load_study([STUDY.format(preset)], uri)
        except NoRecords:
            continue
    return found


def judge(claim: Claim, studies: Mapping[str, Study]) -> Judged:
    """Return a claim with what its studies say of it; those of its first preset must be among them."""
    if next(iter(claim.presets)) not in studies:
        return Judged(claim, Finding(NO_RUNS, NO_RUNS), {})
    ended = sum(int(study.runs["reported"].sum()) for study in studies.values())
    planned = sum(preset.runs for preset in claim.presets.values())
    try:
        finding = claim.judge(studies)
    except TooFewRuns:
        finding = Finding(UNFINISHED, "too few for any answer")
    if ended < planned or finding.kind == UNFINISHED:
        so_far = f"{ended} of {planned} runs so far: {finding.sentence}"
        if finding.kind != UNFINISHED:
            so_far = f"{ended} of {planned} runs so far, by which it is “{finding.kind}”: {finding.sentence}"
        finding = replace(finding, kind=UNFINISHED, sentence=so_far)
    return Judged(claim, finding, studies)


def tuned_rates(uri: str) -> list[TunedRate]:
    """Return what each rate of the tuning studies reached, by data set, cell and rate; empty without these."""
    found = []
    for data, (preset, _) in TUNING.items():
        for study in load([preset], uri).values():
            finished = study.runs[study.runs["status"] == "finished"]
            for cell, own in finished.groupby("cell"):
                means = own.groupby("lr")["valid_loss"].mean()
                for lr, loss in means.items():
                    runs = int((own["lr"] == lr).sum())
                    found.append(
                        TunedRate(data, str(cell), number(lr), float(loss), runs, lr == means.idxmin())
                    )
    return found
