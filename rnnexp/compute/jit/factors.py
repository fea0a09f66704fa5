"""Bring the products of a gradient into the order in which a chain rule written by hand computes them.

The local gradient of a gate begins as a * b, say (1 - y) * y, grows by factors, `x *= c`, and gets the gradient from
above last, `x *= d`. Compiled, it is computed as ((b * d) * c) * a, because other gradients need y * d too, which is
then computed once. `np.multiply(c, x, out=x)` has c multiplied with a: (b * d) * (c * a). To NumPy it is all one.
"""

from collections.abc import Sequence

import numpy as np

from rnnexp.compute.tracer import Compute, Load, Operand, Statement, Store


class Factors:
    """Rewrite the statements of a kernel, product by product."""

    def __init__(self) -> None:
        self.written: list[Statement] = []
        self.factors: dict[Operand, list[Operand]] = {}
        self.known: dict[tuple[Operand, Operand], Operand] = {}
        self.now: dict[Operand, Operand] = {}  # product -> the variable that has its value now

    def times(self, a: Operand, b: Operand) -> Operand:
        """Return the variable that holds the product of two others."""
        if (a, b) not in self.known:
            name = f"p{len(self.known) + 1}"
            self.known[a, b] = name
            self.written.append(Compute(name, np.multiply, (a, b)))
        return self.known[a, b]

    def product(self, statement: Compute) -> None:
        first, second = (self.factors.get(x, [self.now.get(x, x)]) for x in statement.operands)
        if statement.joins:
            factors = [self.times(self.value(first), second[0]), *second[1:]]
        elif len(first) > 1 and len(second) == 1:
            factors = [*first[:-1], *second, first[-1]]
        else:
            factors = first + second
        self.factors[statement.name] = factors
        self.now[statement.name] = self.value(factors)

    def value(self, factors: list[Operand]) -> Operand:
        """Return the variable that holds the product of all factors, the last one first."""
        total, *others = reversed(factors)
        for factor in others:
            total = self.times(total, factor)
        return total

    def add(self, statement: Statement) -> None:
        """Write a statement, in terms of the products as they are computed now."""
        if isinstance(statement, Compute) and statement.function is np.multiply:
            self.product(statement)
        elif isinstance(statement, Compute):
            operands = tuple(self.now.get(x, x) for x in statement.operands)
            self.written.append(statement._replace(operands=operands))
        elif isinstance(statement, Store):
            self.written.append(statement._replace(value=self.now.get(statement.value, statement.value)))
        else:
            self.written.append(statement)


def in_order(kernel: Sequence[Statement]) -> list[Statement]:
    """Return the same kernel with its products in that order."""
    rewritten = Factors()
    for statement in kernel:
        rewritten.add(statement)
    return rewritten.written


def without_unused(kernel: Sequence[Statement]) -> list[Statement]:
    """Return a kernel without what is computed and never used."""
    used: set[Operand] = set()
    kept: list[Statement] = []
    for statement in reversed(kernel):
        if isinstance(statement, Store) or statement.name in used:
            kept.append(statement)
            used.update(uses(statement))
    return kept[::-1]


def uses(statement: Statement) -> tuple[Operand, ...]:
    """Return the variables and constants that a statement reads."""
    if isinstance(statement, Compute):
        return statement.operands
    return () if isinstance(statement, Load) else (statement.value,)
