"""Elementwise NumPy code as CUDA: the code runs once on stand-ins for arrays, which write down what it does.

So the maths of a cell or an optimizer is written once, in NumPy, and becomes one kernel on a GPU. A thread of
that kernel computes one number of every array: a `Plane`.
"""

import numbers
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# NumPy's functions in C. `maximum` and `minimum` keep what is not a number, as NumPy's do.
FUNCTIONS = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.square: "{0} * {0}",
    np.absolute: "fabs({})",
    np.exp: "exp({})",
    np.log: "log({})",
    np.sqrt: "sqrt({})",
    np.tanh: "tanh({})",
    np.maximum: "{0} > {1} || isnan({0}) ? {0} : {1}",
    np.minimum: "{0} < {1} || isnan({0}) ? {0} : {1}",
}


class Address(NamedTuple):
    """Where a plane lies: in an array of blocks of n numbers, each for T steps where `step` is given.

    step : relative to the step t that the kernel is called for.
    """

    array: str
    block: int = 0
    step: int | None = None

    def __str__(self) -> str:
        """In C, the number of this thread there."""
        plane = f"{self.block}" if self.step is None else f"({self.block} * T + t + {self.step})"
        return f"p_{self.array}[{plane} * n + e]"


class Scalar(NamedTuple):
    """One number for all threads, in double precision."""

    array: str
    place: int = 0

    def __str__(self) -> str:
        return f"real(s_{self.array}[{self.place}])"


class Plane:
    """What a thread knows of one array: where its number lies, and the C variable that holds it by now.

    address : None: a result that has no place in memory yet.
    """

    def __init__(self, address: Address | Scalar | None = None):
        self.address = address
        self.value: str | None = None
        self.kernel = -1  # in which `value` is known
        self.stored = True  # memory holds `value`


class Trace:
    """What the code has done so far: kernels, each a list of lines of C, one after the other."""

    def __init__(self) -> None:
        self.kernels: list[list[str]] = [[]]
        self.changed: list[Plane] = []  # and not stored
        self.planes: dict[Address | Scalar, Plane] = {}
        self.count = 0
        self.scratch = 0  # planes of memory for results that are needed after the kernel they come from

    def stack(self, *addresses: Address | Scalar) -> "Stack":
        """A stand-in for arrays that lie there."""
        return Stack(self, [self.planes.setdefault(address, Plane(address)) for address in addresses])

    def results(self, number: int) -> "Stack":
        """A stand-in for arrays that need no place in memory."""
        return Stack(self, [Plane() for _ in range(number)])

    def read(self, plane: Plane) -> str:
        """The variable with a plane's number."""
        here = len(self.kernels) - 1
        if plane.value is None or plane.kernel != here:
            if plane.address is None:
                self.give_place(plane)
            plane.value, plane.kernel = self.variable(str(plane.address)), here
        return plane.value

    def write(self, plane: Plane, value: str) -> None:
        plane.value, plane.kernel = value, len(self.kernels) - 1
        if plane.stored and plane.address:
            plane.stored = False
            self.changed.append(plane)

    def variable(self, expression: str) -> str:
        """A new C variable with that value."""
        self.count += 1
        self.kernels[-1].append(f"const real v{self.count} = {expression};")
        return f"v{self.count}"

    def give_place(self, plane: Plane) -> None:
        """Have a result stored at the end of the kernel it comes from."""
        assert plane.value, "a result is read before it is written"
        plane.address = Address("scratch", self.scratch)
        self.scratch += 1
        if plane.kernel == len(self.kernels) - 1:
            plane.stored = False
            self.changed.append(plane)
        else:
            self.kernels[plane.kernel].append(f"{plane.address} = {plane.value};")

    def end_kernel(self) -> None:
        """What follows needs all of what the kernel computes, so it is another one."""
        for plane in self.changed:
            self.kernels[-1].append(f"{plane.address} = {plane.value};")
            plane.stored = True
        self.changed.clear()
        self.kernels.append([])


class Stack(NDArrayOperatorsMixin):
    """A stand-in for an array: one plane, or several stacked along the first axis."""

    def __init__(self, trace: Trace, planes: Sequence[Plane]):
        self.trace, self.planes = trace, list(planes)

    def __array_ufunc__(self, function, method, *inputs, out=None):
        if method != "__call__" or function not in FUNCTIONS:
            raise NotImplementedError(
                f"rnnexp.compute.cuda.tracer does not know np.{function.__name__}: add it to FUNCTIONS"
            )
        length = max(len(x.planes) for x in inputs if isinstance(x, Stack))
        columns = [
            [self.trace.read(plane) for plane in x.planes] if isinstance(x, Stack) else [constant(x)]
            for x in inputs
        ]
        # one plane goes with each of a stack
        rows = zip(*(column * (length if len(column) == 1 else 1) for column in columns), strict=True)
        values = [self.trace.variable(FUNCTIONS[function].format(*row)) for row in rows]
        result = out[0] if out else self.trace.results(len(values))
        result[...] = values
        return result

    def __setitem__(self, place, values) -> None:
        assert place is ...
        if isinstance(values, Stack):
            values = [self.trace.read(plane) for plane in values.planes]
        for plane, value in zip(self.planes, values, strict=True):
            self.trace.write(plane, value)

    def clip(self, low: float, high: float, out: "Stack") -> "Stack":
        """What np.clip calls."""
        out[...] = np.minimum(np.maximum(self, low), high)  # type: ignore[call-overload]
        return out

    def sum(self) -> "Stack":
        """Of the planes."""
        total = Stack(self.trace, self.planes[:1])
        for plane in self.planes[1:]:
            total = total + Stack(self.trace, [plane])
        return total


def constant(x: float) -> str:
    assert isinstance(x, numbers.Real), "an array among stand-ins"
    return f"real({float(x)!r})"


def arrays_of(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The arrays that lines of C use: their declarations, and their names."""
    types = {"p": "real*", "s": "const double*"}
    found = sorted(set(re.findall(r"\b([ps])_(\w+)\[", " ".join(lines))))
    return [(f"{types[kind]} {kind}_{name}", name) for kind, name in found]


def source(name: str, lines: Sequence[str], unless: str = "") -> str:
    """A kernel over e = 0 ... n - 1, with a step t of T for addresses to use.

    It takes its arrays, n, t and T.

    unless : a condition under which it does nothing.
    """
    arrays = [declared for declared, _ in arrays_of(lines)]
    parameters = ", ".join([*arrays, "long long n", "long long t", "long long T"])
    condition = f"e >= n || {unless}" if unless else "e >= n"
    body = "\n    ".join(lines)
    return f"""
extern "C" __global__ void {name}({parameters}) {{
    const long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if ({condition}) return;
    {body}
}}
"""
