"""The best way to ship one order out of what is left on the shelves, found by looking at every way.

Depth first, portion by portion, the cheapest site first; a branch ends where its exact price so far with the
least of the rest reaches the best way that is known. It serves small decisions, old backorders that go one
after the other, and the question what the next best would have been.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from warehouse_routing.objective import Measure, Portion

MOST_STEPS = 20_000
"""Branches after which a search gives up on being exact."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Estimates of one order that are never above the truth: `line` [portion][W], `parcel` [W]."""

    line: list[list[float]]
    parcel: list[float]


UnitPrice = Callable[[int, int], float]
"""What a unit of a SKU (by index) at a site costs on top."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to ship an order.

    Attributes:
        sites: For each portion the site's index, -1 where it waits.
        total: Its sum, prices on top included.
        exact: Whether it is proven that no way is better.
    """

    sites: tuple[int, ...]
    total: float
    exact: bool


NO_LIMIT = 1 << 40


class Shelves:
    """What is left: units by SKU and site [K][W], and parcels by site [W].

    Below 0 means that more was taken than there is.
    """

    def __init__(self, units: list[list[int]], room: Sequence[int]) -> None:
        self.units = units
        self.room = [NO_LIMIT if one < 0 else one for one in room]

    def take(self, portions: Sequence[Portion], sites: Sequence[int], times: int = 1) -> None:
        """Take an order's goods and parcels; -1 times gives them back."""
        for portion, w in zip(portions, sites, strict=True):
            if w >= 0:
                for k, units in portion.parts:
                    self.units[k][w] -= units * times
        for w in {one for one in sites if one >= 0}:
            self.room[w] -= times

    def enough(self) -> bool:
        """Whether nothing was taken twice."""
        return min(self.room, default=0) >= 0 and all(min(row, default=0) >= 0 for row in self.units)

    def limits(self) -> list[int]:
        """Parcels by site as the solver takes them: -1 for no limit."""
        return [-1 if one > NO_LIMIT // 2 else one for one in self.room]


@dataclass(slots=True)
class _Search:
    """The state of one search. `price` is [portion][W], `parcel` [W]."""

    measure: Measure
    n: int
    portions: Sequence[Portion]
    price: list[list[float]]
    parcel: list[float]
    waiting: list[float]
    least_rest: list[float]
    split: float
    shelves: Shelves | None
    on_top: list[list[float]]
    on_top_parcel: list[float]
    chosen: list[int]
    best: tuple[int, ...]
    total: float
    steps: int = 0


def best_way(
    measure: Measure,
    n: int,
    costs: Costs,
    shelves: Shelves | None,
    *,
    without: Collection[int] = (),
    unit_price: UnitPrice | None = None,
    parcel_price: Sequence[float] | None = None,
) -> Way:
    """The best way to ship order n.

    Args:
        measure: Of all orders.
        n: Which.
        costs: Its estimates.
        shelves: What is left; None for no limits at all.
        without: Sites that may not ship it.
        unit_price: On top, of goods that are scarce.
        parcel_price: [W] on top, of sites that are full.
    """
    portions = measure.portions[n]
    width = len(measure.land.sites)
    forbidden = set(without)
    on_top = [
        [sum(unit_price(k, w) * u for k, u in one.parts) for w in range(width)]
        if unit_price
        else [0.0] * width
        for one in portions
    ]
    top_parcel = list(parcel_price) if parcel_price is not None else [0.0] * width
    price = [
        [float("inf") if w in forbidden else costs.line[at][w] + on_top[at][w] for w in range(width)]
        for at in range(len(portions))
    ]
    parcel = [costs.parcel[w] + top_parcel[w] for w in range(width)]
    waiting = [float(measure.waiting[n]) * one.units for one in portions]
    least = [min([waiting[at], *price[at]]) for at in range(len(portions))]
    rest = [0.0] * (len(portions) + 1)
    for at in reversed(range(len(portions))):
        rest[at] = rest[at + 1] + least[at]
    nothing = tuple([-1] * len(portions))
    search = _Search(
        measure,
        n,
        portions,
        price,
        parcel,
        waiting,
        rest,
        float(measure.money[n]) * measure.land.orders[n].rules.prices.split,
        shelves,
        on_top,
        top_parcel,
        [],
        nothing,
        measure.order(n, nothing)[0],
    )
    _try_single_sites(search)
    _descend(search, 0, 0.0, {})
    return Way(search.best, search.total, search.steps < MOST_STEPS)


def _try_single_sites(search: _Search) -> None:
    """A good way to begin with, so that most branches end early."""
    whole = [(sum(one[w] for one in search.price) + search.parcel[w], w) for w in range(len(search.parcel))]
    for estimate, w in sorted(whole):
        if estimate >= search.total:
            return
        sites = [w] * len(search.portions)
        if search.shelves is None or _fits(search, w):
            _note(search, sites)


def _fits(search: _Search, w: int) -> bool:
    needed: dict[int, int] = {}
    for portion in search.portions:
        for k, units in portion.parts:
            needed[k] = needed.get(k, 0) + units
    shelves = search.shelves
    return shelves is None or (
        shelves.room[w] > 0 and all(shelves.units[k][w] >= units for k, units in needed.items())
    )


def _note(search: _Search, sites: Sequence[int]) -> None:
    """Remember a complete way if it is the best so far."""
    if search.measure.all_or_nothing[search.n] and -1 in sites and any(w >= 0 for w in sites):
        return
    total = search.measure.order(search.n, sites)[0]
    total += sum(search.on_top[at][w] for at, w in enumerate(sites) if w >= 0)
    total += sum(search.on_top_parcel[w] for w in {one for one in sites if one >= 0})
    if total < search.total - 1e-9:
        search.total, search.best = total, tuple(sites)


def _descend(search: _Search, at: int, cost: float, opened: dict[int, int]) -> None:
    """Decide portion `at` and all after it; `cost` is a lower estimate of those before."""
    search.steps += 1
    if search.steps >= MOST_STEPS or cost + search.least_rest[at] >= search.total - 1e-9:
        return
    if at == len(search.portions):
        _note(search, search.chosen)
        return
    portion = search.portions[at]
    shelves = search.shelves
    twin = at > 0 and search.portions[at - 1] == portion
    most = search.measure.most[search.n]
    further = search.split if opened else 0.0
    ways: list[tuple[float, int]] = [
        (search.price[at][w] + (0.0 if w in opened else search.parcel[w] + further), w)
        for w in range(len(search.parcel))
        if search.price[at][w] != float("inf")
        and (w in opened or (len(opened) < most and (shelves is None or shelves.room[w] > 0)))
        and (shelves is None or all(shelves.units[k][w] >= units for k, units in portion.parts))
    ]
    ways.append((search.waiting[at], -1))
    for price, w in sorted(ways):
        if twin and _rank(w) < _rank(search.chosen[at - 1]):
            continue  # the same way with two equal portions exchanged
        search.chosen.append(w)
        if w >= 0:
            opened[w] = opened.get(w, 0) + 1
            if shelves is not None:
                for k, units in portion.parts:
                    shelves.units[k][w] -= units
        _descend(search, at + 1, cost + price, opened)
        search.chosen.pop()
        if w >= 0:
            opened[w] -= 1
            if not opened[w]:
                del opened[w]
            if shelves is not None:
                for k, units in portion.parts:
                    shelves.units[k][w] += units


def _rank(w: int) -> int:
    return w if w >= 0 else 1 << 30
