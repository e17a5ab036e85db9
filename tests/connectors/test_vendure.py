"""Reading orders from the imitated Vendure, and telling it of parcels."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import responses

from connectors.channels.vendure import Vendure
from connectors.contract import Outcome, Page, Window
from connectors.errors import (
    AnswerLost,
    CredentialsRejected,
    PermissionMissing,
    RecordMissing,
    StreamBroken,
    Transient,
)
from connectors.runtime import Runtime
from normalization.channels import vendure as mapping
from normalization.records import CanonicalOrder, LineQuantity, ShipmentConfirmation
from normalization.registry import Context
from normalization.statuses import PaymentState
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.vendors.vendure import VendureVendor
from sandbox.world import ShopOrder, World

BASE = "https://shop.example"
CHANNEL = "vendure-us"
PAID = Wish(payment="captured", payment_mode="card")
MINUTE = timedelta(minutes=1)


class WorldClock:
    """The world's time; sleeping takes none."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = lambda: world.now
        self.monotonic = lambda: 0.0
        self.sleep = lambda seconds: None


class Shop:
    """A world with one Vendure shop, and a connector to it."""

    def __init__(self, mock: responses.RequestsMock, kind: type[VendureVendor] = VendureVendor) -> None:
        self.world = build_world(3, plenty=True)
        self.vendor = kind(self.world, CHANNEL)
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.connector = self.connect()

    def connect(self, password: str = VendureVendor.password) -> Vendure:
        secrets = {"username": VendureVendor.user, "password": password}
        runtime = Runtime(clock=WorldClock(self.world))
        return Vendure(CHANNEL, {"base_url": f"{BASE}/admin-api"}, secrets, runtime)

    def place(self, wish: Wish = PAID) -> ShopOrder:
        return place_order(self.world, CHANNEL, wish)

    def window(self, since: timedelta = timedelta(days=1)) -> Window:
        return Window(self.world.now - since, self.world.now + MINUTE)

    def read(self, stream: str = "orders", since: timedelta = timedelta(days=1)) -> list[Page]:
        return list(self.connector.read(stream, self.window(since)))

    def canonical(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))


@pytest.fixture
def shop() -> Iterator[Shop]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Shop(mock)


def ids(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


def confirmation(order: ShopOrder, units: int = 1, number: str | None = "1Z1", n: int = 1) -> object:
    return mapping.confirm_shipment(
        ShipmentConfirmation(
            reference=f"{order.external_id}/{n}",
            external_id=order.external_id,
            number=order.number,
            sequence=n,
            lines=(LineQuantity(line_id=order.lines[0].line_id, quantity=units),),
            carrier="UPS",
            tracking_number=number,
            shipped_at=order.placed_at,
            complete=False,
        )
    )


# --- reading


def test_s07_250_orders_with_pages_of_100_are_all_read_once(shop: Shop) -> None:
    placed = [shop.place().external_id for _ in range(250)]
    pages = shop.read()
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert sorted(ids(pages)) == sorted(placed)
    assert [page.bookmark is None for page in pages] == [False, False, True]


def test_a_bookmark_resumes_after_its_page(shop: Shop) -> None:
    for _ in range(150):
        shop.place()
    first, second = shop.read()
    rest = list(shop.connector.read("orders", shop.window(), first.bookmark))
    assert ids(rest) == ids([second])


def test_an_order_that_leaves_the_list_between_two_pages_hides_no_other(shop: Shop) -> None:
    placed = [shop.place(Wish(payment="authorized", payment_mode="card")) for _ in range(150)]
    reading = shop.connector.read("orders_open", shop.window())
    seen = ids([next(reading)])
    for order in placed[:7]:
        shop.world.cancel(order)
    seen += ids(list(reading))
    assert set(seen) == {order.external_id for order in placed}


def test_a_read_that_is_resumed_after_the_list_shrank_hides_no_order(shop: Shop) -> None:
    placed = [shop.place() for _ in range(250)]
    first = next(shop.connector.read("orders_open", shop.window()))
    for order in placed[:60]:
        shop.world.cancel(order)
    rest = list(shop.connector.read("orders_open", shop.window(), first.bookmark))
    assert set(ids([first, *rest])) == {order.external_id for order in placed}


def test_a_list_that_shrank_to_less_than_was_read_is_read_from_where_it_moved_to(shop: Shop) -> None:
    placed = [shop.place() for _ in range(110)]
    first = next(shop.connector.read("orders_open", shop.window()))
    for order in placed[:30]:
        shop.world.cancel(order)
    rest = list(shop.connector.read("orders_open", shop.window(), first.bookmark))
    assert set(ids([first, *rest])) == {order.external_id for order in placed}


def test_a_draft_is_not_read_before_it_is_placed(shop: Shop) -> None:
    draft, placed = shop.place(), shop.place()
    shop.vendor.states[draft.external_id] = "Draft"
    shop.world.remove_units(draft, draft.lines[0].line_id, 1)
    for stream in ("orders", "orders_open", "orders_created"):
        assert ids(shop.read(stream)) == [placed.external_id]
    del shop.vendor.states[draft.external_id]
    assert sorted(ids(shop.read())) == sorted([draft.external_id, placed.external_id])


def test_s47_an_order_in_a_state_of_the_shop_s_own_counts_as_open(shop: Shop) -> None:
    order = shop.place()
    shop.vendor.states[order.external_id] = "AwaitingEngraving"
    assert ids(shop.read("orders_open")) == [order.external_id]


def test_s47_a_payment_that_does_not_move_updated_at_is_read_with_the_open_orders(shop: Shop) -> None:
    order = shop.place(Wish(payment="pending", payment_mode="bank_transfer"))
    assert shop.canonical(order).payment_state is PaymentState.PENDING
    shop.world.now += timedelta(hours=2)
    shop.world.pay(order)
    assert ids(shop.read("orders", since=timedelta(hours=1))) == []
    (page,) = shop.read("orders_open", since=timedelta(hours=1))
    (record,) = page.records
    paid = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
    assert paid.payment_state is PaymentState.CAPTURED
    assert paid.version.revision == ""


def test_s12_an_edit_arrives_with_the_changes(shop: Shop) -> None:
    order = shop.place()
    shop.read()
    shop.world.now += timedelta(hours=2)
    shop.world.remove_units(order, order.lines[0].line_id, 1)
    assert ids(shop.read("orders", since=timedelta(hours=1))) == [order.external_id]


def test_shipped_and_cancelled_orders_are_not_among_the_open_ones(shop: Shop) -> None:
    shipped, cancelled, left = shop.place(), shop.place(), shop.place()
    shop.world.tell(shipped, {line.line_id: line.quantity for line in shipped.lines}, "UPS", "1Z")
    shop.world.cancel(cancelled)
    assert ids(shop.read("orders_open")) == [left.external_id]


def test_a_back_fill_goes_by_the_time_of_placing(shop: Shop) -> None:
    old = shop.place()
    shop.world.now += timedelta(days=3)
    shop.world.remove_units(old, old.lines[0].line_id, 1)
    new = shop.place()
    assert ids(shop.read("orders_created")) == [new.external_id]


def test_one_order_is_read_by_its_id(shop: Shop) -> None:
    order = shop.place()
    assert shop.canonical(order).external_id == order.external_id
    with pytest.raises(RecordMissing):
        shop.connector.read_one("orders", "99999")


def test_s08_a_repeated_page_stops_the_read(shop: Shop) -> None:
    for _ in range(250):
        shop.place()
    shop.vendor.faults.switch_on("repeated_page", 9)
    with pytest.raises(StreamBroken, match="repeats"):
        shop.read()


# --- getting in


def test_a_login_is_used_until_the_shop_forgets_it(shop: Shop) -> None:
    shop.place()
    shop.read()
    shop.read()
    assert len(shop.vendor.tokens) == 1
    shop.vendor.tokens.clear()
    assert len(ids(shop.read())) == 1
    assert len(shop.vendor.tokens) == 1


def test_a_wrong_password_names_the_credentials_and_not_the_password(shop: Shop) -> None:
    with pytest.raises(CredentialsRejected) as caught:
        list(shop.connect("not-it").read("orders", shop.window()))
    assert "secrets" in str(caught.value)
    assert "not-it" not in str(caught.value)


def test_an_administrator_without_the_right_is_reported_and_not_asked_for_ever(shop: Shop) -> None:
    shop.connector.read_one("orders", shop.place().external_id)

    class Nobody(set[str]):
        def __contains__(self, token: object) -> bool:
            return False

    shop.vendor.tokens = Nobody()
    before = len(shop.exchanges)
    with pytest.raises(PermissionMissing, match="ReadOrder"):
        shop.read()
    assert len(shop.exchanges) - before == 3  # refused, login, refused


def test_s14_throttling_and_a_failing_proxy_are_waited_out(shop: Shop) -> None:
    shop.place()
    shop.vendor.faults.switch_on("throttle", 2)
    shop.vendor.faults.switch_on("server_error", 2)
    assert len(ids(shop.read())) == 1


def test_a_shop_that_stays_down_is_tried_again_later(shop: Shop) -> None:
    shop.vendor.faults.switch_on("server_error", 99)
    with pytest.raises(Transient):
        shop.read()


# --- telling it of parcels


def test_a_parcel_becomes_a_shipped_fulfilment(shop: Shop) -> None:
    order = shop.place(Wish(lines=[("MUG-BLUE", 2)], payment="captured", payment_mode="card"))
    result = shop.connector.write("confirm_shipment", confirmation(order), "r1")
    assert result.outcome is Outcome.APPLIED
    (told,) = order.told
    assert (told.carrier, told.tracking_number) == ("UPS", "1Z1")
    assert dict(told.lines) == {order.lines[0].line_id: 1}
    (seen,) = shop.canonical(order).fulfilments or ()
    assert (seen.fulfilment_id, seen.state) == (result.vendor_ref, "Shipped")


def test_s39_three_parcels_are_three_fulfilments(shop: Shop) -> None:
    order = shop.place(Wish(lines=[("MUG-BLUE", 3)], payment="captured", payment_mode="card"))
    for n in (1, 2, 3):
        body = confirmation(order, number=f"1Z{n}", n=n)
        assert shop.connector.write("confirm_shipment", body, f"r{n}").outcome is Outcome.APPLIED
    assert [told.tracking_number for told in order.told] == ["1Z1", "1Z2", "1Z3"]


@pytest.mark.parametrize("lost", [1, 2])
def test_s35_a_confirmation_whose_answer_is_lost_is_found_again(shop: Shop, lost: int) -> None:
    """The first answer lost is that of the fulfilment, the second that of its move to Shipped."""
    order = shop.place(Wish(lines=[("MUG-BLUE", 2)], payment="captured", payment_mode="card"))
    body = confirmation(order)
    for _ in range(lost):
        shop.vendor.faults.switch_on("lost_answer")
        with pytest.raises(AnswerLost):
            shop.connector.write("confirm_shipment", body, "r1")
    found = shop.connector.look_up("confirm_shipment", body, "r1")
    assert (found is None) == (lost == 1)
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s38_what_is_already_fulfilled_is_done(shop: Shop) -> None:
    order = shop.place(Wish(lines=[("MUG-BLUE", 1)], payment="captured", payment_mode="card"))
    shop.world.tell(order, {order.lines[0].line_id: 1}, "DHL", "elsewhere", by_hub=False)
    assert shop.connector.write("confirm_shipment", confirmation(order), "r1").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_a_parcel_without_a_tracking_number_is_known_again_by_its_units(shop: Shop) -> None:
    order = shop.place(Wish(lines=[("MUG-BLUE", 2)], payment="captured", payment_mode="card"))
    body = confirmation(order, number=None)
    first = shop.connector.write("confirm_shipment", body, "r1")
    assert shop.connector.write("confirm_shipment", body, "r1") == first
    assert len(order.told) == 1


def test_a_line_that_the_shop_does_not_know_is_refused_with_its_code(shop: Shop) -> None:
    order = shop.place()
    body = mapping.confirm_shipment(
        ShipmentConfirmation(
            reference="r",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=(),
            carrier="UPS",
            tracking_number="1Z",
            shipped_at=order.placed_at,
            complete=True,
        )
    )
    result = shop.connector.write("confirm_shipment", body, "r")
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "EMPTY_ORDER_LINE_SELECTION_ERROR")
