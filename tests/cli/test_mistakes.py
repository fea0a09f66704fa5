"""Whatever a user has or gives that cannot be read: one plain line that names it, soon, and never a traceback."""

import os
import socket
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from hydra.errors import HydraException

from rnnexp.cli import ui
from rnnexp.command.arguments import convert
from rnnexp.errors import UserError, about, explained
from rnnexp.evaluation.sampling import draw
from rnnexp.experiment import corpora
from rnnexp.interop import weights
from rnnexp.tracking.mlflow.library import alone_with
from tests.conftest import QUICK
from tests.helpers.variants import small_model


@pytest.fixture
def line(in_process, monkeypatch):
    """Carries out a command that fails; returns the line that it says."""

    def run(*arguments):
        result = in_process(*arguments)
        assert (result.returncode, result.stdout) == (1, "")
        (said,) = result.stderr.splitlines()
        assert said.startswith(f"rnnexp {arguments[0]}: ")
        return said

    return run


@pytest.fixture
def damaged(tmp_path, empty_store):
    """Files that are no store: one cut short, another program's, a folder and a pipe."""
    whole = empty_store.read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "junk.db").write_bytes(b"x" * 4096)
    (tmp_path / "folder.db").mkdir()
    os.mkfifo(tmp_path / "pipe.db")


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize("name", ["cut.db", "junk.db", "folder.db", "pipe.db"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "study=s"],
        ["report", "study=s"],
        ["challenge", "study=s"],
        ["ablation", "study=s"],
        ["generate", "run=7"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_store_is_named(line, arguments, name):
    assert f"uri=sqlite:///{name} " in line(*arguments, f"uri=sqlite:///{name}")


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize("name", ["junk.db", "folder.db"])
def test_a_damaged_store_is_not_taken_for_one_without_records(line, name):
    """For else everything would be run again."""
    said = line("reproduce", "only=dinosaur_names", f"uri=sqlite:///{name}")
    assert f"uri=sqlite:///{name} cannot be read" in said


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize("name", ["folder.db", "pipe.db"])
def test_ui_is_not_started_on_what_is_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"{name} is no file"):
        ui.run([f"uri=sqlite:///{name}"])


@pytest.mark.usefixtures("damaged")
def test_records_are_not_delivered_into_a_folder_or_a_pipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, kind in ("folder.db", "folder"), ("pipe.db", "pipe"):
        with pytest.raises(UserError, match=f"is a {kind}"), alone_with(f"sqlite:///{name}"):
            pass


@pytest.mark.skipif(bool(find_spec("psycopg")), reason="PostgreSQL's driver is installed")
def test_a_missing_driver_is_named_with_its_remedy(line):
    for arguments in ["compare", "study=s"], ["generate", "run=7"]:
        said = line(*arguments, "uri=postgresql+psycopg://nobody@127.0.0.1:1/none")
        assert "uri=postgresql+psycopg:" in said
        assert "[postgres]" in said


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("study=[1", "study=[1 "),  # a name like any other
        ("study=a: {b", "study=a: {b "),
        ("margin=high", "margin=high must be a number"),
        ("look=1.5", "look=1.5 must be a whole number"),
        ("stdy=s", "stdy=s is not known: did you mean study=? There are study=, uri="),
        ("s", "s is not known: did you mean study=s? There are study=, uri="),
        ("--study", "--study is not known: did you mean study=? There are study=, uri="),
    ],
)
def test_arguments_of_the_analysis_are_named(line, given, part):
    assert part in line("compare", given)


def test_numbers_too_large_are_named(line):
    assert "num=1000000000000 must be from 1 to 10000" in line("generate", "run=7", "num=1e12")
    assert "length=1000000000000 must be from 1 to" in line("generate", "run=7", "length=1e12")
    with pytest.raises(UserError, match=r"num=1\.5 must be a whole number"):
        convert("num", "1.5", int)
    with pytest.raises(UserError, match="num=inf must be a whole number"):
        convert("num", "inf", int)
    assert convert("seed", "12345678901234567890", int) == 12345678901234567890, "to the last digit"


def test_more_tokens_than_can_be_drawn_are_refused(in_process):
    result = in_process("dataset.train_tokens=10000000000000", "tracking=none")
    assert result.returncode == 1
    (said,) = result.stderr.splitlines()
    assert "dataset.train_tokens=10000000000000 must be from 2 to 100000000" in said


def test_the_smallest_temperature_takes_the_likeliest():
    logits = np.array([1.0, 3.0, 2.0, -np.inf], np.float32)
    for temperature in 1e-320, 5e-324, 1e-30:
        for top_k in None, 2:
            assert draw(logits, np.random.default_rng(0), temperature, top_k) == 1
    assert draw(logits[:3], np.random.default_rng(0), 1e300) in range(3)


def test_weights_that_are_no_plain_archive_are_named(tmp_path):
    def encrypted(path):
        np.savez(path, a=np.ones(3))
        content = bytearray(path.read_bytes())
        for sign, place in (b"PK\x03\x04", 6), (b"PK\x01\x02", 8):
            content[content.index(sign) + place] |= 1  # the flag that says so
        path.write_bytes(content)

    def altered(path):
        np.savez_compressed(path, a=np.arange(1000))
        content = bytearray(path.read_bytes())
        content[60:80] = b"\xff" * 20
        path.write_bytes(content)

    def packed_otherwise(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
            file.writestr("a.npy", b"\x93NUMPY\x01\x00no header")

    model = small_model("gru")
    for make in encrypted, altered, packed_otherwise, os.mkfifo, os.mkdir:
        path = tmp_path / f"{make.__name__}.npz"
        make(path)
        with pytest.raises(UserError) as refused:
            weights.load(model, path)
        assert path.name in str(refused.value)
        assert "\n" not in str(refused.value)


def ended(code, **how):
    """Run a program that ends as the commands do; its locale has the letters of Western Europe only."""
    env = os.environ | {"PYTHONIOENCODING": "latin-1"}
    return subprocess.run([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE, timeout=60, **how)


COMMAND = """
import sys
from rnnexp.command.process import exit_status
sys.exit(exit_status("rnnexp", lambda: print({text!r})))
"""
ANALYSIS = """
from rnnexp.analysis.command import main
main("compare", lambda given: print({text!r}), "")
"""


@pytest.mark.parametrize("code", [COMMAND, ANALYSIS])
def test_what_prints_ends_well(code):
    reads, writes = os.pipe()
    os.close(reads)
    result = ended(code.format(text="a"), stdout=writes)
    os.close(writes)
    assert (result.returncode, result.stderr) == (141, b""), "nobody reads it"
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        result = ended(code.format(text="a"), stdout=full)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert b"No space left on device" in result.stderr
    result = ended(code.format(text="Bär 猫"), stdout=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == "Bär \\u732b\n".encode("latin-1")


def test_whatever_a_library_raises_over_what_a_user_named_is_one_line():
    class Odd(Exception):
        pass

    for error, said in (Odd("two\nlines"), "two; lines"), (Odd(), "Odd"), (KeyError("a"), "'a'"):
        with pytest.raises(UserError, match="uri=x cannot be read: ") as refused, about("uri=x"):
            raise error
        assert str(refused.value).endswith(said)
    for error in MemoryError(), UserError("itself"):
        with pytest.raises(type(error)) as raised, about("uri=x"):
            raise error
        assert raised.value is error


def test_errors_of_libraries_that_are_not_loaded_are_not_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy.exc", SimpleNamespace(SQLAlchemyError=LookupError))
    assert explained(LookupError("first\nSQL")) == "first"
    monkeypatch.delitem(sys.modules, "sqlalchemy.exc")
    assert explained(LookupError("first\nsecond")) == "first; second"


# Each with the line that it gets, after the name of the command. None of them makes anything.
SIXTY = {
    # a key that there is not
    "model.hiden_size=3": "model.hiden_size is not known: did you mean model.hidden_size?",
    "trian.max_epochs=3": "trian.max_epochs is not known: did you mean train.max_epochs?",
    "sed=3": "sed is not known: did you mean seed?",
    "celll=gru": "celll is not known: did you mean cell?",
    "batch_size=20": "batch_size is not known: did you mean train.batch_size?",
    "lr=8": "lr is not known: did you mean cell.lr or optimizer.lr",
    "colour=red": "colour is not known: rnnexp --help lists the keys",
    "~optimizerr": "~optimizerr: optimizerr is not known: did you mean optimizer?",
    "+seeed=3": "seeed is not known: did you mean seed?",
    "tracking.urii=x": "tracking.urii is not known: did you mean tracking.uri?",
    # one of another choice
    "cell.reset=after": "cell.reset is an option of cell=gru only",
    "+dataset.path=mine.txt": "dataset.path is an option of dataset=text only",
    "evaluation.temperature.value=[1]": "evaluation.temperature.value is an option of evaluation=temperature: add "
    "evaluation=temperature",
    '-m sweep=search sweep.params={model.hiden_size:"interval(1,2)"}': "sweep.params: model.hiden_size is not known: "
    "did you mean model.hidden_size?",
    '-m sweep=search sweep.params={model.hidden_size:"interval(1,2)"}': "sweep.params: in a command give each key "
    "itself its range, as in ",
    "-m sweep.trials=1 sweep.params=[1,2]": "sweep.params=[1,2] must be KEY: VALUES; in a command give each ",
    "-m sweep.trials=1 sweep.params=3": "sweep.params=3 must be KEY: VALUES; in a command give each ",
    # what can be the name of no choice
    "cell=null": "cell=null names no option of the group: write cell=NAME, or leave it out",
    "-m dataset=1.5,2": "dataset=1.5,2 names no option of the group",
    "-m sweep=search cell=interval(1,2)": "cell=interval(1,2) names no option of the group",
    # what a search would draw in vain
    "-m sweep=search optimizer.lr=choice(1,abc)": "optimizer.lr=abc must be a number or null",
    "-m sweep=search model.hidden_size=interval(8.5,16)": "model.hidden_size=8.5 must be a whole number",
    "-m sweep=search model.hiden_size=interval(8,16)": "model.hiden_size=8: model.hiden_size is not known: did you ",
    "-m sweep=search cell=lstm,gru model.dropout=interval(0,2)": "cell=lstm model.dropout=2: model.dropout=2.0 must ",
    "-m sweep=search model.dropout=interval(0,2) --cfg job": "model.dropout=2.0 must be from 0 to below 1",
    # what holds for a whole sweep
    "-m sweep=search sweep.trials=3,4": "sweep.trials=3,4 names several values, and a sweep is done by one: give one",
    "-m sweep.workers=1,2": "sweep.workers=1,2 names several values, and a sweep is done by one: give one",
    "-m sweep.storage=journal:///x.journal": "sweep.storage=journal:///x.journal is for a search: add sweep=search or ",
    "-m seed=range(1,2,0)": "seed=range(1,2,0): range() arg 3 must not be zero",
    "-m sweep=search +sweep.params.model.embed_size=choice(8,9)": "sweep.params.model.embed_size: give the key itself",
    # a choice that there is not
    "cell=gruu": "cell=gruu is not known: did you mean gru? There are cifg, gru, indrnn, janet, lstm, lstm_dlfs2, "
    "mgu, mingru, mlstm, mut3, nfg, niaf, nig, noaf, nog, peephole, rhn, rnn, slstm, ugrnn; one of your own needs "
    "--config-dir FOLDER, which has it as cell/gruu.py",
    "experiment=claims": "experiment=claims is not known: there are claims/base, claims/challenge, ",
    "-m experiment=claims/x": "experiment=claims/x is not known: there are claims/base, claims/challenge, ",
    "experiment=claims/copyin": "experiment=claims/copyin is not known: did you mean claims/copying? There are ",
    "experiment=claim": "experiment=claim is not known: did you mean claims/...? There are ablation_gru, ",
    "cell=transformer": "cell=transformer is not known: there are cifg, gru, ",
    "tracking=mlflw": "tracking=mlflw is not known: did you mean mlflow? There are mlflow, none",
    "evaluation=[exact,dlfs]": "evaluation=dlfs is not known: did you mean dlfs2? There are ",
    "-m hydra/launcher=slrm": "hydra/launcher=slrm is not known: did you mean slurm? There are basic, slurm",
    "+model=small": "model is chosen already: write model=OPTION without +, in a file override model: OPTION",
    "-m +hydra/launcher=basic": "hydra/launcher is chosen already: write hydra/launcher=OPTION without +, in a file "
    "override hydra/launcher: OPTION",
    "hydra/launcher=slurm": "hydra/launcher=slurm is for many runs: add -m",
    "hydra.launcher.partition=x hydra/launcher=slurm": "hydra.launcher.partition=x is for many runs: add -m",
    # several values
    "cell=lstm,gru": "cell=lstm,gru names several values: add -m for a run of each",
    "seed=range(5)": "seed=range(5) names several values: add -m for a run of each",
    "evaluation=exact,dlfs2": "evaluation=exact,dlfs2 names several values: add -m for a run of each, or "
    "evaluation=[exact,dlfs2] for all in one",
    "dataset=dinos dataset.split=0.8,0.1,0.1": "dataset.split=0.8,0.1,0.1 must be a list: write "
    "dataset.split=[0.8,0.1,0.1]",
    "sweep.trials=3": "sweep.trials=3 is for many runs: add -m",
    "sweep=fair cell=lstm": "sweep=fair is for many runs: add -m",
    "-m seed=range(0)": "seed=range(0) names no values: there is nothing to run",
    "-m optimizer.lr=interval(1,2)": "optimizer.lr=interval(1,2): name the values, as in KEY=1,2,3 or ",
    # what the grammar reads otherwise
    "study=a=b": """study=a=b is not read as a text: quote the value, for a shell as "study='a=b'\"""",
    "study=a#b": """study=a#b is not read as a text: quote the value, for a shell as "study='a#b'\"""",
    "dataset=text dataset.path=~/x": """dataset.path=~/x is not read as a text: quote the value, for a shell as """
    """"dataset.path='~/x'\"""",
    "seed=[1": "seed=[1 cannot be read: seed must be a whole number",
    "+seed": "+seed is no override: write KEY=VALUE or GROUP=OPTION",
    # a value of another kind, or out of range
    "seed=": "seed= must be a whole number",
    "model.hidden_size=big": "model.hidden_size=big must be a whole number",
    "model.tie_weights=maybe": "model.tie_weights=maybe must be true or false",
    "optimizer.lr=fast": "optimizer.lr=fast must be a number or null",
    "study=null": "study=null must be a text",
    "study=[a]": "study=[a] must be a text",
    "study=a/b": "study=a/b must be at most 200 letters, digits, '.', '_', '-', the first no sign",
    f"study={'a' * 300}": f"study={'a' * 300} must be at most 200 letters, ",
    "compare study=a study=b": "study is given twice: leave one out",
    "generate run=runs/x run=runs/y": "run is given twice: leave one out",
    f"compare study={'ß' * 101}": f"study={'ß' * 101} must be at most 200 letters, ",
    "seed=-1": "seed=-1 must be from 0 to below 2**63",
    "model.dropout=1": "model.dropout=1.0 must be from 0 to below 1",
    "optimizer.lr=0": "optimizer.lr=0.0 must be a number greater than 0",
    "cell=gru cell.reset=never": "cell.reset=never must be before or after",
    "-m cell=lstm,gru train.bptt=8,0": "cell=lstm train.bptt=0: train.bptt=0 must be at least 1",
    "-m cell=lstm,gru +cell.reset=after": "cell=lstm: cell.reset is an option of cell=gru only",
    "cell.forget_bias=nan": "cell.forget_bias=nan must be a finite number",
    "cell.forget_bias=1e300": "cell.forget_bias=1e+300 must be from -100 to 100",
    f"model.hidden_size={2**62}": f"model.hidden_size={2**62} model.embed_size=64 takes more memory than there is: ",
    "dataset.test_max_count=50000": "dataset.test_max_count=50000 must be from 2 to 32767",
    "model.hidden_size=200000000": "model.hidden_size=200000000 model.embed_size=64 takes more memory than there is: ",
    "model.match_params=1000000000000000": "model.match_params=1000000000000000 takes more memory than there is: ",
    # what would count nowhere
    "without=dropout model.dropout=0.5": "model.dropout=0.5 brings back what without=dropout leaves out: leave one of "
    "them out, or give without=dropout in a command of its own",
    "-m without=nothing,averaging train.average_from=2": "train.average_from=2 brings back what "
    "without=averaging leaves out",
    "without=[dropout,weight_drop] model.weight_drop=.3": "model.weight_drop=.3 brings back what without=weight_drop "
    "leaves out",
    "-m without=dropout model.dropout=0,0.0,.5": "model.dropout=0.5 brings back what without=dropout leaves out",
    "experiment=awd_small_lstm model.hidden_size=200": "model.hidden_size=200 does not count beside "
    "model.layer_sizes=[400,300], which a preset has: add model.layer_sizes=null, or another value of it",
    "experiment=awd_small_lstm model.num_layers=3": "model.num_layers=3 does not count beside "
    "model.layer_sizes=[400,300], which ",
    "experiment=awd_small_gru model.layer_sizes=[200,100]": "model.layer_sizes=[200,100] does not count beside "
    "model.match_params=4972800, which ",
    "experiment=awd_small_gru model.embed_size=100": "model.embed_size=100 does not count beside "
    "model.match_params=4972800, which ",
    "-m experiment=awd_small_lstm model.hidden_size=200,300": "model.hidden_size=200 does not count beside ",
    "schedule=cosine schedule.epochs=2 train.max_epochs=8": "schedule=cosine has a learning rate of 0 after epoch 2, "
    "and train.max_epochs=8 goes on: change its keys, or train for as long",
    "schedule=cosine schedule.least=50 optimizer.lr=8": "schedule.least=50.0 must be below optimizer.lr=8.0, ",
    "train.average_trigger=5": "train.average_trigger=5 waits longer for a better epoch than train.patience=5, which "
    "ends the run: add train.patience=null",
    "model.num_layers=1 model.dropout=.5 model.input_dropout=.1 model.output_dropout=.1": "model.dropout=0.5 counts "
    "nowhere beside model.input_dropout=0.1, model.output_dropout=0.1: leave it out, or make those null",
    "evaluation=dynamic evaluation.dynamic.valid_tokens=5": "evaluation.dynamic.valid_tokens=5 must be at least 7, so ",
    "experiment=awd_small_gru without=tied_weights": "without=tied_weights makes the layers smaller, for a preset has "
    "model.match_params=4972800: add model.match_params=null and sizes, or that number again",
    "-m sweep=fair cell=lstm,gru optimizer=adam": "the range of optimizer.lr that the preset searches, 0.3 to 30, is "
    "not for a config with optimizer.lr=0.002: give one, as in 'optimizer.lr=tag(log,interval(0.0002,0.02))'",
    "-m sweep=fair experiment=awd_small_lstm cell=lstm,gru dataset=grammar": "cell=lstm optimizer.lr=14.62 "
    "model.dropout=0.2894: model.dropout=0.2894 counts nowhere beside model.input_dropout=0.3, ",
    "-m sweep=recipe cell=gru,mingru": "cell=mingru optimizer.lr=20.85 model.input_dropout=0.2412 "
    "model.output_dropout=0.2412 model.weight_drop=0.2894 model.activation_penalty=0.9646 "
    "model.temporal_penalty=0.9646: model.weight_drop=0.2894 is for recurrent products, and cell=mingru has none",
    "cell=lstm cell.bias=false cell.forget_bias=5": "cell.forget_bias=5 counts nowhere beside cell.bias=false: leave ",
    "model.temporal_penalty=1 train.bptt=1": "model.temporal_penalty=1.0 compares the steps of a window, and "
    "train.bptt=1 has one: leave it out",
    "~model.dropout": "~model.dropout: a key cannot be removed, only set: model.dropout=VALUE",
    "cell=lstm +cell.forget_bias=0": "cell.forget_bias is there already: write cell.forget_bias=VALUE without +",
    "experiment=zoo model.between_dropout=.5": "model.between_dropout=.5 counts nowhere, for there is one layer: "
    "leave it out",
    "-m sweep.pruner=median seed=0,1": "sweep.pruner=median is for a search: add sweep=search or sweep.trials=N",
    "-m sweep.best_seeds=3 seed=0,1": "sweep.best_seeds=3 is for a search: add sweep=search or sweep.trials=N",
    "-m hydra.sweep.dir=x seed=0,1": "hydra.sweep.dir is for launchers: hydra.run.dir=FOLDER says where a run goes",
    "-m sweep.trials=1 +sweep.params.optimizer.lr=interval(1,2)": "sweep.params.optimizer.lr: give the key itself its "
    "range, as in 'optimizer.lr=interval(1,2)'",
    "dataset=text": "dataset.path has no value: add dataset.path=VALUE",
    # data that are not there, here or in a sweep
    "dataset=text dataset.path=gone.txt": "cannot read ",
    "-m dataset=text dataset.path=gone.txt seed=0,1": "seed=0: cannot read ",
    "dataset=text dataset.path=/dev/null": "cannot read /dev/null: it is a device",
    "dataset=dinos data.root=gone": "dataset.dir=",
    "dataset=ptb dataset.url=http://127.0.0.1:1": "cannot download http://127.0.0.1:1/ptb.train.txt ",
    "train.batch_size=30000": "the train split has ",
    # a folder that cannot be made
    "hydra.run.dir=/proc/x/y": "cannot make the folder /proc/x/y (No such file or directory): take a folder that ",
    # flags, and what Hydra has that does not go here
    "--nope": "--nope is not known: rnnexp --hydra-help lists the flags",
    "--cfg jobb": "--cfg/-c: invalid choice: 'jobb' (choose from ",
    "--config-dir nowhere": "--config-dir nowhere is no folder",
    "--config-path x": "--config-path does not go here: --config-dir FOLDER adds configs",
    "--resolve": "--resolve is for --cfg: add --cfg job",
    "-m --cfg all": "--cfg all shows one config: leave -m out",
    "-m --config-name other": "--config-name does not go with -m: leave it out",
    "-m hydra.mode=RUN": "hydra.mode=RUN is for one run, -m for many: leave one out",
    "hydra.job.chdir=true": "hydra.job.chdir=true does not go here, paths lead from the current folder: ",
    # commands
    "resume=": "name one run folder: rnnexp resume RUN_FOLDER",
    "offline gone": "gone is no folder",
    "comapre study=x": "comapre is no command: did you mean compare? There are train, resume, generate, ",
    "evaluate weights=w.npz cell=gruu": "cell=gruu is not known: did you mean gru? There are cifg, gru, ",
    "evaluate weights=w.npz model.hiden_size=3": "model.hiden_size is not known: did you mean model.hidden_size?",
    "--help cell=gruu": "cell=gruu is not known: did you mean gru? There are cifg, gru, ",
    "generate num=2": "run has no value: add run=VALUE",
    "generate gone": "run=gone is no folder, and there is no store sqlite:///runs/mlflow.db",
    "generate gone --num 3": "--num is not known: did you mean num=? There are run=, ",
    "status --live": "--live is not known: did you mean live=? There are study=, live=",
    "generate run=": "name one run folder: rnnexp generate run=RUN_FOLDER",
    "evaluate gone gone": "gone is one run too many: name one, by its folder, and quote a value with spaces",
    "generate gone prompt=the dog": "dog is one run too many: name one, by its folder, and quote a value with spaces",
    "--cell gru": "--cell is no flag: write cell=VALUE",
    "--seed": "--seed is no flag: write seed=VALUE",
    "cell=GRU": "cell=GRU is not known: did you mean gru? There are ",
    "optimzer.lr=5": "optimzer.lr is not known: did you mean optimizer.lr or ",
    "sync gone": "gone is no folder",
    "cell gru": "cell is no command: did you mean cell=gru? There are train, ",
    "-m cell=gru, lstm": "cell=gru, ends with a comma: write all values without a space between, as in cell=A,B",
    "ui port=99999": "port=99999 must be from 1 to 65535",
    "ui port=0": "port=0 must be from 1 to 65535",
    "generate gone temperature=nan": "temperature=nan must be a number",
    "compare study=s margin=-inf": "margin=-inf must be a number",
    "ui uri=gone.db": "uri=gone.db is no address of a store: for a file write sqlite:///gone.db",
    "compare study=s uri=/usr": "uri=/usr is no address of a store: for a file write sqlite:////usr/store.db",
    "generate run=7 uri=a.db": "uri=a.db is no address of a store: for a file write sqlite:///a.db",
    "tracking.uri=file:///usr": "uri=file:///usr is no address of a store: for a file write sqlite:////usr/store.db",
    "tracking.uri=ftp://x/y": "uri=ftp://x/y: there is no store by ftp; it must be by sqlite, http, ",
    "compare study=s uri=sqlite://x.db": "uri=sqlite://x.db is no address of a store: for a file write sqlite:///x.db",
    "-m seed=0,1 tracking.uri=sqlite://x.db": "seed=0: uri=sqlite://x.db is no address of a store: for a file write ",
    "tracking.uri=sqlite:///": "uri=sqlite:/// names no file: write sqlite:///FILE",
    "tracking.uri=sqlite://": "uri=sqlite:// names no file: write sqlite:///FILE",
    "tracking.uri=sqlite:///:memory:": "uri=sqlite:///:memory: names no file: write sqlite:///FILE",
    "compare study=s uri=http://": "uri=http:// names no server: write http://HOST:PORT",
    "ui uri=https://:5000": "uri=https://:5000 names no server: write http://HOST:PORT",
    "ui uri=http://host:99999": "uri=http://host:99999 names no server: write http://HOST:PORT",
    "generate run=7 uri=ftp://x": "uri=ftp://x: there is no store by ftp; it must be by sqlite, http, ",
    "sync . tracking=wandb": "tracking=wandb keeps no records: there is mlflow",
    "sync . tracking=none": "tracking=none keeps no records: there is mlflow",
    "-m sweep=search sweep.storage=a.db": "sweep.storage=a.db is no address of a store: for a file write ",
    "-m sweep=search sweep.storage=sqlite:////usr": "sweep.storage=sqlite:////usr: /usr is a folder; name a file",
    "-m sweep=search sweep.storage=journal:///gone/a": "sweep.storage=journal:///gone/a: there is no folder gone; ",
}


@pytest.mark.parametrize("given", SIXTY)
def test_a_mistake_gets_this_line_and_makes_nothing(in_process, tmp_path, given):
    """The whole line, but where it goes on with what is installed or a path."""
    result = in_process(*given.split())
    (said,) = result.stderr.splitlines()
    name, _, text = said.partition(": ")
    assert name.startswith("rnnexp")
    assert text.startswith(SIXTY[given])
    assert (result.returncode, result.stdout, list(tmp_path.iterdir())) == (1, "", [])


@pytest.mark.parametrize(("how", "job"), [([], ""), (["-m", "seed=0,1"], "seed=0: ")], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("evaluation=dynamic dataset=gettysburg", "evaluation=dynamic is for one stream of text; "),
        (
            "train.random_bptt=true dataset=copy",
            "train.random_bptt=true cuts a stream, and this text is sequences",
        ),
    ],
    ids=["dynamic", "random_bptt"],
)
def test_what_is_for_a_stream_is_refused_before_sequences_are_read(
    in_process, tmp_path, monkeypatch, how, job, given, said
):
    monkeypatch.setattr(corpora, "make_chosen", None)
    result = in_process(*how, *given.split())
    assert result.returncode == 1
    assert result.stderr.startswith(f"rnnexp: {job}{said}")
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named(in_process):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert in_process("ui", f"port={port}") == (
            1,
            "",
            f"rnnexp ui: port={port} is in use: name another\n",
        )


def test_a_server_that_ends_by_itself_is_a_failure():
    assert ui.serve([sys.executable, "-c", ""], dict(os.environ)) == 1


def test_closed_streams_are_no_mistake(in_process, tmp_path, monkeypatch):
    for name in "stdin", "stdout", "stderr":
        monkeypatch.setattr(sys, name, None)
    assert in_process(*QUICK, "hydra.run.dir=run").returncode == 0
    assert (tmp_path / "run" / "result.json").exists()


def test_a_run_whose_lines_cannot_be_written_is_kept(in_process, tmp_path, monkeypatch):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        result = in_process(*QUICK, "hydra.run.dir=run")
    said = "rnnexp: standard output cannot be written: No space left on device\n"
    assert (result.returncode, result.stderr) == (1, said)
    assert (tmp_path / "run" / "result.json").exists()


def test_a_current_folder_that_is_gone_is_said(in_process, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for arguments, name in (QUICK, "rnnexp"), (["status"], "rnnexp status"):
        said = f"{name}: the current folder has been deleted: go to another one\n"
        assert in_process(*arguments) == (1, "", said)


def test_an_error_of_the_system_is_told_without_its_number():
    assert explained(PermissionError(13, "Permission denied", "/a/b")) == "/a/b: Permission denied"
    assert explained(PermissionError(13, "Permission denied")) == "Permission denied"


def test_an_error_without_a_message_is_told_by_its_cause_or_its_name():
    error = ValueError()
    assert explained(error) == "ValueError"
    error.__cause__ = HydraException("no key")
    assert explained(error) == "no key"


@pytest.mark.parametrize("text", ["x", "[1]", '{"a": 1}'])
def test_what_others_put_into_the_environment_is_named(in_process, monkeypatch, tmp_path, text):
    said = "RNNEXP_PASSWORDS in the environment is not the JSON that rnnexp puts there: unset it\n"
    monkeypatch.setenv("RNNEXP_PASSWORDS", text)
    assert in_process("cell=gru", "tracking=none") == (1, "", f"rnnexp: {said}")
    assert in_process("status") == (1, "", f"rnnexp status: {said}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"# gr\xf6\xdfe\nseed: 3\n", b"\xff\xfe\x00binary"])
def test_a_preset_that_is_not_utf8_is_named(in_process, tmp_path, content):
    file = tmp_path / "mine/experiment/a.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    for more in [], ["-m"], ["--cfg", "job"]:
        done = in_process(*more, "--config-dir", "mine", "experiment=a", "tracking=none")
        (said,) = done.stderr.splitlines()
        assert said.startswith(
            f"rnnexp: {file} is not UTF-8: byte 0x{'ff' if content[0] == 255 else 'f6'} at offset "
        )
        assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


@pytest.mark.skipif(bool(find_spec("submitit")), reason="SLURM's launcher is installed")
def test_a_launcher_that_is_not_installed_is_told_with_its_extra(in_process):
    done = in_process("-m", "seed=0,1", "hydra/launcher=slurm", "tracking=none")
    (said,) = done.stderr.splitlines()
    assert said.startswith("rnnexp: hydra/launcher=slurm is not installed: ")
    assert "[slurm]" in said


def test_windows_is_refused(in_process, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert in_process("cell=gru").stderr.startswith("rnnexp: Windows is not supported: use WSL")
