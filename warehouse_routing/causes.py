"""Why units of an order wait."""

from collections.abc import Sequence

from warehouse_routing.landscape import ENOUGH, EXCLUDED, OPEN
from warehouse_routing.objective import Measure
from warehouse_routing.one_order import Shelves
from warehouse_routing.plan import Backorder, Cause


def backorders(
    measure: Measure, n: int, sites: Sequence[int], shelves: Shelves, stock: Sequence[Sequence[int]]
) -> tuple[Backorder, ...]:
    """What no site got, by cause.

    Args:
        measure: Of all orders.
        n: The order.
        sites: Of its portions.
        shelves: What is left, with what the order itself takes and without what others take.
        stock: [K][W] what there was before anybody took anything.
    """
    one = measure.land.orders[n]
    waits = [0] * len(one.lines)
    for portion, w in zip(measure.portions[n], sites, strict=True):
        waits[portion.line] += portion.units if w < 0 else 0
    if not any(waits):
        return one.held_back
    width = range(len(measure.land.sites))
    served = {w for w in sites if w >= 0}
    open_sites = [w for w in width if measure.land.shut[n, w] == OPEN]
    units: Sequence[Sequence[int]] = shelves.units
    if measure.all_or_nothing[n] and any(_remaining(measure, n, open_sites, stock)):
        units = stock  # it had to wait whatever others take, and reserves nothing
    nowhere = _remaining(measure, n, open_sites, units)
    no_room = _remaining(measure, n, [w for w in open_sites if shelves.room[w] > 0], units)
    if measure.all_or_nothing[n] and any(no_room):
        held_back = Cause.WAITS_FOR_ALL
    elif measure.all_or_nothing[n] or len(served) >= measure.most[n]:
        held_back = Cause.SPLIT
    else:
        held_back = Cause.PRICE
    short = _short(measure, n, open_sites, units)
    found: list[Backorder] = list(one.held_back)
    for at, line in enumerate(one.lines):
        count = waits[at]
        if not count:
            continue
        if cause := _barred(measure, n, at):
            found.append(Backorder(line.line_id, count, cause))
            continue
        lacking = min(count, nowhere[at])
        crowded = min(count - lacking, max(0, no_room[at] - nowhere[at]))
        own = tuple(part.sku for part in line.components)
        of = tuple(sku for sku in own if sku in short) or own
        apart = held_back is Cause.PRICE and _lies_apart(measure, n, at, open_sites, units)
        parts = (
            (Cause.STOCK, lacking, of if lacking else ()),
            (Cause.CAPACITY, crowded, ()),
            (Cause.SPLIT if apart else held_back, count - lacking - crowded, ()),
        )
        found += [Backorder(line.line_id, part, cause, skus) for cause, part, skus in parts if part]
    return tuple(found)


def _barred(measure: Measure, n: int, at: int) -> Cause | None:
    """Why no site at all may ship a line, stock apart."""
    shut = [int(one) for one in measure.land.shut[n]]
    portion = next(one for one in measure.portions[n] if one.line == at)
    if any(measure.may_ship(n, w, portion) for w in range(len(shut))):
        return None
    if OPEN in shut:
        return Cause.GOODS
    if ENOUGH in shut:
        return Cause.SPLIT
    return Cause.EXCLUDED if EXCLUDED in shut else Cause.COUNTRY


def _lies_apart(
    measure: Measure, n: int, at: int, sites: Sequence[int], units: Sequence[Sequence[int]]
) -> bool:
    """Whether a line is to ship whole, and no one site has all of it."""
    portions = [one for one in measure.portions[n] if one.line == at]
    return len(portions) == 1 and not any(
        all(units[k][w] >= count for k, count in portions[0].parts) for w in sites
    )


def _remaining(measure: Measure, n: int, sites: Sequence[int], units: Sequence[Sequence[int]]) -> list[int]:
    """Units of each line that would be left if these sites gave what they have, one after the other."""
    portions = {one.line: one for one in measure.portions[n]}
    left = [line.units for line in measure.land.orders[n].lines]
    taken: dict[tuple[int, int], int] = {}
    for w in sites:
        for at, portion in sorted(portions.items()):
            if not measure.may_ship(n, w, portion):
                continue
            each = [(k, whole // portion.units) for k, whole in portion.parts]
            count = min(max(0, units[k][w] - taken.get((k, w), 0)) // one for k, one in each)
            count = min(count, left[at])
            left[at] -= count
            for k, one in each:
                taken[k, w] = taken.get((k, w), 0) + one * count
    return left


def _short(measure: Measure, n: int, sites: Sequence[int], units: Sequence[Sequence[int]]) -> set[str]:
    """SKUs of which the order needs more than all its sites have together."""
    needed: dict[int, int] = {}
    for portion in measure.portions[n]:
        for k, count in portion.parts:
            needed[k] = needed.get(k, 0) + count
    return {measure.skus[k] for k, count in needed.items() if sum(max(0, units[k][w]) for w in sites) < count}
