"""The command as its users have it: what it does, what it refuses, how it stops and goes on."""

import hashlib
import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hydra.errors import HydraException

from rnnexp.data.datasets import dinos
from rnnexp.errors import UserError
from rnnexp.nn.cells import CELLS
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK, SMALL, command


def one_line(result, *parts):
    """The command failed with one plain line that holds these parts."""
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("rnnexp: ")
    for part in parts:
        assert part in lines[0], lines[0]
    assert "Traceback" not in result.stdout


def run_folders(tmp_path, pattern="runs/default/*"):
    return sorted(path for path in tmp_path.glob(pattern) if path.is_dir())


def result_of(folder):
    metrics = json.loads((folder / "result.json").read_text())
    assert metrics.pop("time") > 1.7e12
    assert metrics.pop("train_cpu_s", 0.0) > 0 or metrics["best/epoch"] == 0  # no epoch, no seconds
    return metrics


def parameters(folder, name="last.npz"):
    with np.load(folder / name) as file:
        return {key: file[key] for key in file.files if key != "meta"}


def records_without_times(folder):
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    times = "tokens_per_s", "epoch_s", "epoch_cpu_s", "time"
    return [{k: v for k, v in r.items() if k not in times} for r in records]


def assert_same_run(ours, theirs):
    for name in "last.npz", "best.npz":
        a, b = parameters(ours, name), parameters(theirs, name)
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    assert records_without_times(ours) == records_without_times(theirs)
    assert result_of(ours) == result_of(theirs)


def test_a_run_leaves_what_it_should(rnnexp, tmp_path):
    result = rnnexp(*QUICK, "cell=gru", "seed=3")
    assert result.returncode == 0, result.stderr
    assert "epoch  2/2" in result.stdout
    assert "best reachable" in result.stdout
    (folder,) = run_folders(tmp_path)
    assert re.fullmatch("gru_seed3_[0-9a-f]{8}", folder.name)
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "records.jsonl", "last.npz", "best.npz", "result.json", "rnnexp.log"} <= names
    metrics = result_of(folder)
    assert metrics["num_params"] == sum(
        metrics[f"num_params/{part}"] for part in ("embedding", "recurrent", "output")
    )
    assert metrics["oracle/ppl"] < metrics["test/ppl"]


def test_no_epochs_evaluate_the_untrained_model(in_process, tmp_path):
    result = in_process(*QUICK, "train.max_epochs=0")
    assert result.returncode == 0, result.stderr
    (folder,) = run_folders(tmp_path)
    assert result_of(folder)["test/ppl"] == pytest.approx(91, rel=0.1)
    assert result_of(folder)["num_params"] > 0


def test_max_steps(in_process, tmp_path):
    assert in_process(*QUICK, "train.max_steps=7").returncode == 0
    (folder,) = run_folders(tmp_path)
    (record,) = records_without_times(folder)
    assert record["updates"] == 7


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_the_run_itself_imports_no_mlflow_and_nothing_slow_before_its_first_step(tmp_path):
    """Also where MLflow is told of it."""
    code = """if True:
        import sys
        from rnnexp.cli.main import main
        from rnnexp.experiment import train_and_test

        def fit(*arguments):
            print(*{"mlflow", "sqlalchemy", "pandas", "matplotlib"} & sys.modules.keys())
            yield from train(*arguments)
            print("mlflow" in sys.modules)

        train, train_and_test.fit = train_and_test.fit, fit
        main()
    """
    result = subprocess.run(
        [sys.executable, "-c", code, *SMALL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = result.stdout.splitlines()
    assert lines[1] == "", result.stdout + result.stderr
    assert "False" in lines, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["model.hiden_size=3"], ["model.hiden_size"]),
        (["sed=3"], ["sed is not known: did you mean seed?"]),
        (["cell.reset=after"], ["cell.reset"]),  # the default cell is the LSTM
        (["model.hidden_size=big"], ["model.hidden_size", "big"]),
        (["model.tie_weights=perhaps"], ["model.tie_weights", "perhaps"]),
        (["cell=transformer"], ["cell=transformer", *CELLS]),
        (["dataset=wikipedia"], ["dataset=wikipedia", "grammar", "ptb"]),
        (["experiment=nobel"], ["experiment=nobel"]),
        (["cell=gru", "cell.reset=never"], ["cell.reset=never", "before or after"]),
        (["model.tie_weights=true", "model.embed_size=4"], ["model.tie_weights", "model.embed_size=4"]),
        (["model.dropout=1"], ["model.dropout=1.0", "below 1"]),
        (["model.num_layers=0"], ["model.num_layers=0", "at least 1"]),
        (["train.batch_size=0"], ["train.batch_size=0"]),
        (["seed=-1"], ["seed=-1"]),
        (["+dataset.path=mine.txt"], ["dataset.path is an option of dataset=text only"]),
        (["optimizer.lr=inf"], ["optimizer.lr=inf"]),
        (["dataset.test_tokens=1"], ["dataset.test_tokens=1", "from 2 to"]),
        (["schedule.factor=1"], ["schedule.factor"]),
        (["optimizer.clip_norm=0"], ["optimizer.clip_norm"]),
        (["study=a/b"], ["study=a/b"]),
        (["study=.."], ["study=.."]),
        (["tracking=mlflow", "tracking.uri=null"], ["tracking.uri has no value"]),
        (["tracking.name=wandb"], ["tracking.name=wandb", "mlflow or none"]),
        (["dataset=text"], ["dataset.path", "add dataset.path="]),
        (["dataset=text", "dataset.path=gone.txt"], ["gone.txt", "No such file"]),
        (["dataset=ptb", "dataset.dir=gone"], ["dataset.dir=", "/gone holds no ptb.train.txt"]),
        (["train.batch_size=1000"], ["train.batch_size", "3000 tokens"]),
        (["train.eval_streams=400"], ["train.eval_streams=400", "valid"]),
        (["resume=gone"], ["gone is no run folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and "=" in value[0] else "",
)
def test_a_mistake_gets_one_plain_line(in_process, tmp_path, overrides, parts):
    small = [
        s
        for s in QUICK
        if not s.startswith("dataset.") or not any(o.startswith("dataset=") for o in overrides)
    ]
    arguments = overrides if overrides[0].startswith("resume") else [*small, *overrides]
    one_line(in_process(*arguments), *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_gets_one_plain_line_from_the_command_too(rnnexp):
    one_line(rnnexp("model.hiden_size=3"), "model.hiden_size")


def test_impossible_combinations_are_refused_before_any_data_is_read(in_process):
    one_line(
        in_process("dataset=text", "dataset.path=gone.txt", "model.tie_weights=true", "model.embed_size=4"),
        "model.embed_size=4",
    )


@pytest.mark.parametrize(
    "mistake", [["model.hiden_size=3"], ["model.dropout=1"], ["resume=gone"], ["generate"], ["sync", "gone"]]
)
def test_full_errors_on_request(in_process, monkeypatch, mistake):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises((UserError, HydraException)):
        in_process(*mistake)
    assert os.environ["HYDRA_FULL_ERROR"] == "1"
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    assert in_process(*mistake).returncode == 1
    assert os.environ["HYDRA_FULL_ERROR"] == "0"


def test_an_unwritable_runs_folder(in_process, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    one_line(in_process(*QUICK), "runs is a file: name another folder for the run")


def test_a_run_folder_is_never_overwritten(in_process, tmp_path):
    assert in_process(*QUICK, "hydra.run.dir=here").returncode == 0
    before = {p: p.read_bytes() for p in (tmp_path / "here").rglob("*.*") if p.is_file()}
    one_line(in_process(*QUICK, "hydra.run.dir=here", "seed=1"), "here holds a run with other settings")
    assert before == {p: p.read_bytes() for p in (tmp_path / "here").rglob("*.*") if p.is_file()}
    resumed = in_process("resume", "here")
    assert resumed.returncode == 0
    assert "has finished: test perplexity" in resumed.stdout


def test_a_loss_that_becomes_nan_fails_the_run_and_keeps_the_checkpoint(in_process, tmp_path):
    result = in_process(*QUICK, "optimizer.lr=1e38", "optimizer.clip_norm=null", "hydra.run.dir=here")
    one_line(result, "at step", "lower optimizer.lr (now 1e+38) or set optimizer.clip_norm", "here/last.npz")
    assert all(np.isfinite(array).all() for array in parameters(tmp_path / "here").values())
    assert not (tmp_path / "here" / "result.json").exists()


LONG = [*QUICK, "dataset.train_tokens=24000", "train.max_epochs=3", "train.checkpoint_every_s=0.05"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(
        command(*LONG, "hydra.run.dir=run"), cwd=folder, check=True, capture_output=True, timeout=120
    )
    return folder / "run"


def started(tmp_path, *arguments):
    """The command under way, at least one checkpoint written within the first epoch."""
    process = subprocess.Popen(
        command(*arguments),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup has ignored
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "last.npz.previous").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("epochs", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_killed_hard_and_resumed_ends_as_if_nothing_had_been(in_process, tmp_path, undisturbed, epochs):
    process = started(tmp_path, *LONG, "hydra.run.dir=run")
    records = tmp_path / "run" / "records.jsonl"
    while epochs and not (records.exists() and records.read_text().count("\n") >= epochs):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "run" / "result.json").exists()
    result = in_process("resume=run")
    assert result.returncode == 0, result.stderr
    assert not epochs or "updates, from its last checkpoint" in result.stdout
    assert_same_run(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_it_saves_says_how_to_go_on_and_does(in_process, tmp_path, undisturbed, signum):
    process = started(tmp_path, *LONG, "hydra.run.dir=run")
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + signum
    assert "Traceback" not in stderr
    assert f"stopped by {signum.name}; go on with: rnnexp resume=" in stdout
    assert RunFolder(tmp_path / "run").state()["status"] == "KILLED"
    if signum == signal.SIGTERM:  # what is left is the same after each
        assert in_process("resume=run").returncode == 0
        assert_same_run(tmp_path / "run", undisturbed)


def test_the_same_command_again_goes_on(in_process, tmp_path, undisturbed):
    process = subprocess.Popen(command(*LONG), cwd=tmp_path, stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob("runs/default/*/last.npz.previous")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    (folder,) = run_folders(tmp_path)
    assert RunFolder(folder).state()["status"] == "RUNNING"
    assert in_process(*LONG).returncode == 0
    assert run_folders(tmp_path) == [folder]
    assert_same_run(folder, undisturbed)


def test_only_when_asked_for_does_the_same_command_make_another_run(in_process, tmp_path):
    assert in_process(*QUICK).returncode == 0
    (folder,) = run_folders(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix in (".npz", ".jsonl")}
    again = in_process(*QUICK, "train.checkpoint_every_s=9")  # which does not change the result
    assert again.returncode == 0
    assert f"{folder.relative_to(tmp_path)} has finished: test perplexity" in again.stdout
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert in_process(*QUICK, "rerun=true").returncode == 0
    first, second = run_folders(tmp_path)
    assert_same_run(first, second)


@pytest.mark.slow
def test_the_first_run_of_all_computes_what_later_ones_do(rnnexp, tmp_path):
    """Also where the time loops are compiled for it."""
    pytest.importorskip("numba")
    few = [*QUICK, "cell=rnn", "model.hidden_size=40", "train.max_epochs=1", "engine=numba"]
    for name in "first", "second":
        assert rnnexp(*few, f"hydra.run.dir={name}", NUMBA_CACHE_DIR=str(tmp_path / "cache")).returncode == 0
    assert_same_run(tmp_path / "first", tmp_path / "second")


def test_two_processes_never_share_a_run(in_process, tmp_path):
    process = started(tmp_path, *LONG, "train.max_epochs=50", "hydra.run.dir=run")
    try:
        one_line(in_process("resume=run"), "in use")
    finally:
        process.kill()
        process.communicate()


def test_resume_goes_by_the_runs_own_config(in_process, tmp_path):
    one_line(in_process("resume=here", "seed=3"), "resume=here", "give it alone")
    (tmp_path / "here").mkdir()
    one_line(in_process("resume=here"), "here is no run folder")
    for arguments, part in [
        ([], "name one run folder: rnnexp resume RUN_FOLDER"),
        (["here", "there"], "name one run folder: rnnexp resume RUN_FOLDER"),
        (["here", "seed=3"], "seed=3 does not go with resume, by which a run goes on with its own config"),
        (["here", "--live"], "--live does not go with resume"),
    ]:
        refused = in_process("resume", *arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"rnnexp resume: {part}")


def test_resume_with_a_damaged_checkpoint(in_process, tmp_path):
    process = started(tmp_path, *LONG, "hydra.run.dir=run")
    process.kill()
    process.communicate()
    for path in (tmp_path / "run").glob("last.npz*"):
        path.write_bytes(path.read_bytes()[:-100])
    result = in_process("resume=run")
    assert result.returncode == 1
    assert "last.npz is damaged, and no good checkpoint is left" in result.stderr


def test_resume_after_the_config_was_changed(in_process, tmp_path):
    process = started(tmp_path, *LONG, "hydra.run.dir=run")
    process.kill()
    process.communicate()
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("lr: 1.0", "lr: 2.0"))
    one_line(
        in_process("resume=run"),
        "run/config.yaml has optimizer.lr=2.0, and the run was begun with 1.0: put it back",
    )


def test_text_of_the_users_own(in_process, tmp_path):
    (tmp_path / "mine.txt").write_text("to be or not to be\n" * 200)
    base = [s for s in QUICK if not s.startswith("dataset.")]
    assert in_process(*base, "dataset=text", "dataset.path=mine.txt", "dataset.level=char").returncode == 0
    (folder,) = run_folders(tmp_path)
    assert result_of(folder)["test/bpc"] > 0
    before = (tmp_path / "mine.txt").read_text()
    (tmp_path / "mine.txt").write_text("or to be\n" * 200)
    one_line(
        in_process(f"resume={folder}"), "mine.txt has changed since the run in ", "put it back as it was"
    )
    (tmp_path / "mine.txt").unlink()
    one_line(in_process(f"resume={folder}"), "mine.txt is gone since the run in ")
    (tmp_path / "mine.txt").write_text(before)
    assert in_process(f"resume={folder}").returncode == 0
    short = tmp_path / "short.txt"
    short.write_text("to be")
    one_line(
        in_process(*base, "dataset=text", "dataset.path=short.txt"), "train split has 2 tokens", "train.bptt"
    )
    short.write_bytes(b"to be \xe4")
    one_line(in_process(*base, "dataset=text", "dataset.path=short.txt"), "not UTF-8", "offset 6")


def test_resume_from_another_place_finds_its_files(in_process, tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text("to be or not to be\n" * 2000)
    base = [s for s in LONG if not s.startswith("dataset.")]
    process = started(tmp_path, *base, "dataset=text", "dataset.path=mine.txt", "hydra.run.dir=run")
    process.terminate()
    process.communicate()
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    result = in_process(f"resume={tmp_path / 'moved'}")
    assert result.returncode == 0, result.stderr  # it found the text and the checkpoint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "config.yaml is damaged"),
        ("a: [\n", "config.yaml is damaged"),
        ("study: s\n", "cell.name has no value"),
        ("modle: {}\ntracking: {}\n", "modle is not known: did you mean model?"),
        ("study: s\ntracking: {}\n", "cell.name has no value"),
        ("cell: {name: gru}\nseed: x\n", "seed: "),
    ],
)
def test_resume_with_a_config_that_is_none(in_process, tmp_path, content, message):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "config.yaml").write_text(content)
    one_line(in_process("resume=here"), "here/config.yaml", message)


def test_a_run_that_failed_before_it_began_does_not_block_its_folder(in_process, tmp_path):
    text = [s for s in QUICK if not s.startswith("dataset.")] + ["dataset=text", "hydra.run.dir=here"]
    (tmp_path / "mine.txt").write_text("to be or not to be\n" * 200)
    one_line(in_process(*text, "dataset.path=myne.txt"), "myne.txt")
    assert in_process(*text, "dataset.path=mine.txt").returncode == 0
    assert (tmp_path / "here" / "result.json").exists()


def test_the_books_preset_takes_any_cell(in_process):
    result = in_process("experiment=dlfs2_rnnlm", "cell=gru", "--cfg", "job")
    assert result.returncode == 0, result.stderr
    assert "reset: before" in result.stdout


@contextmanager
def mounted(folder, options):
    """A small file system of its own in a folder."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_line_and_the_run_goes_on_once_there_is_room(
    rnnexp, tmp_path, undisturbed
):
    with mounted(tmp_path / "run", "size=512k"):
        process = started(tmp_path, *LONG, "hydra.run.dir=run")
        with suppress(OSError), (tmp_path / "run" / "filler").open("wb") as file:
            while True:
                file.write(bytes(1024))
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 1
        assert stderr.startswith(f"rnnexp: {tmp_path}/run")
        assert "No space left on device" in stderr
        assert len(stderr.splitlines()) == 1
        (tmp_path / "run" / "filler").unlink()
        assert rnnexp(*LONG, "hydra.run.dir=run").returncode == 0
        assert_same_run(tmp_path / "run", undisturbed)


def test_a_disk_that_is_full_at_the_start(rnnexp, tmp_path):
    with mounted(tmp_path / "here", "size=64k"):
        big = ["model.embed_size=100", "model.hidden_size=100"]
        one_line(rnnexp(*QUICK, *big, "hydra.run.dir=here"), "No space left on device")


def test_a_terminal_shows_a_bar_with_rate_and_time_left(tmp_path):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 150))
    process = subprocess.Popen(
        command(*LONG, "train.max_epochs=500", "train.patience=null"),
        cwd=tmp_path,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    bar = re.compile(r"\d+%\|.*?\| (\d+)/375000 \[\d\d:\d\d<[\d:]+, +[\d.]+step/s, lstm seed 0")
    shown, bars, deadline = b"", [], time.monotonic() + 60
    try:
        while len(bars) < 4 or b"epoch  2/500" not in shown:
            assert time.monotonic() < deadline, shown[:3000]
            if select.select([master], [], [], 1)[0]:
                shown += os.read(master, 65536)
            bars = [int(step) for step in bar.findall(shown.decode(errors="replace"))]
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert bars == sorted(bars)
    assert bars[0] < bars[-1]


def test_what_a_loss_is_to_be_read_beside_is_recorded(in_process, tmp_path):
    """Unseen words and the loss without them, bits of a byte, n-grams."""
    parts = {"train": "to be or not to be\n" * 150, "valid": "to be\n" * 40, "test": "to be new\n" * 40}
    for split, part in parts.items():
        (tmp_path / split).write_text(part)
    base = [s for s in QUICK if not s.startswith("dataset.")]
    files = ["dataset.path=train", "dataset.valid_path=valid", "dataset.test_path=test"]
    ran = in_process(*base, "dataset=text", *files, "hydra.run.dir=run")
    assert ran.returncode == 0
    assert "25.2% of the test tokens are not in the vocabulary" in ran.stdout
    result, test = result_of(tmp_path / "run"), RunFolder(tmp_path / "run").test_nats()
    seen = test["targets"] != 5  # <unk>, the last of six symbols
    assert result["vocab_size"] == 6
    assert [result[f"unseen/{split}"] for split in parts] == [0, 0, pytest.approx(40 / 159)]
    assert result["test/seen_ppl"] == pytest.approx(math.exp(test["nats"][seen].mean()), rel=1e-5)
    assert result["valid/seen_ppl"] == pytest.approx(result["best/valid_ppl"], rel=1e-5)
    bits = test["nats"].sum() / math.log(2)
    assert result["test/bpb"] == pytest.approx(bits / (len(parts["test"]) - len("to ")), rel=1e-5)
    assert result["ngram/uniform_ppl"] == pytest.approx(6)
    assert max(result["ngram/trigram_ppl"], result["ngram/unigram_ppl"]) < 40


def test_one_folder_of_all_data_sets(in_process, tmp_path, monkeypatch):
    """With a file that stands in for the names of dinosaurs."""
    (tmp_path / "data").mkdir()
    names = b"aachenosaurus\nabrosaurus\nzuul\n" * 3
    (tmp_path / "data" / "dinos.txt").write_bytes(names)
    monkeypatch.setattr(dinos, "SHA256", hashlib.sha256(names).hexdigest())
    few = ["tracking=none", "train.max_epochs=0", "model.hidden_size=4", "model.embed_size=4"]
    assert in_process("dataset=dinos", "data.root=data", *few, "hydra.run.dir=one").returncode == 0
    assert in_process("dataset=dinos", "dataset.dir=data", *few, "hydra.run.dir=two").returncode == 0
    one, two = ((tmp_path / name / "config.yaml").read_text() for name in ("one", "two"))
    assert one == two
    one_line(in_process("dataset=dinos", *few), "dataset.dir has no value", "data.root=FOLDER")
    one_line(in_process("dataset=ptb", "data.root=data", *few), "data/ptb holds no ptb.train.txt")


def test_parts_of_words_from_end_to_end(in_process, tmp_path):
    (tmp_path / "mine.txt").write_text("to be or not to be\n" * 200)
    base = [s for s in QUICK if not s.startswith("dataset.")]
    own = ["dataset=text", "dataset.path=mine.txt", "dataset.level=bpe", "dataset.max_vocab=262"]
    assert in_process(*base, *own, "hydra.run.dir=run").returncode == 0
    assert result_of(tmp_path / "run")["test/bpb"] > 0
    assert "unseen/test" not in result_of(tmp_path / "run")
    made = in_process("generate", "run=run", "num=1", "length=20", "prompt=to be ö")
    assert made.returncode == 0
    assert made.stdout.startswith("to be ö"), "no character is unknown"
