"""Imports go one way, and the heavy libraries stand only where they belong."""

import ast
import re
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.conftest import REPOSITORY

# the packages of rnnexp, lowest first; each may import those before it
PACKAGES = [
    *(
        "output",
        "installation",
        "errors",
        "command",
        "options",
        "compute",
        "nn",
        "data",
        "optim",
        "evaluation",
        "records",
        "training",
        "tracking",
    ),
    *("experiment", "sweeps", "interop", "cli", "api", "__main__"),
]
COMPOSING = {f"experiment.{name}" for name in ("schema", "compose", "typed", "mistakes", "versions")}
ALLOWED = {  # library -> where in rnnexp it may be imported
    "hydra": {*COMPOSING, "sweeps", "cli"},
    "omegaconf": {*COMPOSING, "sweeps", "cli", "api.settings"},
    "mlflow": {"tracking.mlflow"},
    "matplotlib": {"experiment", "api"},
    "tqdm": {"experiment.progress"},
    "psutil": {"records"},
    "optuna": {f"sweeps.{name}" for name in ("branch", "finals", "samplers", "search", "storages", "trials")},
    "numba": {"compute.jit", "compute.blas"},
    "llvmlite": {"compute.blas.mkl", "compute.jit"},
    "cupy": {"compute.backend"},
    "scipy": set(),
    "pandas": {"api"},
    "pickle": set(),
    "analysis": set(),  # in a clone; from a wheel there is rnnexp.analysis alone
}
READERS = {"cli", "api"}  # packages that may import rnnexp.analysis, which lies beside them in a clone


def modules():
    """Every module of rnnexp, by its dotted name within it, and its file."""
    for path in sorted((REPOSITORY / "rnnexp").rglob("*.py")):
        parts = path.relative_to(REPOSITORY / "rnnexp").with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__").removesuffix("__init__"), path


MODULES = dict(modules())


def imports(text):
    """Every module that a source names: in an import, wherever it stands, or in a string."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"(rnnexp|analysis)(\.\w+)+", str(node.value)):
            yield str(node.value)


def own_imports(name):
    """The modules of rnnexp that one of them imports."""
    for imported in imports(MODULES[name].read_text()):
        top, _, rest = imported.partition(".")
        if top == "rnnexp" and rest in MODULES and rest not in ("", name):
            yield rest


def package(name):
    return name.partition(".")[0]


def within(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports(name):
    for imported in own_imports(name):
        assert PACKAGES.index(package(imported)) <= PACKAGES.index(package(name)), (
            f"{name} imports {imported}"
        )
    for imported in imports(MODULES[name].read_text()):
        top = imported.partition(".")[0]
        assert top not in ALLOWED or within(name, ALLOWED[top]), f"{name} imports {top}"
        assert not within(imported, {"rnnexp.analysis"}) or package(name) in READERS, (
            f"{name} imports {imported}"
        )


@pytest.mark.parametrize("name", PACKAGES)
def test_no_circle_within_a_package(name):
    inside = [module for module in MODULES if package(module) == name]
    graph = {module: {i for i in own_imports(module) if package(i) == name} for module in inside}
    for module in inside:
        # importing a module imports the packages that it lies in, which may look for it in turn
        graph[module] = {i for i in graph[module] if not module.startswith(f"{i}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_an_import_in_a_string_is_seen():
    text = 'import json\ndef f():\n    return load("rnnexp.nn.model"), "rnnexp makes models", "analysis.x"'
    assert set(imports(text)) == {"json", "rnnexp.nn.model", "analysis.x"}


@pytest.mark.parametrize("top", ["rnnexp", "analysis"])
def test_no_file_is_long(top):
    for path in (REPOSITORY / top).rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_analysis_reads_records_only():
    """All but analysis.speed, which measures the training code itself and is imported by nobody."""
    for path in (REPOSITORY / "analysis").rglob("*.py"):
        if path.is_relative_to(REPOSITORY / "analysis/speed"):
            continue
        for imported in imports(path.read_text()):
            own = not imported.startswith("rnnexp.") or within(
                imported.removeprefix("rnnexp."), {"output", "errors", "command", "records", "analysis"}
            )
            assert own, path
            assert not imported.startswith(("rnnexp.analysis.speed", "analysis.")), path


@pytest.mark.parametrize("top", ["rnnexp", "analysis"])
def test_files_of_text_are_utf8_whatever_the_locale(top):
    for path in (REPOSITORY / top).rglob("*.py"):
        if path.is_relative_to(REPOSITORY / "analysis/speed"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = (
                node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            )
            if name in ("read_text", "write_text"):
                assert any(word.arg == "encoding" for word in node.keywords), f"{path}:{node.lineno}"


def test_speed_is_measured_with_the_library_alone():
    for path in (REPOSITORY / "analysis/speed").rglob("*.py"):
        heavy = {"hydra", "omegaconf", "mlflow", "pandas"}
        assert not heavy & {imported.split(".")[0] for imported in imports(path.read_text())}, path


@pytest.mark.parametrize("top", ["rnnexp", "analysis"])
def test_text_goes_out_and_files_are_written_in_one_place_each(top):
    """Where passwords and what steers a terminal are kept back, and links are not followed."""
    printing, writing = {"rnnexp/output.py"}, {"rnnexp/records/files.py", "rnnexp/experiment/key_table.py"}
    for path in sorted((REPOSITORY / top).rglob("*.py")):
        name = str(path.relative_to(REPOSITORY))
        if name.startswith("analysis/speed/"):
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        called = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
        assert "print" not in called or name in printing, name
        written = called & {"write_text", "write_bytes", "NamedTemporaryFile"}
        assert not written or name in writing or name == "rnnexp/experiment/progress.py", name
