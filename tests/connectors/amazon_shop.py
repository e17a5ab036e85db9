"""A world with one Amazon account or shop, and a connector that talks to it."""

from datetime import datetime, timedelta

import msgspec
import responses
from msgspec import UNSET

from connectors.channels.amazon import Amazon
from connectors.contract import Window
from connectors.runtime import MemoryTokens, Runtime
from normalization.channels import amazon as mapping
from normalization.records import CanonicalOrder, LineQuantity, OrderLine, ShipmentConfirmation
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.orders import ShopOrder
from sandbox.vendors.amazon import AmazonVendor
from sandbox.world import START, World

BASE = "https://amazon.test/sp"
CHANNEL = "amazon-uk"
PLAIN = Wish(by_channel=False, payment="captured", payment_mode="marketplace")


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
    """A world with one Amazon account, its vendor, and a connector that talks to it."""

    def __init__(self, mock: responses.RequestsMock, **kind: object) -> None:
        self.world = build_world(7)
        self.vendor = AmazonVendor(self.world, CHANNEL, **kind)  # type: ignore[arg-type]
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.clock = WorldClock(self.world)
        self.tokens = MemoryTokens()
        self.connector = self.connect()

    def connect(self, **secrets: str) -> Amazon:
        settings = {
            "base_url": BASE,
            "token_url": f"{BASE}/auth/o2/token",
            "marketplace_ids": "A1F83G8C2ARO7P, A28R8C7NBKEWEA",
        }
        runtime = Runtime(clock=self.clock, tokens=self.tokens)
        return Amazon(CHANNEL, settings, {**self.vendor.secrets, **secrets}, runtime)

    def place(self, count: int, wish: Wish = PLAIN) -> list[ShopOrder]:
        return [place_order(self.world, CHANNEL, wish) for _ in range(count)]

    def wait(self, minutes: float) -> None:
        self.world.now += timedelta(minutes=minutes)

    def window(self, since: datetime = START) -> Window:
        return Window(since, self.world.now)

    def read(self, stream: str = "orders", since: datetime = START) -> dict[str, CanonicalOrder]:
        found = {}
        for page in self.connector.read(stream, self.window(since)):
            for record in page.records:
                order = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
                assert order.external_id == record.external_id
                assert order.external_id not in found
                found[order.external_id] = order
        return found

    def read_one(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def confirm(self, order: ShopOrder, units: dict[str, int], **other: object) -> ShipmentConfirmation:
        confirmation = ShipmentConfirmation(
            reference=f"{CHANNEL}/{order.external_id}/1",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=tuple(LineQuantity(line_id=line, quantity=count) for line, count in units.items()),
            carrier="UPS",
            tracking_number="1Z999AA10123456784",
            shipped_at=self.world.now,
            complete=True,
            confirmation_ref="A1F83G8C2ARO7P",
        )
        return msgspec.structs.replace(confirmation, **other)


def lines_of(order: CanonicalOrder) -> tuple[OrderLine, ...]:
    assert order.lines is not UNSET
    return order.lines


def assert_like_the_world(told: CanonicalOrder, real: ShopOrder) -> None:
    assert told.totals is not UNSET
    assert told.shipping is not UNSET
    assert told.totals.total.minor == real.total()
    assert told.currency == real.currency
    for line, sold in zip(lines_of(told), real.lines, strict=True):
        amounts = sold.amounts(real.taxes_included)
        assert (line.line_id, line.sku) == (sold.line_id, sold.channel_sku)
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
        assert line.fulfilled == real.told_units(sold.line_id)
        assert (line.net.minor, line.tax.minor, line.total.minor) == (amounts.net, amounts.tax, amounts.total)
        assert line.gross - line.discount == line.net
    assert sum(line.total.minor for line in told.shipping) == real.shipping_amounts().total
