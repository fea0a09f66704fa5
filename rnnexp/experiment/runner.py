"""Do one run from its config to its records: build it, train it, test it once, and tell of each record."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext, suppress
from typing import Any

import numpy as np

from rnnexp import tracking
from rnnexp.compute import backend, engine
from rnnexp.errors import Diverged, Superseded, UserError, explained
from rnnexp.experiment import (
    artifacts,
    build,
    continuation,
    divergence,
    models,
    own_parts,
    precompile,
    progress,
)
from rnnexp.experiment.config_hash import defining, hashes, not_parameters
from rnnexp.experiment.recorded import (
    require_same,
    require_same_engine,
    same_result,
    say_other_code,
    set_tracking,
    with_recorded_engine,
)
from rnnexp.experiment.results import done_at, final_metrics, score_test
from rnnexp.experiment.signals import stop_requests
from rnnexp.experiment.text_metrics import seen_metrics
from rnnexp.experiment.titles import defining_overrides, title
from rnnexp.records import provenance, step_records, system
from rnnexp.records.folder import RunFolder
from rnnexp.records.lease import now
from rnnexp.tracking import client
from rnnexp.tracking.client import Client
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.loop import fit, train_batches
from rnnexp.training.state import TrainState

log = logging.getLogger(__name__)
STOPPING = "the step or the scoring under way is finished, a checkpoint saved, the records delivered"


def run_experiment(
    config: dict[str, Any],
    folder: RunFolder,
    wait: bool = False,
    more_tags: dict[str, str] | None = None,
    overrides: Sequence[str] = (),
    show: bool = True,
) -> dict[str, float]:
    """Do the run that `config` describes, or what is left of it, and return its final metrics.

    Parameters
    ----------
    wait : whether to wait where another process is at the run; else that is an error.
    more_tags : tags to record with the run besides its own.
    overrides : those of the command, by which the run is named unless a sweep has named it.
    show : whether to show progress.

    Raises
    ------
    KeyboardInterrupt after SIGINT or SIGTERM; the run is KILLED, and has a checkpoint to go on from.
    UserError where its message alone explains the failure; a run that had begun is then FAILED.
    """
    require_same(config, folder)  # before it is touched
    with folder.claimed(wait):
        require_same(config, folder)
        tracker = tracking.make(config["tracking"])
        # a sweep delivers what its jobs record
        teller = client.for_tracker(None if progress.in_sweep() else tracker)
        try:
            folder.discard_damaged_result()
            if metrics := folder.result():
                if folder.state()["status"] != "FINISHED":  # its process ended before recording that
                    folder.end("FINISHED")
                require_same_engine(config, folder)
                folder.mend()
                set_tracking(config, folder)
                complete(config, folder)
                say_other_code(folder)
                log.info(f"{folder} has finished: {reached(metrics)} (rerun=true makes a new run)")
                return metrics
            # without a checkpoint the label may be that of another run, which failed
            if not (folder.label() and folder.checkpoint_file.exists()):
                folder.give_label({"name": title(config, defining_overrides(config, overrides))})
            with system.recorded(folder) if tracker and tracker.system_metrics else nullcontext():
                return execute(config, folder, teller, more_tags or {}, show)
        finally:
            if tracker and tracker.may_lack(folder):
                teller.changed(folder.path)
            teller.wait()


def reached(metrics: dict[str, float]) -> str:
    """Return the perplexity that a finished run is known by."""
    if "test/ppl" in metrics:
        return f"test perplexity {metrics['test/ppl']:.4g}"
    return f"validation perplexity {metrics['best/valid_ppl']:.4g}"


def execute(
    config: dict[str, Any], folder: RunFolder, teller: Client, more_tags: dict[str, str], show: bool
) -> dict[str, float]:
    """Train and test as `config` says, in `folder`, from its last checkpoint where it has one."""
    with stop_requests(STOPPING if not progress.in_sweep() else "") as raise_if_asked:

        def raise_if_to_stop() -> None:
            raise_if_asked()
            folder.raise_if_lost()

        try:
            continuation.take_over(config, folder)
            config = begin(config, folder, more_tags)
            teller.changed(folder.path)
            device = backend.named(config["device"])
            with device.errors_in_words():
                experiment = build.experiment(config)
            if advice := engine.hint(config["engine"], config["device"]):
                log.info(advice)
            # both change the rounding: kept, so that what goes on later computes in the same way
            config |= {"threads": experiment.threads, "engine": experiment.engine}
            folder.save_config(config)
            folder.save_vocabulary(experiment.corpus)
            folder.save_loader(artifacts.loader())
            folder.save_tags(folder.tags() | experiment.tags(config))
            precompile.compile_first(config, raise_if_to_stop)
            # numbers that are not finite are found by `fit`, which says more than NumPy's warnings
            with (
                np.errstate(over="ignore", invalid="ignore"),
                engine.use(experiment.engine, experiment.threads, config["tf32"]),
                device.errors_in_words(),
                divergence.explained(experiment.optimizer),
                own_parts.faults(),
            ):
                metrics = train_and_test(experiment, folder, teller, raise_if_to_stop, show)
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
                raise Diverged(f"{error}; the last good checkpoint is {folder.checkpoint_file}") from error
            raise
        try:
            artifacts.write_all(experiment, folder)
        except Superseded:
            raise
        except Exception as error:  # the result counts for more than its illustrations
            log.warning(f"no samples or curves for {folder.path}: {explained(error)}")
        folder.discard_weights(experiment.settings.keep)
        folder.end("FINISHED")
        raise_if_asked()
    return metrics


def complete(config: dict[str, Any], folder: RunFolder) -> None:
    """Make what a finished run lacks beside its result: its process was killed too early, or a file damaged."""
    if not (names := artifacts.lacking(folder)):
        return
    log.warning(f"{folder} lacks {', '.join(names)}, or they are damaged: made anew from its checkpoints")
    try:
        experiment = build.experiment(with_recorded_engine(config, folder))
        with (
            engine.use(experiment.engine, experiment.threads, config["tf32"]),
            backend.named(config["device"]).errors_in_words(),
        ):
            checkpoints = Checkpoints(folder.path, experiment.fingerprint, folder.exclusive)
            if folder.checkpoint_file.exists():
                checkpoints.load_trained(
                    experiment.model, experiment.optimizer, experiment.settings.batch_size
                )
            else:
                models.load_weights(experiment.model, folder.path)
            folder.save_vocabulary(experiment.corpus)
            folder.save_loader(artifacts.loader())
            if folder.test_nats_file.name in names:
                _, nats = score_test(experiment)
                assert nats is not None
                folder.save_test_nats(nats, experiment.corpus)
            artifacts.write_all(experiment, folder)
    except Superseded:
        raise
    except (UserError, OSError, MemoryError) as error:
        raise UserError(f"{folder} has finished but lacks {', '.join(names)}: {explained(error)}") from error


def begin(config: dict[str, Any], folder: RunFolder, more_tags: dict[str, str]) -> dict[str, Any]:
    """Record what the run is and where it comes from; return its config `with_recorded_engine`."""
    if goes_on := folder.checkpoint_file.exists():
        config = with_recorded_engine(config, folder)
    elif folder.config_file.exists() and not same_result(config, folder):
        folder.become_another_run()  # of another run, which failed before its first step
    folder.save_config(config)
    config_hash, group_hash = hashes(config)
    identity = {
        "rnnexp.config_hash": config_hash,
        "rnnexp.group_hash": group_hash,
        "rnnexp.result_keys": ",".join(defining(config)),
        "rnnexp.not_parameters": ",".join(not_parameters(config)),
    }
    if parts := own_parts.tag(config):
        identity["rnnexp.own_parts"] = parts
        own_parts.keep_copies(config, folder)
    gpu = backend.gpu().description() if config["device"] == "gpu" else None
    found = provenance.collect(config["device"], config["engine"] or engine.fastest(config["device"]), gpu)
    folder.add_provenance(found)
    tags = folder.tags()
    # a run that goes on keeps the tags of its beginning, which computed what is there
    origin = provenance.difference(tags, found) if goes_on else provenance.tags(found)
    folder.save_tags(tags | identity | origin | more_tags)
    return config


def train_and_test(
    experiment: build.Experiment, folder: RunFolder, teller: Client, raise_if_asked: Callable, show: bool
) -> dict[str, float]:
    """Train, recording each epoch, and test the best weights; return the final metrics."""
    corpus, settings = experiment.corpus, experiment.settings
    parts, label = experiment.model.num_params(), experiment.label
    sizes = list(dict.fromkeys(cell.hidden_size for cell in experiment.model.cells))
    log.info(
        f"{label}: {', '.join(map(str, sizes))} hidden units, {sum(parts.values()):,} parameters "
        f"({', '.join(f'{name} {count:,}' for name, count in parts.items())}), "
        f"{len(corpus.splits['train']):,} tokens to train on, {len(corpus.vocabulary):,} symbols"
    )
    for reason in experiment.model.not_compiled():
        log.info(f"{label}: training takes NumPy's steps, which are slower: {reason}")
    kept = folder.to_keep()
    checkpoints = Checkpoints(folder.path, experiment.fingerprint, folder.exclusive, kept)
    records = kept["records"]  # to which each epoch is added
    done = checkpoints.step()  # which may be within an epoch
    steps = len(train_batches(corpus, settings, experiment.seed, epoch=0)) * settings.max_epochs
    with closing(progress.for_run(label, done, min(steps, settings.max_steps or steps), show)) as display:

        def on_step(state: TrainState) -> None:
            display.step(state.step)
            if settings.sample_every and state.step % settings.sample_every == 0:
                loss = ""
                if state.sequences:
                    mean = state.nats / state.sequences
                    loss = f", loss {mean:.2f} a sequence this epoch, smoothed {state.smooth_loss:.2f}"
                artifacts.write_samples(experiment, folder, f"step {state.step}{loss}")
            raise_if_asked()

        def on_measured(record: dict[str, float]) -> None:
            step_records.append(folder, record | {"time": now()})
            display.measured(record)

        step_records.drop_after(folder, done)
        for record in fit(
            experiment.model,
            corpus,
            experiment.optimizer,
            experiment.schedule,
            settings,
            checkpoints,
            experiment.seed,
            on_step,
            on_measured,
        ):
            if record["epoch"] <= len(records):  # taken just before a crash
                continue
            record["time"] = now()
            folder.append(record)
            records.append(record)
            teller.changed(folder.path)
            display.describe(f"epoch {record['epoch']}, valid ppl {record['valid/ppl']:.4g}")
            log.info(
                f"epoch {record['epoch']:2}/{settings.max_epochs}  train ppl {record['train/ppl']:8.3f}  "
                f"valid ppl {record['valid/ppl']:8.3f}  lr {record['lr']:<8.4g} "
                f"{record['tokens_per_s']:,.0f} tokens/s  {record['epoch_s']:.1f} s"
            )
        spent = sum(record.get("epoch_cpu_s", 0) for record in records)
        if settings.max_seconds and spent >= settings.max_seconds:
            log.info(
                f"{label}: stopped by train.max_seconds={settings.max_seconds:g} at step {done_at(records)}"
            )
        raise_if_asked()  # the checkpoint of the last epoch has all
        scores, test_nats = score_test(experiment)
        if test_nats is not None:
            folder.save_test_nats(test_nats, corpus)
        metrics = final_metrics(experiment, records, scores, checkpoints.best_so_far())
        metrics |= seen_metrics(experiment.model, corpus, settings.eval_streams, test_nats)
        reachable = f" (best reachable {metrics['oracle/ppl']:.4g})" if "oracle/ppl" in metrics else ""
    log.info(f"{label}: {progress.in_words(metrics)}{reachable}; run folder {folder}")
    losses = [record["valid/loss"] for record in records]
    divergence.note(folder, label, losses, len(corpus.vocabulary), experiment.optimizer)
    return metrics
