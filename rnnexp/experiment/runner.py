"""Do one run from its config to its records: build it, train it, test it once, and tell of each record."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext, suppress
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
from rnnexp.experiment.results import score_test
from rnnexp.experiment.signals import stop_requests
from rnnexp.experiment.titles import defining_overrides, title
from rnnexp.experiment.train_and_test import train_and_test
from rnnexp.records import provenance, system
from rnnexp.records.folder import RunFolder
from rnnexp.tracking import client
from rnnexp.tracking.client import Client
from rnnexp.training.checkpoints import Checkpoints

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
            folder.save_tags(folder.tags() | experiment.tags())
            precompile.compile_first(config, raise_if_to_stop)
            # numbers that are not finite are found by `fit`, which says more than NumPy's warnings
            with (
                np.errstate(over="ignore", invalid="ignore"),
                engine.use(experiment.engine, experiment.threads, config["tf32"], raise_if_to_stop),
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
            with engine.use(experiment.engine, experiment.threads, config["tf32"], raise_if_to_stop):
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
