"""A store that is made once: MLflow takes a second for each."""

import shutil

import pytest

from rnnexp.tracking.mlflow.library import alone_with, library


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory):
    """The file of an SQLite store that holds nothing."""
    file = tmp_path_factory.mktemp("blank") / "store.db"
    with alone_with(f"sqlite:///{file}"):
        library().tracking.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def uri(blank_store, tmp_path):
    """The address of a store of one test."""
    for file in blank_store.parent.glob("store.db*"):
        shutil.copy(file, tmp_path)
    return f"sqlite:///{tmp_path}/store.db"
