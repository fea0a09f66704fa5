"""Bring the recurrent weights into the form that multiplies the rows of a thread fastest."""

from collections.abc import Callable

from rnnexp.compute.workspace import Workspace


def recurrent_weights(
    U: dict, parts: list[slice], workspace: Workspace, form: Callable, transposed: bool = False
) -> dict[int, dict]:
    """Return recurrent weights in a form for products with the rows of each part, one for each number of rows.

    U : gates of a recurrent product -> weights (G, K, H).
    form : form(weights, rows, workspace), of weights (G, K, H).

    Returns
    -------
    number of rows -> gates of a recurrent product -> weights.
    """
    if transposed:
        # a product with a transposed view is slower by more than the copy costs that `form` makes
        U = {group: array.swapaxes(1, 2) for group, array in U.items()}
    return {
        rows: {group: form(array, rows, workspace.child(f"{group}{rows}")) for group, array in U.items()}
        for rows in {length(part) for part in parts}
    }


def length(part: slice) -> int:
    """Return the number of rows of a part."""
    return part.stop - part.start
