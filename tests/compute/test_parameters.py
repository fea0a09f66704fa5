"""Parameters are set all together, from arrays that fit, or not at all."""

import zipfile

import numpy as np
import pytest

from rnnexp.compute.parameters import Parameters
from rnnexp.errors import UserError
from rnnexp.interop import weights
from rnnexp.records import checkpoint
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.state import TrainState
from tests.helpers.variants import small_model

GOOD = np.ones((2, 3), np.float32)
BAD = {
    "of no dimension": np.float32(1),
    "of one number": np.ones(1, np.float32),
    "of a row": np.ones((1, 3), np.float32),
    "turned": np.ones((3, 2), np.float32),
    "words": np.full((2, 3), "1"),
    "complex": np.ones((2, 3), complex),
    "booleans": np.ones((2, 3), bool),
    "not a number": np.where(np.eye(2, 3), np.nan, GOOD),
    "too large": np.full((2, 3), 1e300),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_an_array_that_does_not_fit_sets_nothing(bad):
    params = Parameters({"a.W": (2, 3), "b.W": (2, 3)}, np.float32)
    with pytest.raises(UserError, match=r"here: b\.W"):
        params.set({"a.W": GOOD, "b.W": np.asarray(bad)}, "here")
    assert not params.values.any()


def test_a_missing_array_sets_nothing():
    params = Parameters({"a.W": (2, 3), "b.W": (2, 3)}, np.float32)
    with pytest.raises(UserError, match=r"here lacks b\.W of shape \(2, 3\)"):
        params.set({"a.W": GOOD}, "here")
    assert not params.values.any()


@pytest.mark.parametrize("name", ["cell0.b", "optimizer.step", "state.0.0"])
def test_a_checkpoint_with_an_array_of_another_shape_is_refused(name, tmp_path):
    from rnnexp.optim.sgd import SGD

    model, optimizer = small_model(dtype=np.float32), SGD(1.0)
    optimizer.complete_state(model.params)
    checkpoints = Checkpoints(tmp_path, "same")
    checkpoints.save_last(model, optimizer, model.zero_state(2), TrainState.at_start(1.0, 11))
    arrays, meta = checkpoint.read(checkpoints.last)
    checkpoint.write(checkpoints.last, arrays | {name: arrays[name].reshape(-1)[0]}, meta)
    before = model.params.values.copy()
    with pytest.raises(UserError, match=rf"{name} has the shape \(\)"):
        checkpoints.load_last(model, optimizer, 2)
    np.testing.assert_array_equal(model.params.values, before)
    del arrays[name]
    checkpoint.write(checkpoints.last, arrays, meta)
    if name != "optimizer.step":  # which older ones lack
        with pytest.raises(UserError, match=f"lacks {name}"):
            checkpoints.load_last(model, optimizer, 2)


def test_the_size_of_an_array_is_known_before_memory_is_taken(tmp_path):
    """A file of a few kilobytes claims gigabytes, of zeros that its compression makes small."""
    model, path = small_model(dtype=np.float32), tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in model.params.value.items():
            header = {"descr": "<f4", "fortran_order": False, "shape": array.shape}
            if name == "cell0.W":
                header["shape"] = (1 << 40,)
            with file.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array_header_1_0(member, header)
                member.write(bytes(array.nbytes))
    with pytest.raises(UserError, match=r"cell0\.W is not of the size that it says"):
        weights.load(model, path)
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.read(path)


def test_weights_in_a_compressed_file_are_read(tmp_path):
    model, other = small_model(dtype=np.float32), small_model(dtype=np.float32)
    other.params.values[:] = 0
    np.savez_compressed(tmp_path / "w.npz", **model.params.value)
    weights.load(other, tmp_path / "w.npz")
    np.testing.assert_array_equal(other.params.values, model.params.values)
