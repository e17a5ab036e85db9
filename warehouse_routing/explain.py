"""Why an order was routed as it was, in words, and why something waits."""

from collections.abc import Mapping, Sequence

from warehouse_routing.filling import Filled, Stock, fill, needs, remaining
from warehouse_routing.plan import Backorder, Candidate, Cause
from warehouse_routing.problem import OpenLine, OrderToRoute
from warehouse_routing.view import SiteView

Lacks = Mapping[str, Mapping[str, int]]
"""Units that a site lacks for the whole order, by site code and SKU."""


def backorders(
    order: OrderToRoute, views: Sequence[SiteView], filled: Filled, stock: Stock, *, waits: bool
) -> tuple[Backorder, ...]:
    """What no site got, by cause. Looks at `stock` before the order has taken its part."""
    left = remaining(order.lines, filled)
    if not any(left.values()):
        return ()
    serving = [view for view in views if view.serves]
    if not serving:
        return tuple(Backorder(line.line_id, line.units, Cause.COUNTRY) for line in order.lines)
    nowhere = remaining(order.lines, fill([view.code for view in serving], order.lines, stock))
    no_room = remaining(
        order.lines, fill([view.code for view in serving if not view.full], order.lines, stock)
    )
    held_back = Cause.WAITS_FOR_ALL if waits and any(no_room.values()) else Cause.SPLIT
    short = {
        sku
        for sku, units in needs(order.lines).items()
        if sum(stock[view.code].get(sku, 0) for view in serving) < units
    }
    found: list[Backorder] = []
    for line in order.lines:
        units = left[line.line_id]
        lacking = min(units, nowhere[line.line_id])
        crowded = min(units - lacking, max(0, no_room[line.line_id] - nowhere[line.line_id]))
        parts = (
            (Cause.STOCK, lacking, _short_of(line, short) if lacking else ()),
            (Cause.CAPACITY, crowded, ()),
            (held_back, units - lacking - crowded, ()),
        )
        found += [Backorder(line.line_id, part, cause, skus) for cause, part, skus in parts if part]
    return tuple(found)


def _short_of(line: OpenLine, short: set[str]) -> tuple[str, ...]:
    """The line's SKUs of which there are too few; all of them, if they only lie apart."""
    skus = [part.sku for part in line.components]
    return tuple(sku for sku in skus if sku in short) or tuple(skus)


def candidates(views: Sequence[SiteView], lacks: Lacks, filled: Filled) -> tuple[Candidate, ...]:
    """All sites, best first, with what ruled each out."""
    return tuple(
        Candidate(
            view.code,
            view.distance_km,
            view.dispatch_date,
            _ruled_out(view, lacks[view.code]),
            chosen=view.code in filled,
        )
        for view in views
    )


def _ruled_out(view: SiteView, lacks: Mapping[str, int]) -> tuple[str, ...]:
    words: list[str] = []
    if not view.serves:
        words.append("does not ship to the country")
    if view.full:
        words.append(f"has no parcel left on {view.dispatch_date}")
    if lacks:
        words.append("lacks " + ", ".join(f"{units} of {sku}" for sku, units in sorted(lacks.items())))
    if view.late:
        words.append(f"leaves on {view.dispatch_date} (cut-off, working days), after the promised day")
    return tuple(words)


def reasons(
    order: OrderToRoute,
    views: Sequence[SiteView],
    filled: Filled,
    left: Sequence[Backorder],
    lacks: Lacks,
) -> tuple[str, ...]:
    """The decision as sentences."""
    words: list[str] = []
    chosen = [view for view in views if view.code in filled]
    able = sum(1 for view in views if view.serves and not view.full and not lacks[view.code])
    if len(chosen) == 1 and not left:
        words.append(f"{chosen[0].code} ships all of it: the best of {able} that hold everything")
    elif chosen:
        verb = "ship" if len(chosen) > 1 else "ships"
        part = "part of it" if left else "it"
        alone = "the nearest site goes first" if able else "no site alone holds all"
        words.append(f"{' and '.join(view.code for view in chosen)} {verb} {part}; {alone}")
    for view in chosen:
        away = f"{view.distance_km:.0f} km away" if view.distance_km is not None else "distance unknown"
        late = ", after the promised day" if view.late else ""
        words.append(f"{view.code}: {away}, leaves on {view.dispatch_date}{late}")
    words += [f"line {one.line_id}: {one.units} wait, {_why(one)}" for one in left]
    if order.destination.precision not in ("exact", "unknown"):
        words.append(f"the destination is known by its {order.destination.precision} only")
    return tuple(words)


def _why(one: Backorder) -> str:
    return {
        Cause.STOCK: f"too few of {', '.join(one.short_of)}",
        Cause.CAPACITY: "the sites that have them are full",
        Cause.COUNTRY: "no site ships to the country",
        Cause.SPLIT: "the policy allows no more sites",
        Cause.WAITS_FOR_ALL: "until the whole order can be had",
    }[one.cause]
