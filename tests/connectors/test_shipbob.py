import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.contract import Outcome, Page, Window
from connectors.errors import AnswerLost, CredentialsRejected, RateLimited, RecordMissing, StreamBroken
from connectors.runtime import Runtime
from connectors.wms.shipbob import ShipBob
from sandbox.mounted import Exchange, mount
from sandbox.vendors.shipbob import ShipBobVendor
from sandbox.world import BinStock, Site, Sku, World

BASE = "https://shipbob.test"
SETTINGS = {"base_url": BASE, "channel_id": ShipBobVendor.CHANNEL_ID}


class NoWaiting:
    """Time that passes only on paper."""

    def now(self) -> datetime:
        return datetime(2026, 11, 2, 6, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""


RUNTIME = Runtime(clock=NoWaiting())


@pytest.fixture
def vendor() -> ShipBobVendor:
    world = World()
    world.skus = {"MUG": Sku("MUG", "Mug", 1200), "TEA": Sku("TEA", "Tea", 900, lot_tracked=True)}
    world.sites["ORD"] = Site("ORD", "shipbob-us", "201", "Chicago", "US", "60608", "Chicago", "1 Rd", "IL")
    world.sites["LAX"] = Site("LAX", "shipbob-us", "202", "Vernon", "US", "90058", "Vernon", "3 Ave", "CA")
    world.sites["ORD"].stock = {
        "MUG": [BinStock("A1", None, 1000)],
        "TEA": [BinStock("B1", "L1", 3), BinStock("B2", "L2", 5)],
    }
    return ShipBobVendor(world, "shipbob-us")


@pytest.fixture
def exchanges(vendor: ShipBobVendor) -> Iterator[list[Exchange]]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mount(mock, BASE, vendor)


@pytest.fixture
def wms(exchanges: list[Exchange]) -> ShipBob:
    return ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)


def order(reference: str, quantity: int = 1, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any field
    return {
        "reference_id": reference,
        "order_number": "1001",
        "type": "DTC",
        "shipping_method": "Standard",
        "location_id": 201,
        "recipient": {
            "name": "Grace Hopper",
            "address": {"address1": "1 Cobol Way", "city": "Arlington", "country": "US", "state": "VA"},
        },
        "products": [{"reference_id": "MUG", "name": "Mug", "quantity": quantity}],
    } | changes


def last_hour(vendor: ShipBobVendor) -> Window:
    return Window(vendor.world.now - timedelta(hours=1), vendor.world.now)


def ids(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


# --- pushing


def test_s35_a_lost_answer_leaves_one_order_that_is_found_by_its_reference(
    vendor: ShipBobVendor, wms: ShipBob
) -> None:
    vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        wms.write("push_picklist", order("P-1"), "P-1")
    found = wms.look_up("push_picklist", order("P-1"), "P-1")
    assert found is not None
    assert found.outcome is Outcome.APPLIED
    assert [s.wms_id for s in vendor.world.shipments_of("shipbob-us")] == [found.vendor_ref]


def test_s35_a_duplicate_reference_is_success_with_the_first_orders_id(
    vendor: ShipBobVendor, wms: ShipBob
) -> None:
    first = wms.write("push_picklist", order("P-1"), "P-1")
    assert wms.write("push_picklist", order("P-1"), "P-1") == first
    assert len(vendor.world.shipments_of("shipbob-us")) == 1


def test_a_cancelled_orders_reference_is_not_taken_for_success(wms: ShipBob) -> None:
    wms.write("push_picklist", order("P-1"), "P-1")
    wms.write("cancel_picklist", cancellation("P-1"), "P-1/cancel")
    result = wms.write("push_picklist", order("P-1"), "P-1")
    assert (result.outcome, result.reason) == (
        Outcome.REJECTED,
        "the reference belongs to a cancelled order",
    )


def test_what_was_never_pushed_is_not_found(wms: ShipBob) -> None:
    assert wms.look_up("push_picklist", order("P-1"), "P-1") is None


def test_a_refusal_names_the_reason_and_nobody(wms: ShipBob) -> None:
    recipient = order("P-1")["recipient"]
    recipient["address"]["country"] = "Ruritania"
    result = wms.write("push_picklist", order("P-1", recipient=recipient), "P-1")
    assert result.outcome is Outcome.REJECTED
    assert result.reason == "Recipient.Address.Country: Ruritania is no ISO Alpha-2 code."


def test_what_the_buyer_wrote_is_taken_out_of_a_reason() -> None:
    with responses.RequestsMock() as mock:
        problem = {"Recipient.Name": ["'Grace Hopper' at 1 Cobol Way contains a forbidden word."]}
        mock.post(f"{BASE}/2026-01/order", json=problem, status=400)
        wms = ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)
        result = wms.write("push_picklist", order("P-1"), "P-1")
    assert result.reason == "Recipient.Name: '[...]' at [...] contains a forbidden word."


def test_an_unknown_product_is_refused_without_being_taken_for_a_duplicate(wms: ShipBob) -> None:
    products = [{"reference_id": "NOPE", "name": "Nope", "quantity": 1}]
    result = wms.write("push_picklist", order("P-1", products=products), "P-1")
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "Products: No inventory for NOPE.")


# --- cancelling and amending


def cancellation(reference: str, order_id: str | None = None) -> dict[str, Any]:
    return {"order_id": order_id, "reference_id": reference}


def test_a_cancelled_order_is_cancelled_and_stays_so_when_asked_again(
    vendor: ShipBobVendor, wms: ShipBob
) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    for order_id in (pushed.vendor_ref, None):
        result = wms.write("cancel_picklist", cancellation("P-1", order_id), "P-1/cancel")
        assert (result.outcome, result.vendor_ref) == (Outcome.APPLIED, pushed.vendor_ref)
    assert vendor.world.shipments["shipbob-us", str(pushed.vendor_ref)].state == "cancelled"


@pytest.mark.parametrize(
    ("state", "reason"),
    [("packed", "The shipment is being packed."), ("shipped", "not in a cancellable state")],
)
def test_s31_what_is_packed_or_shipped_is_not_cancelled_and_the_reason_is_kept(
    state: str, reason: str, vendor: ShipBobVendor, wms: ShipBob
) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    vendor.world.set_state(vendor.world.shipments["shipbob-us", str(pushed.vendor_ref)], state)
    result = wms.write("cancel_picklist", cancellation("P-1", pushed.vendor_ref), "P-1/cancel")
    assert result.outcome is Outcome.REJECTED
    assert reason in str(result.reason)


def test_cancelling_what_shipbob_never_got_is_refused(wms: ShipBob) -> None:
    assert wms.write("cancel_picklist", cancellation("P-9"), "P-9/cancel").outcome is Outcome.REJECTED


def amendment(quantities: dict[str, int]) -> dict[str, Any]:
    address = {"recipient_name": "Grace Hopper", "street_address1": "2 Flow Street", "city": "Reston"}
    return {"order_id": "", "reference_id": "P-1", "quantities": quantities, "address": address}


def test_an_address_is_amended_before_packing(vendor: ShipBobVendor, wms: ShipBob) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    result = wms.write("amend_picklist", amendment({"MUG": 1}), "P-1/2")
    assert (result.outcome, result.vendor_ref) == (Outcome.APPLIED, pushed.vendor_ref)
    assert vendor.world.shipments["shipbob-us", str(pushed.vendor_ref)].ship_to["city"] == "Reston"


def test_other_quantities_are_left_to_cancelling_and_replacing(
    vendor: ShipBobVendor, wms: ShipBob, exchanges: list[Exchange]
) -> None:
    wms.write("push_picklist", order("P-1"), "P-1")
    result = wms.write("amend_picklist", amendment({"MUG": 2}), "P-1/2")
    assert result.outcome is Outcome.REJECTED
    assert "other quantities" in str(result.reason)
    assert "PUT" not in {exchange.request.method for exchange in exchanges}


@pytest.mark.parametrize("state", ["packed", "shipped", "cancelled"])
def test_an_amendment_that_comes_too_late_is_refused(state: str, vendor: ShipBobVendor, wms: ShipBob) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    vendor.world.set_state(vendor.world.shipments["shipbob-us", str(pushed.vendor_ref)], state)
    result = wms.write("amend_picklist", amendment({"MUG": 1}), "P-1/2")
    assert result.outcome is Outcome.REJECTED
    assert result.reason


# --- reading


def place_orders(vendor: ShipBobVendor, wms: ShipBob, count: int) -> None:
    for number in range(count):
        wms.write("push_picklist", order(f"P-{number}"), f"P-{number}")


def test_s07_all_orders_arrive_over_several_pages_and_a_read_resumes_at_its_bookmark(
    vendor: ShipBobVendor, wms: ShipBob
) -> None:
    place_orders(vendor, wms, 260)
    pages = list(wms.read("shipments", last_hour(vendor)))
    assert [len(page.records) for page in pages] == [250, 10, 0]
    assert [page.bookmark for page in pages] == ["0:2", "1:1", None]
    assert len(set(ids(pages))) == 260
    resumed = list(wms.read("shipments", last_hour(vendor), pages[0].bookmark))
    assert ids(resumed) == ids(pages[1:])


def test_an_order_that_changed_and_got_tracking_is_in_both_reads(vendor: ShipBobVendor, wms: ShipBob) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    shipment = vendor.world.shipments["shipbob-us", str(pushed.vendor_ref)]
    vendor.world.ship(shipment, "USPS", "9400100000000000000001")
    pages = list(wms.read("shipments", last_hour(vendor)))
    assert ids(pages) == [pushed.vendor_ref, pushed.vendor_ref]
    assert pages[0].vendor_time == vendor.world.now
    record = json.loads(pages[0].records[0].payload)
    assert record["shipments"][0]["tracking"]["tracking_number"] == "9400100000000000000001"


def test_orders_from_before_the_window_stay_out(vendor: ShipBobVendor, wms: ShipBob) -> None:
    wms.write("push_picklist", order("P-1"), "P-1")
    vendor.world.now += timedelta(hours=2)
    assert ids(list(wms.read("shipments", last_hour(vendor)))) == []


def test_s08_a_repeated_page_stops_the_read(vendor: ShipBobVendor, wms: ShipBob) -> None:
    place_orders(vendor, wms, 260)
    vendor.faults.switch_on("repeated_page")
    with pytest.raises(StreamBroken):
        list(wms.read("shipments", last_hour(vendor)))


def test_one_order_is_read_by_its_id_and_a_missing_one_is_missing(wms: ShipBob) -> None:
    pushed = wms.write("push_picklist", order("P-1"), "P-1")
    page = wms.read_one("shipments", str(pushed.vendor_ref))
    assert ids([page]) == [pushed.vendor_ref]
    with pytest.raises(RecordMissing):
        wms.read_one("shipments", "99999")


def test_stock_comes_by_location_with_its_lots_beside(vendor: ShipBobVendor, wms: ShipBob) -> None:
    wms.write("push_picklist", order("P-1", 4), "P-1")
    pages = list(wms.read("stock", last_hour(vendor)))
    mug, tea = (json.loads(record.payload) for page in pages for record in page.records)
    assert (mug["levels"]["sku"], mug["lots"]) == ("MUG", None)
    assert mug["levels"]["locations"][0]["on_hand_quantity"] == 1000
    assert mug["levels"]["locations"][0]["fulfillable_quantity"] == 996
    assert [lot["lot_number"] for lot in tea["lots"]["lots"]] == ["L1", "L2"]


def test_stock_pages_follow_the_next_link_and_resume_at_it(vendor: ShipBobVendor, wms: ShipBob) -> None:
    for number in range(150):
        vendor.world.skus[f"S{number:03}"] = Sku(f"S{number:03}", "Spare", 100, lot_tracked=number % 2 == 0)
    pages = list(wms.read("stock", last_hour(vendor)))
    assert [len(page.records) for page in pages] == [100, 52]
    assert len(set(ids(pages))) == 152
    assert ids(list(wms.read("stock", last_hour(vendor), pages[0].bookmark))) == ids(pages[1:])


def test_a_next_link_to_another_host_gets_no_token() -> None:
    with responses.RequestsMock() as mock:
        body = {"items": [], "next": "https://evil.test/2026-01/inventory-level/locations?cursor=2"}
        mock.get(f"{BASE}/2026-01/inventory-level/locations", json=body)
        mock.get(f"{BASE}/2026-01/inventory-level/locations", json={"items": [], "next": None})
        wms = ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)
        window = Window(NoWaiting().now(), NoWaiting().now())
        assert len(list(wms.read("stock", window))) == 2
        assert str(mock.calls[1].request.url).startswith(BASE)


def test_an_answer_of_another_shape_stops_the_stream() -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/2026-01/order", json={"no": "list"})
        wms = ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)
        with pytest.raises(StreamBroken):
            list(wms.read("shipments", Window(NoWaiting().now(), NoWaiting().now())))


def test_an_order_without_an_id_or_unreadable_lands_as_it_came() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with responses.RequestsMock() as mock:
        body = b'[{"no": "id"}, {"id": 7, "shipments": ' + deep + b'}, {"id": 8, "shipments": []}]'
        mock.get(f"{BASE}/2026-01/order", body=body)
        wms = ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)
        page = next(iter(wms.read("shipments", Window(NoWaiting().now(), NoWaiting().now()))))
    nameless, unreadable, good = page.records
    assert nameless.external_id.startswith("unidentified-")
    assert (unreadable.external_id, good.external_id) == ("7", "8")
    assert unreadable.payload == b'{"id": 7, "shipments": ' + deep + b"}"


# --- limits and credentials


def test_s14_throttling_follows_shipbobs_own_header(
    vendor: ShipBobVendor, wms: ShipBob, exchanges: list[Exchange]
) -> None:
    vendor.faults.switch_on("throttle", 2)
    assert wms.write("push_picklist", order("P-1"), "P-1").outcome is Outcome.APPLIED
    assert [exchange.answer.status for exchange in exchanges] == [429, 429, 201]


def test_s14_a_long_pause_is_raised_with_its_length() -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/2026-01/order/7", status=429, headers={"x-retry-after": "45"})
        wms = ShipBob("shipbob-us", SETTINGS, ShipBobVendor.SECRETS, RUNTIME)
        with pytest.raises(RateLimited) as limited:
            wms.read_one("shipments", "7")
    assert limited.value.retry_after == timedelta(seconds=45)


def test_a_wrong_token_is_a_persons_task(exchanges: list[Exchange]) -> None:
    wms = ShipBob("shipbob-us", SETTINGS, {"token": "wrong"}, RUNTIME)
    with pytest.raises(CredentialsRejected):
        wms.read_one("shipments", "1001")
