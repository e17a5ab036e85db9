"""The imitated shop by itself: who gets in, how lists are cut, what is refused."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.woocommerce import API, WooCommerceVendor

CHANNEL = "woo-de"


class Desk:
    """Somebody with a key, asking the shop without any connector."""

    def __init__(self) -> None:
        self.world = build_world(5)
        self.vendor = WooCommerceVendor(self.world, CHANNEL)
        self.orders = [
            place_order(self.world, CHANNEL, Wish(payment="captured", payment_mode="card")) for _ in range(12)
        ]
        self.key = "ck_sandbox:cs_sandbox"

    def ask(self, method: str, path: str, body: object = None, **params: str) -> VendorAnswer:
        headers = {"Authorization": f"Basic {base64.b64encode(self.key.encode()).decode()}"}
        sent = b"" if body is None else json.dumps(body).encode()
        return self.vendor.handle(VendorRequest(method, API + path, urlencode(params), headers, sent))

    def list(self, **params: str) -> list[Any]:
        return json.loads(self.ask("GET", "/orders", **params).body)  # type: ignore[no-any-return]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def code_of(answer: VendorAnswer) -> str:
    return str(json.loads(answer.body)["code"])


def test_only_the_right_key_gets_in(desk: Desk) -> None:
    desk.key = "ck_sandbox:wrong"
    answer = desk.ask("GET", "/orders")
    assert (answer.status, code_of(answer)) == (401, "woocommerce_rest_authentication_error")


def test_pages_hold_ten_orders_unless_asked_otherwise_newest_first(desk: Desk) -> None:
    first = desk.ask("GET", "/orders")
    assert len(json.loads(first.body)) == 10
    assert (first.headers["X-WP-Total"], first.headers["X-WP-TotalPages"]) == ("12", "2")
    assert 'rel="next"' in first.headers["Link"]
    assert json.loads(first.body)[0]["id"] == int(desk.orders[-1].external_id)
    assert len(desk.list(page="2")) == 2


def test_bounds_are_exclusive_and_local_unless_gmt_is_said(desk: Desk) -> None:
    assert desk.list(modified_after="2026-11-02T06:00:00", dates_are_gmt="true") == []
    assert len(desk.list(modified_after="2026-11-02T05:59:59", dates_are_gmt="true", per_page="100")) == 12
    assert desk.list(modified_after="2026-11-02T07:00:00") == []
    assert len(desk.list(modified_after="2026-11-02T06:59:59", per_page="100")) == 12


def test_excluded_orders_are_left_out(desk: Desk) -> None:
    ids = [order.external_id for order in desk.orders]
    shown = desk.list(exclude=",".join(ids[:5]), per_page="100", orderby="id", order="asc")
    assert [str(one["id"]) for one in shown] == ids[5:]


@pytest.mark.parametrize(
    "wrong", [{"per_page": "101"}, {"page": "0"}, {"status": "lost"}, {"orderby": "luck"}, {"after": "soon"}]
)
def test_wrong_parameters_are_refused(desk: Desk, wrong: dict[str, str]) -> None:
    answer = desk.ask("GET", "/orders", **wrong)
    assert (answer.status, code_of(answer)) == (400, "rest_invalid_param")


def test_trackings_and_notes_need_their_fields(desk: Desk) -> None:
    path = f"/orders/{desk.orders[0].external_id}"
    assert desk.ask("POST", f"{path}/shipment-trackings", {"tracking_provider": "UPS"}).status == 400
    assert desk.ask("POST", f"{path}/notes", {}).status == 400
    assert desk.ask("PUT", path, {"status": "lost"}).status == 400
    assert desk.orders[0].told == []


def test_without_the_plugin_there_is_no_route(desk: Desk) -> None:
    vendor = WooCommerceVendor(desk.world, CHANNEL, shipment_tracking=False)
    desk.vendor = vendor
    answer = desk.ask("GET", f"/orders/{desk.orders[0].external_id}/shipment-trackings")
    assert (answer.status, code_of(answer)) == (404, "rest_no_route")


def test_completing_ships_all_that_is_left_once(desk: Desk) -> None:
    order = desk.orders[0]
    for _ in range(2):
        assert desk.ask("PUT", f"/orders/{order.external_id}", {"status": "completed"}).status == 200
    assert [dict(told.lines) for told in order.told] == [{line.line_id: line.current for line in order.lines}]


def test_taken_off_units_stand_in_a_refund_beside_an_unchanged_line(desk: Desk) -> None:
    order = desk.orders[0]
    order.lines[0].quantity = 3
    path = f"/orders/{order.external_id}"
    before = json.loads(desk.ask("GET", path).body)
    desk.world.remove_units(order, order.lines[0].line_id, 1)
    after = json.loads(desk.ask("GET", path).body)
    assert (after["line_items"], after["total"]) == (before["line_items"], before["total"])
    (refund,) = json.loads(desk.ask("GET", f"{path}/refunds").body)
    assert refund["line_items"][0]["quantity"] == -1
    assert after["refunds"][0]["total"] == f"-{refund['amount']}"
