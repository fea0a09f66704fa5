"""Say how much a difference between configurations owes to the test text, from the losses of its tokens."""

from pathlib import Path

import numpy as np

from rnnexp.analysis.comparing import Group
from rnnexp.analysis.study import Study
from rnnexp.analysis.text_error import TextError, blocks, sentences, text_error, uncertainty_sentences
from rnnexp.analysis.verdict import Verdict
from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder

END = "<eos>"


def text_sentences(study: Study, group: Group) -> list[str]:
    """Return sentences on what other seeds, and other text, would change, for each pair that was tested.

    None for a pair of which no run folder holds the losses of the tokens, or whose texts are not the same.
    """
    found = []
    for verdict in group.verdicts:
        tested = verdict.tested
        if tested and (error := text_error_of(study, verdict)):
            gap = tested.difference
            seeds = min(gap.n_a, gap.n_b)
            said = uncertainty_sentences(gap.error * np.sqrt(seeds), seeds, error)
            found.append(f"{verdict.worse} minus {verdict.better}: {' '.join(said)}")
    return found


def text_error_of(study: Study, verdict: Verdict) -> TextError | None:
    """Return the mean difference a token between the two of a verdict, and what it owes to the text."""
    means, targets, folder = [], [], None
    for name in (verdict.worse, verdict.better):
        runs = study.runs
        own = runs[(runs["configuration"] == name) & runs["reported"] & (runs["status"] == "finished")]
        nats = []
        for path in own["folder"].dropna():
            folder = RunFolder(Path(path))
            if arrays := folder.test_nats():
                nats.append(arrays["nats"].astype(np.float64))
                targets.append(arrays["targets"])
        if not nats or len(nats) < len(own):
            return None
        means.append(nats)
    if folder is None or any(not np.array_equal(targets[0], other) for other in targets[1:]):
        return None
    difference = np.mean(means[0], axis=0) - np.mean(means[1], axis=0)
    clusters = clusters_of(folder, targets[0])
    return text_error(difference, clusters) if clusters[-1] else None


def clusters_of(folder: RunFolder, targets: np.ndarray) -> np.ndarray:
    """Return the number of each token's sentence (N,), or of its block where the text has no sentences."""
    try:
        corpus = folder.load_vocabulary()
    except UserError:
        return blocks(len(targets))
    end = corpus.vocabulary.index.get(END) if corpus.end is None else corpus.end
    return blocks(len(targets)) if end is None else sentences(targets, end)
