"""Have the tracer read the methods of a cell: what they compute, and the recurrent products between."""

from typing import Any, NamedTuple

import numpy as np

from rnnexp.compute.tracer import Address, Slot, TracedArray, Tracer, refusal
from rnnexp.nn.window import Window


def own(name: str) -> str:
    """Return what a cell names in the words of addresses and written code, which have no name of theirs like it."""
    return f"x_{name}"


def gradient(state: str) -> str:
    """Return the name of the gradient of a state."""
    return f"d_{state}"


def read_step(cell, tracer: Tracer, recurrent: "Recorder") -> None:
    """Have the tracer read a step forward."""
    cell.step(views(cell, tracer, recurrent.t), recurrent)


def read_step_backward(cell, tracer: Tracer, recurrent: "Recorder", limit: Any) -> None:
    """Have the tracer read a step backward; limit: of the gradient through time, a number or a stand-in; None: none."""
    arrays = views(cell, tracer, recurrent.t)
    grads = gate_views(cell, tracer, "da", recurrent.t) | {
        name: tracer.results(1) for name in cell.more_gradients
    }
    dstate = [tracer.array(Address(gradient(name))) for name in cell.states]
    cell.local_gradients(arrays, grads)
    dstate[0] += tracer.array(Address("dout", 0, recurrent.t))
    cell.step_backward(arrays, grads, recurrent, *dstate)
    if limit is not None:
        for array in dstate:
            np.clip(array, -limit, limit, out=array)  # type: ignore[call-overload]


def gate_views(cell, tracer: Tracer, array: str, t: int) -> dict[str, TracedArray]:
    """Return stand-ins for every group of adjacent gates, by its letters."""
    first = {group: cell.gates.index(group) for group in cell.gate_groups}
    return {
        group: tracer.array(*(Address(array, g, t) for g in range(first[group], first[group] + len(group))))
        for group in cell.gate_groups
    }


def views(cell, tracer: Tracer, t: int) -> dict[str, TracedArray]:
    """Return stand-ins for the arrays of a step, by the names of `Window.at`; t counts from the step computed."""
    arrays = gate_views(cell, tracer, "gates", t)
    for name in cell.states:
        arrays[name] = tracer.array(Address(own(name), 0, t + 1))
        arrays[f"{name}_prev"] = tracer.array(Address(own(name), 0, t))
    arrays |= {name: tracer.array(Address(own(name))) for name in cell.diagonals}
    return arrays | {name: tracer.array(Address(own(name), 0, t)) for name in cell.saved}


def arrays_of(w: Window, mask) -> dict[str, Any]:
    """Return the arrays of a window by the names that addresses use; mask: as for `kind_of`."""
    arrays = {own(name): array for name, array in (w.states | w.saved | w.diagonals).items()}
    return arrays | {"gates": w.gates, "mask": mask[0] if kind_of(mask) == "one" else mask}


class Product(NamedTuple):
    """Describe a recurrent product: the gates it feeds, the first slot of the factor, the number of slots."""

    group: str
    factor: Address
    slots: int


class Recorder:
    """Record the products that a cell asks for: its methods get this as `recurrent` while the tracer reads them.

    masks : of the recurrent products: "none", "one" for all steps, or "each" step its own.
    summed : whether a product backward comes summed over its gates.
    """

    def __init__(self, tracer: Tracer, masks: str, summed: bool):
        self.tracer, self.masks, self.summed = tracer, masks, summed
        self.t = 0  # the step, counted from the one computed
        self.products: list[Product] = []  # those of a step

    def __call__(self, group: str, v: TracedArray) -> TracedArray:
        return self.multiply(group, v if self.masks == "none" else v * self.mask(), len(group))

    def back(self, group: str, d: TracedArray) -> TracedArray:
        total = self.multiply(group, d, 1 if self.summed else len(group)).sum_of_slots()
        return total if self.masks == "none" else total * self.mask()

    def mask(self) -> TracedArray:
        return self.tracer.array(Address("mask", 0, self.t if self.masks == "each" else None))

    def multiply(self, group: str, v: TracedArray, results: int) -> TracedArray:
        if group in {product.group for product in self.products}:
            raise refusal(f"the recurrent product {group!r} twice in a step")
        if not adjacent(v.slots):
            placed = self.tracer.results(len(v.slots))
            placed[...] = v
            v = placed
            for slot in v.slots:
                self.tracer.give_place(slot)
        first = v.slots[0].address
        assert isinstance(first, Address)
        self.products.append(Product(group, first, len(v.slots)))
        self.tracer.end_kernel()
        return self.tracer.array(*(Address(f"u_{group}", g) for g in range(results)))


def adjacent(slots: list[Slot]) -> bool:
    """Return whether slots lie in memory, one block after the other."""
    first = slots[0].address
    return isinstance(first, Address) and all(
        slot.address == first._replace(block=first.block + k) for k, slot in enumerate(slots)
    )


def kind_of(mask) -> str:
    """Return how many masks (T, B, H) there are: "none", "one" that all steps share, or "each" step its own."""
    return "none" if mask is None else "one" if mask.strides[0] == 0 else "each"
