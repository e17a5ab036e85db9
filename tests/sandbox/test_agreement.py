"""Each channel, read through its own connector and mapping, says of its orders what the world knows of them.

A misunderstanding that imitation and mapping share is caught by the recorded payloads; one that they do
not share is caught here.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import UNSET

from connectors.contract import Connector, Outcome, ReadMode, Window
from connectors.registry import connect
from connectors.runtime import Runtime
from normalization.money import Money
from normalization.records import CanonicalOrder, LineQuantity, ShipmentConfirmation
from normalization.registry import Context, channel
from normalization.statuses import FulfilledBy, PaymentMode, PaymentState, ReturnReason
from sandbox.access import access
from sandbox.buyers import Wish, place_order
from sandbox.ledger import LineFigures, OrderFigures, ledger
from sandbox.merchant import build_world
from sandbox.registry import CHANNELS, open_vendors
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.world import START, ShopOrder, World

COUNT = 40
PAID = (PaymentState.CAPTURED, PaymentState.AUTHORIZED)
"""Amazon takes the money when the goods leave; until then it is authorized."""
READY = Wish(
    lines=[("SPOON-BRASS", 2), ("WHISK-BAMBOO", 1)], payment="captured", payment_mode="card", by_channel=False
)


class WorldClock:
    """The world's time; pauses are short and real."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))


@dataclass
class Channel:
    """One channel of a running sandbox with the connector that reads it."""

    name: str
    sandbox: Sandbox
    connector: Connector

    @property
    def world(self) -> World:
        return self.sandbox.world

    def wait(self, delta: timedelta) -> None:
        self.sandbox.simulation.advance(delta)

    def read(self) -> dict[str, CanonicalOrder]:
        """Everything that the channel's streams of changes and open orders show; the newest wins."""
        found: dict[str, CanonicalOrder] = {}
        window = Window(START - timedelta(hours=1), self.world.now + timedelta(minutes=1))
        for stream in self.connector.streams.values():
            if stream.mode in (ReadMode.CHANGES, ReadMode.SNAPSHOT):
                for page in self.connector.read(stream.name, window):
                    for record in page.records:
                        context = Context(self.name, page.observed_at)
                        order = channel(CHANNELS[self.name]).order(record.payload, context)
                        assert order.external_id == record.external_id
                        found[order.external_id] = order
        return found

    def read_each(self) -> dict[str, CanonicalOrder]:
        """Every order of the world, asked for by its id."""
        found = {}
        for order in self.world.orders_of(self.name):
            page = self.connector.read_one("orders", order.external_id)
            (record,) = page.records
            context = Context(self.name, page.observed_at)
            found[order.external_id] = channel(CHANNELS[self.name]).order(record.payload, context)
        return found

    def confirm(self, order: ShopOrder, seen: CanonicalOrder, units: dict[str, int], number: str) -> None:
        """Tell the channel of a parcel."""
        told = sum(order.told_units(line.line_id) for line in order.lines) + sum(units.values())
        confirmation = ShipmentConfirmation(
            reference=f"{self.name}/{order.number}/{len(order.told) + 1}",
            external_id=order.external_id,
            number=order.number,
            sequence=len(order.told) + 1,
            lines=tuple(LineQuantity(line_id=line, quantity=count) for line, count in units.items()),
            carrier="DHL",
            tracking_number=number,
            shipped_at=self.world.now,
            complete=told == sum(line.current for line in order.lines if line.requires_shipping),
            confirmation_ref=seen.confirmation_ref,
        )
        body = channel(CHANNELS[self.name]).confirm_shipment(confirmation)
        result = self.connector.write("confirm_shipment", body, confirmation.reference)
        assert result.outcome is Outcome.APPLIED, result.reason


@pytest.fixture(params=list(CHANNELS))
def shop(request: pytest.FixtureRequest) -> Iterator[Channel]:
    world = build_world(21, plenty=True)
    vendors = open_vendors(world, [request.param])
    simulation = Simulation(world)
    with Sandbox(world=world, vendors=vendors, simulation=simulation) as sandbox:
        there = access(sandbox.url)[request.param]
        runtime = Runtime(clock=WorldClock(world))
        connector = connect(there.vendor, there.connection, there.settings, there.secrets, runtime)
        yield Channel(request.param, sandbox, connector)


def seen_as(order: CanonicalOrder, truth: OrderFigures) -> OrderFigures:
    """A canonical order in the ledger's figures; what no channel knows is taken from the truth."""
    assert order.lines is not UNSET
    assert order.totals is not UNSET
    known = {line["line_id"]: line for line in truth["lines"]}
    lines = [
        LineFigures(
            line_id=line.line_id,
            channel_sku=line.sku or "",
            ordered=line.ordered,
            cancelled=line.cancelled,
            shipped=known[line.line_id]["shipped"],
            delivered=known[line.line_id]["delivered"],
            confirmed=known[line.line_id]["confirmed"],
            returned=known[line.line_id]["returned"],
            total=line.total.minor,
        )
        for line in order.lines
        if line.line_id in known
    ]
    return OrderFigures(
        connection=order.connection,
        external_id=order.external_id,
        currency=order.currency,
        total=order.totals.total.minor,
        refunded=truth["refunded"],
        tracking_numbers=truth["tracking_numbers"],
        told_tracking_numbers=truth["told_tracking_numbers"],
        lines=lines,
    )


def test_what_was_ordered_cancelled_and_paid_is_read_as_it_is(shop: Channel) -> None:
    for _ in range(COUNT):
        place_order(shop.world, shop.name)
        shop.wait(timedelta(minutes=10))
    shop.wait(timedelta(hours=48))
    truth = {order["external_id"]: order for order in ledger(shop.world)["orders"]}
    seen = shop.read_each()
    assert {key: seen_as(seen[key], truth[key]) for key in truth} == truth
    assert any(line["cancelled"] for order in truth.values() for line in order["lines"])
    assert not [warning for order in seen.values() for warning in order.warnings]


def test_a_list_shows_every_order_that_was_ever_changed(shop: Channel) -> None:
    for _ in range(COUNT):
        place_order(shop.world, shop.name)
    shop.wait(timedelta(hours=3))
    assert set(shop.read()) == {order.external_id for order in shop.world.orders_of(shop.name)}


def test_sums_agree_to_the_minor_unit_also_with_odd_discounts(shop: Channel) -> None:
    for cents in range(1, 20):
        wish = Wish(discount_rate=Decimal(cents) / 53, payment="captured", by_channel=False)
        place_order(shop.world, shop.name, wish)
    shop.wait(timedelta(minutes=30))
    truth = {order["external_id"]: order for order in ledger(shop.world)["orders"]}
    assert {key: seen_as(order, truth[key]) for key, order in shop.read_each().items()} == truth


def test_confirmed_units_are_read_back_as_fulfilled(shop: Channel) -> None:
    order = place_order(shop.world, shop.name, READY)
    shop.wait(timedelta(minutes=20))
    seen = shop.read_each()[order.external_id]
    first, second = (line.line_id for line in order.lines)
    shop.confirm(order, seen, {first: 2, second: 1}, "JD014600003333")
    assert [order.told_units(line.line_id) for line in order.lines] == [2, 1]
    assert [told.tracking_number for told in order.told] == ["JD014600003333"]
    again = shop.read_each()[order.external_id]
    assert again.lines is not UNSET
    if CHANNELS[shop.name] != "woocommerce":  # its core keeps no quantities of what was fulfilled
        assert {line.line_id: line.fulfilled for line in again.lines} == {first: 2, second: 1}


def test_payment_is_read_as_it_is(shop: Channel) -> None:
    late = place_order(shop.world, shop.name, Wish(payment="pending", payment_mode="card"))
    paid = place_order(shop.world, shop.name, Wish(payment="captured", payment_mode="card"))
    shop.wait(timedelta(minutes=20))
    seen = shop.read_each()
    assert seen[late.external_id].payment_state is PaymentState.PENDING
    assert seen[paid.external_id].payment_state in PAID
    shop.world.pay(late)
    shop.wait(timedelta(minutes=20))
    assert shop.read()[late.external_id].payment_state in PAID
    assert seen[paid.external_id].payment_mode is not PaymentMode.UNKNOWN


@pytest.mark.parametrize("shop", [name for name in CHANNELS if name != "amazon-uk"], indirect=True)
def test_refunds_and_returns_are_read_as_they_are(shop: Channel) -> None:
    order = place_order(shop.world, shop.name, READY)
    first, _ = (line.line_id for line in order.lines)
    shop.wait(timedelta(hours=1))
    shop.world.tell(order, {first: 2}, "DHL", "JD014600003333")
    shop.wait(timedelta(days=2))
    refund = shop.world.refund(order, {first: 1}, "wrong_item", restock=True)
    shop.wait(timedelta(minutes=20))
    seen = shop.read()[order.external_id]
    assert seen.totals is not UNSET
    assert seen.lines is not UNSET
    assert seen.totals.refunded.minor == refund.amount
    assert seen.refunds
    assert seen.refunds[0].amount.minor == refund.amount
    assert [(line.line_id, line.quantity) for line in seen.refunds[0].lines] == [(first, 1)]
    if shop.name == "shopify-eu":  # refunds elsewhere say nothing of goods
        assert {line.line_id: line.returned for line in seen.lines}[first] == 1


@pytest.mark.parametrize("shop", ["shopify-eu"], indirect=True)
@pytest.mark.parametrize("status", ["REQUESTED", "DECLINED", "CANCELED"])
def test_a_return_that_never_came_about_returns_no_unit(shop: Channel, status: str) -> None:
    order = place_order(shop.world, shop.name, READY)
    first, _ = (line.line_id for line in order.lines)
    shop.wait(timedelta(hours=1))
    shop.world.tell(order, {first: 2}, "DHL", "JD014600003333")
    shop.world.ask_back(order, {first: 1}, "wrong_item", status)
    shop.wait(timedelta(minutes=20))
    seen = shop.read()[order.external_id]
    assert seen.lines is not UNSET
    assert seen.returns is not UNSET
    (asked,) = seen.returns
    assert (asked.state, asked.reason) == (status.lower(), ReturnReason.WRONG_ITEM)
    assert [line.returned for line in seen.lines] == [0, 0]


@pytest.mark.parametrize("shop", ["vendure-us"], indirect=True)
def test_yen_are_read_as_yen(shop: Channel) -> None:
    order = place_order(shop.world, shop.name, replace(READY, country="CA", shipping=0))
    order.currency = "JPY"
    shop.wait(timedelta(hours=1))
    shop.world.refund(order, {order.lines[0].line_id: 1}, "damaged")
    shop.wait(timedelta(minutes=20))
    (truth,) = ledger(shop.world)["orders"]
    seen = shop.read_each()[order.external_id]
    assert seen_as(seen, truth) == truth
    assert seen.totals is not UNSET
    assert seen.totals.total == Money(order.total(), "JPY")
    assert seen.totals.refunded == Money(order.refunds[0].amount, "JPY")
    (page,) = shop.connector.read("orders", Window(START - timedelta(hours=1), shop.world.now))
    assert json.loads(page.records[0].payload)["totalWithTax"] == 100 * order.total()


@pytest.mark.parametrize("shop", ["amazon-uk"], indirect=True)
def test_an_order_that_the_channel_ships_is_not_the_merchant_s(shop: Channel) -> None:
    theirs = place_order(shop.world, shop.name, Wish(by_channel=True, payment="captured"))
    ours = place_order(shop.world, shop.name, Wish(by_channel=False, payment="captured"))
    shop.wait(timedelta(minutes=20))
    seen = shop.read_each()
    assert seen[theirs.external_id].fulfilled_by is FulfilledBy.CHANNEL
    assert seen[ours.external_id].fulfilled_by is FulfilledBy.MERCHANT


def test_the_address_is_read_as_it_is(shop: Channel) -> None:
    for _ in range(15):
        place_order(shop.world, shop.name, Wish(payment="captured", by_channel=False))
    shop.wait(timedelta(minutes=4))
    for external_id, order in shop.read_each().items():
        home = shop.world.orders[shop.name, external_id].ship_to
        assert order.ship_to
        assert (order.ship_to.name, order.ship_to.street, order.ship_to.postal_code) == (
            home.name,
            home.street,
            home.postal_code,
        )
        assert (order.ship_to.city, order.ship_to.country_code) == (home.city, home.country_code)
