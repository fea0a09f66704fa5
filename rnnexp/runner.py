"""One run from a config to its records: builds it, trains it, tests it once, and tells the tracker."""

import logging
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp import build, progress, tracking
from rnnexp.data.streams import Streams
from rnnexp.errors import Diverged, Interrupted, UserError
from rnnexp.evaluate import evaluate, measures, perplexity
from rnnexp.folder import RunFolder
from rnnexp.generate import sample
from rnnexp.signals import stop_requests
from rnnexp.trainer import Checkpoints, Progress, fit

log = logging.getLogger(__name__)
SAMPLE_TOKENS = 200


def execute(config: dict[str, Any], folder: RunFolder) -> dict[str, float]:
    """Train and test what `config` says, in `folder`, from its last checkpoint where it has one.

    Returns
    -------
    the final metrics, which `folder` and the tracker then hold too.

    Raises
    ------
    Interrupted after SIGINT or SIGTERM, with a checkpoint to go on from; UserError for what a message
    explains. The tracker then says KILLED or FAILED.
    """
    tracker = tracking.make(
        config["tracking"]["name"], config["tracking"]["uri"], config["study"], folder.path
    )
    tags = provenance(folder)
    params = build.leaves(config)
    with stop_requests() as raise_if_asked:
        try:
            experiment = build.experiment(config)
        except UserError as error:
            tracker.start(params, tags, [])
            tracker.finish("FAILED", {}, {"rnnexp.error": str(error)}, [])
            raise
        tags |= {"rnnexp.config_hash": experiment.config_hash, "rnnexp.group_hash": experiment.group_hash}
        tracker.start(params, tags, folder.records())
        try:
            # numbers that are not finite are found by `fit`, which says more than NumPy's warnings
            with np.errstate(over="ignore", invalid="ignore"):
                metrics = train_and_test(experiment, folder, tracker, raise_if_asked)
        except Interrupted as stop:
            log.info("stopped by %s; go on with: rnnexp resume=%s", stop, folder.path)
            tracker.finish("KILLED", {}, {}, [])
            raise
        except BaseException as error:
            tracker.finish("FAILED", {}, {"rnnexp.error": f"{type(error).__name__}: {error}"}, [])
            if isinstance(error, Diverged):
                raise Diverged(f"{error}; the last good checkpoint is {folder.path / 'last.npz'}") from error
            raise
        folder.finish(metrics)
        tracker.finish("FINISHED", metrics, {}, artifacts(experiment, folder))
        raise_if_asked()
    return metrics


def train_and_test(
    experiment: build.Experiment, folder: RunFolder, tracker, raise_if_asked
) -> dict[str, float]:
    """The final metrics of a run."""
    model, corpus, settings = experiment.model, experiment.corpus, experiment.settings
    parts = model.num_params()
    steps = len(Streams(corpus.splits["train"], settings.batch_size, settings.bptt)) * settings.max_epochs
    records = folder.records()
    label = f"{experiment.config['cell']['name']} seed {experiment.seed}"
    log.info(
        "%s: %s parameters (%s), %s tokens to train on, %s symbols",
        label,
        f"{sum(parts.values()):,}",
        ", ".join(f"{name} {count:,}" for name, count in parts.items()),
        f"{len(corpus.splits['train']):,}",
        f"{len(corpus.vocabulary):,}",
    )

    done = records[-1]["step"] if records else 0
    display = progress.for_run(folder.path.name, done, min(steps, settings.max_steps or steps))
    display.describe(label)

    def on_step(state: Progress) -> None:
        display.step(state.step)
        raise_if_asked()

    known = {record["epoch"] for record in records}
    checkpoints = Checkpoints(folder.path, experiment.config_hash)
    try:
        for record in fit(
            model,
            corpus,
            experiment.optimizer,
            experiment.schedule,
            settings,
            checkpoints,
            experiment.seed,
            on_step,
        ):
            if record["epoch"] in known:  # taken just before a crash
                continue
            record["time"] = int(time.time() * 1000)
            folder.append(record)
            records.append(record)
            tracker.epoch(record)
            display.describe(f"{label}: epoch {record['epoch']}, valid ppl {record['valid/ppl']:.4g}")
            log.info(
                "epoch %2d/%d  train ppl %8.3f  valid ppl %8.3f  lr %-8.4g %s tokens/s  %.1f s",
                record["epoch"],
                settings.max_epochs,
                record["train/ppl"],
                record["valid/ppl"],
                record["lr"],
                f"{record['tokens_per_s']:,.0f}",
                record["epoch_s"],
            )
    finally:
        display.close()

    if records:
        best = min(records, key=lambda record: record["valid/loss"])
        best_loss, best_epoch = best["valid/loss"], best["epoch"]
    else:  # max_epochs=0: the untrained model
        best_loss, best_epoch = evaluate(model, corpus.splits["valid"], settings.eval_streams), 0
    test_loss = evaluate(model, corpus.splits["test"], settings.eval_streams)
    oracle = {name: perplexity(loss) for name, loss in corpus.oracle.items()}
    metrics = {
        **measures("test", test_loss, corpus.level),
        "best/valid_ppl": perplexity(best_loss),
        "best/epoch": best_epoch,
        "num_params": sum(parts.values()),
        **{f"num_params/{name}": count for name, count in parts.items()},
    }
    if oracle:
        metrics |= {"oracle/ppl": oracle["test"], "oracle/valid_ppl": oracle["valid"]}
    log.info(
        "%s: best epoch %d, valid ppl %.4g, test ppl %.4g%s; run folder %s",
        label,
        best_epoch,
        metrics["best/valid_ppl"],
        metrics["test/ppl"],
        f" (best reachable {oracle['test']:.4g})" if oracle else "",
        folder.path,
    )
    return metrics


def artifacts(experiment: build.Experiment, folder: RunFolder) -> list[Path]:
    """Files worth keeping with the record: config, learning curve, text from the model, best weights."""
    vocabulary, level = experiment.corpus.vocabulary, experiment.corpus.level
    first = int(experiment.corpus.splits["test"][0])
    tokens = sample(experiment.model, first, SAMPLE_TOKENS, np.random.default_rng(experiment.seed))
    symbols = [vocabulary.symbols[token] for token in tokens]
    text = "".join(symbols) if level == "char" else " ".join(symbols).replace("<eos>", "\n")
    samples = folder.path / "samples.txt"
    samples.write_text(text + "\n")
    files = [folder.config, samples]
    if records := folder.records():
        files += [draw_curves(records, folder.path / "curves.png"), folder.path / "best.npz"]
    return files


def draw_curves(records: list[dict[str, Any]], path: Path) -> Path:
    """Training and validation perplexity over the epochs, as a picture."""
    from matplotlib.figure import Figure  # half a second, after training only

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [record["epoch"] for record in records]
    for split in "train", "valid":
        axes.plot(epochs, [record[f"{split}/ppl"] for record in records], marker=".", label=split)
    axes.set(xlabel="epoch", ylabel="perplexity", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)
    return path


def provenance(folder: RunFolder) -> dict[str, str]:
    """Where a run comes from: its folder, the version of the code, and what it computed with."""
    tags = {"rnnexp.folder": str(folder.path), "rnnexp.device": "cpu", "rnnexp.dtype": "float32"}
    here = Path(__file__).parent
    try:
        git = ["git", "-C", str(here)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return tags  # not a checkout, or no git
    return tags | {
        "rnnexp.git_commit": commit.stdout.strip(),
        "rnnexp.git_dirty": "true" if changes.stdout.strip() else "false",
    }
