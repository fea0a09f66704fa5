"""Run the time loop on a GPU: the recurrent products, and one kernel between two of them.

The kernels come from the cell's own methods, which the tracer reads. Two steps are read one after the other, so
that what follows the last product of a step and what precedes the first one of the next is a single kernel. A cell
without recurrent products is one kernel, which takes all steps.
"""

from collections.abc import Callable
from functools import partial

from rnnexp.compute.cuda.kernels import MOST_ROWS, Kernels
from rnnexp.compute.tracer import Address, Tracer
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.loops.reading import Recorder, arrays_of, gradient, kind_of, own, read_step, read_step_backward
from rnnexp.nn.window import Window


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does; a GPU takes all rows at once."""
    loop = loop_of(layer, read_step, 1, mask, workspace)
    loop.run(w, w.U, mask, {}, workspace)


def backward(
    layer, w: Window, dw: Window, dh, dstate: tuple, parts: list[slice], mask, workspace: Workspace
) -> None:
    """Run the steps in reverse as `rnnexp.nn.loops.backward` does; a GPU takes all rows at once."""
    read = partial(read_step_backward, limit=layer.clip_through_time)
    loop = loop_of(layer, read, -1, mask, workspace)
    U = {group: weights.swapaxes(1, 2) for group, weights in w.U.items()}
    more = {"da": dw.gates, "dout": dh, **dict(zip(map(gradient, layer.cell.states), dstate))}
    loop.run(w, U, mask, more, workspace)


def loop_of(layer, read: Callable, direction: int, mask, workspace: Workspace) -> "Loop":
    """Return the kernels of a layer's loop, made when they are first asked for."""
    masks = kind_of(mask)
    kernels = layer.backend.kernels(layer.p["b"].dtype)
    return workspace.get_or_create(
        f"loop {direction}", masks, lambda: Loop(layer.cell, read, direction, masks, kernels)
    )


class Loop:
    """Hold the kernels and products of a loop over time.

    Parameters
    ----------
    read : read(cell, tracer, recorder) has the tracer read a step.
    direction : 1 or -1, the way from one step to the next.
    masks : as for `Recorder`.
    """

    def __init__(self, cell, read: Callable, direction: int, masks: str, kernels: Kernels):
        self.direction, self.masks, self.scratch, self.few_rows = direction, masks, 1, kernels.matmul_few_rows
        tracer = Tracer()
        recurrent = Recorder(tracer, masks, summed=False)
        for recurrent.t in (0, direction) if cell.recurrent_matmuls else (0,):
            # scratch memory of a step serves the next one too
            recurrent.products, tracer.scratch = [], 0
            read(cell, tracer, recurrent)
            self.scratch = max(self.scratch, tracer.scratch)
        # those of the second step, whose kernels are called for the step before it
        self.products = recurrent.products
        tracer.end_kernel()
        name = f"{type(cell).__name__}_{'backward' if direction < 0 else 'forward'}"
        read_by_name = {f"{name}_{k}": kernel for k, kernel in enumerate(tracer.kernels)}
        compiled = kernels.compile(
            {name: kernel for name, kernel in read_by_name.items() if kernel},
            order=0 if self.products else direction,
        )
        self.kernels = [compiled.get(name, nothing) for name in read_by_name]

    def run(self, w: Window, U: dict, mask, more: dict, workspace: Workspace) -> None:
        """Run all steps of a window.

        U : group -> recurrent weights (gates, H, H).
        more : all other arrays, by the names that addresses use.
        """
        _, T, B, H = w.gates.shape
        matmul: Callable = workspace.backend.matmul
        if B <= MOST_ROWS:
            matmul, U = self.few_rows, {group: by_columns(U[group], group, workspace) for group in U}
        arrays = arrays_of(w, mask) | more
        arrays["scratch"] = workspace.array("scratch", (self.scratch, B, H))
        for name, vector in w.diagonals.items():  # a kernel has a number of it for each of all rows
            arrays[own(name)] = workspace.array(own(name), (B, H))
            arrays[own(name)][...] = vector
        for group in U:
            arrays[f"u_{group}"] = workspace.array(f"u_{group}", (len(group), B, H))
        n, number, d = B * H, len(self.products), self.direction
        before = first = 0 if d > 0 else T - 1
        self.kernels[0](n, first, T, arrays)
        if not number:
            return
        for k in range(T):
            before = first + d * (k - 1)
            if k:
                self.kernels[number](n, before, T, arrays)
            for j, (group, address, slots) in enumerate(self.products, start=1):
                matmul(factor(arrays, address, slots, before), U[group], arrays[f"u_{group}"])
                if j < number:
                    self.kernels[number + j](n, before, T, arrays)
        self.kernels[2 * number](n, before, T, arrays)


def by_columns(weights, group: str, workspace: Workspace):
    """Return weights (G, K, N) with contiguous columns, as the kernel of few rows reads them: a copy, or themselves."""
    G, K, N = weights.shape
    if weights.strides[1] == weights.itemsize:
        return weights
    copy = workspace.array(f"{group} by columns", (G, N, K))
    copy[...] = weights.swapaxes(1, 2)
    return copy.swapaxes(1, 2)


def nothing(*_) -> None:
    """Do nothing, in place of a kernel that would have no lines."""


def factor(arrays: dict, address: Address, slots: int, t: int):
    """Return the factor of a product: (B, H), or (slots, B, H) where there are several."""
    array = arrays[address.array]
    if address.step is not None and array.ndim == 3:
        return array[t + address.step]
    blocks = address.block if slots == 1 else slice(address.block, address.block + slots)
    return array[blocks] if address.step is None else array[blocks, t + address.step]
