"""The time loops of a cell on a GPU: its recurrent products, and between two of them one kernel.

The kernels come from the cell's own methods, which `rnnexp.compute.cuda.tracer` reads. Two steps are read one after the
other, so that what follows the last product of a step and what precedes the first one of the next is a
single kernel.
"""

from collections.abc import Callable

from rnnexp.compute import engine
from rnnexp.compute.cuda.kernels import Kernels
from rnnexp.compute.cuda.tracer import Address, Plane, Stack, Trace
from rnnexp.compute.parameters import Workspace


def forward(cell, w, workspace: Workspace, kernels: Kernels) -> None:
    """As `Cell.run_forward`."""
    loop = loop_of(cell, step, 1, workspace, kernels)
    loop.run(w, {run: cell.p[f"U_{run}"] for run in cell.products}, {}, workspace)


def backward(cell, w, dw, dh, dstate: tuple, workspace: Workspace, kernels: Kernels) -> None:
    """As `Cell.run_backward`."""
    loop = loop_of(cell, step_backward, -1, workspace, kernels)
    U = {run: cell.p[f"U_{run}"].swapaxes(1, 2) for run in cell.products}
    loop.run(w, U, {"da": dw.gates, "dout": dh, **dict(zip(map(gradient, cell.states), dstate))}, workspace)


def loop_of(cell, step: Callable, direction: int, workspace: Workspace, kernels: Kernels) -> "Loop":
    mask = workspace["mask"]
    # one mask for all steps has nothing between its steps
    masks = "none" if mask is None else "one" if mask.strides[0] == 0 else "each"
    return workspace.get_or_create(step.__name__, masks, lambda: Loop(cell, step, direction, masks, kernels))


def gradient(state: str) -> str:
    return f"d_{state}"


def step(cell, trace: Trace, recur: "Recorder") -> None:
    """A step forward."""
    cell.step(views(cell, trace, recur.t), recur)


def step_backward(cell, trace: Trace, recur: "Recorder") -> None:
    """A step backward."""
    s = views(cell, trace, recur.t)
    d = gate_views(cell, trace, "da", recur.t) | {name: trace.results(1) for name in cell.slopes}
    dstate = [trace.stack(Address(gradient(name))) for name in cell.states]
    cell.local_gradients(s, d)
    dstate[0] += trace.stack(Address("dout", 0, recur.t))
    cell.step_backward(s, d, recur, *dstate)
    if (limit := cell.clip_through_time) is not None:
        for array in dstate:
            array.clip(-limit, limit, out=array)


def gate_views(cell, trace: Trace, array: str, t: int) -> dict[str, Stack]:
    """Every run of adjacent gates, by its letters."""
    first = {run: cell.gates.index(run) for run in cell.runs}
    return {
        run: trace.stack(*(Address(array, g, t) for g in range(first[run], first[run] + len(run))))
        for run in cell.runs
    }


def views(cell, trace: Trace, t: int) -> dict[str, Stack]:
    """What a cell's methods find of a step, as `Window.at` has it; t counts from the step of the kernel."""
    s = gate_views(cell, trace, "gates", t)
    for name in cell.states:
        s[name] = trace.stack(Address(name, 0, t + 1))
        s[f"{name}_prev"] = trace.stack(Address(name, 0, t))
    return s | {name: trace.stack(Address(name, 0, t)) for name in cell.saved}


class Recorder:
    """What a cell's methods get for `recur` while they are read: notes which products they ask for."""

    def __init__(self, trace: Trace, masks: str):
        self.trace, self.masks = trace, masks
        self.t = 0  # the step, counted from that of the kernel
        # of a step: the run, its factor's first plane, how many planes
        self.products: list[tuple[str, Address, int]] = []

    def __call__(self, run: str, v: Stack) -> Stack:
        return self.multiply(run, v if self.masks == "none" else v * self.mask())

    def back(self, run: str, d: Stack) -> Stack:
        total = self.multiply(run, d).sum()
        return total if self.masks == "none" else total * self.mask()

    def mask(self) -> Stack:
        return self.trace.stack(Address("mask", 0, self.t if self.masks == "each" else None))

    def multiply(self, run: str, v: Stack) -> Stack:
        assert run not in {name for name, *_ in self.products}, f"a step asks for the product {run} twice"
        if not adjacent(v.planes):
            placed = self.trace.results(len(v.planes))
            placed[...] = v
            v = placed
            for plane in v.planes:
                self.trace.give_place(plane)
        first = v.planes[0].address
        assert isinstance(first, Address)
        self.products.append((run, first, len(v.planes)))
        self.trace.end_kernel()
        return self.trace.stack(*(Address(f"u_{run}", g) for g in range(len(run))))


def adjacent(planes: list[Plane]) -> bool:
    """Whether planes lie in memory, one block after the other."""
    first = planes[0].address
    return isinstance(first, Address) and all(
        plane.address == first._replace(block=first.block + k) for k, plane in enumerate(planes)
    )


class Loop:
    """The kernels and products of a loop over time.

    Parameters
    ----------
    step : what a step does: step(cell, trace, recorder).
    direction : 1 or -1, from step to step.
    masks : of the recurrent products: "none", "one" for all steps, or "each" its own.
    """

    def __init__(self, cell, step: Callable, direction: int, masks: str, kernels: Kernels):
        self.direction, self.masks, self.scratch = direction, masks, 1
        trace = Trace()
        recur = Recorder(trace, masks)
        for recur.t in 0, direction:
            # scratch memory of a step serves the next one too
            recur.products, trace.scratch = [], 0
            step(cell, trace, recur)
            self.scratch = max(self.scratch, trace.scratch)
        # those of the second step, whose kernels are called for the step before it
        self.products = recur.products
        trace.end_kernel()
        lines_of = {
            f"{type(cell).__name__}_{step.__name__}_{k}": lines for k, lines in enumerate(trace.kernels)
        }
        compiled = kernels.compile({name: lines for name, lines in lines_of.items() if lines})
        self.kernels = [compiled.get(name, nothing) for name in lines_of]

    def run(self, w, U: dict, more: dict, workspace: Workspace) -> None:
        """All steps of a window.

        w : its `Window`. U : the recurrent weights by run. more : the arrays besides, as addresses name them.
        """
        _, T, B, H = w.gates.shape
        mask = workspace["mask"][0] if self.masks == "one" else workspace["mask"]
        arrays = {"gates": w.gates, **w.states, **w.saved, "mask": mask, **more}
        arrays["scratch"] = workspace.array("scratch", (self.scratch, B, H))
        for run in U:
            arrays[f"u_{run}"] = workspace.array(f"u_{run}", (len(run), B, H))
        n, number, d = B * H, len(self.products), self.direction
        first = 0 if d > 0 else T - 1
        self.kernels[0](n, first, T, arrays)
        for k in range(T):
            before = first + d * (k - 1)
            if k:
                self.kernels[number](n, before, T, arrays)
            for j, (run, address, planes) in enumerate(self.products, start=1):
                engine.matmul(factor(arrays, address, planes, before), U[run], arrays[f"u_{run}"])
                if j < number:
                    self.kernels[number + j](n, before, T, arrays)
        self.kernels[2 * number](n, before, T, arrays)


def nothing(*_) -> None:
    """A kernel that has nothing to do."""


def factor(arrays: dict, address: Address, planes: int, t: int):
    """The factor of a product: (B, H), or (planes, B, H) where there are several."""
    array = arrays[address.array]
    if address.step is not None and array.ndim == 3:
        return array[t + address.step]
    blocks = address.block if planes == 1 else slice(address.block, address.block + planes)
    return array[blocks] if address.step is None else array[blocks, t + address.step]
