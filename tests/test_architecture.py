"""Imports go one way, and the heavy libraries stand only where they belong."""

import ast

import pytest

from tests.conftest import REPOSITORY

LAYERS = [  # of rnnexp, lowest first; a module may import from any layer below its own
    {"errors", "threads", "identity", "fuse"},
    {"mkl", "cublas"},
    {"backend"},
    {"params", "kernels"},
    {"compiled"},
    {"compiled.maths", "compiled.gemm"},
    {"compiled.products"},
    {"compiled.gru"},
    {"compiled.*"},
    {"engine"},
    {"ops"},
    {"inputs"},
    {"layers", "fused"},
    {"cells.base"},
    {"cells.*"},
    {"cells"},
    {"model", "data.corpus", "data.streams", "data.sequences", "data.files"},
    {"data.lines", "data.resident"},
    {"data.text"},
    {"data.*"},
    {"data"},
    {"optim", "schedule", "checkpoint", "perplexity", "sampling", "weights", "signals", "progress"},
    {"steps"},
    {"trainer", "coursera", "folder"},
    {"tracking.mlflow"},
    {"tracking.sender"},
    {"tracking.background"},
    {"tracking"},
    {"build", "schema"},
    {"rehearsal"},
    {"runner"},
    {"arguments", "help", "sync"},
    {"job", "sweep"},
    {"apart"},
    {"combinations"},
    {"search"},
    {"run"},
    {"generate", "evaluate"},
]
ALLOWED = {  # library -> the modules of rnnexp that may import it
    "hydra": {"schema", "run", "combinations", "search", "help", "evaluate"},
    "omegaconf": {
        *("schema", "combinations", "run", "arguments", "generate", "help", "evaluate"),
    },
    "mlflow": {"tracking.mlflow"},
    "matplotlib": {"runner"},
    "tqdm": {"progress"},
    "psutil": {"folder"},
    "optuna": {"search"},
    "numba": {"compiled", "compiled.maths", "compiled.gemm", "compiled.products"},
    "llvmlite": {"mkl"},
    "cupy": {"backend"},
    "pandas": set(),
    "scipy": {"compiled.products"},
    "pickle": set(),
}


def modules():
    for path in sorted((REPOSITORY / "rnnexp").rglob("*.py")):
        name = ".".join(path.relative_to(REPOSITORY / "rnnexp").with_suffix("").parts)
        yield (name.removesuffix(".__init__") if name != "__init__" else ""), path


def imports(path):
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(module):
    for number, names in enumerate(LAYERS):
        if module in names:
            return number
    for number, names in enumerate(LAYERS):
        if module.rpartition(".")[0] + ".*" in names:
            return number
    return None


KNOWN = {name for name, _ in modules()}


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_imports(name, path):
    if name:
        assert level(name) is not None, f"give {name} a place in LAYERS"
    for imported in imports(path):
        top, _, rest = imported.partition(".")
        if top in ALLOWED:
            assert name in ALLOWED[top], f"{name} imports {top}"
        if top == "rnnexp" and rest in KNOWN - {"", name}:
            assert level(rest) < level(name), f"{name} imports {rest}, which is not below it"


def test_analysis_reads_records_only():
    """All but analysis.speed, which measures the training code itself."""
    for path in (REPOSITORY / "analysis").glob("*.py"):
        for imported in imports(path):
            assert not imported.startswith(("rnnexp", "analysis.speed")), path


def test_speed_is_measured_with_the_library_alone():
    for path in (REPOSITORY / "analysis/speed").glob("*.py"):
        heavy = {"hydra", "omegaconf", "mlflow", "pandas"}
        assert not heavy & {imported.split(".")[0] for imported in imports(path)}, path
