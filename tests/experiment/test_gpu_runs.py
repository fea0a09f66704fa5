"""Whole runs on a GPU, or its stand-in: the records of the CPU, the same bits after an interruption."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from rnnexp.cli import evaluate, sync
from rnnexp.compute import backend, engine
from rnnexp.data.batches import Sequences, Streams
from rnnexp.data.device import device_batches
from rnnexp.errors import Diverged, Interrupted, UserError
from rnnexp.experiment import rules, runner
from rnnexp.experiment.config_hash import hashes, run_name
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import offline
from tests.conftest import HAS_GPU, QUICK, REPOSITORY, SMALL, STANDIN
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model
from tests.training.test_loop import Run

SHORT_TEXTS = "train.sample_length=20"  # the stand-in takes a millisecond a symbol
GPU = ["device=gpu", "model.dropout=0.2", SHORT_TEXTS]
SHORT = ["dataset.train_tokens=1000", "dataset.valid_tokens=150", "dataset.test_tokens=150"]


def run(path, *overrides):
    own_data = any(override.startswith("dataset=") for override in overrides)
    small = [override for override in QUICK if not (own_data and override.startswith("dataset."))]
    return RunFolder(path), runner.run_experiment(composed(*small, *overrides), RunFolder(path))


def losses(folder):
    return [[record[key] for key in ("train/loss", "valid/loss", "grad_norm")] for record in folder.records()]


@pytest.mark.parametrize(
    "more",
    [SHORT, [*SHORT, "optimizer=adagrad", "optimizer.lr=0.05"], ["dataset=gettysburg", "train.max_steps=12"]],
)
def test_a_run_records_what_it_records_on_the_cpu(gpu, tmp_path, more):
    here, on_cpu = run(tmp_path / "cpu", *GPU, *more, "device=cpu")
    there, on_gpu = run(tmp_path / "gpu", *GPU, *more)
    np.testing.assert_allclose(losses(there), losses(here), rtol=2e-4)
    assert on_gpu["test/loss"] == pytest.approx(on_cpu["test/loss"], rel=2e-4)
    tags, config = there.tags(), there.load_config()
    assert tags["rnnexp.device"] == config["device"] == "gpu"
    assert tags["rnnexp.engine"] == config["engine"] == "graph"
    assert tags["rnnexp.gpu"].endswith(f"cupy {backend.load_cupy().__version__}")
    assert config["threads"] == 1
    assert (there.path / "samples.txt").exists()
    assert tags["rnnexp.config_hash"] == here.tags()["rnnexp.config_hash"]  # the same experiment


class GpuRun(Run):
    def __init__(self, folder, *, where, **options):
        super().__init__(folder, **options)
        host = self.model
        self.model = small_model(
            "lstm",
            num_layers=2,
            dropout=0.3,
            vocab_size=len(self.corpus.vocabulary),
            dtype=np.float32,
            where=where,
        )
        self.model.params.set(host.params.on_host())


def test_interrupted_and_resumed_is_as_if_nothing_had_been(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnexp.training.step.GpuTrainStep.sync_every", 4)
    steps_of_calls = []

    def all_of(folder, number=None):
        """Records and parameters; interrupted each time results come in, where a number is given."""
        folder.mkdir(exist_ok=True)
        found, seen = [], []

        def on_step(progress):
            seen.append(progress.step)
            steps_of_calls.append(progress.step)
            if number and len(seen) % number == 0:
                raise Interrupted(15)

        for _ in range(100):
            run = GpuRun(folder, where=gpu, max_epochs=2)
            with engine.use("graph"):
                try:
                    found += run.records(on_step)
                    return {r["epoch"]: r for r in found}, gpu.to_host(run.model.params.values)
                except Interrupted:
                    continue
        raise AssertionError

    whole = all_of(tmp_path / "whole")
    assert steps_of_calls[:3] == [4, 8, 12]
    for number in 1, 3:
        parts = all_of(tmp_path / f"parts{number}", number)
        assert parts[0][2] == whole[0][2]
        assert (parts[1] == whole[1]).all()


def test_divergence_is_noticed_late_and_saves_nothing(gpu, tmp_path):
    run = GpuRun(tmp_path, where=gpu)
    run.records()
    kept = (tmp_path / "last.npz").read_bytes()
    again = GpuRun(tmp_path, where=gpu, max_epochs=9)
    original = again.optimizer.update

    def spoil(params, lr):
        params.values.fill(float("nan"))
        return original(params, lr)

    again.optimizer.update = spoil
    with engine.use("fused"), pytest.raises(Diverged, match=r"became nan at step 5\d"):
        again.records()
    assert (tmp_path / "last.npz").read_bytes() == kept


def test_samples_while_it_trains_are_those_of_their_step(gpu, tmp_path):
    for device in "cpu", "gpu":
        overrides = [f"device={device}", "train.sample_every=7", "train.max_epochs=1", SHORT_TEXTS]
        run(tmp_path / device, *overrides)
    here, there = ((tmp_path / device / "samples.txt").read_text() for device in ("cpu", "gpu"))
    assert there.count("# step") > 5
    assert there == here


def test_a_run_goes_on_where_it_was_begun(gpu, tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        stop_after_an_epoch(tmp_path, "device=cpu")
    folder, _ = run(tmp_path, "device=gpu")
    assert "was begun with device=cpu, and goes on so" in caplog.text
    assert folder.tags()["rnnexp.device"] == folder.load_config()["device"] == "cpu"


def stop_after_an_epoch(path, *overrides):
    with pytest.MonkeyPatch.context() as patch:
        record = RunFolder.append

        def append(self, line):
            record(self, line)
            raise KeyboardInterrupt

        patch.setattr(RunFolder, "append", append)
        run(path, *overrides)


def test_windows_on_the_device_are_those_of_the_text(gpu):
    tokens = np.random.default_rng(0).integers(9, size=300).astype(np.int32)
    tokens[-1] = 0
    order = np.random.default_rng(1).permutation(np.count_nonzero(tokens == 0))
    for windows in Streams(tokens, 4, 7), Sequences(tokens, 0, 3, 5, order):
        there = device_batches(windows, gpu)
        for k in range(len(windows)):
            for found, expected in zip(there.window(k), windows.window(k), strict=True):
                np.testing.assert_array_equal(gpu.to_host(found), expected)


def test_evaluation_by_command(gpu, tmp_path):
    folder, metrics = run(tmp_path, "model.dropout=0")
    given = [f"weights={folder.path / 'best.npz'}", *QUICK, "device=gpu"]
    assert f"perplexity {metrics['test/ppl']:.4f}"[:-1] in evaluate.report(given)


def test_too_little_memory_is_one_line(standin, tmp_path, monkeypatch):
    def none_left(*_):
        raise standin.OutOfMemoryError(
            "Out of memory allocating 4,000,000,000 bytes (allocated so far: 0 bytes)."
        )

    config = composed(*QUICK, "device=gpu")
    monkeypatch.setattr(standin, "empty", none_left)
    with pytest.raises(
        UserError, match=r"the GPU has too little memory \(Out of .*choose a smaller train.batch"
    ):
        runner.run_experiment(config, RunFolder(tmp_path))
    assert RunFolder(tmp_path).state()["status"] == "FAILED"
    assert "the GPU has too little memory" in RunFolder(tmp_path).state()["error"]


def test_values_that_do_not_go_together():
    with pytest.raises(UserError, match="tf32=true is for device=gpu"):
        rules.check(composed(*QUICK, "tf32=true"))
    with pytest.raises(UserError, match="device=tpu must be cpu or gpu"):
        rules.check(composed(*QUICK, "device=tpu"))


def test_tf32_is_another_experiment():
    plain, rounded = (composed(*QUICK, *GPU, f"tf32={yes}") for yes in ("false", "true"))
    assert hashes(plain) != hashes(rounded)
    before = {key: value for key, value in plain.items() if key not in ("tf32", "device")}
    assert hashes(before) == hashes(plain)  # as recorded when there was neither


def test_the_command_on_a_gpu(rnnexp, in_process, tmp_path):
    if not HAS_GPU and not shutil.which("g++"):
        pytest.skip("neither a GPU nor g++")
    where = {} if HAS_GPU else {"PYTHONPATH": str(STANDIN)}
    result = rnnexp("device=gpu", *QUICK, *SHORT, SHORT_TEXTS, **where)
    assert result.returncode == 0, result.stderr
    assert "test ppl" in result.stdout
    generated = in_process("generate", f"run={next(tmp_path.glob('runs/default/*'))}", "num=1", "length=9")
    assert generated.returncode == 0, generated.stderr


@pytest.mark.skipif(bool(find_spec("cupy")), reason="CuPy is installed")
def test_without_cupy_the_command_says_what_to_install(rnnexp):
    result = rnnexp("device=gpu", *QUICK)
    assert result.returncode == 1
    assert result.stderr.startswith("rnnexp: device=gpu needs CuPy: ")
    assert "pip install -e '" in result.stderr
    assert result.stderr.count("\n") == 1


# Runs that are carried out elsewhere

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("hydra", "omegaconf", "mlflow", "pandas"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from rnnexp.cli.main import main
sys.exit(main())
"""


def elsewhere(*arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, "offline", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(REPOSITORY)},
    )


def test_prepared_here_carried_out_there_recorded_here(in_process, tmp_path, made_store):
    sweep = ["-m", *SMALL, "study=offline", "seed=0,1", "cell=gru", "train.max_epochs=1"]
    sweep.append("train.keep=best")
    result = in_process(*sweep, "sweep.prepare=true")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "2 of 2 jobs prepared in runs/offline"
    folders = sorted((tmp_path / "runs/offline").iterdir())
    written = [{path.name for path in folder.iterdir()} for folder in folders]
    assert written == [{"config.yaml", "label.json", ".lock"}] * 2
    result = elsewhere(folders[0].parent)
    assert result.returncode == 0, result.stderr
    assert "test ppl" in result.stdout
    assert [RunFolder(folder).state()["status"] for folder in folders] == ["FINISHED"] * 2
    assert all(RunFolder(folder).load_config()["engine"] for folder in folders), (
        "the config is that of the run"
    )
    assert sync.sync([tmp_path], made_store(tmp_path / "mlflow.db")) == {"delivered": 2}
    again = in_process(*sweep, "tracking=none")
    assert "2 finished before" in again.stdout
    assert in_process(*sweep, "sweep.prepare=true").stdout.startswith("0 of 2 jobs prepared")


def test_what_a_store_keeps_of_runs_is_not_run(tmp_path):
    config = composed(*QUICK, "train.max_epochs=0")
    for place in "s/run", "artifacts/s/1/artifacts", "artifacts/s/1/artifacts/model":
        RunFolder(tmp_path / place).prepare(config)
    assert [job.folder.path for job in offline.find_jobs([tmp_path], {})] == [tmp_path / "s/run"]


def test_what_cannot_be_prepared(in_process, tmp_path):
    for arguments, message in [
        (["seed=1"], "sweep.prepare=true is for many runs: add -m"),
        (["-m", "sweep=search"], "a search must see results: leave sweep.prepare out"),
        (["-m", "device=gpu", "train.batch_size=4,0"], "train.batch_size=0 must be at least 1"),
        (
            ["-m", "device=gpu", "engine=numba"],
            "engine=numba must be one of graph, fused, cupy where device=gpu",
        ),
    ]:
        result = in_process(*arguments, "sweep.prepare=true")
        assert result.returncode == 1
        assert result.stderr == f"rnnexp: {message}\n"
    assert not list(tmp_path.rglob("config.yaml"))


def test_what_is_wrong_elsewhere_is_told(in_process, tmp_path):
    for number in range(2):
        config = composed(*QUICK, "train.max_epochs=0", f"seed={number}")
        config["train"]["batch_size"] -= 4 * number
        RunFolder(tmp_path / f"run{number}").prepare(config)
    (tmp_path / "empty").mkdir()
    result = elsewhere(tmp_path)
    assert result.returncode == 1
    assert result.stderr == "rnnexp offline: run1: train.batch_size=0 must be at least 1\n"
    for arguments, message in [
        ([tmp_path / "no"], "no is no folder"),
        ([tmp_path / "empty"], "there are no runs in "),
        (
            [tmp_path, "lr=3"],
            "lr=3 is not known: the options are dataset.dir=, dataset.path=, device=, workers",
        ),
        ([tmp_path / "run0", "workers=two"], "workers=two must be a whole number"),
        ([tmp_path / "run0", "workers=0"], "workers=0 must be a number from 1"),
    ]:
        result = in_process("offline", *map(str, arguments))
        assert result.returncode == 1
        assert message in result.stderr


def test_data_may_lie_elsewhere():
    config = {"dataset": {"dir": "/here", "name": "ptb"}, "device": "cpu", "engine": "numba", "threads": 2}
    changed = offline.changed(config, {"dataset.dir": "/there", "dataset.path": "/no", "device": "gpu"})
    data = {"dir": "/there", "name": "ptb"}
    assert changed == {"dataset": data, "device": "gpu", "engine": None, "threads": None}
    assert json.dumps(config).count("here") == 1


def test_a_failure_elsewhere_changes_no_config(tmp_path):
    config = composed("dataset=ptb", "tracking=none", "device=gpu", "train.max_epochs=0")
    folder = RunFolder(tmp_path / run_name(config))
    folder.prepare(config)
    result = elsewhere(tmp_path, "device=cpu", f"dataset.dir={tmp_path}")
    assert result.returncode == 1
    assert "holds no ptb.train.txt" in result.stderr
    assert folder.load_config() == config


def test_another_text_elsewhere_is_refused(tmp_path):
    for name in "here", "there", "other":
        (tmp_path / name).write_text("a b c d " * 200 if name != "other" else "d c b a " * 200)
    small = [override for override in QUICK if not override.startswith("dataset.")]
    config = composed(*small, "dataset=text", f"dataset.path={tmp_path / 'here'}", "train.max_epochs=0")
    runs = tmp_path / "runs"
    RunFolder(runs / run_name(config)).prepare(config)
    (tmp_path / "here").unlink()
    refused = elsewhere(runs, f"dataset.path={tmp_path / 'other'}")
    assert "holds another text than its own" in refused.stderr
    gone = elsewhere(runs, f"dataset.path={tmp_path / 'gone'}")
    assert f"cannot read {tmp_path / 'gone'}: No such file or directory" in gone.stderr
    assert elsewhere(runs, f"dataset.path={tmp_path / 'there'}").returncode == 0
