"""A mistake from Python is shown where it was made, in a line, without the package's own way to it."""

import traceback
from fractions import Fraction

import numpy as np
import pytest

import rnnexp
from rnnexp.errors import UserError
from tests.api.conftest import SHORT


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rnnexp.train(hiden_size=3), "did you mean hidden_size"),
        (lambda: rnnexp.train(hidden_size="many"), "hidden_size"),
        (lambda: rnnexp.train("gru"), "write cell='gru'"),
        (lambda: rnnexp.load("nowhere"), "is no run folder"),
        (lambda: rnnexp.compare(["nowhere"]), "is no run folder"),
        (lambda: rnnexp.load(None), "^folder=None must be a path, as in folder='runs/mine'$"),
        (lambda: rnnexp.load(""), "^folder='' must be a path"),
        (lambda: rnnexp.train(folder="", **SHORT), "^folder='' must be a path"),
        (lambda: rnnexp.train({1: 2}), "^1 is no name of a setting"),
        (lambda: rnnexp.load(b"runs"), "^folder=b'runs' must be a path"),
        (lambda: rnnexp.load("nowhere", config_dir=3), "^config_dir=3 must be a path"),
        (lambda: rnnexp.compare([3]), "^folder=3 must be a path"),
        (lambda: rnnexp.compare("nowhere"), r"^runs='nowhere' must be a list: write compare\(\["),
        (lambda: rnnexp.compare(3), "^runs=3 must be a list"),
        (lambda: rnnexp.compare(["nowhere"], baseline=3), "^baseline=3 must be a text"),
        (lambda: rnnexp.train(folder=3, **SHORT), "^folder=3 must be a path"),
    ],
)
def test_a_traceback_has_the_call_one_frame_and_the_message(call, said, monkeypatch):
    with pytest.raises(rnnexp.UserError, match=said) as caught:
        call()
    shown = traceback.TracebackException.from_exception(caught.value)
    assert [frame.name for frame in shown.stack][1:] == ["<lambda>", "plain"]  # after this test's own
    text = "".join(shown.format())
    assert text.count("Traceback") == 1
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(rnnexp.UserError, match=said) as caught:
        call()
    assert len(traceback.extract_tb(caught.value.__traceback__)) > 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt": 3}, "prompt=3 must be a text"),
        ({"prompt": "\ud800"}, r"prompt='\ud800' is no text in UTF-8"),
        ({"num": 1.5}, "num=1.5 must be a whole number"),
        ({"length": "3"}, "length='3' must be a whole number"),
        ({"temperature": "hot"}, "temperature='hot' must be a number"),
        ({"top_k": 2.5}, "top_k=2.5 must be a whole number"),
        ({"seed": True}, "seed=True must be a whole number"),
    ],
)
def test_what_a_text_cannot_be_drawn_by_is_named(trained, given, said):
    with pytest.raises(UserError) as error:
        trained.generate(**given)
    assert str(error.value) == said


def test_numbers_of_numpy_are_numbers(trained):
    assert len(trained.generate(num=np.int64(2), length=np.int32(3), temperature=np.float32(1))) == 2
    given = {"num": 2, "length": 3, "temperature": 0.5, "top_k": 4, "seed": 1}
    unsigned = {key: value if key == "temperature" else np.uint8(value) for key, value in given.items()}
    assert trained.generate(**unsigned | {"temperature": Fraction(1, 2)}) == trained.generate(**given)


def test_what_cannot_be_drawn_on_is_named(trained):
    both = rnnexp.compare([trained, rnnexp.train(cell="lstm", **SHORT)])
    for ax in "here", np.array([None, None]):
        for plot in trained.plot, both.plot:
            with pytest.raises(
                UserError, match=r"^ax=.* must be axes of Matplotlib, as plt.subplots\(\) returns$"
            ):
                plot(ax=ax)


def test_what_is_no_column_is_named(trained):
    for given, said in ({"over": ["epoch"]}, r"over=\['epoch'\]"), ({"measure": 3}, "measure=3"):
        with pytest.raises(UserError, match=f"^{said} must be a text$"):
            rnnexp.compare([trained]).plot(**given)


def test_a_run_is_the_same_by_another_way_to_its_folder(trained, tmp_path):
    (tmp_path / "link").symlink_to(trained.folder.parent)
    for folder in trained.folder / ".." / trained.folder.name, tmp_path / "link" / trained.folder.name:
        with pytest.raises(UserError, match=f"^{trained.folder} is named twice: a run counts once$"):
            rnnexp.compare([trained, folder])


def test_a_run_that_has_not_begun_is_not_compared(trained, tmp_path):
    (tmp_path / "config.yaml").write_bytes((trained.folder / "config.yaml").read_bytes())
    with pytest.raises(UserError, match=f"^{tmp_path} has no state.json: it has not begun, or its own"):
        rnnexp.compare([trained, tmp_path])


def test_a_folder_that_cannot_be_made_is_a_mistake():
    with pytest.raises(
        UserError, match=r"cannot make the folder /proc/x \(No such file or directory\): take a folder"
    ) as caught:
        rnnexp.train(folder="/proc/x", **SHORT)
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1


def test_another_run_in_the_folder_is_told_without_keys_of_the_command(trained):
    with pytest.raises(
        UserError, match=r"holds a run with other settings: name another folder for this one$"
    ):
        rnnexp.train(cell="lstm", folder=trained.folder, **SHORT)


def test_the_mistake_is_exported():
    assert rnnexp.UserError is UserError
    assert issubclass(rnnexp.UserError, ValueError)


def test_a_public_function_keeps_its_name_and_its_page():
    assert rnnexp.train.__name__ == "train"
    assert rnnexp.train.__doc__.startswith("Train a model")
