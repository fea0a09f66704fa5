"""The models of the source documents: what was published, and what their presets give here.

python -m analysis.reproduce [run=false] [data=FOLDER] [only=NAME,NAME] [into=PAGE] [uri=STORE] [out=FOLDER]
                             [prepare=false]

Reads what is recorded; run=true first runs what has not finished, prepare=true only prepares it for another
machine with `rnnexp offline`. data: the folder that holds dinos.txt and ptb/; without it PTB is
downloaded, and the dinosaur names are left out. Writes reproduce.md; into=README.md puts the table between
the two marks of that page, too.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from analysis.command import run
from analysis.load import NoRecords, load_history, load_runs
from analysis.tables import result_keys


@dataclass
class Arguments:
    run: bool = False
    prepare: bool = False
    data: str | None = None
    only: str = ""
    into: str | None = None
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

    @property
    def seeds(self) -> int:
        """How many runs it takes."""
        return next(o for o in self.overrides if o.startswith("seed=")).count(",") + 1


def at_step(metric: str, step: int) -> Callable[[pd.DataFrame], pd.Series]:
    """A metric after the first epoch that ends at that step or later."""

    def measure(runs: pd.DataFrame) -> pd.Series:
        history = load_history(runs, [metric, "step"])
        reached = history[history["step"] >= step].sort_values("step").groupby("run_id")[metric].first()
        return runs["run_id"].map(reached)

    return measure


BEGIN, END = "<!-- made by python -m analysis.reproduce -->", "<!-- to here -->"
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
        "Coursera's dinosaur names: vanilla RNN, 50 units; here nine tenths of the names",
        "22.73",
        ("experiment=dinosaur_names", "seed=0,1,2", "dataset.dir={data}"),
        "smoothed nats of a name after 22,000 updates",
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
        "the better RNNLM, reduced to 2 x 200 and 13 epochs: LSTM",
        "ahead of GRU",
        ("experiment=dlfs2_better_lstm", "seed=0", *PTB, *REDUCED),
    ),
    Model(
        "dlfs2_better_gru_200",
        "the same: GRU",
        "",
        ("experiment=dlfs2_better_gru", "seed=0", *PTB, *REDUCED),
    ),
    Model(
        "dlfs2_better_lstm",
        "the better RNNLM: LSTM, 2 x 650, PTB, 40 epochs",
        "75.76",
        ("experiment=dlfs2_better_lstm", "seed=0,1,2", "device=gpu", *PTB),
        gpu=True,
    ),
    Model(
        "dlfs2_better_gru",
        "the same: GRU",
        "low 80s",
        ("experiment=dlfs2_better_gru", "seed=0,1,2", "device=gpu", *PTB),
        gpu=True,
    ),
]


def command(model: Model, uri: str, data: str | None) -> list[str]:
    """What runs it, each model in a study of its own name."""
    if data is None:
        overrides = [o for o in model.overrides if "{data}/" not in o]  # these can be downloaded
    else:
        overrides = [o.format(data=data) for o in model.overrides]
    return ["-m", *overrides, f"study={model.name}", f"tracking.uri={uri}"]


def finished(model: Model, uri: str) -> pd.DataFrame | None:
    """Its finished runs with the settings of the preset, the last of each seed; None where there are none."""
    try:
        runs = load_runs(model.name, uri)
    except NoRecords:
        return None
    runs = runs[runs["status"] == "FINISHED"]
    keys = result_keys(runs)
    for key, value in settings(model).items():
        if key not in keys:
            continue
        # a run that was recorded before there was such a key has what is now its default
        recorded = runs.get(f"params.{key}", pd.Series(index=runs.index, dtype=object))
        runs = runs[[pd.isna(text) or same(text, value) for text in recorded]]
    return None if runs.empty else runs.drop_duplicates("params.seed", keep="last")


def settings(model: Model) -> dict[str, Any]:
    """What `rnnexp` makes of the overrides, key -> value, but the seed."""
    overrides = [o for o in model.overrides if not o.startswith(("seed=", "dataset.dir="))]
    show = [sys.executable, "-m", "rnnexp", *overrides, "--cfg", "job"]
    text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    config: Any = OmegaConf.to_container(OmegaConf.create(text))
    leaves = pd.json_normalize(config).iloc[0].items()
    return {str(key): value for key, value in leaves if key != "seed"}


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
    shown = " ".join(["rnnexp -m" if "," in "".join(overrides) else "rnnexp", *overrides])
    here, takes = "not run" + (" (takes a GPU)" if model.gpu else ""), ""
    if runs is not None and len(values := model.measure(runs).dropna()):
        here = f"**{values.mean():.4g}**"
        if len(values) > 1:
            here += f" ({', '.join(f'{value:.4g}' for value in values)})"
        takes = duration((runs["end_time"] - runs["start_time"]).dt.total_seconds().mean())
    return f"| {model.what} | {model.loss_denominator} | {model.published} | {here} | {takes} | `{shown}` |"


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def report(models: list[Model], uri: str) -> str:
    lines = [
        "| model | figure | published | here: mean (each seed) | a run takes | command |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(lines + [row(model, finished(model, uri)) for model in models]) + "\n"


def put_into(page: Path, table: str) -> None:
    """Replace what stands between the two marks of a page."""
    before, first, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, last, after = rest.partition(END)
    if not last:
        raise NoRecords(f"into={page} has no place for the table: write {BEGIN} and {END} there")
    page.write_text(f"{before}{first}\n{table}{last}{after}", encoding="utf-8")


def main(arguments: Arguments) -> None:
    names = [name for name in arguments.only.split(",") if name]
    known = {model.name: model for model in MODELS}
    for name in names:
        if name not in known:
            raise NoRecords(f"only={name} is not known: choose from {', '.join(known)}")
    models = [known[name] for name in names] or MODELS
    for model in models if arguments.run or arguments.prepare else []:
        needs_data = any(o.endswith("{data}") for o in model.overrides) and not arguments.data
        runs = finished(model, arguments.uri)
        missing = runs is None or len(runs) < model.seeds
        if missing and (names or not model.gpu) and not needs_data:
            parts = command(model, arguments.uri, arguments.data)
            parts += ["sweep.prepare=true"] if arguments.prepare else []
            print("rnnexp", *parts, flush=True)
            if subprocess.run([sys.executable, "-m", "rnnexp", *parts], check=False).returncode:
                raise NoRecords("a run failed; what it said stands above")
    text = report(models, arguments.uri)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "reproduce.md").write_text(text)
    if arguments.into:
        put_into(Path(arguments.into), text)
    print(f"{text}\nWritten: {out}/reproduce.md")


if __name__ == "__main__":
    run(main, Arguments, "reproduce", __doc__)
