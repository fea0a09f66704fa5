"""One run from a config to its records: builds it, trains it, tests it once, and tells the tracker."""

import logging
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp import tracking
from rnnexp.compute import backend, engine
from rnnexp.errors import Diverged, Superseded, UserError, one_line
from rnnexp.evaluation.base import in_units
from rnnexp.evaluation.perplexity import evaluate, perplexity
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment import build, precompile, progress
from rnnexp.experiment.config import RUNTIME
from rnnexp.experiment.config_hash import defining, hashes, not_parameters
from rnnexp.experiment.signals import stop_requests
from rnnexp.nn.tokens import BOS_INPUT
from rnnexp.records.folder import RunFolder, now
from rnnexp.tracking import Tracker
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.loop import fit, train_batches
from rnnexp.training.state import TrainState

log = logging.getLogger(__name__)


def carry_out(
    config: dict[str, Any],
    folder: RunFolder,
    wait: bool = False,
    more_tags: dict[str, str] | None = None,
) -> dict[str, float]:
    """The final metrics of the run that `config` says: as recorded, or by going on with it, or anew.

    Parameters
    ----------
    wait : where another process is at the run, until that has ended; else that is an error.
    more_tags : to record with the run.

    Raises
    ------
    KeyboardInterrupt after SIGINT or SIGTERM, with a checkpoint to go on from; UserError for what a message
    explains. The run is then KILLED or FAILED.
    """
    require_same(config, folder)  # before it is touched
    with folder.claimed(wait):
        require_same(config, folder)
        # a sweep delivers what its jobs record
        tracker = tracking.make("none" if progress.in_sweep() else config["tracking"]["name"])
        try:
            if metrics := folder.result():
                if folder.state()["status"] != "FINISHED":  # it died at its last word
                    folder.end("FINISHED")
                said = f"{folder} has finished: test perplexity {metrics['test/ppl']:.4g}"
                log.info(f"{said} (rerun=true makes a new run)")
                return metrics
            return execute(config, folder, tracker, more_tags or {})
        finally:
            if folder.to_deliver(config["tracking"]["uri"]):
                tracker.changed(folder.path)
            tracker.wait()


def require_same(config: dict[str, Any], folder: RunFolder) -> None:
    """UserError where a folder holds the run of another config that got as far as a checkpoint."""
    config_hash = hashes(config)[0]
    other = folder.tags().get("rnnexp.config_hash", config_hash) != config_hash
    if other and (folder.path / "last.npz").exists():
        raise UserError(
            f"{folder} holds a run with other settings: name another folder, or leave hydra.run.dir out"
        )


def execute(
    config: dict[str, Any], folder: RunFolder, tracker: Tracker, more_tags: dict[str, str]
) -> dict[str, float]:
    """Train and test what `config` says, in `folder`, from its last checkpoint where it has one."""
    with stop_requests() as raise_if_asked:

        def raise_if_to_stop() -> None:
            raise_if_asked()
            folder.raise_if_lost()

        try:
            config = begin(config, folder, more_tags)
            tracker.changed(folder.path)
            device = backend.named(config["device"])
            with device.errors_in_words():
                experiment = build.experiment(config)
            # both change the rounding: kept, so that what goes on later computes in the same way
            config |= {"threads": experiment.threads, "engine": experiment.engine}
            folder.save_config(config)
            folder.save_vocabulary(experiment.corpus)
            tags = {f"rnnexp.{key}": str(config[key]) for key in RUNTIME}
            tags["rnnexp.hidden_size"] = str(experiment.model.cells[0].hidden_size)
            folder.save_tags(folder.tags() | tags)
            precompile.compile_first(config)
            # numbers that are not finite are found by `fit`, which says more than NumPy's warnings
            with (
                np.errstate(over="ignore", invalid="ignore"),
                engine.use(experiment.engine, experiment.threads, config["tf32"]),
                device.errors_in_words(),
            ):
                metrics = train_and_test(experiment, folder, tracker, raise_if_to_stop)
            folder.finish(metrics)
        except Superseded:
            raise
        except KeyboardInterrupt as stop:
            log.warning(f"stopped by {str(stop) or 'SIGINT'}; go on with: rnnexp resume={folder}")
            with suppress(OSError):
                folder.end("KILLED")
            raise
        except BaseException as error:
            with suppress(OSError):  # of a full disk; the error counts for more
                folder.end("FAILED", error)
            if isinstance(error, Diverged):
                raise Diverged(f"{error}; the last good checkpoint is {folder.path / 'last.npz'}") from error
            raise
        try:
            make_artifacts(experiment, folder)
        except Superseded:
            raise
        except Exception as error:  # the result counts for more than its illustrations
            log.warning(f"no samples or curves for {folder.path}: {one_line(error)}")
        folder.end("FINISHED")
        raise_if_asked()
    return metrics


def begin(config: dict[str, Any], folder: RunFolder, more_tags: dict[str, str]) -> dict[str, Any]:
    """Write down what the run is; returns the config, see `with_recorded_engine`."""
    if (folder.path / "last.npz").exists():
        config = with_recorded_engine(config, folder)
    elif folder.config_file.exists() and folder.load_config() != config:
        folder.forget_deliveries()  # of another run, which failed before its first step
    folder.save_config(config)
    config_hash, group_hash = hashes(config)
    identity = {
        "rnnexp.config_hash": config_hash,
        "rnnexp.group_hash": group_hash,
        "rnnexp.result_keys": ",".join(defining(config)),
        "rnnexp.not_parameters": ",".join(not_parameters(config)),
    }
    folder.save_tags(folder.tags() | identity | provenance(config["device"]) | more_tags)
    return config


def with_recorded_engine(config: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    """The config; of a run that goes on, with what has computed it so far, so that it rounds as before."""
    if not (folder.path / "last.npz").exists():
        return config
    before = folder.load_config()
    found = {key: before.get(key) or config[key] for key in RUNTIME}
    for key in "device", "engine":
        if config[key] and found[key] != config[key]:
            log.warning(f"{folder} was begun with {key}={found[key]}, and goes on so (rerun=true: a new run)")
    return config | found


def train_and_test(
    experiment: build.Experiment, folder: RunFolder, tracker: Tracker, raise_if_asked: Callable
) -> dict[str, float]:
    """Train, recording each epoch, and test the best weights; returns the final metrics."""
    corpus, settings = experiment.corpus, experiment.settings
    parts = experiment.model.num_params()
    label = experiment.label
    log.info(
        f"{label}: {experiment.model.cells[0].hidden_size} hidden units, {sum(parts.values()):,} parameters "
        f"({', '.join(f'{name} {count:,}' for name, count in parts.items())}), "
        f"{len(corpus.splits['train']):,} tokens to train on, {len(corpus.vocabulary):,} symbols"
    )
    records = folder.records()
    done = records[-1]["step"] if records else 0
    steps = len(train_batches(corpus, settings, experiment.seed, epoch=0)) * settings.max_epochs
    with closing(progress.for_run(label, done, min(steps, settings.max_steps or steps))) as display:

        def on_step(state: TrainState) -> None:
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
            Checkpoints(folder.path, experiment.fingerprint, folder.exclusive),
            experiment.seed,
            on_step,
        ):
            if record["epoch"] <= len(records):  # taken just before a crash
                continue
            record["time"] = now()
            folder.append(record)
            records.append(record)
            tracker.changed(folder.path)
            display.describe(f"epoch {record['epoch']}, valid ppl {record['valid/ppl']:.4g}")
            log.info(
                f"epoch {record['epoch']:2}/{settings.max_epochs}  train ppl {record['train/ppl']:8.3f}  "
                f"valid ppl {record['valid/ppl']:8.3f}  lr {record['lr']:<8.4g} "
                f"{record['tokens_per_s']:,.0f} tokens/s  {record['epoch_s']:.1f} s"
            )
        metrics = final_metrics(experiment, records)
        reachable = f" (best reachable {metrics['oracle/ppl']:.4g})" if corpus.oracle else ""
    log.info(
        f"{label}: best epoch {metrics['best/epoch']}, valid ppl {metrics['best/valid_ppl']:.4g}, "
        f"test ppl {metrics['test/ppl']:.4g}{reachable}; run folder {folder}"
    )
    return metrics


def final_metrics(experiment: build.Experiment, records: list[dict[str, Any]]) -> dict[str, float]:
    """What is recorded once, at the end; the model has the best weights."""
    model, corpus, rows = experiment.model, experiment.corpus, experiment.settings.eval_streams
    if records:
        best = min(records, key=lambda record: record["valid/loss"])
        best_loss, best_epoch = best["valid/loss"], best["epoch"]
    else:  # max_epochs=0: the untrained model
        best_loss, best_epoch = evaluate(model, corpus.splits["valid"], rows, corpus.end), 0
    scores: dict[str, float] = {}
    for evaluator in experiment.evaluators:
        scores |= evaluator.score(model, corpus, "test", rows)
    parts = model.num_params()
    metrics = {
        **in_units("test", scores, corpus.level),
        "time": now(),
        "best/valid_ppl": perplexity(best_loss),
        "best/epoch": best_epoch,
        "num_params": sum(parts.values()),
        **{f"num_params/{name}": count for name, count in parts.items()},
    }
    if corpus.oracle:
        metrics["oracle/ppl"] = perplexity(corpus.oracle["test"])
        metrics |= {f"oracle/{split}_ppl": perplexity(corpus.oracle[split]) for split in ("train", "valid")}
    return metrics


def make_artifacts(experiment: build.Experiment, folder: RunFolder) -> None:
    """Write text from the trained model and the learning curve into the run folder."""
    write_samples(experiment, folder, "at the end, with the best weights")
    if records := folder.records():
        figure = draw_curves(records)
        with folder.exclusive():
            figure.savefig(folder.path / "curves.png", dpi=120)


def write_samples(experiment: build.Experiment, folder: RunFolder, when: str) -> None:
    """Add text from the model as it is to samples.txt."""
    corpus, settings = experiment.corpus, experiment.settings
    prompt = [BOS_INPUT] if corpus.end is not None else [int(corpus.splits["test"][0])]
    rng = np.random.default_rng(experiment.seed)
    texts = sample(experiment.model, prompt, settings.sample_length, rng, settings.sample_num, corpus.end)
    with folder.exclusive(), (folder.path / "samples.txt").open("a", encoding="utf-8") as file:
        file.write(f"# {when}\n" + "".join(f"{corpus.text(tokens)}\n" for tokens in texts) + "\n")


def draw_curves(records: list[dict[str, Any]]) -> Any:
    """Training and validation perplexity over the epochs, as a picture."""
    from matplotlib.figure import Figure  # half a second, after training only

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [record["epoch"] for record in records]
    for split in "train", "valid":
        axes.plot(epochs, [record[f"{split}/ppl"] for record in records], marker=".", label=split)
    axes.set(xlabel="epoch", ylabel="perplexity", yscale="log")
    axes.legend()
    return figure


def provenance(device: str) -> dict[str, str]:
    """Where a run comes from: the version of the code, and what it computed with."""
    tags = {"rnnexp.device": device, "rnnexp.dtype": "float32"}
    if device == "gpu":
        tags["rnnexp.gpu"] = backend.gpu().description()
    here = Path(__file__).parents[1]
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
