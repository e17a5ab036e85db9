"""The imitated Vendure by itself: who gets in, what is shown, what moves and what stands still."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.vendure import VendureVendor

CHANNEL = "vendure-us"
PAID = Wish(lines=[("MUG-BLUE", 2)], payment="captured", payment_mode="card")
LOGIN = """mutation { login(username: "superadmin", password: "%s") {
  __typename ... on ErrorResult { errorCode } } }"""
ORDERS = "query($o: OrderListOptions) { orders(options: $o) { totalItems items { id state orderPlacedAt } } }"


class Desk:
    """Somebody with a token, asking the vendor without any connector."""

    def __init__(self) -> None:
        self.world = build_world(5, plenty=True)
        self.vendor = VendureVendor(self.world, CHANNEL)
        self.token = self.send(LOGIN % "superadmin").headers["vendure-auth-token"]

    def send(self, query: str, token: str = "", **variables: object) -> VendorAnswer:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {token}"}
        return self.vendor.handle(VendorRequest("POST", "/admin-api", "", headers, body))

    def ask(self, query: str, **variables: object) -> Any:  # noqa: ANN401
        return json.loads(self.send(query, self.token, **variables).body)

    def order(self, order_id: str, fields: str) -> Any:  # noqa: ANN401
        return self.ask(f"query($id: ID!) {{ order(id: $id) {{ {fields} }} }}", id=order_id)["data"]["order"]

    def list(self, **options: object) -> Any:  # noqa: ANN401
        return self.ask(ORDERS, o=options)["data"]["orders"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_wrong_password_is_a_member_of_the_union_inside_200(desk: Desk) -> None:
    answer = desk.send(LOGIN % "guess")
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["login"]["errorCode"] == "INVALID_CREDENTIALS_ERROR"
    assert "vendure-auth-token" not in answer.headers


def test_without_a_token_the_answer_is_forbidden_inside_200(desk: Desk) -> None:
    answer = desk.send(ORDERS)
    assert (answer.status, answer.headers["vendure-auth-token"]) == (200, "")
    assert json.loads(answer.body)["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_a_field_that_does_not_exist_is_refused_with_400(desk: Desk) -> None:
    assert desk.send("{ orders { nonsense } }", desk.token).status == 400


def test_more_than_1000_are_refused_inside_200(desk: Desk) -> None:
    error = desk.ask(ORDERS, o={"take": 1001})["errors"][0]
    assert error == {
        "message": "Cannot take more than 1000 results from a list query",
        "extensions": {"code": "USER_INPUT_ERROR"},
    }


def test_s47_updated_at_moves_with_edits_and_cancellations_only(desk: Desk) -> None:
    order = place_order(desk.world, CHANNEL, Wish(lines=[("MUG-BLUE", 3)], payment="authorized"))
    line = order.lines[0].line_id

    def updated_at() -> str:
        return str(desk.order(order.external_id, "updatedAt")["updatedAt"])

    stamps = [updated_at()]
    for happens in (
        lambda: desk.world.pay(order),
        lambda: desk.world.tell(order, {line: 1}, "UPS", "1Z"),
        lambda: desk.world.refund(order, {line: 1}, "damaged"),
        lambda: desk.world.remove_units(order, line, 1),
        lambda: desk.world.cancel(order),
    ):
        desk.world.now += timedelta(hours=1)
        happens()
        stamps.append(updated_at())
    assert stamps[:4] == [stamps[0]] * 4
    assert stamps[4] > stamps[3]
    assert stamps[5] > stamps[4]


def test_updated_at_may_lie_before_the_placing(desk: Desk) -> None:
    order = place_order(desk.world, CHANNEL, PAID)
    seen = desk.order(order.external_id, "updatedAt orderPlacedAt")
    assert seen["updatedAt"] < seen["orderPlacedAt"]


def test_the_state_follows_payment_and_fulfilments(desk: Desk) -> None:
    order = place_order(
        desk.world, CHANNEL, Wish(lines=[("MUG-BLUE", 2)], payment="pending", payment_mode="bank_transfer")
    )
    line, states = order.lines[0].line_id, []
    for happens in (
        lambda: None,
        lambda: desk.world.pay(order),
        lambda: desk.world.tell(order, {line: 1}, "UPS", "1"),
        lambda: desk.world.tell(order, {line: 1}, "UPS", "2"),
    ):
        happens()
        states.append(desk.order(order.external_id, "state")["state"])
    assert states == ["ArrangingPayment", "PaymentSettled", "PartiallyShipped", "Shipped"]


def test_a_list_is_filtered_sorted_and_cut(desk: Desk) -> None:
    placed = [place_order(desk.world, CHANNEL, PAID).external_id for _ in range(5)]
    desk.world.cancel(desk.world.orders[CHANNEL, placed[1]])
    found = desk.list(skip=1, take=2, sort={"id": "ASC"}, filter={"state": {"in": ["PaymentSettled"]}})
    assert (found["totalItems"], [one["id"] for one in found["items"]]) == (4, placed[2:4])


def test_a_fulfilment_counts_for_the_world_when_it_is_shipped(desk: Desk) -> None:
    order = place_order(desk.world, CHANNEL, PAID)
    line = order.lines[0].line_id
    add = """mutation($i: FulfillOrderInput!) { addFulfillmentToOrder(input: $i) {
      __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode } } }"""
    move = """mutation($id: ID!) { transitionFulfillmentToState(id: $id, state: "Shipped") {
      __typename ... on Fulfillment { state } ... on ErrorResult { errorCode } } }"""
    wanted = {"lines": [{"orderLineId": line, "quantity": 2}], "handler": {"code": "m", "arguments": []}}
    made = desk.ask(add, i=wanted)["data"]["addFulfillmentToOrder"]
    assert (made["state"], order.told) == ("Pending", [])
    again = desk.ask(add, i=wanted)["data"]["addFulfillmentToOrder"]
    assert again["errorCode"] == "ITEMS_ALREADY_FULFILLED_ERROR"
    moved = desk.ask(move, id=made["id"])["data"]["transitionFulfillmentToState"]
    assert moved["state"] == "Shipped"
    assert [dict(told.lines) for told in order.told] == [{line: 2}]
    twice = desk.ask(move, id=made["id"])["data"]["transitionFulfillmentToState"]
    assert twice["errorCode"] == "FULFILLMENT_STATE_TRANSITION_ERROR"


CANCEL = """mutation($i: CancelOrderInput!) { cancelOrder(input: $i) {
  __typename ... on Order { state } ... on ErrorResult { errorCode } } }"""


@pytest.mark.parametrize(
    ("units", "code"),
    [
        ([], "EMPTY_ORDER_LINE_SELECTION_ERROR"),
        ([0], "EMPTY_ORDER_LINE_SELECTION_ERROR"),
        ([3], "QUANTITY_TOO_GREAT_ERROR"),
    ],
)
def test_units_that_cannot_be_cancelled_are_refused_inside_200(
    desk: Desk, units: list[int], code: str
) -> None:
    order = place_order(desk.world, CHANNEL, PAID)
    lines = [{"orderLineId": order.lines[0].line_id, "quantity": count} for count in units]
    answer = desk.ask(CANCEL, i={"orderId": order.external_id, "lines": lines})
    assert answer["data"]["cancelOrder"]["errorCode"] == code
    assert order.lines[0].current == 2


def test_a_line_of_another_order_and_one_of_none_are_not_cancelled(desk: Desk) -> None:
    first, second = (place_order(desk.world, CHANNEL, PAID) for _ in range(2))
    lines = [{"orderLineId": second.lines[0].line_id, "quantity": 1}]
    answer = desk.ask(CANCEL, i={"orderId": first.external_id, "lines": lines})
    assert answer["data"]["cancelOrder"]["errorCode"] == "MULTIPLE_ORDER_ERROR"
    lines = [{"orderLineId": "99999", "quantity": 1}]
    answer = desk.ask(CANCEL, i={"orderId": first.external_id, "lines": lines})
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert [order.lines[0].current for order in (first, second)] == [2, 2]


def test_only_an_order_without_units_changes_its_state_when_some_are_cancelled(desk: Desk) -> None:
    order = place_order(desk.world, CHANNEL, PAID)
    line = order.lines[0].line_id
    desk.world.tell(order, {line: 1}, "UPS", "1")
    wanted = {"orderId": order.external_id, "lines": [{"orderLineId": line, "quantity": 1}]}
    states = [desk.ask(CANCEL, i=wanted)["data"]["cancelOrder"]["state"] for _ in range(2)]
    assert states == ["PartiallyShipped", "Cancelled"]


def test_s05_a_late_order_is_shown_later(desk: Desk) -> None:
    order = place_order(desk.world, CHANNEL, Wish(late=timedelta(minutes=10)))
    assert desk.list()["items"] == []
    desk.world.now += timedelta(minutes=10)
    assert [one["id"] for one in desk.list()["items"]] == [order.external_id]


@pytest.mark.parametrize(
    ("fault", "ids"),
    [
        ("duplicate_update", ["1", "1", "2"]),
        ("reordered", ["2", "1"]),
        ("late_visibility", []),
        ("broken_record", ["1", "2"]),
    ],
)
def test_faults_spoil_one_list(desk: Desk, fault: str, ids: list[str]) -> None:
    orders = [place_order(desk.world, CHANNEL, PAID).external_id for _ in range(2)]
    names = dict(zip(orders, ("1", "2"), strict=True))
    clean = desk.list(sort={"id": "ASC"})
    desk.vendor.faults.switch_on(fault)
    spoiled = desk.list(sort={"id": "ASC"})
    assert [names[one["id"]] for one in spoiled["items"]] == ids
    assert spoiled != clean
    assert desk.list(sort={"id": "ASC"}) == clean


def test_throttling_and_failing_look_like_a_proxys(desk: Desk) -> None:
    desk.vendor.faults.switch_on("throttle")
    answer = desk.send(ORDERS, desk.token)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    desk.vendor.faults.switch_on("server_error")
    assert desk.send(ORDERS, desk.token).status == 502
