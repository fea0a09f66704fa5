"""Fill in what a config leaves to what it chooses."""

from typing import Any

from rnnexp.errors import UserError


def with_rate(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with a number as optimizer.lr: where it is null, the cell's own for that optimizer.

    `cell.lr`, which says that number, is left out: it is no part of the run that it describes.

    Raises
    ------
    UserError where the rate is null and the cell has none for the optimizer, or none that suits its momentum.
    """
    cell, optimizer = dict(config["cell"]), dict(config["optimizer"])
    own = cell.pop("lr", {})
    if optimizer["lr"] is None:
        if optimizer["name"] not in own:
            raise UserError(
                f"optimizer.lr=null: cell={cell['name']} has no rate of its own for {optimizer['name']}; "
                f"give optimizer.lr=NUMBER, or its file a line cell.lr.{optimizer['name']}"
            )
        rate = own[optimizer["name"]]
        if 0 < (momentum := optimizer.get("momentum") or 0) < 1:
            raise UserError(
                f"optimizer.lr=null: the rate {rate:g} of cell={cell['name']} is for no momentum, and "
                f"optimizer.momentum={momentum:g} makes steps {1 / (1 - momentum):.3g} times as long; give "
                f"optimizer.lr=NUMBER ({rate * (1 - momentum):.3g} takes steps as long as without)"
            )
        optimizer["lr"] = rate
    return config | {"cell": cell, "optimizer": optimizer}
