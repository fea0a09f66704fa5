"""Write what the tracer has read as Python for numba: a function that works through one row."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from rnnexp.compute.jit.factors import uses
from rnnexp.compute.tracer import FUNCTIONS, Address, Compute, Load, Operand, Scalar, Statement

NUMBERS = {0.0: "zero", 0.5: "half", 1.0: "one", 2.0: "two"}
CALLED = sorted(
    {"product", *re.findall(r"(\w+)\(", " ".join(FUNCTIONS.values()))}
)  # functions by their names


def addresses_of(kernel: Sequence[Statement]) -> list[Address | Scalar]:
    """Return all addresses that a kernel reads or writes, in its order."""
    found = [statement.address for statement in kernel if not isinstance(statement, Compute)]
    return list(dict.fromkeys(found))


def row_function(
    name: str, kernel: Sequence[Statement], name_of: Callable[[Address | Scalar], str], meaning: str
) -> str:
    """Return the source of a function that takes a row (H,) for each of `addresses_of`.

    name_of : gives the name of the argument for an address. meaning : the docstring's first line.
    """
    names = {address: name_of(address) for address in addresses_of(kernel)}
    assert len(set(names.values())) == len(names), f"two addresses have one name: {names}"
    rows = [name for address, name in names.items() if isinstance(address, Address)]
    body, numbers = statements(kernel, names)
    head = [f"{word} = {rows[0]}.dtype.type({value!r})" for value, word in numbers.items()]
    return "\n".join(
        [
            "@row",
            f"def {name}({', '.join(names.values())}):",
            f'    """{meaning}"""',
            *(f"    {line}" for line in head),
            f"    for j in range(len({rows[0]})):",
            *(f"        {line}" for line in body),
        ]
    )


def statements(
    kernel: Sequence[Statement], names: dict[Address | Scalar, str]
) -> tuple[list[str], dict[float, str]]:
    """Return the lines that compute one number of each array, and the names of the constants in them.

    What is used once stands where it is used, for the rest there are variables. All is computed before anything is
    stored.
    """
    number_of_uses = Counter(operand for statement in kernel for operand in uses(statement))
    rounded = rounded_products(kernel)
    text: dict[Operand, str] = {}
    numbers: dict[float, str] = {}
    lines: list[str] = []
    stores: list[str] = []

    def operand(value: Operand, infix: bool) -> str:
        if isinstance(value, str):
            return f"({text[value]})" if infix and " " in text[value] else text[value]
        return numbers.setdefault(value, NUMBERS.get(value, f"number_{len(numbers)}"))

    def variable(value: Operand) -> str:
        """Have a value in a variable of its own, unless it is a number or in one already."""
        if isinstance(value, float):
            return operand(value, infix=False)
        if not text[value].isidentifier():
            lines.append(f"{value} = {text[value]}")
            text[value] = value
        return value

    for statement in kernel:
        if isinstance(statement, Load):
            index = "0" if isinstance(statement.address, Scalar) else "j"
            text[statement.name] = f"{names[statement.address]}[{index}]"
        elif isinstance(statement, Compute):
            form = "product({}, {})" if statement.name in rounded else FUNCTIONS[statement.function]
            operands = [operand(x, infix="(" not in form) for x in statement.operands]
            text[statement.name] = form.format(*operands)
            if number_of_uses[statement.name] > 1:
                variable(statement.name)
        else:
            stores.append(f"{names[statement.address]}[j] = {variable(statement.value)}")
    return lines + stores, numbers


def rounded_products(kernel: Sequence[Statement]) -> set[Operand]:
    """Return the first product of each sum or difference of two products: it is rounded by itself.

    A fused multiply-add computes the second together with the sum. Left to the compiler, it is now the one product, now
    the other.
    """
    of = {s.name: s for s in kernel if isinstance(s, Compute)}
    products = {name for name, s in of.items() if s.function is np.multiply}
    sums = [s for s in of.values() if s.function in (np.add, np.subtract)]
    return {s.operands[0] for s in sums if products.issuperset(s.operands)}
