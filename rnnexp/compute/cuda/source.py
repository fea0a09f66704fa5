"""Write what the tracer has read as CUDA: a thread of a kernel computes one number of every array."""

import re
from collections.abc import Sequence

from rnnexp.compute.tracer import FUNCTIONS, Address, Compute, Load, Operand, Scalar, Statement

# `maximum` and `minimum` pass on NaN, as NumPy's do, and so does `sign`
PRELUDE = """
__device__ inline real maximum(real a, real b) { return a > b || isnan(a) ? a : b; }
__device__ inline real minimum(real a, real b) { return a < b || isnan(a) ? a : b; }
__device__ inline real sign(real a) { return a > 0 ? real(1) : a < 0 ? real(-1) : a == 0 ? real(0) : a; }
"""


def place(address: Address | Scalar) -> str:
    """Return the expression for this thread's number there; a scalar is held in double precision."""
    if isinstance(address, Scalar):
        return f"s_{address.array}[{address.place}]"
    slot = f"{address.block}" if address.step is None else f"({address.block} * T + t + {address.step})"
    return f"p_{address.array}[{slot} * n + e]"


def text(value: Operand) -> str:
    """Return a variable or a constant."""
    return value if isinstance(value, str) else f"real({value!r})"


def line(statement: Statement) -> str:
    """Return a statement in C."""
    if isinstance(statement, Load):
        read = place(statement.address)
        return f"const real {statement.name} = {f'real({read})' if read.startswith('s_') else read};"
    if isinstance(statement, Compute):
        expression = FUNCTIONS[statement.function].format(*map(text, statement.operands))
        return f"const real {statement.name} = {expression};"
    return f"{place(statement.address)} = {text(statement.value)};"


def arrays_of(kernel: Sequence[Statement]) -> list[tuple[str, str]]:
    """Return the arrays that a kernel uses, each as its declaration and its name."""
    types = {"p": "real*", "s": "const double*"}
    found = sorted(set(re.findall(r"\b([ps])_(\w+)\[", " ".join(map(line, kernel)))))
    return [(f"{types[kind]} {kind}_{name}", name) for kind, name in found]


def source(name: str, kernel: Sequence[Statement], unless: str = "", order: int = 0) -> str:
    """Return a kernel over e = 0 ... n - 1, with a step t of T for addresses to use.

    It takes its arrays, n, t and T.

    unless : a condition under which it does nothing.
    order : 0: it computes the step t alone; 1 or -1: all steps, the first or the last one first.
    """
    arrays = [declared for declared, _ in arrays_of(kernel)]
    parameters = ", ".join([*arrays, "long long n", "long long t", "long long T"])
    condition = f"e >= n || {unless}" if unless else "e >= n"
    loop = {0: "", 1: "for (t = 0; t < T; t++) ", -1: "for (t = T - 1; t >= 0; t--) "}[order]
    body = "\n        ".join(map(line, kernel))
    return f"""
extern "C" __global__ void {name}({parameters}) {{
    const long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if ({condition}) return;
    {loop}{{
        {body}
    }}
}}
"""
