"""The models of the source documents: what was published, and what their presets give here.

python -m analysis.reproduce [run=false] [data=FOLDER] [only=NAME,NAME] [uri=MLFLOW_STORE] [out=FOLDER]

Reads what is recorded; run=true first runs the presets that have no finished run. data: the folder that holds
dinos.txt and ptb/; without it PTB is downloaded, and the dinosaur names are left out. Writes reproduce.md.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from analysis.command import run
from analysis.load import NoRecords, load_history, load_runs


@dataclass
class Arguments:
    run: bool = False
    data: str | None = None
    only: str = ""
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


def test_perplexity(runs: pd.DataFrame) -> pd.Series:
    return runs["metrics.test/ppl"]


@dataclass(frozen=True)
class Model:
    """A model of a document.

    overrides : what `rnnexp` is told; `{data}` is the folder of the data.
    unit, measure : of the published figure; from the finished runs to the figure of each.
    gpu : only run where somebody asks for it by name: it takes a day on a CPU.
    """

    name: str
    what: str
    published: str
    overrides: tuple[str, ...]
    unit: str = "test perplexity"
    measure: Callable[[pd.DataFrame], pd.Series] = test_perplexity
    gpu: bool = False


def at_step(metric: str, step: int) -> Callable[[pd.DataFrame], pd.Series]:
    """A metric after the first epoch that ends at that step or later."""

    def measure(runs: pd.DataFrame) -> pd.Series:
        history = load_history(runs, [metric, "step"])
        reached = history[history["step"] >= step].sort_values("step").groupby("run_id")[metric].first()
        return runs["run_id"].map(reached)

    return measure


PTB = ("dataset.dir={data}/ptb",)
REDUCED = ("model.embed_size=200", "model.hidden_size=200", "train.max_epochs=13")
MODELS = [
    Model(
        "char_gru_hackathon",
        "hackathon: character GRU, 100 units, Adagrad",
        "301.4 early on, another text",
        ("experiment=char_gru_hackathon", "seed=0,1,2"),
        "nats per training sentence after 10 updates or more",
        at_step("train/sequence_loss", 10),
    ),
    Model(
        "dinosaur_names",
        "Coursera: dinosaur names, vanilla RNN, 50 units",
        "22.73",
        ("experiment=dinosaur_names", "seed=0,1,2", "dataset.dir={data}"),
        "smoothed loss of a name after 22,000 updates",
        at_step("train/smooth_loss", 22_000),
    ),
    Model(
        "dlfs2_rnnlm",
        "the book's RNNLM: LSTM, 1 x 100, PTB",
        "136.1",
        ("experiment=dlfs2_rnnlm", "seed=0,1,2", *PTB),
    ),
    Model(
        "dlfs2_better_lstm_200",
        "the better RNNLM with 2 x 200, 13 epochs: LSTM",
        "-",
        ("experiment=dlfs2_better_lstm", "seed=0", *PTB, *REDUCED),
    ),
    Model(
        "dlfs2_better_gru_200",
        "the same: GRU",
        "-",
        ("experiment=dlfs2_better_gru", "seed=0", *PTB, *REDUCED),
    ),
    Model(
        "dlfs2_better_lstm",
        "the better RNNLM: LSTM, 2 x 650, 40 epochs",
        "75.76",
        ("experiment=dlfs2_better_lstm", "seed=0,1,2", *PTB),
        gpu=True,
    ),
    Model(
        "dlfs2_better_gru",
        "the same: GRU",
        "low 80s",
        ("experiment=dlfs2_better_gru", "seed=0,1,2", *PTB),
        gpu=True,
    ),
]


def command(model: Model, uri: str, data: str | None) -> list[str]:
    """What runs it, each model in a study of its own name."""
    if data is None:
        overrides = [o for o in model.overrides if "{data}/" not in o]  # these can be downloaded
    else:
        overrides = [o.format(data=data) for o in model.overrides]
    return ["-m", *overrides, f"study={model.name}", f"tracking.uri={uri}", "hydra/launcher=joblib"]


def finished(model: Model, uri: str) -> pd.DataFrame | None:
    """Its finished runs with the settings of the preset, the last of each seed; None where there are none."""
    try:
        runs = load_runs(model.name, uri)
    except NoRecords:
        return None
    runs = runs[runs["status"] == "FINISHED"]
    for key, value in settings(model).items():
        recorded = runs.get(f"params.{key}", pd.Series("", index=runs.index))
        runs = runs[[same(text, value) for text in recorded]]
    return None if runs.empty else runs.drop_duplicates("params.seed", keep="last")


def settings(model: Model) -> dict[str, Any]:
    """What the preset and the overrides of a model set, config key -> value, but seeds and places."""
    chosen = dict(override.partition("=")[::2] for override in model.overrides)
    values = preset(chosen["experiment"]) | chosen
    return {key: v for key, v in values.items() if key not in ("experiment", "seed", "dataset.dir", "study")}


def preset(name: str) -> dict[str, Any]:
    """The values in a file of conf/experiment and in those that it builds upon."""
    package = find_spec("rnnexp")
    assert package is not None
    assert package.submodule_search_locations
    file = Path(package.submodule_search_locations[0]) / "conf" / "experiment" / f"{name}.yaml"
    content: Any = OmegaConf.to_container(OmegaConf.load(file))
    values: dict[str, Any] = {}
    for below in content.pop("defaults"):
        if isinstance(below, str):
            values |= preset(below)
    for section, options in content.items():
        if isinstance(options, dict):
            values |= {f"{section}.{key}": value for key, value in options.items()}
    return {key: value for key, value in values.items() if not key.startswith("train.sample_")}


def same(recorded: str, value: Any) -> bool:
    """Whether a recorded parameter is that value, however it was written."""
    if value is None:
        return recorded in ("null", "None")
    try:
        return float(recorded) == float(value)
    except ValueError:
        return recorded.lower() == str(value).lower()


def row(model: Model, runs: pd.DataFrame | None) -> str:
    """A line of the table."""
    overrides = [o.format(data="FOLDER") for o in model.overrides if "{data}/" not in o]
    shown = " ".join(["rnnexp -m", *overrides])
    values = pd.Series(dtype=float) if runs is None else model.measure(runs).dropna()
    ours = "not run" + (" (takes a GPU)" if model.gpu else "")
    if len(values):
        ours = f"{values.mean():.4g}"
    spread = ", ".join(f"{value:.4g}" for value in values) if len(values) > 1 else ""
    return f"| {model.what} | {model.unit} | {model.published} | {ours} | {spread} | `{shown}` |"


def report(models: list[Model], uri: str) -> str:
    lines = [
        "| model | figure | published | here | of the seeds | command |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(lines + [row(model, finished(model, uri)) for model in models]) + "\n"


def main(arguments: Arguments) -> None:
    names = [name for name in arguments.only.split(",") if name]
    known = {model.name: model for model in MODELS}
    for name in names:
        if name not in known:
            raise NoRecords(f"only={name} is not known: choose from {', '.join(known)}")
    models = [known[name] for name in names] or MODELS
    for model in models if arguments.run else []:
        needs_data = any(o.endswith("{data}") for o in model.overrides) and not arguments.data
        if finished(model, arguments.uri) is None and (names or not model.gpu) and not needs_data:
            parts = command(model, arguments.uri, arguments.data)
            print("rnnexp", *parts, flush=True)
            if subprocess.run([sys.executable, "-m", "rnnexp.run", *parts], check=False).returncode:
                raise NoRecords("a run failed; what it said stands above")
    text = report(models, arguments.uri)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "reproduce.md").write_text(text)
    print(f"{text}\nWritten: {out}/reproduce.md")


if __name__ == "__main__":
    run(main, Arguments, "reproduce", __doc__)
