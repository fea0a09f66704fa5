"""MLflow loads the model of a run, from its folder or from a store, and nothing of it is pickled."""

import numpy as np
import pytest

from rnnexp.cli import generate
from rnnexp.experiment import runner
from rnnexp.experiment.trained import load
from rnnexp.records.folder import RunFolder
from rnnexp.tracking import mlflow as tracker
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.tracking.test_tracking import runs_of

# inside MLflow, when it is imported
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("pyfunc") / "run")
    runner.run_experiment(composed(*QUICK, "engine=numpy", "study=s"), folder)
    return folder


@pytest.fixture(scope="module")
def stored(folder):
    """The address of the model in a store, which has its weights once."""
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{folder.path.parent}/store.db"
    tracker.make(uri).deliver(folder)
    mlflow.set_tracking_uri(uri)
    _, (run,) = runs_of(uri, "s")
    files = [path for path in (folder.path.parent / "artifacts").rglob("*") if path.is_file()]
    assert [path.name for path in files].count("best.npz") == 1
    assert not {path.suffix for path in files} & {".pkl", ".pickle"}
    return f"runs:/{run.info.run_id}/model"


@pytest.fixture(params=["store", "folder"])
def model(request, folder, stored):
    from mlflow.pyfunc import load_model

    where = stored if request.param == "store" else str(folder.path)
    return load_model(where, model_config={"length": 10, "seed": 3})


def test_texts_go_on_as_those_of_the_command(model, folder):
    (text,) = model.predict(["the dog"])
    options = generate.Options(str(folder.path), "the dog", num=1, length=10, seed=3)
    assert [f"the dog {text}"] == generate.generate(options)
    assert model.predict(["the dog"]) == [text]
    assert len(model.predict(np.array([["the"], ["dog"]]))) == 2


def test_tokens_are_rated_as_the_model_rates_them(model, folder):
    tokens = np.array([[1, 2, 3], [4, 5, 6]])
    rated = model.predict(tokens)
    own, corpus = load(folder)
    assert rated.shape == (2, 3, len(corpus.vocabulary))
    np.testing.assert_allclose(np.exp(rated).sum(-1), 1, rtol=1e-5)
    logits, _ = own.logits(tokens[1:, :2].T.astype(np.int32), own.zero_state(1), own.workspace())
    np.testing.assert_allclose(
        rated[1, 1, 1:] - rated[1, 1, 0], logits[1, 1:] - logits[1, 0], rtol=1e-4, atol=1e-5
    )
