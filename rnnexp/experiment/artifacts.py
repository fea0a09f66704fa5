"""Show what a run made: texts from its model, its learning curves, and how others load the model."""

import platform
from typing import Any

import numpy as np
import yaml

from rnnexp.evaluation.sampling import sample
from rnnexp.experiment.build import Experiment
from rnnexp.nn.tokens import BOS_INPUT
from rnnexp.output import safe
from rnnexp.records.files import append_text, replacing
from rnnexp.records.folder import RunFolder

LOADER = "rnnexp.experiment.pyfunc"
DRAWN = {"length": 200, "temperature": 1.0, "top_k": None, "seed": 0}  # texts, as by `rnnexp generate`


def loader() -> str:
    """Return the content of MLmodel, by which MLflow loads the model."""
    flavor = {"loader_module": LOADER, "python_version": platform.python_version(), "config": DRAWN}
    return yaml.safe_dump({"flavors": {"python_function": flavor}}, sort_keys=False)


def write_all(experiment: Experiment, folder: RunFolder) -> None:
    """Write text from the trained model and the learning curves into the run folder."""
    write_samples(experiment, folder, "at the end, with the best weights")
    if records := folder.records():
        figure = draw_curves(records)
        with folder.exclusive(), replacing(folder.path / "curves.png") as file:
            figure.savefig(file, dpi=120, format="png")


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
        append_text(folder.path / "samples.txt", safe(f"# {when}\n{lines}\n"))


def draw_curves(records: list[dict[str, Any]]) -> Any:
    """Draw training and validation perplexity over the epochs; return the matplotlib figure."""
    from matplotlib.figure import Figure  # half a second, after training only

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [record["epoch"] for record in records]
    for split in "train", "valid":
        axes.plot(epochs, [record[f"{split}/ppl"] for record in records], marker=".", label=split)
    axes.set(xlabel="epoch", ylabel="perplexity", yscale="log")
    axes.legend()
    return figure
