"""Compute a number where it is used, instead of before a product, to be kept until after it."""

from collections.abc import Sequence

import numpy as np

from rnnexp.compute.jit.factors import uses
from rnnexp.compute.tracer import Address, Compute, Load, Operand, Scalar, Statement, Store

CHEAP = {np.add, np.subtract, np.multiply, np.negative, np.square}


def recompute(kernels: list[list[Statement]], factors: Sequence[Sequence[Address]]) -> None:
    """Change the kernels of a step: what costs little and depends on nothing that changes is not kept.

    That is done where the one kernel that reads a number also replaces it in memory.

    factors : what each product multiplies, which must be in memory by then.
    """
    changing = {s.address for kernel in kernels for s in kernel if isinstance(s, Store)}
    for k, kernel in enumerate(kernels):
        for store in [s for s in kernel if isinstance(s, Store)]:
            later = [(m, accesses(kernels[m], store.address)) for m in range(k + 1, len(kernels))]
            touched = [(m, kinds) for m, kinds in later if kinds]
            if (
                not touched
                or touched[0][1] != {Load, Store}
                or any(Load in kinds for _, kinds in touched[1:])
            ):
                continue
            reader = touched[0][0]
            tree = tree_of(kernel, store.value, changing)
            if tree is None or any(store.address in some for some in factors[k:reader]):
                continue
            kernel.remove(store)
            kernels[reader] = with_tree(kernels[reader], tree, store)


def accesses(kernel: Sequence[Statement], address: Address | Scalar) -> set[type]:
    """Return whether a kernel loads what is at an address, stores it, or both."""
    return {type(s) for s in kernel if not isinstance(s, Compute) and s.address == address}


def tree_of(
    kernel: Sequence[Statement], value: Operand, changing: set[Address | Scalar]
) -> list[Load | Compute] | None:
    """Return the statements that make a value, in their order; None where they cost more or read what changes."""
    needed, tree = {value}, []
    for statement in reversed(kernel):
        if isinstance(statement, Store) or statement.name not in needed:
            continue
        if isinstance(statement, Load) and statement.address in changing:
            return None
        if isinstance(statement, Compute) and statement.function not in CHEAP:
            return None
        needed.update(uses(statement))
        tree.append(statement)
    return tree[::-1]


def with_tree(kernel: Sequence[Statement], tree: list[Load | Compute], store: Store) -> list[Statement]:
    """Return a kernel that computes a value instead of loading it."""
    names: dict[Address | Scalar, Operand] = {s.address: s.name for s in tree if isinstance(s, Load)}
    names[store.address] = store.value
    renamed: dict[Operand, Operand] = {}
    computed = {statement.name for statement in tree}
    rest: list[Statement] = []
    for statement in kernel:
        if isinstance(statement, Load) and statement.address in names:
            renamed[statement.name] = names[statement.address]
        elif isinstance(statement, Store) or statement.name not in computed:
            rest.append(statement)
    return [*tree, *(rename(statement, renamed) for statement in rest)]


def rename(statement: Statement, renamed: dict[Operand, Operand]) -> Statement:
    """Return a statement with other names for what it reads."""
    if isinstance(statement, Compute):
        return statement._replace(operands=tuple(renamed.get(x, x) for x in statement.operands))
    if isinstance(statement, Store):
        return statement._replace(value=renamed.get(statement.value, statement.value))
    return statement
