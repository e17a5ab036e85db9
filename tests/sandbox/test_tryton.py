"""The imitated Tryton by itself: its wire, its moods, and what it refuses."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.merchant import build_world
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.tryton import TrytonVendor
from sandbox.vendors.tryton_records import holds

WMS = "tryton-lyon"
SHIPMENT = "stock.shipment.out"


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


class Desk:
    """Somebody with a key, asking the vendor without any connector."""

    def __init__(self) -> None:
        self.world = build_world(5)
        self.vendor = TrytonVendor(self.world, WMS)
        stock = self.world.sites["LYS"].stock
        self.sku = next(sku for sku, places in stock.items() if not places[0].lot and places[0].on_hand > 9)
        self.lot_sku = next(sku for sku, places in stock.items() if places[0].lot)

    def send(
        self, method: str, path: str, *, body: object = None, key: str = TrytonVendor.key, **params: object
    ) -> VendorAnswer:
        context = params.pop("context", {"company": 1})
        headers = {"Authorization": f"Bearer {key}", "X-Tryton-Context": packed(context)}
        if "d" in params:
            params["d"] = packed(params["d"])
        raw = b"" if body is None else json.dumps(body).encode()
        path = f"/wms/rest/model/{path}"
        return self.vendor.handle(VendorRequest(method, path, urlencode(params, doseq=True), headers, raw))

    def ask(self, method: str, path: str, **params: object) -> Any:  # noqa: ANN401
        answer = self.send(method, path, **params)  # type: ignore[arg-type]
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def create(self, sku: str, units: int, reference: str = "R") -> int:
        country = self.ask("GET", "country.country", d=[["code", "=", "FR"]])[0]["id"]
        address = {
            "party": 1,
            "party_name": "A",
            "attn": None,
            "street": "1 Road\nFlat 2",
            "city": "Lyon",
            "postal_code": "69002",
            "country": country,
            "subdivision": None,
        }
        product = self.ask("GET", "product.product", d=[["code", "=", sku]])[0]["id"]
        warehouse = self.ask("GET", "stock.location", d=[["code", "=", "LYS"]])[0]["id"]
        values = {
            "reference": reference,
            "warehouse": warehouse,
            "delivery_address": self.ask("POST", "party.address", body=address)["id"],
            "outgoing_moves": [["create", [{"product": product, "quantity": units}]]],
        }
        return int(self.ask("POST", SHIPMENT, body=values)["id"])

    def press(self, shipment: int, *buttons: str) -> None:
        for button in buttons:
            self.ask("POST", f"{SHIPMENT}/{shipment}/{button}", body={})

    def read(self, shipment: int, *fields: str) -> Any:  # noqa: ANN401
        return self.ask("GET", f"{SHIPMENT}/{shipment}", f=fields)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_shipment_goes_from_draft_over_waiting_to_assigned(desk: Desk) -> None:
    shipment = desk.create(desk.sku, 2)
    assert desk.read(shipment, "state", "number", "inventory_moves")["state"] == "draft"
    desk.press(shipment, "wait")
    assert desk.read(shipment, "state", "number")["state"] == "waiting"
    desk.press(shipment, "assign_try")
    found = desk.read(shipment, "state", "inventory_moves.from_location.code", "inventory_moves.state")
    assert found["state"] == "assigned"
    bins = {place.bin for place in desk.world.sites["LYS"].stock[desk.sku]}
    assert {move["from_location"]["code"] for move in found["inventory_moves"]} <= bins


def test_the_world_gets_the_address_as_it_was_given(desk: Desk) -> None:
    desk.create(desk.sku, 2)
    (made,) = desk.world.shipments_of(WMS)
    assert made.ship_to == {
        "name": "A",
        "company": None,
        "street1": "1 Road",
        "street2": "Flat 2",
        "city": "Lyon",
        "region": None,
        "postal_code": "69002",
        "country_code": "FR",
    }


def test_s48_a_reference_may_be_used_twice(desk: Desk) -> None:
    assert desk.create(desk.sku, 1, "SAME") != desk.create(desk.sku, 1, "SAME")
    assert len(desk.ask("GET", SHIPMENT, d=[["reference", "=", "SAME"]])) == 2


def test_assigning_chooses_bins_but_no_lots(desk: Desk) -> None:
    shipment = desk.create(desk.lot_sku, 1)
    desk.press(shipment, "wait", "assign_try")
    assert desk.read(shipment, "inventory_moves.lot")["inventory_moves"][0]["lot"] is None


def test_short_stock_stays_waiting_and_write_date_stands_still(desk: Desk) -> None:
    shipment = desk.create(desk.sku, 5000)
    desk.press(shipment, "wait")
    before = desk.read(shipment, "write_date", "inventory_moves.write_date")
    desk.world.now = desk.world.now.replace(hour=9)
    desk.press(shipment, "assign_try")
    after = desk.read(shipment, "state", "write_date", "inventory_moves.write_date")
    assert after["state"] == "waiting"
    assert after["write_date"] == before["write_date"]
    assert after["inventory_moves"] != before["inventory_moves"]


@pytest.mark.parametrize("state", ["picked", "shipped", "cancelled"])
def test_buttons_that_do_not_fit_the_state_are_refused_with_a_message(desk: Desk, state: str) -> None:
    shipment = desk.create(desk.sku, 1)
    desk.press(shipment, "wait")
    desk.world.set_state(desk.world.shipments[WMS, str(shipment)], state)
    answer = desk.send("POST", f"{SHIPMENT}/{shipment}/cancel", body={})
    assert answer.status == 400
    assert json.loads(answer.body)["message"].startswith('You can not call "cancel" on')


def test_moves_are_changed_in_draft_only_and_are_positive(desk: Desk) -> None:
    shipment = desk.create(desk.sku, 1)
    product = desk.ask("GET", "product.product", d=[["code", "=", desk.sku]])[0]["id"]

    def change(units: int) -> int:
        moves = [["create", [{"product": product, "quantity": units}]]]
        return desk.send("PUT", f"{SHIPMENT}/{shipment}", body={"outgoing_moves": moves}).status

    assert change(-1) == 400
    assert change(3) == 200
    desk.press(shipment, "wait")
    assert change(2) == 400
    assert desk.world.shipments[WMS, str(shipment)].lines == [(desk.sku, 3)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{SHIPMENT}/4711", 404),
        ("GET", "stock.nothing", 500),
        ("GET", "../../elsewhere", 404),
    ],
)
def test_what_is_not_there(desk: Desk, method: str, path: str, status: int) -> None:
    assert desk.send(method, path).status == status


def test_an_unknown_field_is_a_server_error_as_at_the_real_one(desk: Desk) -> None:
    assert desk.send("GET", SHIPMENT).status == 200
    desk.create(desk.sku, 1)
    assert desk.send("GET", SHIPMENT, f=["nonsense"]).status == 500


def test_a_wrong_key_is_unauthorized(desk: Desk) -> None:
    assert desk.send("GET", SHIPMENT, key="guess").status == 401


def test_quantities_are_those_of_the_places_in_the_context(desk: Desk) -> None:
    site = desk.world.sites["LYS"]
    (storage, *_) = desk.ask("GET", "stock.location", d=[["code", "=", "STO"]])

    def units(**context: object) -> float:
        context = {"locations": [storage["id"]], **context}
        found = desk.ask(
            "GET", "product.product", d=[["code", "=", desk.sku]], f=["quantity"], context=context
        )
        return float(found[0]["quantity"])

    before = site.on_hand(desk.sku)
    assert units() == before
    desk.press(desk.create(desk.sku, 2), "wait", "assign_try")
    assert (units(), units(stock_assign=True)) == (before, before - 2)
    assert units(with_childs=False) == 0


@pytest.mark.parametrize(
    ("domain", "held"),
    [
        ([], True),
        ([["state", "=", "draft"]], True),
        ([["state", "=", "draft"], ["id", ">", 5]], False),
        (["OR", ["state", "=", "done"], ["id", "in", [5]]], True),
        ([["moves.quantity", ">=", 3]], True),
        ([["moves.quantity", ">", 3]], False),
        ([["id", "!=", 5]], False),
        ([["write_date", ">=", {"__class__": "datetime", "year": 2026, "month": 11, "day": 2}]], True),
        ([["write_date", ">", {"__class__": "datetime", "year": 2026, "month": 11, "day": 3}]], False),
    ],
)
def test_domains(domain: list[Any], held: bool) -> None:
    record: Mapping[str, Any] = {
        "__name__": "x",
        "id": 5,
        "state": "draft",
        "moves": [{"__name__": "m", "id": 1, "quantity": 2.0}, {"__name__": "m", "id": 2, "quantity": 3.0}],
        "write_date": {"__class__": "datetime", "year": 2026, "month": 11, "day": 2, "hour": 7},
    }
    assert holds(dict(record), domain) is held
