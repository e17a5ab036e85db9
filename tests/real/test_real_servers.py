"""The connectors and mappings between a real Vendure and a real Tryton."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.channels.vendure import Vendure
from connectors.contract import Outcome, Window, WriteResult
from connectors.runtime import Runtime
from connectors.wms.tryton import Tryton
from normalization.channels import vendure as channel
from normalization.records import (
    Address,
    Cancellation,
    CanonicalOrder,
    Charge,
    LineCancellation,
    LineQuantity,
    OrderLine,
    Payment,
    Picklist,
    PicklistLine,
    ShipmentConfirmation,
    ShippingLine,
    StockLevel,
    WmsParcel,
    WmsShipment,
)
from normalization.registry import Context
from normalization.statuses import ChannelState, PaymentMode, PaymentState, WmsState
from normalization.wms import tryton as warehouse
from tests.real.servers import Servers
from tests.real.shop_api import Session, Shop
from tests.real.shop_owner import order as order_in
from tests.real.shop_owner import settle
from tests.real.wms_floor import Floor

pytestmark = pytest.mark.real

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def vendure(servers: Servers) -> Vendure:
    settings, secrets = servers.shop_connection()
    return Vendure("shop", settings, secrets, Runtime())


@pytest.fixture(scope="module")
def tryton(servers: Servers) -> Tryton:
    settings, secrets = servers.wms_connection()
    return Tryton("wms", settings, secrets, Runtime())


@pytest.fixture(scope="module")
def owner(servers: Servers) -> Session:
    return Shop(servers.shop_url).owner(servers.shop_user, servers.shop_password)


@pytest.fixture
def floor(servers: Servers) -> Floor:
    return Floor(servers)


def buy(servers: Servers, owner: Session, **wishes: int) -> str:
    goods = {sku.replace("_", "-"): units for sku, units in wishes.items()}
    return Shop(servers.shop_url).check_out(goods, owner)


def read_orders(vendure: Vendure, stream: str, since: datetime) -> dict[str, CanonicalOrder]:
    window = Window(since, datetime.now(UTC) + timedelta(seconds=5))
    return {
        record.external_id: channel.order(record.payload, Context("shop", page.observed_at))
        for page in vendure.read(stream, window)
        for record in page.records
    }


def shipment_of(tryton: Tryton, wms_id: str) -> WmsShipment:
    page = tryton.read_one("shipments", wms_id)
    return warehouse.shipment(page.records[0].payload, Context("wms", page.observed_at))


def stock_of(tryton: Tryton) -> dict[tuple[str, str | None, str | None], int]:
    now = datetime.now(UTC)
    levels: list[StockLevel] = [
        level
        for page in tryton.read("stock", Window(now - DAY, now))
        for record in page.records
        for level in warehouse.stock(record.payload, Context("wms", page.observed_at))
    ]
    return {(level.sku, level.bin, level.lot): level.on_hand for level in levels}


def picklist_for(reference: str, order: CanonicalOrder) -> Picklist:
    assert isinstance(order.lines, tuple)
    assert isinstance(order.ship_to, Address)
    lines = tuple(
        PicklistLine(
            line_id=line.line_id, sku=line.sku or "", quantity=line.ordered, unit_price=line.unit_price
        )
        for line in order.lines
    )
    return Picklist(
        reference=reference,
        warehouse="BOS",
        site="WH",
        order_number=order.number,
        placed_at=order.placed_at,
        lines=lines,
        ship_to=order.ship_to,
        ship_by=datetime.now(UTC) + DAY,
    )


def test_an_order_goes_from_vendure_through_tryton_and_back(
    servers: Servers, vendure: Vendure, tryton: Tryton, owner: Session, floor: Floor
) -> None:
    order_id = buy(servers, owner, MUG_BLUE=2, TEA_GREEN=35)
    order = read_orders(vendure, "orders", datetime.now(UTC) - timedelta(minutes=5))[order_id]
    assert order.state is ChannelState.OPEN
    assert order.payment_mode is PaymentMode.CARD
    assert order.payment_state is PaymentState.AUTHORIZED
    assert order.warnings == ()
    assert_sums_agree(order)

    body = warehouse.push_picklist(picklist_for("SHOP-1", order))
    pushed = tryton.write("push_picklist", body, "SHOP-1")
    again = tryton.write("push_picklist", body, "SHOP-1")
    assert pushed.outcome is Outcome.APPLIED
    assert (again, floor.references().count("SHOP-1")) == (pushed, 1)
    assert tryton.look_up("push_picklist", body, "SHOP-1") == pushed
    wms_id = pushed.vendor_ref or ""

    assigned = shipment_of(tryton, wms_id)
    assert (assigned.state, assigned.reference, assigned.site) == (WmsState.PICKING, "SHOP-1", "WH")
    assert isinstance(assigned.picks, tuple)
    picks = sorted((pick.sku, pick.quantity, pick.bin, pick.lot or "") for pick in assigned.picks)
    assert picks == [
        ("MUG-BLUE", 2, "A-01", ""),
        ("TEA-GREEN", 5, "A-02", "TEA-2602"),
        ("TEA-GREEN", 30, "A-02", "TEA-2601"),
    ]

    before = stock_of(tryton)
    floor.pick(wms_id)
    assert stock_of(tryton)["MUG-BLUE", "A-01", None] == before["MUG-BLUE", "A-01", None] - 2
    floor.pack(wms_id, "1Z0REAL0000000001")
    floor.ship(wms_id)

    shipped = shipment_of(tryton, wms_id)
    assert shipped.state is WmsState.SHIPPED
    assert shipped.version.key() > assigned.version.key()
    assert isinstance(shipped.parcels, tuple)
    (parcel,) = shipped.parcels
    assert (parcel.tracking_number, parcel.carrier) == ("1Z0REAL0000000001", "UPS")
    assert sum(line.quantity for line in parcel.lines) == 37

    settle(owner, order_id)
    told = confirm(vendure, order, parcel)
    assert told.outcome is Outcome.APPLIED
    seen = order_in(owner, order_id)
    assert seen["state"] == "Shipped"
    assert [(one["method"], one["trackingCode"]) for one in seen["fulfillments"]] == [
        ("UPS", "1Z0REAL0000000001")
    ]


def test_s47_a_payment_settled_later_arrives_though_updated_at_stands_still(
    servers: Servers, vendure: Vendure, owner: Session
) -> None:
    order_id = buy(servers, owner, BOOK_BIRDS=1)
    before = order_in(owner, order_id)
    settle(owner, order_id)
    after = order_in(owner, order_id)
    assert (after["state"], after["updatedAt"]) == ("PaymentSettled", before["updatedAt"])

    far = datetime.now(UTC) + DAY
    assert order_id not in read_orders(vendure, "orders", far)
    paid = read_orders(vendure, "orders_open", far)[order_id]
    assert paid.payment_state is PaymentState.CAPTURED
    assert isinstance(paid.payments, tuple)
    assert [(payment.mode, payment.state) for payment in payments_of(paid)] == [
        (PaymentMode.CARD, PaymentState.CAPTURED)
    ]


def test_units_that_wait_too_long_are_cancelled_once(
    servers: Servers, vendure: Vendure, owner: Session
) -> None:
    order_id = buy(servers, owner, BOOK_BIRDS=3, MUG_BLUE=1)
    settle(owner, order_id)
    before = order_in(owner, order_id)
    since = datetime.now(UTC) - timedelta(minutes=5)
    placed = read_orders(vendure, "orders", since)[order_id]
    books, mugs = sorted(lines_of(placed), key=lambda line: line.ordered, reverse=True)

    def cancel(**remaining: int) -> list[Outcome]:
        left = {books.line_id: remaining["books"], mugs.line_id: remaining["mugs"]}
        cancellation = Cancellation(
            reference=f"shop:{order_id}:cancel-1",
            external_id=order_id,
            number=placed.number,
            lines=tuple(
                LineCancellation(
                    line_id=line.line_id,
                    units=line.ordered - left[line.line_id],
                    remaining=left[line.line_id],
                )
                for line in (books, mugs)
            ),
            reason="out of stock since 2026-10-01",
            whole=not any(left.values()),
        )
        body = channel.cancel_lines(cancellation)
        return [vendure.write("cancel_lines", body, cancellation.reference).outcome for _ in range(2)]

    assert cancel(books=1, mugs=1) == [Outcome.APPLIED, Outcome.APPLIED]
    part = read_orders(vendure, "orders", since)[order_id]
    assert sorted((line.ordered, line.cancelled) for line in lines_of(part)) == [(1, 0), (3, 2)]
    assert part.state is ChannelState.OPEN
    assert part.updated_at
    assert placed.updated_at
    assert part.updated_at > placed.updated_at
    assert_sums_agree(part)
    assert order_in(owner, order_id)["state"] == before["state"] == "PaymentSettled"

    assert cancel(books=0, mugs=0) == [Outcome.APPLIED, Outcome.APPLIED]
    gone = read_orders(vendure, "orders", since)[order_id]
    assert [line.ordered - line.cancelled for line in lines_of(gone)] == [0, 0]
    assert gone.state is ChannelState.CANCELLED
    assert gone.totals
    assert (gone.totals.shipping.minor, gone.totals.total.minor) == (0, 0)
    assert_sums_agree(gone)
    assert order_in(owner, order_id)["payments"][0]["refunds"] == []


def test_units_of_a_fulfilment_are_not_cancelled(servers: Servers, vendure: Vendure, owner: Session) -> None:
    order_id = buy(servers, owner, BOOK_BIRDS=2)
    settle(owner, order_id)
    since = datetime.now(UTC) - timedelta(minutes=5)
    order = read_orders(vendure, "orders", since)[order_id]
    (line,) = lines_of(order)
    message = confirmation(order, [LineQuantity(line_id=line.line_id, quantity=1)], "UPS", "1Z0KEPT", 1)
    confirmed = vendure.write("confirm_shipment", channel.confirm_shipment(message), message.reference)
    assert confirmed.outcome is Outcome.APPLIED
    cancellation = Cancellation(
        reference=f"shop:{order_id}:cancel-1",
        external_id=order_id,
        number=order.number,
        lines=(LineCancellation(line_id=line.line_id, units=2, remaining=0),),
        reason="out of stock since 2026-10-01",
        whole=True,
    )
    body = channel.cancel_lines(cancellation)
    assert vendure.write("cancel_lines", body, cancellation.reference).outcome is Outcome.APPLIED
    left = read_orders(vendure, "orders", since)[order_id]
    assert [(one.ordered, one.cancelled, one.fulfilled) for one in lines_of(left)] == [(2, 1, 1)]
    assert left.totals
    assert left.totals.shipping.minor > 0
    assert order_in(owner, order_id)["state"] == "PartiallyShipped"  # cancelling does not make it Shipped


def test_a_confirmation_that_is_sent_again_makes_one_fulfilment(
    servers: Servers, vendure: Vendure, owner: Session
) -> None:
    order_id = buy(servers, owner, BOOK_BIRDS=2)
    order = read_orders(vendure, "orders", datetime.now(UTC) - timedelta(minutes=5))[order_id]
    settle(owner, order_id)  # before that, Vendure takes fulfilments but keeps the order's state
    (line,) = lines_of(order)
    message = confirmation(order, [LineQuantity(line_id=line.line_id, quantity=1)], "UPS", "1Z0PART", 1)
    body = channel.confirm_shipment(message)
    assert vendure.look_up("confirm_shipment", body, message.reference) is None
    first = vendure.write("confirm_shipment", body, message.reference)
    assert vendure.write("confirm_shipment", body, message.reference) == first
    assert vendure.look_up("confirm_shipment", body, message.reference) == first
    seen = order_in(owner, order_id)
    assert (seen["state"], len(seen["fulfillments"])) == ("PartiallyShipped", 1)


def test_a_picklist_that_is_short_waits_and_can_be_amended_and_cancelled(
    servers: Servers, vendure: Vendure, tryton: Tryton, owner: Session
) -> None:
    order_id = buy(servers, owner, BOOK_BIRDS=3)
    order = read_orders(vendure, "orders", datetime.now(UTC) - timedelta(minutes=5))[order_id]
    asked = picklist_for("SHOP-2", order)
    many = PicklistLine(line_id="1", sku="BOOK-BIRDS", quantity=1000)
    changes = {name: getattr(asked, name) for name in asked.__struct_fields__}
    body = warehouse.push_picklist(Picklist(**{**changes, "lines": (many,)}))
    wms_id = tryton.write("push_picklist", body, "SHOP-2").vendor_ref or ""
    short = shipment_of(tryton, wms_id)
    assert short.state is WmsState.WAITING
    assert short.reason == "short of 975 BOOK-BIRDS"

    amended = tryton.write("amend_picklist", warehouse.amend_picklist(asked, wms_id), "SHOP-2")
    assert (amended.outcome, amended.vendor_ref) == (Outcome.APPLIED, wms_id)
    assert shipment_of(tryton, wms_id).state is WmsState.PICKING

    body = warehouse.cancel_picklist("SHOP-2", wms_id)
    for _ in range(2):
        assert tryton.write("cancel_picklist", body, "SHOP-2").outcome is Outcome.APPLIED
    assert shipment_of(tryton, wms_id).state is WmsState.CANCELLED


def test_changes_of_moves_alone_are_read_as_changes_of_the_shipment(
    servers: Servers, vendure: Vendure, tryton: Tryton, owner: Session, floor: Floor
) -> None:
    order_id = buy(servers, owner, TEA_GREEN=1)
    order = read_orders(vendure, "orders", datetime.now(UTC) - timedelta(minutes=5))[order_id]
    body = warehouse.push_picklist(picklist_for("SHOP-3", order))
    wms_id = tryton.write("push_picklist", body, "SHOP-3").vendor_ref or ""
    path = f"stock.shipment.out/{wms_id}"
    found = floor.ask("GET", path, ["write_date", "inventory_moves.lot"])
    since = datetime.now(UTC)
    floor.ask("PUT", f"stock.move/{found['inventory_moves'][0]['id']}", body={"lot": None})
    assert floor.ask("GET", path, ["write_date"])["write_date"] == found["write_date"]

    pages = list(tryton.read("shipments", Window(since, since + DAY)))
    assert wms_id in [record.external_id for page in pages for record in page.records]


def confirm(vendure: Vendure, order: CanonicalOrder, parcel: WmsParcel) -> WriteResult:
    units = [LineQuantity(line_id=line.line_id, quantity=line.ordered) for line in lines_of(order)]
    message = confirmation(order, units, parcel.carrier, parcel.tracking_number, 1)
    return vendure.write("confirm_shipment", channel.confirm_shipment(message), message.reference)


def confirmation(
    order: CanonicalOrder,
    units: list[LineQuantity],
    carrier: str | None,
    tracking_number: str | None,
    sequence: int,
) -> ShipmentConfirmation:
    return ShipmentConfirmation(
        reference=f"confirm-{order.external_id}-{sequence}",
        external_id=order.external_id,
        number=order.number,
        sequence=sequence,
        lines=tuple(units),
        carrier=carrier,
        tracking_number=tracking_number,
        shipped_at=datetime.now(UTC),
        complete=True,
    )


def lines_of(order: CanonicalOrder) -> tuple[OrderLine, ...]:
    assert isinstance(order.lines, tuple)
    return order.lines


def payments_of(order: CanonicalOrder) -> tuple[Payment, ...]:
    assert isinstance(order.payments, tuple)
    return order.payments


def assert_sums_agree(order: CanonicalOrder) -> None:
    assert isinstance(order.shipping, tuple)
    assert isinstance(order.charges, tuple)
    parts: list[OrderLine | ShippingLine | Charge] = [*lines_of(order), *order.shipping, *order.charges]
    assert order.totals
    assert sum(part.total.minor for part in parts) == order.totals.total.minor
    assert sum(part.tax.minor for part in parts) == order.totals.tax.minor
