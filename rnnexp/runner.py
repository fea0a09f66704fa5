"""One run from a config to its records: builds it, trains it, tests it once, and tells the tracker."""

import logging
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp import build, engine, progress
from rnnexp.errors import Diverged, UserError, one_line
from rnnexp.folder import RunFolder
from rnnexp.perplexity import evaluate, measures, perplexity
from rnnexp.sampling import NOTHING, sample
from rnnexp.signals import stop_requests
from rnnexp.tracking import Tracker
from rnnexp.trainer import Checkpoints, Progress, batches, fit

log = logging.getLogger(__name__)
FOUND_OUT = "threads", "engine"


def execute(config: dict[str, Any], folder: RunFolder) -> dict[str, float]:
    """Train and test what `config` says, in `folder`, from its last checkpoint where it has one.

    Returns
    -------
    the final metrics, which `folder` and the tracker then hold too.

    Raises
    ------
    KeyboardInterrupt after SIGINT or SIGTERM, with a checkpoint to go on from; UserError for what a message
    explains. The tracker then says KILLED or FAILED.
    """
    tracker = build.make_tracker(config, folder.path)
    tags = provenance(folder)
    with stop_requests(progress.sweep_folder()) as raise_if_asked:
        raise_if_asked()
        try:
            experiment = build.experiment(config)
        except UserError as error:
            tracker.start(parameters(config), tags, [])
            tracker.finish("FAILED", {}, {"rnnexp.error": str(error)}, [])
            raise
        tags |= {"rnnexp.config_hash": experiment.config_hash, "rnnexp.group_hash": experiment.group_hash}
        # both change the rounding: kept, so that `resume` computes in the same way
        config |= {"threads": experiment.threads, "engine": experiment.engine}
        folder.save_config(config)
        folder.save_vocabulary(experiment.corpus)
        tags |= {f"rnnexp.{key}": str(config[key]) for key in FOUND_OUT}
        tracker.start(parameters(config), tags, folder.records())
        try:
            # numbers that are not finite are found by `fit`, which says more than NumPy's warnings
            with (
                np.errstate(over="ignore", invalid="ignore"),
                engine.use(experiment.engine, experiment.threads),
            ):
                metrics = train_and_test(experiment, folder, tracker, raise_if_asked)
            folder.finish(metrics)
        except KeyboardInterrupt as stop:
            log.warning(f"stopped by {str(stop) or 'SIGINT'}; go on with: rnnexp resume={folder}")
            tracker.finish("KILLED", {}, {}, [])
            raise
        except BaseException as error:
            tracker.finish("FAILED", {}, {"rnnexp.error": f"{type(error).__name__}: {error}"}, [])
            if isinstance(error, Diverged):
                raise Diverged(f"{error}; the last good checkpoint is {folder.path / 'last.npz'}") from error
            raise
        try:
            make_artifacts(experiment, folder)
        except Exception as error:  # the result counts for more than its illustrations
            log.warning(f"no samples or curves for {folder.path}: {one_line(error)}")
        tracker.finish("FINISHED", metrics, {}, artifacts(folder))
        raise_if_asked()
    return metrics


def report(config: dict[str, Any], folder: RunFolder, metrics: dict[str, float]) -> None:
    """Tell the tracker of a run that has finished, for it may not know: sending again changes nothing."""
    tracker = build.make_tracker(config, folder.path)
    tracker.start(parameters(config), {}, folder.records())
    tracker.finish("FINISHED", metrics, {}, artifacts(folder))


def parameters(config: dict[str, Any]) -> dict[str, Any]:
    """What is recorded of the config: every leaf but those that are found out later, which are tags."""
    return {key: value for key, value in build.leaves(config).items() if key not in FOUND_OUT}


def train_and_test(
    experiment: build.Experiment, folder: RunFolder, tracker: Tracker, raise_if_asked: Callable
) -> dict[str, float]:
    """Train, recording each epoch, and test the best weights; returns the final metrics."""
    corpus, settings = experiment.corpus, experiment.settings
    parts = experiment.model.num_params()
    label = folder.path.name if progress.sweep_folder() else experiment.label
    log.info(
        f"{label}: {sum(parts.values()):,} parameters "
        f"({', '.join(f'{name} {count:,}' for name, count in parts.items())}), "
        f"{len(corpus.splits['train']):,} tokens to train on, {len(corpus.vocabulary):,} symbols"
    )
    records = folder.records()
    done = records[-1]["step"] if records else 0
    steps = len(batches(corpus, settings, experiment.seed, epoch=0)) * settings.max_epochs
    with closing(
        progress.for_run(folder.path.name, done, min(steps, settings.max_steps or steps))
    ) as display:
        display.describe(label)

        def on_step(state: Progress) -> None:
            display.step(state.step)
            if settings.sample_every and state.step % settings.sample_every == 0:
                loss = ""
                if state.sequences:
                    mean = state.nats / state.sequences
                    loss = f", loss {mean:.2f} a sequence this epoch, smoothed {state.smooth_loss:.2f}"
                write_samples(experiment, folder, f"step {state.step}{loss}")
            raise_if_asked()

        for record in fit(
            experiment.model,
            corpus,
            experiment.optimizer,
            experiment.schedule,
            settings,
            Checkpoints(folder.path, experiment.config_hash),
            experiment.seed,
            on_step,
        ):
            if record["epoch"] <= len(records):  # taken just before a crash
                continue
            record["time"] = int(time.time() * 1000)
            folder.append(record)
            records.append(record)
            tracker.epoch(record)
            display.describe(f"{label}: epoch {record['epoch']}, valid ppl {record['valid/ppl']:.4g}")
            log.info(
                f"epoch {record['epoch']:2}/{settings.max_epochs}  train ppl {record['train/ppl']:8.3f}  "
                f"valid ppl {record['valid/ppl']:8.3f}  lr {record['lr']:<8.4g} "
                f"{record['tokens_per_s']:,.0f} tokens/s  {record['epoch_s']:.1f} s"
            )
        metrics = final_metrics(experiment, records)
        reachable = f" (best reachable {metrics['oracle/ppl']:.4g})" if corpus.oracle else ""
        summary = (
            f"{label}: best epoch {metrics['best/epoch']}, valid ppl {metrics['best/valid_ppl']:.4g}, "
            f"test ppl {metrics['test/ppl']:.4g}{reachable}"
        )
        display.say(summary)
    log.info(f"{summary}; run folder {folder}")
    return metrics


def final_metrics(experiment: build.Experiment, records: list[dict[str, Any]]) -> dict[str, float]:
    """What is recorded once, at the end; the model has the best weights."""
    model, corpus, streams = experiment.model, experiment.corpus, experiment.settings.eval_streams
    if records:
        best = min(records, key=lambda record: record["valid/loss"])
        best_loss, best_epoch = best["valid/loss"], best["epoch"]
    else:  # max_epochs=0: the untrained model
        best_loss, best_epoch = evaluate(model, corpus.splits["valid"], streams, corpus.end), 0
    parts = model.num_params()
    metrics = {
        **measures("test", evaluate(model, corpus.splits["test"], streams, corpus.end), corpus.level),
        "time": int(time.time() * 1000),
        "best/valid_ppl": perplexity(best_loss),
        "best/epoch": best_epoch,
        "num_params": sum(parts.values()),
        **{f"num_params/{name}": count for name, count in parts.items()},
    }
    if corpus.oracle:
        metrics["oracle/ppl"] = perplexity(corpus.oracle["test"])
        metrics |= {f"oracle/{split}_ppl": perplexity(corpus.oracle[split]) for split in ("train", "valid")}
    return metrics


def artifacts(folder: RunFolder) -> list[Path]:
    """The files worth keeping with the record: config, learning curve, text from the model, best weights."""
    names = "config.yaml", "vocabulary.json", "curves.png", "samples.txt", "best.npz"
    return [path for name in names if (path := folder.path / name).exists()]


def make_artifacts(experiment: build.Experiment, folder: RunFolder) -> None:
    """Write text from the trained model and the learning curve into the run folder."""
    write_samples(experiment, folder, "at the end, with the best weights")
    if records := folder.records():
        draw_curves(records, folder.path / "curves.png")


def write_samples(experiment: build.Experiment, folder: RunFolder, when: str) -> None:
    """Add text from the model as it is to samples.txt."""
    corpus, settings = experiment.corpus, experiment.settings
    prompt = [NOTHING] if corpus.end is not None else [int(corpus.splits["test"][0])]
    rng = np.random.default_rng(experiment.seed)
    texts = sample(experiment.model, prompt, settings.sample_length, rng, settings.sample_num, corpus.end)
    with (folder.path / "samples.txt").open("a", encoding="utf-8") as file:
        file.write(f"# {when}\n" + "".join(f"{corpus.text(tokens)}\n" for tokens in texts) + "\n")


def draw_curves(records: list[dict[str, Any]], path: Path) -> None:
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
