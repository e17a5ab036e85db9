"""What buyers and the merchant do to orders after they are placed: pay late, cancel, edit, send back."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox.world import ShopOrder, World

REASONS = ("wrong_item", "wrong_item", "damaged", "not_as_described", "unwanted", "unwanted", "other")
REGRET = (5, 45)
"""Minutes within which buyers cancel and edit. No warehouse picks sooner than 80 minutes after it got a
picklist, so a hub that looks once an hour is always in time."""
Deed = Callable[[ShopOrder], str | None]
"""Something done to an order; returns what to count it as, or None if it could not be done any more."""


class Fates:
    """Decides each order's fate when it first sees the order, and lets it happen in time."""

    def __init__(self, world: World, *, fickle: bool, late_cancellations: bool) -> None:
        self._world = world
        self._fickle = fickle
        self._late = late_cancellations
        self._decided = 0
        self._due: list[tuple[datetime, ShopOrder, Deed]] = []

    def happen(self, events: Counter[str]) -> None:
        """Let everything happen that is due by now."""
        orders = list(self._world.orders.values())
        for order in orders[self._decided :]:
            self._decide(order)
        self._decided = len(orders)
        due = [item for item in self._due if item[0] <= self._world.now]
        self._due = [item for item in self._due if item[0] > self._world.now]
        for _, order, deed in sorted(due, key=lambda item: (item[0], item[1].channel, item[1].serial)):
            if done := deed(order):
                events[done] += 1

    def parcel_arrived(self, order: ShopOrder, tracking_number: str) -> None:
        """A parcel reached its buyer, who may pay the driver, and may not like what is inside."""
        if order.payment_mode == "cash_on_delivery" and order.payment == "pending":
            self._world.pay(order)
        random = self._world.draw("return", order.channel, order.serial, tracking_number)
        if self._fickle and random.random() < 0.08:
            self._plan(order, timedelta(hours=random.uniform(20, 90)), self._send_back)

    def _decide(self, order: ShopOrder) -> None:
        random = self._world.draw("fate", order.channel, order.serial)
        age = self._world.now - order.placed_at
        pays_later = order.payment == "pending" and order.payment_mode != "cash_on_delivery"
        if pays_later and random.random() < 0.85:
            self._plan(order, timedelta(hours=random.uniform(2, 20)) - age, self._pay)
        elif pays_later:
            self._plan(order, timedelta(hours=random.uniform(24, 40)) - age, self._cancel)
        if order.by_channel:
            self._plan(order, timedelta(hours=random.uniform(22, 40)) - age, self._ship_by_channel)
            return
        if any(not line.requires_shipping for line in order.lines):
            self._plan(order, timedelta(minutes=2) - age, self._send_download)
        luck = random.random()
        soon = timedelta(minutes=random.uniform(*REGRET)) - age
        if not self._fickle:
            return
        if luck < 0.05:
            self._plan(order, soon, self._cancel)
        elif luck < 0.10:
            self._plan(order, soon, self._take_one_away)
        elif luck < 0.14 and self._late:
            self._plan(order, timedelta(hours=random.uniform(3, 8)) - age, self._cancel_whatever_happened)

    def _plan(self, order: ShopOrder, after: timedelta, deed: Deed) -> None:
        self._due.append((self._world.now + after, order, deed))

    def _pay(self, order: ShopOrder) -> str | None:
        if order.cancelled_at or order.payment != "pending":
            return None
        self._world.pay(order)
        return "paid"

    def _cancel(self, order: ShopOrder) -> str | None:
        return None if order.cancelled_at or order.told else self._cancel_whatever_happened(order)

    def _cancel_whatever_happened(self, order: ShopOrder) -> str | None:
        if order.cancelled_at:
            return None
        self._world.cancel(order)
        return "cancelled"

    def _take_one_away(self, order: ShopOrder) -> str | None:
        """The buyer takes one unit away, but never the last one of the order."""
        if order.cancelled_at or order.told or sum(line.current for line in order.lines) < 2:
            return None
        line = max(order.lines, key=lambda line: line.current)
        self._world.remove_units(order, line.line_id, 1)
        return "edited"

    def _send_download(self, order: ShopOrder) -> str | None:
        """A shop serves downloads by itself, once they are paid."""
        if order.cancelled_at:
            return None
        if order.payment == "pending":
            self._plan(order, timedelta(hours=1), self._send_download)
            return None
        units = {line.line_id: line.current for line in order.lines if not line.requires_shipping}
        self._world.tell(
            order, {line: count for line, count in units.items() if count}, None, None, by_hub=False
        )
        return "downloaded"

    def _ship_by_channel(self, order: ShopOrder) -> str | None:
        if order.cancelled_at:
            return None
        if order.payment == "pending":
            self._plan(order, timedelta(hours=6), self._ship_by_channel)
            return None
        number = f"Q{order.serial:011d}"
        units = {line.line_id: line.current for line in order.lines if line.current}
        self._world.tell(order, units, "AMZN_UK", number, by_hub=False)
        return "shipped_by_channel"

    def _send_back(self, order: ShopOrder) -> str | None:
        """One unit of a fulfilled line comes back, and its price with it; the goods go back on a shelf."""
        lines = [
            line
            for line in order.lines
            if line.requires_shipping and min(line.current, order.told_units(line.line_id)) > line.refunded
        ]
        if not lines:
            return None
        random = self._world.draw("reason", order.channel, order.serial)
        line = random.choice(lines)
        self._world.refund(order, {line.line_id: 1}, random.choice(REASONS), restock=True)
        for sku, units in self._world.components(order.channel, line.channel_sku).items():
            site = next(site for site in self._world.sites.values() if site.stock.get(sku))
            site.stock[sku][-1].on_hand += units
        return "sent_back"
