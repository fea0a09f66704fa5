"""Turn elementwise NumPy code into CUDA, by running it once on stand-ins for arrays that write down what it does.

So the maths of a cell or an optimizer is written once, in NumPy, and becomes one kernel on a GPU. A thread of
that kernel computes one number of every array, which a `Slot` stands for.
"""

import numbers
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# NumPy's functions in C. `maximum` and `minimum` pass on NaN, as NumPy's do.
FUNCTIONS = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.square: "{0} * {0}",
    np.absolute: "fabs({})",
    np.exp: "exp({})",
    np.expm1: "expm1({})",
    np.log: "log({})",
    np.sqrt: "sqrt({})",
    np.tanh: "tanh({})",
    np.maximum: "{0} > {1} || isnan({0}) ? {0} : {1}",
    np.minimum: "{0} < {1} || isnan({0}) ? {0} : {1}",
}


class Address(NamedTuple):
    """Say where a slot lies: in an array of blocks of n numbers, which each have T steps where `step` is given.

    step : relative to the step t that the kernel is called for.
    """

    array: str
    block: int = 0
    step: int | None = None

    def __str__(self) -> str:
        """Return the C expression for this thread's number there."""
        slot = f"{self.block}" if self.step is None else f"({self.block} * T + t + {self.step})"
        return f"p_{self.array}[{slot} * n + e]"


class Scalar(NamedTuple):
    """Say where a number lies that is the same for all threads, in double precision."""

    array: str
    place: int = 0

    def __str__(self) -> str:
        return f"real(s_{self.array}[{self.place}])"


class Slot:
    """Hold what is known of a thread's number of one array: where it lies, and the C variable with its value.

    address : None: a result that has no place in memory yet.
    """

    def __init__(self, address: Address | Scalar | None = None):
        self.address = address
        self.value: str | None = None
        self.kernel = -1  # the kernel in which `value` is known
        self.stored = True  # memory holds `value`


class Tracer:
    """Hold the kernels of the code read so far, in their order, each a list of lines of C."""

    def __init__(self) -> None:
        self.kernels: list[list[str]] = [[]]
        self.changed: list[Slot] = []  # slots with a new value that memory does not hold yet
        self.slots: dict[Address | Scalar, Slot] = {}
        self.count = 0
        self.scratch = 0  # slots of memory for results that are needed after the kernel they come from

    def array(self, *addresses: Address | Scalar) -> "TracedArray":
        """Return a stand-in for the arrays at these addresses."""
        return TracedArray(self, [self.slots.setdefault(address, Slot(address)) for address in addresses])

    def results(self, number: int) -> "TracedArray":
        """Return a stand-in for `number` arrays that need no place in memory."""
        return TracedArray(self, [Slot() for _ in range(number)])

    def read(self, slot: Slot) -> str:
        """Return the C variable that holds a slot's number, read from memory where it must be."""
        here = len(self.kernels) - 1
        if slot.value is None or slot.kernel != here:
            if slot.address is None:
                self.give_place(slot)
            slot.value, slot.kernel = self.variable(str(slot.address)), here
        return slot.value

    def write(self, slot: Slot, value: str) -> None:
        slot.value, slot.kernel = value, len(self.kernels) - 1
        if slot.stored and slot.address:
            slot.stored = False
            self.changed.append(slot)

    def variable(self, expression: str) -> str:
        """Return a new C variable with the value of an expression."""
        self.count += 1
        self.kernels[-1].append(f"const real v{self.count} = {expression};")
        return f"v{self.count}"

    def give_place(self, slot: Slot) -> None:
        """Have a result stored in scratch memory at the end of the kernel it comes from."""
        assert slot.value, "a result is read before it is written"
        slot.address = Address("scratch", self.scratch)
        self.scratch += 1
        if slot.kernel == len(self.kernels) - 1:
            slot.stored = False
            self.changed.append(slot)
        else:
            self.kernels[slot.kernel].append(f"{slot.address} = {slot.value};")

    def end_kernel(self) -> None:
        """End the kernel, because what follows needs all that it computes."""
        for slot in self.changed:
            self.kernels[-1].append(f"{slot.address} = {slot.value};")
            slot.stored = True
        self.changed.clear()
        self.kernels.append([])


class TracedArray(NDArrayOperatorsMixin):
    """Stand in for an array: one slot, or several stacked along the first axis.

    It takes the functions of `FUNCTIONS`, np.clip, in-place operators and `x[...] = y`. All else is refused by name:
    taken for something else, it would be other maths on a GPU than on the CPU.
    """

    def __init__(self, tracer: Tracer, slots: Sequence[Slot]):
        self.tracer, self.slots = tracer, list(slots)

    def __array_ufunc__(self, function, method, *inputs, out=None, **more):
        if method != "__call__":
            raise refusal(f"np.{function.__name__}.{method}")
        if function not in FUNCTIONS:
            raise refusal(f"np.{function.__name__}", remedy=": add it to FUNCTIONS")
        if more:
            raise refusal(f"{min(more)}= of np.{function.__name__}")
        length = max(len(x.slots) for x in inputs if isinstance(x, TracedArray))
        columns = [
            [self.tracer.read(slot) for slot in x.slots] if isinstance(x, TracedArray) else [constant(x)]
            for x in inputs
        ]
        # one slot goes with each of a stack
        rows = zip(*(column * (length if len(column) == 1 else 1) for column in columns), strict=True)
        values = [self.tracer.variable(FUNCTIONS[function].format(*row)) for row in rows]
        result = out[0] if out else self.tracer.results(len(values))
        result[...] = values
        return result

    def __array_function__(self, function, types, arguments, options):
        if function is not np.clip:
            raise refusal(f"{function.__module__.replace('numpy', 'np')}.{function.__name__}")
        return clip(*arguments, **options)

    def __setitem__(self, place, values) -> None:
        if place is not ...:
            raise refusal(f"assignment to a part, [{place}] = ...")
        if isinstance(values, TracedArray):
            values = [self.tracer.read(slot) for slot in values.slots]
        elif not isinstance(values, list):
            values = [constant(values)] * len(self.slots)
        for slot, value in zip(self.slots, values, strict=True):
            self.tracer.write(slot, value)

    def __getitem__(self, place):
        raise refusal(f"a part of an array, [{place}]")

    def __getattr__(self, name: str):
        if name.startswith("__"):  # which NumPy and Python look for to see what an object can do
            raise AttributeError(name)
        raise refusal(f".{name} of an array")

    def __bool__(self):
        raise refusal("a decision by the value of an array (if, while, and, or)")

    def __len__(self):
        raise refusal("len() of an array")

    def __iter__(self):
        raise refusal("a loop over an array")

    def __float__(self):
        raise refusal("float() of an array")

    def __array__(self, *_, **__):
        raise refusal("an array of the step where NumPy needs its own")

    def sum_of_slots(self) -> "TracedArray":
        """Return the sum over the first axis, slot by slot."""
        total = TracedArray(self.tracer, self.slots[:1])
        for slot in self.slots[1:]:
            total = total + TracedArray(self.tracer, [slot])
        return total


def refusal(what: str, remedy: str = "") -> NotImplementedError:
    """Return the error that refuses something which elementwise code must not do."""
    return NotImplementedError(
        f"code for a GPU cannot use {what}: rnnexp.compute.cuda.tracer does not know it{remedy}"
    )


def clip(array: TracedArray, low: float, high: float, out: TracedArray | None = None) -> TracedArray:
    """Do what np.clip does."""
    limited: Any = np.minimum(np.maximum(array, low), high)  # type: ignore[call-overload]
    if out is None:
        return limited
    out[...] = limited
    return out


def constant(x: float) -> str:
    if not isinstance(x, numbers.Real):
        raise refusal(f"a {type(x).__name__} beside arrays of the step")
    return f"real({float(x)!r})"


def arrays_of(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return the arrays that lines of C use, each as its declaration and its name."""
    types = {"p": "real*", "s": "const double*"}
    found = sorted(set(re.findall(r"\b([ps])_(\w+)\[", " ".join(lines))))
    return [(f"{types[kind]} {kind}_{name}", name) for kind, name in found]


def source(name: str, lines: Sequence[str], unless: str = "") -> str:
    """Return a kernel over e = 0 ... n - 1, with a step t of T for addresses to use.

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
