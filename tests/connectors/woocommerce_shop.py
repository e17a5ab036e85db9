"""A world with one WooCommerce account or shop, and a connector that talks to it."""

from datetime import datetime, timedelta

import msgspec
import responses
from msgspec import UNSET

from connectors.channels.woocommerce import WooCommerce
from connectors.contract import Outcome, Window
from connectors.runtime import Runtime
from normalization.channels import woocommerce as mapping
from normalization.records import (
    Cancellation,
    CanonicalOrder,
    LineCancellation,
    LineQuantity,
    OrderLine,
    ShipmentConfirmation,
)
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.orders import ShopOrder
from sandbox.vendors.woocommerce import WooCommerceVendor
from sandbox.world import START, World

BASE = "https://shop.test"
CHANNEL = "woo-de"
PLAIN = Wish(payment="captured", payment_mode="card")


class WorldClock:
    """The world's time; waits are only written down."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Shop:
    """A world with one WooCommerce shop, and a connector that talks to it."""

    def __init__(self, mock: responses.RequestsMock, start: datetime = START, **kind: bool | str) -> None:
        self.world = build_world(7, start=start, plenty=True)
        self.vendor = WooCommerceVendor(self.world, CHANNEL, **kind)  # type: ignore[arg-type]
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.clock = WorldClock(self.world)
        self.start = start
        self.connector = self.connect()

    def connect(self, **secrets: str) -> WooCommerce:
        runtime = Runtime(clock=self.clock)
        return WooCommerce(CHANNEL, {"base_url": BASE}, {**self.vendor.secrets, **secrets}, runtime)

    def place(self, count: int, wish: Wish = PLAIN) -> list[ShopOrder]:
        return [place_order(self.world, CHANNEL, wish) for _ in range(count)]

    def wait(self, minutes: float) -> None:
        self.world.now += timedelta(minutes=minutes)

    def read(self, stream: str = "orders", since: datetime | None = None) -> dict[str, CanonicalOrder]:
        found = {}
        for page in self.connector.read(stream, Window(since or self.start, self.world.now)):
            for record in page.records:
                order = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
                assert order.external_id == record.external_id
                assert order.external_id not in found
                found[order.external_id] = order
        return found

    def read_one(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def body(self, order: ShopOrder, **other: object) -> object:
        confirmation = ShipmentConfirmation(
            reference=f"{CHANNEL}/{order.external_id}/1",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=tuple(LineQuantity(line_id=line.line_id, quantity=line.current) for line in order.lines),
            carrier="UPS",
            tracking_number="1Z999AA10123456784",
            shipped_at=self.world.now,
            complete=True,
        )
        return mapping.confirm_shipment(msgspec.structs.replace(confirmation, **other))

    def tell(self, order: ShopOrder, **other: object) -> Outcome:
        return self.connector.write("confirm_shipment", self.body(order, **other), "r").outcome

    def give_up(self, order: ShopOrder, *, whole: bool = True) -> Outcome:
        """Have all units of the first line, or of all lines, cancelled."""
        lines = order.lines if whole else order.lines[:1]
        cancellation = Cancellation(
            reference=f"{CHANNEL}:{order.external_id}:cancel-1",
            external_id=order.external_id,
            number=order.number,
            lines=tuple(
                LineCancellation(line_id=line.line_id, units=line.current, remaining=0) for line in lines
            ),
            reason="out of stock since 2026-10-01",
            whole=whole,
        )
        return self.connector.write("cancel_lines", mapping.cancel_lines(cancellation), "c").outcome

    def count(self, method: str, ending: str) -> int:
        return sum(
            one.request.method == method and one.request.path.endswith(ending) for one in self.exchanges
        )


def lines_of(order: CanonicalOrder) -> tuple[OrderLine, ...]:
    assert order.lines is not UNSET
    return order.lines


def assert_like_the_world(told: CanonicalOrder, real: ShopOrder) -> None:
    assert told.totals is not UNSET
    assert told.shipping is not UNSET
    assert told.charges is not UNSET
    assert (told.totals.total.minor, told.currency) == (real.total(), real.currency)
    for line, sold in zip(lines_of(told), real.lines, strict=True):
        amounts = sold.amounts(real.taxes_included)
        assert (line.line_id, line.sku) == (sold.line_id, sold.channel_sku)
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
        assert (line.net.minor, line.tax.minor, line.total.minor) == (amounts.net, amounts.tax, amounts.total)
        assert (line.gross.minor, line.discount.minor) == (amounts.gross, amounts.discount)
        assert line.returned == sold.returned
    sums = sum(line.total.minor for line in (*lines_of(told), *told.shipping, *told.charges))
    assert sums == told.totals.total.minor
