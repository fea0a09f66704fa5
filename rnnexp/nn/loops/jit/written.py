"""Write a cell's loops over time as Python for numba, from what the tracer read of its methods."""

from dataclasses import dataclass, field
from functools import partial

from rnnexp.compute.jit import maths
from rnnexp.compute.jit.factors import in_order, without_unused
from rnnexp.compute.jit.source import CALLED, addresses_of, row_function
from rnnexp.compute.tracer import Address, Load, Scalar, Statement, Tracer
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.loops.jit.accumulate import accumulate
from rnnexp.nn.loops.jit.recompute import recompute
from rnnexp.nn.loops.reading import Product, Recorder, own, read_step, read_step_backward

OF_STEPS_AND_GATES = "gates", "da"  # (G, T, B, H)
HEAD = '''"""Loops over time of the cell {cell}, written from its methods.

Those that work through a row are what the cell computes between two products, (H,) each.
"""

from math import {of_python}

import numpy as np

from rnnexp.compute.jit import jit, row
from rnnexp.compute.jit.maths import {ours}
from rnnexp.compute.jit.panels import multiply, multiply_back


'''
OURS = [name for name in CALLED if hasattr(maths, name)]
IMPORTED = {
    "of_python": ", ".join(name for name in CALLED if name not in OURS),
    "ours": ", ".join(OURS),
}


@dataclass
class Loop:
    """Hold one loop, forward or backward.

    kernels : what is computed before, between and after the products.
    targets : of each product, the array that takes the result.
    arrays : the names of the arrays that the loop takes, once `module` is written.
    """

    name: str
    cell: Cell
    kernels: list[list[Statement]]
    products: list[Product]
    scratch: int
    targets: list[Address | None] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)

    def module(self) -> str:
        """Return the source of a module with the functions of the loop, and note in `arrays` what they take."""
        functions, lines = [], []
        for number, kernel in enumerate(self.kernels):
            if number:
                lines += self.lines_of_product(number - 1)
            if kernel:
                name = f"{self.name}_{number}"
                functions.append(row_function(name, kernel, self.name_of, self.meaning(number)))
                arguments = ", ".join(map(partial(self.place, row="b"), addresses_of(kernel)))
                lines += ["for b in range(rows):", f"    {name}(", f"        {arguments}", "    )"]
        cell = f"{type(self.cell).__module__}.{type(self.cell).__qualname__}"
        return HEAD.format(cell=cell, **IMPORTED) + "\n\n\n".join([*functions, self.main(lines)]) + "\n"

    def meaning(self, number: int) -> str:
        """Return what a row function computes, in words."""
        places = [f"after the product {product.group}" for product in self.products[:number][-1:]]
        places += [f"before the product {product.group}" for product in self.products[number:][:1]]
        return f"Compute a step {' and '.join(places)}".rstrip() + "."

    def main(self, lines: list[str]) -> str:
        """Return the function with the loop over time."""
        order = "range(steps)" if self.name == "forward" else "range(steps - 1, -1, -1)"
        body = ["steps, rows, H = gates.shape[1], last - first, gates.shape[3]"]
        for product, target in zip(self.products, self.targets):
            number = len(product.group) if self.name == "forward" else 1
            if target is None:
                body.append(f"u_{product.group} = np.empty(({number}, rows, H), gates.dtype)")
        if self.scratch:
            body.append(f"scratch_ = np.empty(({self.scratch}, rows, H), gates.dtype)")
        body += [f"for t in {order}:", *(f"    {line}" for line in lines)]
        return "\n".join(
            [
                "@jit",
                f"def {self.name}({', '.join([*self.arrays, 'first', 'last'])}):",
                f'    """Run all steps {self.name} of the rows from `first` to before `last`."""',
                *(f"    {line}" for line in body),
            ]
        )

    def lines_of_product(self, number: int) -> list[str]:
        """Return the lines that do a product."""
        (group, factor, slots), target = self.products[number], self.targets[number]
        self.need(f"U_{group}")
        factors = [self.place(address) for address in blocks(factor, slots)]
        if self.name == "forward":
            return [f"multiply({factors[0]}, U_{group}, u_{group})"]
        total = f"u_{group}[0]" if target is None else self.place(target)
        lines = [f"u_{group}[:] = 0"] if target is None else []
        return lines + [
            f"multiply_back({factor}, U_{group}[{k}], {total})" for k, factor in enumerate(factors)
        ]

    def need(self, array: str) -> str:
        """Have the loop take an array; return its name."""
        if array not in self.arrays:
            self.arrays.append(array)
        return array

    def place(self, address: Address | Scalar, row: str | None = None) -> str:
        """Return the expression for the rows at an address, or for one row of them."""
        array, block = address[:2]
        if isinstance(address, Scalar) or array in map(own, self.cell.diagonals):
            return self.need(array)
        if array == "scratch" or array.startswith("u_"):
            place = "scratch_" if array == "scratch" else array
            return f"{place}[{block}, {row}]" if row else f"{place}[{block}]"
        step = {None: "", 0: "t, ", 1: "t + 1, "}[address.step]
        rows = f"first + {row}" if row else "first:last"
        gate = f"{block}, " if array in OF_STEPS_AND_GATES else ""
        return f"{self.need(array)}[{gate}{step}{rows}]"

    def name_of(self, address: Address | Scalar) -> str:
        """Return the name of the row at an address."""
        array, block = address[:2]
        if array in OF_STEPS_AND_GATES:
            return f"{'a' if array == 'gates' else array}_{self.cell.gates[block]}"
        if array.startswith("u_") and self.name == "forward":
            return f"{array}_{block}"
        if array in map(own, self.cell.states):
            return f"{array}_prev" if address == Address(array, 0, 0) else array
        return f"scratch_{block}" if array == "scratch" else array


def blocks(first: Address, number: int) -> list[Address]:
    """Return the addresses of so many blocks, one after the other."""
    return [first._replace(block=first.block + k) for k in range(number)]


def reads(kernel: list[Statement], address: Address) -> bool:
    """Return whether a kernel loads what is at an address."""
    return any(isinstance(statement, Load) and statement.address == address for statement in kernel)


def both(cell: Cell) -> str:
    """Return the source of a cell's loops without masks and limits, which tells it from other maths."""
    return forward(cell, "none").module() + backward(cell, "none", limited=False).module()


def forward(cell: Cell, masks: str) -> Loop:
    """Return the loop forward of a cell; masks: as for `Recorder`."""
    tracer = Tracer()
    recorder = Recorder(tracer, masks, summed=True)
    read_step(cell, tracer, recorder)
    return finish("forward", cell, tracer, recorder)


def backward(cell: Cell, masks: str, limited: bool) -> Loop:
    """Return the loop backward of a cell; limited: whether the gradient through time has a limit."""
    tracer = Tracer()
    recorder = Recorder(tracer, masks, summed=True)
    read_step_backward(cell, tracer, recorder, tracer.array(Scalar("limit")) if limited else None)
    return finish("backward", cell, tracer, recorder)


def finish(name: str, cell: Cell, tracer: Tracer, recorder: Recorder) -> Loop:
    """Return the loop of a step that has been read."""
    tracer.end_kernel()
    kernels, products = tracer.kernels[:-1], recorder.products
    loop = Loop(name, cell, kernels, products, tracer.scratch, [None] * len(products), ["gates"])
    if name == "backward":
        factors = [blocks(product.factor, product.slots) for product in products]
        recompute(kernels, factors)
        for k, product in enumerate(products):
            result = Address(f"u_{product.group}")
            if not any(reads(later, result) for later in kernels[k + 2 :]):
                loop.targets[k] = accumulate(kernels[k], kernels[k + 1], result, factors[k])
        kernels = [in_order(kernel) for kernel in kernels]
    loop.kernels = [without_unused(kernel) for kernel in kernels]
    return loop
