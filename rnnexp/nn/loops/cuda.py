"""Run the time loop on a GPU: the recurrent products, and one kernel between two of them.

The kernels come from the cell's own methods, which the tracer reads. Two steps are read one after the other, so
that what follows the last product of a step and what precedes the first one of the next is a single kernel.
"""

from collections.abc import Callable

import numpy as np

from rnnexp.compute.cuda.kernels import Kernels
from rnnexp.compute.cuda.tracer import Address, Slot, TracedArray, Tracer, refusal
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.window import Window


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does; a GPU takes all rows at once."""
    loop = loop_of(layer, step, 1, mask, workspace)
    loop.run(w, w.U, mask, {}, workspace)


def backward(
    layer, w: Window, dw: Window, dh, dstate: tuple, parts: list[slice], mask, workspace: Workspace
) -> None:
    """Run the steps in reverse as `rnnexp.nn.loops.backward` does; a GPU takes all rows at once."""
    loop = loop_of(layer, step_backward, -1, mask, workspace)
    U = {group: weights.swapaxes(1, 2) for group, weights in w.U.items()}
    more = {"da": dw.gates, "dout": dh, **dict(zip(map(gradient, layer.cell.states), dstate))}
    loop.run(w, U, mask, more, workspace)


def loop_of(layer, step: Callable, direction: int, mask, workspace: Workspace) -> "Loop":
    """Return the kernels of a layer's loop, made when they are first asked for."""
    # a mask that all steps share has a stride of zero from step to step
    masks = "none" if mask is None else "one" if mask.strides[0] == 0 else "each"
    kernels = layer.backend.kernels(layer.p["b"].dtype)
    return workspace.get_or_create(step.__name__, masks, lambda: Loop(layer, step, direction, masks, kernels))


def gradient(state: str) -> str:
    """Return the name of the gradient of a state."""
    return f"d_{state}"


def step(layer, tracer: Tracer, recurrent: "Recorder") -> None:
    """Have the tracer read a step forward."""
    cell = layer.cell
    cell.step(views(cell, tracer, recurrent.t), recurrent)


def step_backward(layer, tracer: Tracer, recurrent: "Recorder") -> None:
    """Have the tracer read a step backward."""
    cell = layer.cell
    arrays = views(cell, tracer, recurrent.t)
    grads = gate_views(cell, tracer, "da", recurrent.t) | {
        name: tracer.results(1) for name in cell.more_gradients
    }
    dstate = [tracer.array(Address(gradient(name))) for name in cell.states]
    cell.local_gradients(arrays, grads)
    dstate[0] += tracer.array(Address("dout", 0, recurrent.t))
    cell.step_backward(arrays, grads, recurrent, *dstate)
    if (limit := layer.clip_through_time) is not None:
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
    """Return stand-ins for the arrays of a step, by the names of `Window.at`; t counts from the kernel's step."""
    arrays = gate_views(cell, tracer, "gates", t)
    for name in cell.states:
        arrays[name] = tracer.array(Address(name, 0, t + 1))
        arrays[f"{name}_prev"] = tracer.array(Address(name, 0, t))
    return arrays | {name: tracer.array(Address(name, 0, t)) for name in cell.saved}


class Recorder:
    """Record the products that a cell asks for: its methods get this as `recurrent` while the tracer reads them."""

    def __init__(self, tracer: Tracer, masks: str):
        self.tracer, self.masks = tracer, masks
        self.t = 0  # the step, counted from that of the kernel
        # the products of a step: the group, the first slot of the factor, the number of slots
        self.matmuls: list[tuple[str, Address, int]] = []

    def __call__(self, group: str, v: TracedArray) -> TracedArray:
        return self.multiply(group, v if self.masks == "none" else v * self.mask())

    def back(self, group: str, d: TracedArray) -> TracedArray:
        total = self.multiply(group, d).sum_of_slots()
        return total if self.masks == "none" else total * self.mask()

    def mask(self) -> TracedArray:
        return self.tracer.array(Address("mask", 0, self.t if self.masks == "each" else None))

    def multiply(self, group: str, v: TracedArray) -> TracedArray:
        if group in {name for name, *_ in self.matmuls}:
            raise refusal(f"the recurrent product {group!r} twice in a step")
        if not adjacent(v.slots):
            placed = self.tracer.results(len(v.slots))
            placed[...] = v
            v = placed
            for slot in v.slots:
                self.tracer.give_place(slot)
        first = v.slots[0].address
        assert isinstance(first, Address)
        self.matmuls.append((group, first, len(v.slots)))
        self.tracer.end_kernel()
        return self.tracer.array(*(Address(f"u_{group}", g) for g in range(len(group))))


def adjacent(slots: list[Slot]) -> bool:
    """Return whether slots lie in memory, one block after the other."""
    first = slots[0].address
    return isinstance(first, Address) and all(
        slot.address == first._replace(block=first.block + k) for k, slot in enumerate(slots)
    )


class Loop:
    """Hold the kernels and products of a loop over time.

    Parameters
    ----------
    step : step(layer, tracer, recorder) has the tracer read a step.
    direction : 1 or -1, the way from one step to the next.
    masks : the masks of the recurrent products: "none", "one" for all steps, or "each" step its own.
    """

    def __init__(self, layer, step: Callable, direction: int, masks: str, kernels: Kernels):
        self.direction, self.masks, self.scratch = direction, masks, 1
        tracer = Tracer()
        recurrent = Recorder(tracer, masks)
        for recurrent.t in 0, direction:
            # scratch memory of a step serves the next one too
            recurrent.matmuls, tracer.scratch = [], 0
            step(layer, tracer, recurrent)
            self.scratch = max(self.scratch, tracer.scratch)
        # those of the second step, whose kernels are called for the step before it
        self.matmuls = recurrent.matmuls
        tracer.end_kernel()
        lines_of = {
            f"{type(layer.cell).__name__}_{step.__name__}_{k}": lines
            for k, lines in enumerate(tracer.kernels)
        }
        compiled = kernels.compile({name: lines for name, lines in lines_of.items() if lines})
        self.kernels = [compiled.get(name, nothing) for name in lines_of]

    def run(self, w: Window, U: dict, mask, more: dict, workspace: Workspace) -> None:
        """Run all steps of a window.

        U : group -> recurrent weights (gates, H, H). more : all other arrays, by the names that addresses use.
        """
        (_, T, B, H), matmul = w.gates.shape, workspace.backend.matmul
        mask = mask[0] if self.masks == "one" else mask
        arrays = {"gates": w.gates, **w.states, **w.saved, "mask": mask, **more}
        arrays["scratch"] = workspace.array("scratch", (self.scratch, B, H))
        for group in U:
            arrays[f"u_{group}"] = workspace.array(f"u_{group}", (len(group), B, H))
        n, number, d = B * H, len(self.matmuls), self.direction
        first = 0 if d > 0 else T - 1
        self.kernels[0](n, first, T, arrays)
        for k in range(T):
            before = first + d * (k - 1)
            if k:
                self.kernels[number](n, before, T, arrays)
            for j, (group, address, slots) in enumerate(self.matmuls, start=1):
                matmul(factor(arrays, address, slots, before), U[group], arrays[f"u_{group}"])
                if j < number:
                    self.kernels[number + j](n, before, T, arrays)
        self.kernels[2 * number](n, before, T, arrays)


def nothing(*_) -> None:
    """Do nothing, in place of a kernel that would have no lines."""


def factor(arrays: dict, address: Address, slots: int, t: int):
    """Return the factor of a product: (B, H), or (slots, B, H) where there are several."""
    array = arrays[address.array]
    if address.step is not None and array.ndim == 3:
        return array[t + address.step]
    blocks = address.block if slots == 1 else slice(address.block, address.block + slots)
    return array[blocks] if address.step is None else array[blocks, t + address.step]
