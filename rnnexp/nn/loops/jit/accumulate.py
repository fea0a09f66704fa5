"""Have a product added to the array that its result would be added to, instead of kept apart until then."""

from collections.abc import Sequence

import numpy as np

from rnnexp.compute.jit.factors import uses
from rnnexp.compute.tracer import Address, Compute, Load, Scalar, Statement, Store


def accumulate(
    before: list[Statement], after: list[Statement], result: Address, factors: Sequence[Address]
) -> Address | None:
    """Return the array to which a product can be added at once, with the statements around changed for it.

    before, after : the statements before and after the product, changed in place.
    result : where the product would be. factors : what is multiplied, which must stay as it is.

    Returns
    -------
    None, and no change, where the product is used otherwise than by `x += product` or `x[...] = product`.
    """
    loads = {statement.address: statement.name for statement in after if isinstance(statement, Load)}
    name = loads.get(result)
    readers = [statement for statement in after if name in uses(statement)]
    if len(readers) != 1 or uses(readers[0]).count(name) != 1:
        return None
    (reader,) = readers
    if isinstance(reader, Store):
        return set_to(before, after, reader, loads, factors)
    assert isinstance(reader, Compute)
    return add_to(after, reader, result, loads, factors)


def set_to(
    before: list[Statement], after: list[Statement], store: Store, loads: dict, factors: Sequence[Address]
) -> Address | None:
    """Do it for `x[...] = product`: x is emptied before the product."""
    target = store.address
    if target in loads or target in factors or isinstance(target, Scalar):
        return None
    before[:] = [s for s in before if not (isinstance(s, Store) and s.address == target)]
    before.append(Store(target, 0.0))
    after[:] = [s for s in after if s != store and not (isinstance(s, Load) and s.name == store.value)]
    return target


def add_to(
    after: list[Statement], reader: Compute, result: Address, loads: dict, factors: Sequence[Address]
) -> Address | None:
    """Do it for `x += product`, where x is in memory and gets a new value there."""
    if reader.function is not np.add:
        return None
    name = loads[result]
    (other,) = (x for x in reader.operands if x != name)
    targets = [address for address, loaded in loads.items() if loaded == other]
    stored = {s.address: s.value for s in after if isinstance(s, Store)}
    if not targets or targets[0] not in stored or targets[0] in factors:
        return None
    if sum(other in uses(statement) for statement in after) != 1:
        return None
    (target,) = targets
    unchanged = stored[target] == reader.name
    kept: list[Statement] = []
    for statement in after:
        if statement in (Load(name, result), reader):
            continue
        if unchanged and statement == Store(target, reader.name):
            continue
        # what was read before the product is now what is read after it
        read = isinstance(statement, Load) and statement.address == target
        kept.append(Load(reader.name, target) if read else statement)
    used = {operand for statement in kept for operand in uses(statement)}
    after[:] = [s for s in kept if s != Load(reader.name, target) or reader.name in used]
    return target
