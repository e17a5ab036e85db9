"""Fulfilment orders: which location is to ship what of an order, as Shopify keeps it beside the order."""

from dataclasses import dataclass, field

from sandbox.world import ShopOrder

HOME = 1
"""The location that new orders are assigned to."""


@dataclass(slots=True)
class Work:
    """A fulfilment order. `remaining` are units by line id; `line_ids` its own ids of its lines."""

    id: str
    location: int
    status: str = "OPEN"
    remaining: dict[str, int] = field(default_factory=dict)
    line_ids: dict[str, str] = field(default_factory=dict)

    @property
    def location_id(self) -> str:
        """The location's gid."""
        return f"gid://shopify/Location/{self.location}"

    def take(self, units: dict[str, int]) -> None:
        """Units are fulfilled."""
        for line_id, count in units.items():
            self.remaining[line_id] -= count


class Works:
    """The fulfilment orders of one shop, made when an order is first asked for."""

    def __init__(self) -> None:
        self._of: dict[str, list[Work]] = {}

    def of(self, order: ShopOrder) -> list[Work]:
        """An order's fulfilment orders, brought up to what the order is now."""
        works = self._of.setdefault(order.external_id, [])
        if not works:
            work = self._open(order, works, HOME)
            for line in order.lines:
                if line.requires_shipping:
                    self._put(order, work, line.line_id, line.quantity)
        for line in order.lines:
            if not line.requires_shipping:
                continue
            wanted = max(line.current - order.told_units(line.line_id), 0)
            surplus = sum(work.remaining.get(line.line_id, 0) for work in works) - wanted
            for work in reversed(works):
                less = min(surplus, work.remaining.get(line.line_id, 0))
                if less > 0:
                    work.remaining[line.line_id] -= less
                    surplus -= less
            if surplus < 0:
                self._put(order, works[0], line.line_id, -surplus)
        for work in works:
            if not any(work.remaining.values()):
                work.status = "CLOSED"  # of a cancelled order too (recorded)
            elif work.status == "CLOSED":
                work.status = "OPEN"
        return works

    def move(self, order: ShopOrder, line_id: str, units: int, location: int) -> Work:
        """Units of a line go to another location: a further fulfilment order."""
        works = self.of(order)
        work = self._open(order, works, location)
        works[0].remaining[line_id] -= units
        self._put(order, work, line_id, units)
        return work

    def hold(self, order: ShopOrder) -> None:
        """Nothing of the order may be fulfilled for now."""
        for work in self.of(order):
            if work.status == "OPEN":
                work.status = "ON_HOLD"

    def _open(self, order: ShopOrder, works: list[Work], location: int) -> Work:
        work = Work(f"gid://shopify/FulfillmentOrder/{order.serial}{len(works):02d}", location)
        works.append(work)
        return work

    def _put(self, order: ShopOrder, work: Work, line_id: str, units: int) -> None:
        work.remaining[line_id] = work.remaining.get(line_id, 0) + units
        number = f"{work.id.rsplit('/', 1)[-1]}{[line.line_id for line in order.lines].index(line_id):03d}"
        work.line_ids[line_id] = f"gid://shopify/FulfillmentOrderLineItem/{number}"
