"""Read elementwise NumPy code, by running it once on stand-ins for arrays that write down what it does.

So the maths of a cell or an optimizer is written once, in NumPy, and becomes kernels of a GPU
(`rnnexp.compute.cuda.source`) and loops for numba (`rnnexp.compute.jit.source`). A `Slot` stands for one array of
numbers that are all treated alike.
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# NumPy's functions, in words that are C and Python alike
FUNCTIONS = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.square: "{0} * {0}",
    np.absolute: "fabs({})",
    np.sign: "sign({})",
    np.exp: "exp({})",
    np.expm1: "expm1({})",
    np.log: "log({})",
    np.sqrt: "sqrt({})",
    np.tanh: "tanh({})",
    np.maximum: "maximum({}, {})",
    np.minimum: "minimum({}, {})",
}


class Address(NamedTuple):
    """Say where a slot lies: in an array of blocks of numbers, which each have T steps where `step` is given.

    step : relative to the step t that is computed.
    """

    array: str
    block: int = 0
    step: int | None = None


class Scalar(NamedTuple):
    """Say where a number lies that goes with all numbers of a slot."""

    array: str
    place: int = 0


Operand = str | float  # a variable or a constant


class Load(NamedTuple):
    """Read a variable from memory."""

    name: str
    address: Address | Scalar


class Compute(NamedTuple):
    """Set a variable to a function of others.

    joins : of a product, whether it was written np.multiply(y, x, out=x), see `rnnexp.compute.jit.factors`.
    """

    name: str
    function: Any
    operands: tuple[Operand, ...]
    joins: bool = False


class Store(NamedTuple):
    """Write a value to memory."""

    address: Address | Scalar
    value: Operand


Statement = Load | Compute | Store


class Slot:
    """Hold what is known of one array: where it lies, and the variable with its value.

    address : None: a result that has no place in memory yet.
    """

    def __init__(self, address: Address | Scalar | None = None):
        self.address = address
        self.value: Operand | None = None
        self.kernel = -1  # the kernel in which `value` is known
        self.stored = True  # memory holds `value`


class Tracer:
    """Hold the kernels of the code read so far, in their order: what is computed between two products."""

    def __init__(self) -> None:
        self.kernels: list[list[Statement]] = [[]]
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

    def read(self, slot: Slot) -> Operand:
        """Return the variable that holds a slot's value, read from memory where it must be."""
        here = len(self.kernels) - 1
        if slot.value is None or slot.kernel != here:
            if slot.address is None:
                self.give_place(slot)
            assert slot.address is not None
            slot.value, slot.kernel = self.new_name(), here
            self.kernels[-1].append(Load(slot.value, slot.address))
        return slot.value

    def write(self, slot: Slot, value: Operand) -> None:
        slot.value, slot.kernel = value, len(self.kernels) - 1
        if slot.stored and slot.address:
            slot.stored = False
            self.changed.append(slot)

    def compute(self, function: Any, operands: tuple[Operand, ...], joins: bool) -> str:
        """Return a new variable with the value of a function."""
        name = self.new_name()
        self.kernels[-1].append(Compute(name, function, operands, joins))
        return name

    def new_name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def give_place(self, slot: Slot) -> None:
        """Have a result stored in scratch memory at the end of the kernel it comes from."""
        if slot.value is None:
            raise Refused("compiled code cannot use an array of the step before anything is written to it")
        slot.address = Address("scratch", self.scratch)
        self.scratch += 1
        if slot.kernel == len(self.kernels) - 1:
            slot.stored = False
            self.changed.append(slot)
        else:
            self.kernels[slot.kernel].append(Store(slot.address, slot.value))

    def end_kernel(self) -> None:
        """End the kernel, because what follows needs all that it computes."""
        for slot in self.changed:
            assert slot.address is not None
            assert slot.value is not None
            self.kernels[-1].append(Store(slot.address, slot.value))
            slot.stored = True
        self.changed.clear()
        self.kernels.append([])


class TracedArray(NDArrayOperatorsMixin):
    """Stand in for an array: one slot, or several stacked along the first axis.

    It takes the functions of `FUNCTIONS`, np.clip, in-place operators and `x[...] = y`. All else is refused by name:
    taken for something else, it would be other maths when it is compiled than in NumPy.
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
        joins = function is np.multiply and out is not None and out[0] is inputs[1]
        values = [self.tracer.compute(function, row, joins) for row in rows]
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
            values *= len(self.slots) if len(values) == 1 else 1
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


class Refused(NotImplementedError):
    """Name what elementwise code must not do."""


def refusal(what: str, remedy: str = "") -> Refused:
    """Return the error that refuses something which elementwise code must not do."""
    return Refused(f"compiled code cannot use {what}: rnnexp.compute.tracer does not know it{remedy}")


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None
) -> TracedArray:
    """Do what np.clip does, which has two names for each limit and can do without one of them."""
    least, most = min if a_min is None else a_min, max if a_max is None else a_max
    if least is None and most is None:
        raise refusal("np.clip without a limit")
    limited = a if least is None else np.maximum(a, least)
    limited = limited if most is None else np.minimum(limited, most)
    if out is None:
        return limited
    out[...] = limited
    return out


def constant(x: Any) -> float:
    if not isinstance(x, numbers.Real):
        raise refusal(f"a {type(x).__name__} beside arrays of the step")
    if not math.isfinite(x):
        raise refusal(f"the number {x}")
    return float(x)
