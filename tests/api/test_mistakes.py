"""A mistake from Python is shown where it was made, in a line, without the package's own way to it."""

import traceback

import pytest

import rnnexp
from rnnexp.errors import UserError


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rnnexp.train(hiden_size=3), "did you mean hidden_size"),
        (lambda: rnnexp.train(hidden_size="many"), "hidden_size"),
        (lambda: rnnexp.train("gru"), "write cell='gru'"),
        (lambda: rnnexp.load("nowhere"), "is no run folder"),
        (lambda: rnnexp.compare(["nowhere"]), "is no run folder"),
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


def test_the_mistake_is_exported():
    assert rnnexp.UserError is UserError
    assert issubclass(rnnexp.UserError, ValueError)


def test_a_public_function_keeps_its_name_and_its_page():
    assert rnnexp.train.__name__ == "train"
    assert rnnexp.train.__doc__.startswith("Train a model")
