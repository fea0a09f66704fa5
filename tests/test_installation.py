"""What is optional can be added by a command that fits how the program came here."""

from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError

import pytest

from rnnexp import installation
from rnnexp.compute import engine
from tests.conftest import REPOSITORY

REQUIRES = [
    "numpy>=2",
    'numba<1,>=0.61; extra == "numba"',
    'rnnexp[numba]; extra == "mkl"',
    'mkl; extra == "mkl"',
    'cupy-cuda13x[ctk]; extra == "cuda13"',
    'cupy-cuda12x[ctk]; extra == "cuda12"',
]


class Installed(Distribution):
    """A package as an installer has left it."""

    def __init__(self, by):
        self.by = by

    def read_text(self, filename):
        return f"{self.by}\n" if filename == "INSTALLER" else None

    def locate_file(self, path):
        raise NotImplementedError

    @property
    def metadata(self):
        message = Message()
        for line in REQUIRES:
            message["Requires-Dist"] = line
        return message

    @property
    def requires(self):
        return REQUIRES


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Be what was installed from a wheel, by somebody."""

    def by(name, prefix="/usr"):
        monkeypatch.setattr(installation, "CLONE", tmp_path)
        monkeypatch.setattr(installation, "distribution", lambda package: Installed(name))
        monkeypatch.setattr("sys.prefix", prefix)
        monkeypatch.setattr("sys.executable", "/usr/bin/python3")

    return by


def test_a_clone_adds_its_extra():
    assert installation.how_to_add("search").endswith(f"pip install -e '{REPOSITORY}[search]'")


@pytest.mark.parametrize(
    ("by", "prefix", "said"),
    [
        ("pip", "/usr", "/usr/bin/python3 -m pip install 'numba<1,>=0.61' 'mkl'"),
        ("uv", "/usr", "uv pip install 'numba<1,>=0.61' 'mkl'"),
        ("pip", "/home/x/pipx/venvs/rnnexp", "pipx inject rnnexp 'numba<1,>=0.61' 'mkl'"),
        ("conda", "/usr", "conda install -c conda-forge 'numba<1,>=0.61' 'mkl'"),
    ],
)
def test_a_wheel_adds_packages_by_name_for_it_may_be_in_no_index(installed, by, prefix, said):
    installed(by, prefix)
    assert installation.how_to_add("mkl") == said


def test_cupy_is_added_for_either_cuda(installed):
    said = installation.how_to_add_cupy()
    assert f"pip install -e '{REPOSITORY}[cuda13]'; where nvidia-smi names a CUDA version of 12: " in said
    assert said.endswith(f"pip install -e '{REPOSITORY}[cuda12]'")
    installed("pip")
    assert installation.how_to_add_cupy().startswith(
        "/usr/bin/python3 -m pip install 'cupy-cuda13x[ctk]'; where "
    )


def test_what_nobody_has_installed_names_the_extra(installed, monkeypatch):
    installed("pip")

    def none(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(installation, "distribution", none)
    assert installation.how_to_add("search") == "/usr/bin/python3 -m pip install 'rnnexp[search]'"


def test_a_slower_engine_is_said_only_where_nobody_chose_it(monkeypatch):
    monkeypatch.setattr(engine, "missing", lambda name: ["numba"] if name != "numpy" else [])
    assert "numba makes steps" in engine.hint(None, "cpu")
    assert engine.hint("numpy", "cpu") == ""
    monkeypatch.setattr(engine, "missing", lambda name: [])
    assert engine.hint(None, "cpu") == ""
