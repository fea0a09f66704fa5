"""Show what a run made: texts from its model, its learning curves, and how others load the model."""

import platform
from pathlib import Path

import numpy as np

from rnnexp.errors import UserError
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment import curves
from rnnexp.experiment.build import Experiment
from rnnexp.nn.tokens import BOS_INPUT
from rnnexp.output import safe
from rnnexp.records import npz, reading
from rnnexp.records.files import append_text, replace_text, replacing
from rnnexp.records.folder import RunFolder

AT_THE_END = "at the end, with the best weights"  # heading of the last samples
END_OF_PNG = b"IEND\xaeB`\x82"
LOADER = "rnnexp.experiment.pyfunc"
DRAWN = {"length": 200, "temperature": 1.0, "top_k": None, "seed": 0}  # texts, as by `rnnexp generate`


def loader() -> str:
    """Return the content of MLmodel, by which MLflow loads the model."""
    flavor = {"loader_module": LOADER, "python_version": platform.python_version(), "config": DRAWN}
    return reading.to_yaml({"flavors": {"python_function": flavor}})


def write_all(experiment: Experiment, folder: RunFolder) -> None:
    """Write text from the trained model and the learning curves into the run folder."""
    with folder.exclusive():  # a process that was killed may have left a part of them
        before = (reading.text(folder.samples_file) or "").partition(f"# {AT_THE_END}\n")[0]
        replace_text(folder.samples_file, before)
    write_samples(experiment, folder, AT_THE_END)
    if records := folder.records():
        name = folder.label().get("name", folder.path.name)
        figure = curves.figure(records, folder.steps(), folder.result() or {}, name)
        with folder.exclusive(), replacing(folder.curves_file) as file:
            figure.savefig(file, dpi=120, format="png")


def lacking(folder: RunFolder) -> list[str]:
    """Return the names of the files that a finished run should have beside its result, and has not or not whole."""
    found = []
    try:
        folder.load_vocabulary()
    except UserError:
        found.append(folder.vocabulary_file.name)
    try:
        folder.test_nats()
    except UserError:
        found.append(folder.test_nats_file.name)
    if not folder.loader_file.exists() and folder.label():  # which runs of older versions have not
        found.append(folder.loader_file.name)
    samples = reading.text(folder.samples_file) or ""
    if f"# {AT_THE_END}\n" not in samples or not samples.endswith("\n\n"):
        found.append(folder.samples_file.name)
    if folder.records() and not ends_with(folder.curves_file, END_OF_PNG):
        found.append(folder.curves_file.name)
    keeps = folder.load_config()["train"].get("keep", "all") != "nothing"
    if folder.records() and keeps and not npz.is_whole(folder.best_file):
        found.append(folder.best_file.name)
    return found


def ends_with(path: Path, end: bytes) -> bool:
    """Return whether there is a file with this end."""
    return path.exists() and path.read_bytes().endswith(end)


def write_samples(experiment: Experiment, folder: RunFolder, when: str) -> None:
    """Add text from the model in its present state to samples.txt, under the heading `when`."""
    corpus, settings = experiment.corpus, experiment.settings
    split = corpus.splits["test" if settings.tests else "valid"]
    prompt = [BOS_INPUT] if corpus.end is not None else [int(split[0])]
    rng = np.random.default_rng(experiment.seed)
    texts = sample(experiment.model, prompt, settings.sample_length, rng, settings.sample_num, corpus.end)
    # they are shown on a terminal, and so are the vocabulary's signs
    lines = "".join(f"{corpus.text(tokens)}\n" for tokens in texts)
    with folder.exclusive():
        append_text(folder.samples_file, safe(f"# {when}\n{lines}\n"))
