import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.shipbob import ShipBobVendor
from sandbox.world import BinStock, Site, Sku, World

HEADERS = {"Authorization": "Bearer sandbox-shipbob", "shipbob_channel_id": "7001"}


@pytest.fixture
def vendor() -> ShipBobVendor:
    world = World()
    world.skus = {"MUG": Sku("MUG", "Mug", 1200), "TEA": Sku("TEA", "Tea", 900, lot_tracked=True)}
    world.sites["ORD"] = Site("ORD", "shipbob-us", "201", "Chicago", "US", "60608", "Chicago", "1 Rd", "IL")
    world.sites["LYS"] = Site("LYS", "tryton-lyon", "LYS", "Lyon", "FR", "69007", "Lyon", "2 Rue", None)
    world.sites["ORD"].stock = {
        "MUG": [BinStock("A1", None, 4), BinStock("A2", None, 2)],
        "TEA": [BinStock("B1", "L1", 3), BinStock("B2", "L2", 5)],
    }
    world.sites["LYS"].stock = {"MUG": [BinStock("A1", None, 50)]}
    return ShipBobVendor(world, "shipbob-us")


def ask(
    vendor: ShipBobVendor,
    method: str,
    path: str,
    body: Any = None,  # noqa: ANN401 -- any JSON
    headers: dict[str, str] = HEADERS,
) -> VendorAnswer:
    path, _, query = path.partition("?")
    raw = b"" if body is None else json.dumps(body).encode()
    return vendor.handle(VendorRequest(method, f"/2026-01{path}", query, headers, raw))


def order(reference: str, sku: str = "MUG", quantity: int = 1) -> dict[str, Any]:
    return {
        "reference_id": reference,
        "type": "DTC",
        "shipping_method": "Standard",
        "location_id": 201,
        "recipient": {"name": "Ada", "address": {"address1": "1 Way", "city": "Reno", "country": "US"}},
        "products": [{"reference_id": sku, "name": sku, "quantity": quantity}],
    }


def body_of(answer: VendorAnswer) -> Any:  # noqa: ANN401 -- any JSON
    return json.loads(answer.body)


def references(answer: VendorAnswer) -> list[str]:
    return [found["reference_id"] for found in body_of(answer)]


def test_nobody_gets_in_without_the_token(vendor: ShipBobVendor) -> None:
    assert ask(vendor, "GET", "/order", headers={}).status == 401
    assert ask(vendor, "GET", "/order", headers={"authorization": "Bearer sandbox-shipbob"}).status == 200


def test_an_order_is_assigned_by_shipbob_itself_to_lots_oldest_first(vendor: ShipBobVendor) -> None:
    answer = ask(vendor, "POST", "/order", order("P-1", "TEA", 4))
    assert answer.status == 201
    (shipment,) = body_of(answer)["shipments"]
    items = shipment["products"][0]["inventory_items"]
    assert [(item["lot"], item["quantity_committed"]) for item in items] == [("L1", 3), ("L2", 1)]
    assert (shipment["status"], shipment["location"]["id"]) == ("Processing", 201)


def test_an_order_without_stock_is_an_exception_out_of_stock(vendor: ShipBobVendor) -> None:
    (shipment,) = body_of(ask(vendor, "POST", "/order", order("P-1", "MUG", 7)))["shipments"]
    assert (shipment["status"], shipment["status_details"][0]["name"]) == ("Exception", "OutOfStock")
    assert shipment["products"][0]["inventory_items"][0]["quantity_committed"] == 0


def test_a_repeated_reference_is_refused_also_after_a_cancellation(vendor: ShipBobVendor) -> None:
    made = body_of(ask(vendor, "POST", "/order", order("P-1")))
    assert ask(vendor, "POST", f"/order/{made['id']}:cancel").status == 200
    again = ask(vendor, "POST", "/order", order("P-1"))
    assert (again.status, list(body_of(again))) == (422, ["ReferenceId"])
    assert len(vendor.world.shipments) == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"reference_id": ""}, 400, "ReferenceId"),
        ({"products": []}, 400, "Products"),
        ({"recipient": {"name": "Ada"}}, 400, "Recipient.Address.City"),
        ({"location_id": 999}, 422, "LocationId"),
        ({"products": [{"reference_id": "NOPE", "name": "x", "quantity": 1}]}, 422, "Products"),
    ],
)
def test_a_wrong_order_is_refused_with_the_fields_name(
    change: dict[str, Any], status: int, field: str, vendor: ShipBobVendor
) -> None:
    answer = ask(vendor, "POST", "/order", order("P-1") | change)
    assert answer.status == status
    assert field in body_of(answer)
    assert not vendor.world.shipments


def test_an_order_needs_its_channel(vendor: ShipBobVendor) -> None:
    token_only = {"Authorization": HEADERS["Authorization"]}
    assert ask(vendor, "POST", "/order", order("P-1"), token_only).status == 400


def test_a_cancelled_order_frees_its_units(vendor: ShipBobVendor) -> None:
    made = body_of(ask(vendor, "POST", "/order", order("P-1", "MUG", 5)))
    assert mugs(vendor) == (6, 5, 1)
    ask(vendor, "POST", f"/order/{made['id']}:cancel")
    assert mugs(vendor) == (6, 0, 6)


def mugs(vendor: ShipBobVendor) -> tuple[int, int, int]:
    items = body_of(ask(vendor, "GET", "/inventory-level/locations?PageSize=100"))["items"]
    (place,) = next(item for item in items if item["sku"] == "MUG")["locations"]
    return place["on_hand_quantity"], place["committed_quantity"], place["fulfillable_quantity"]


def test_stock_is_that_of_its_own_sites_and_falls_when_goods_leave(vendor: ShipBobVendor) -> None:
    made = body_of(ask(vendor, "POST", "/order", order("P-1", "MUG", 5)))
    vendor.world.ship(vendor.world.shipments["shipbob-us", str(made["id"])], "USPS", "9400")
    assert mugs(vendor) == (1, 0, 1)


def test_lots_are_listed_for_what_has_lots_only(vendor: ShipBobVendor) -> None:
    (item,) = body_of(ask(vendor, "GET", "/inventory-level/lots"))["items"]
    assert [(lot["lot_number"], lot["on_hand_quantity"]) for lot in item["lots"]] == [("L1", 3), ("L2", 5)]


def test_stock_pages_are_linked(vendor: ShipBobVendor) -> None:
    first = body_of(ask(vendor, "GET", "/inventory-level/locations?PageSize=1"))
    link = first["next"].removeprefix("/2026-01")
    second = body_of(ask(vendor, "GET", link))
    assert [page["items"][0]["sku"] for page in (first, second)] == ["MUG", "TEA"]
    assert second["next"] is None


def three_orders(vendor: ShipBobVendor) -> None:
    for number in range(3):
        ask(vendor, "POST", "/order", order(f"P-{number}"))
        vendor.world.now += timedelta(minutes=1)


def test_orders_come_newest_first_unless_asked_otherwise_page_by_page(vendor: ShipBobVendor) -> None:
    three_orders(vendor)
    assert references(ask(vendor, "GET", "/order")) == ["P-2", "P-1", "P-0"]
    oldest = "/order?SortOrder=Oldest&Limit=2&Page="
    assert references(ask(vendor, "GET", oldest + "1")) == ["P-0", "P-1"]
    assert references(ask(vendor, "GET", oldest + "2")) == ["P-2"]
    assert ask(vendor, "GET", "/order?Limit=251").status == 400


def test_filters_by_reference_and_by_change(vendor: ShipBobVendor) -> None:
    three_orders(vendor)
    assert references(ask(vendor, "GET", "/order?ReferenceIds=P-1,P-9")) == ["P-1"]
    since = "2026-11-02T06:00:30Z"
    assert references(ask(vendor, "GET", f"/order?LastUpdateStartDate={since}")) == ["P-2", "P-1"]
    assert references(ask(vendor, "GET", f"/order?LastTrackingUpdateStartDate={since}")) == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("picked", ("Processing", "Processing", "Picked")),
        ("packed", ("Processing", "Processing", "Packed")),
        ("cancelled", ("Cancelled", "Cancelled", None)),
    ],
)
def test_an_order_shows_how_far_it_is(
    state: str, words: tuple[str, str, str | None], vendor: ShipBobVendor
) -> None:
    made = body_of(ask(vendor, "POST", "/order", order("P-1")))
    vendor.world.set_state(vendor.world.shipments["shipbob-us", str(made["id"])], state)
    shown = body_of(ask(vendor, "GET", f"/order/{made['id']}"))
    (shipment,) = shown["shipments"]
    details = [detail["name"] for detail in shipment["status_details"]] or [None]
    assert (shown["status"], shipment["status"], details[0]) == words


def test_throttling_speaks_shipbobs_language(vendor: ShipBobVendor) -> None:
    vendor.faults.switch_on("throttle")
    answer = ask(vendor, "GET", "/order")
    assert (answer.status, answer.headers["x-retry-after"]) == (429, "1")
    assert body_of(answer)["statusCode"] == 429
    assert ask(vendor, "GET", "/order").status == 200


def test_faults_of_lists_do_what_they_say(vendor: ShipBobVendor) -> None:
    three_orders(vendor)
    ordered = "/order?SortOrder=Oldest"
    expected = {
        "reordered": ["P-2", "P-1", "P-0"],
        "duplicate_update": ["P-0", "P-1", "P-2", "P-0"],
        "late_visibility": [],
    }
    for kind, found in expected.items():
        vendor.faults.switch_on(kind)
        assert references(ask(vendor, "GET", ordered)) == found
    assert references(ask(vendor, "GET", ordered)) == ["P-0", "P-1", "P-2"]
    vendor.faults.switch_on("repeated_page")
    assert references(ask(vendor, "GET", ordered + "&Limit=2&Page=2")) == ["P-0", "P-1"]
    vendor.faults.switch_on("broken_record")
    assert body_of(ask(vendor, "GET", ordered))[0]["created_date"].startswith("2026-13")


def test_a_stale_update_shows_an_order_as_it_was_accepted(vendor: ShipBobVendor) -> None:
    made = body_of(ask(vendor, "POST", "/order", order("P-1")))
    vendor.world.now += timedelta(hours=1)
    vendor.world.ship(vendor.world.shipments["shipbob-us", str(made["id"])], "USPS", "9400")
    vendor.faults.switch_on("stale_update")
    stale, fresh = (body_of(ask(vendor, "GET", f"/order/{made['id']}"))["shipments"][0] for _ in range(2))
    assert (stale["status"], fresh["status"]) == ("Processing", "Completed")
    assert stale["last_update_at"] < fresh["last_update_at"]


def test_a_lost_answer_leaves_the_order_behind(vendor: ShipBobVendor) -> None:
    vendor.faults.switch_on("lost_answer")
    assert ask(vendor, "POST", "/order", order("P-1")).lost
    assert references(ask(vendor, "GET", "/order")) == ["P-1"]
