"""The imitated Shopify's order edits and cancellations, spoken to in its own words."""

import json
from typing import Any

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorRequest
from sandbox.vendors.shopify import ShopifyVendor
from sandbox.world import ShopOrder

BEGIN = """mutation($id: ID!) {
  orderEditBegin(id: $id) {
    calculatedOrder { id lineItems(first: 9) { nodes { id quantity editableQuantity } } }
    orderEditSession { id }
    userErrors { message }
  }
}"""
SET = """mutation($id: ID!, $line: ID!, $quantity: Int!, $restock: Boolean) {
  orderEditSetQuantity(id: $id, lineItemId: $line, quantity: $quantity, restock: $restock) {
    calculatedLineItem { quantity editableQuantity }
    userErrors { message }
  }
}"""
COMMIT = """mutation($id: ID!, $mail: Boolean, $note: String) {
  orderEditCommit(id: $id, notifyCustomer: $mail, staffNote: $note) {
    order { lineItems(first: 9) { nodes { quantity currentQuantity } } }
    successMessages
    userErrors { message }
  }
}"""
CANCEL = """mutation($id: ID!, $note: String, $refund: OrderCancelRefundMethodInput) {
  orderCancel(orderId: $id, reason: INVENTORY, restock: true, notifyCustomer: true, staffNote: $note,
              refundMethod: $refund) {
    job { id done }
    jobResult { id done status }
    orderCancelUserErrors { message code }
    userErrors { message }
  }
}"""
JOB = "query($id: ID!) { node(id: $id) { ... on OrderCancelJobResult { done status errors { message } } } }"
ORDER = """query($id: ID!) { order(id: $id) {
  cancelledAt cancelReason closed displayFinancialStatus
  currentTotalPriceSet { shopMoney { amount } }
  lineItems(first: 9) { nodes { currentQuantity } }
} }"""


@pytest.fixture
def vendor() -> ShopifyVendor:
    return ShopifyVendor(build_world(plenty=True), "shopify-eu")


def ask(vendor: ShopifyVendor, text: str, **variables: object) -> Any:  # noqa: ANN401 -- any JSON
    """The value of the answer's only field."""
    body = json.dumps({"query": text, "variables": variables}).encode()
    headers = {"x-shopify-access-token": ShopifyVendor.token}
    request = VendorRequest("POST", "/admin/api/2026-10/graphql.json", "", headers, body)
    (value,) = json.loads(vendor.handle(request).body)["data"].values()
    return value


def order_of(vendor: ShopifyVendor) -> ShopOrder:
    return place_order(vendor.world, "shopify-eu", Wish(lines=[("FLASK-STEEL-10", 3)]))


def begin(vendor: ShopifyVendor, order: ShopOrder) -> tuple[str, str]:
    """A new edit: its id, and its first line's."""
    draft = ask(vendor, BEGIN, id=order.external_id)["calculatedOrder"]
    return draft["id"], draft["lineItems"]["nodes"][0]["id"]


def refusal(answer: dict[str, Any]) -> str:
    return str(answer["userErrors"][0]["message"])


# --- order edits


def test_an_edit_shows_what_can_be_edited(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    vendor.world.tell(order, {order.lines[0].line_id: 1}, "UPS", "1Z")
    answer = ask(vendor, BEGIN, id=order.external_id)
    (line,) = answer["calculatedOrder"]["lineItems"]["nodes"]
    assert (line["quantity"], line["editableQuantity"]) == (3, 2)
    assert line["id"] == order.lines[0].line_id.replace("LineItem", "CalculatedLineItem")
    assert answer["orderEditSession"]["id"].split("/")[-1] == answer["calculatedOrder"]["id"].split("/")[-1]


def test_nothing_is_edited_before_the_commit(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    draft, line = begin(vendor, order)
    staged = ask(vendor, SET, id=draft, line=line, quantity=1)["calculatedLineItem"]
    assert staged == {"quantity": 1, "editableQuantity": 1}
    assert order.lines[0].current == 3
    done = ask(vendor, COMMIT, id=draft, note="why")
    assert done["order"]["lineItems"]["nodes"] == [{"quantity": 3, "currentQuantity": 1}]
    assert done["successMessages"] == ["Order updated"]
    assert order.lines[0].current == 1


def test_staff_and_buyer_are_told_as_asked(vendor: ShopifyVendor) -> None:
    draft, line = begin(vendor, order_of(vendor))
    ask(vendor, SET, id=draft, line=line, quantity=1, restock=True)
    ask(vendor, COMMIT, id=draft, mail=True, note="why")
    (taken,) = vendor.cancelling.taken
    assert (taken.staff_note, taken.notified, taken.restocked) == ("why", True, True)


def test_an_edit_refuses_what_shopify_refuses(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    vendor.world.tell(order, {order.lines[0].line_id: 2}, "UPS", "1Z")
    draft, line = begin(vendor, order)
    gone = "gid://shopify/CalculatedOrder/999"
    assert refusal(ask(vendor, BEGIN, id="gid://shopify/Order/0")) == "The order does not exist."
    assert refusal(ask(vendor, SET, id=gone, line=line, quantity=1)) == "The calculated order does not exist."
    assert refusal(ask(vendor, SET, id=draft, line=line, quantity=-1)) == "must be greater than or equal to 0"
    assert "fulfilled" in refusal(ask(vendor, SET, id=draft, line=line, quantity=1))
    assert "does not exist" in refusal(ask(vendor, SET, id=draft, line="gid://x/9", quantity=1))
    assert refusal(ask(vendor, COMMIT, id=gone)) == "The calculated order does not exist."
    assert ask(vendor, COMMIT, id=draft)["userErrors"] == []
    assert refusal(ask(vendor, COMMIT, id=draft)) == "The calculated order does not exist."
    assert order.lines[0].current == 3


def test_a_cancelled_order_can_not_be_edited(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    vendor.world.cancel(order)
    assert "canceled" in refusal(ask(vendor, BEGIN, id=order.external_id))


# --- cancellations


def test_a_cancellation_is_a_job(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    vendor.cancelling.slow_jobs = 2
    answer = ask(vendor, CANCEL, id=order.external_id, note="why")
    job = answer["jobResult"]
    assert (job["done"], job["status"]) == (False, "STARTED")
    assert ask(vendor, JOB, id=job["id"])["status"] == "STARTED"
    assert vendor.cancelling.taken == []
    assert ask(vendor, JOB, id=job["id"]) == {"done": True, "status": "SUCCEEDED", "errors": []}
    assert order.cancelled_at
    (taken,) = vendor.cancelling.taken
    assert (taken.reason, taken.staff_note, taken.notified, taken.restocked) == (
        "INVENTORY",
        "why",
        True,
        True,
    )


def test_an_unpaid_order_that_is_cancelled_is_closed_and_empty(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    order.payment = "pending"
    ask(vendor, CANCEL, id=order.external_id)
    found = ask(vendor, ORDER, id=order.external_id)
    assert (found["closed"], found["cancelReason"]) == (True, "INVENTORY")
    assert found["displayFinancialStatus"] == "VOIDED"
    assert found["lineItems"]["nodes"] == [{"currentQuantity": 0}]
    assert found["currentTotalPriceSet"]["shopMoney"]["amount"] == "0.0"


def test_a_paid_order_that_is_cancelled_waits_for_its_refund(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    order.payment = "captured"
    before = ask(vendor, ORDER, id=order.external_id)
    ask(vendor, CANCEL, id=order.external_id)
    found = ask(vendor, ORDER, id=order.external_id)
    assert found["cancelledAt"]
    assert found == before | {"cancelledAt": found["cancelledAt"], "cancelReason": "INVENTORY"}
    assert order.lines[0].current == 0


def test_a_cancellation_refuses_what_shopify_refuses(vendor: ShopifyVendor) -> None:
    order, told, cancelled = (order_of(vendor) for _ in range(3))
    vendor.world.tell(told, {told.lines[0].line_id: 1}, "UPS", "1Z")
    vendor.world.cancel(cancelled)

    def why(gid: str, **more: object) -> tuple[str, str]:
        answer = ask(vendor, CANCEL, id=gid, **more)
        assert answer["job"] is answer["jobResult"] is None
        assert refusal(answer) == answer["orderCancelUserErrors"][0]["message"]
        return refusal(answer), answer["orderCancelUserErrors"][0]["code"]

    assert why("gid://shopify/Order/0")[1] == "NOT_FOUND"
    assert why(cancelled.external_id) == (
        "Cannot cancel an order that has already been canceled",
        "INVALID",
    )
    assert why(told.external_id) == ("Cannot cancel an order that has outstanding fulfillments", "INVALID")
    too_long = ("Staff note is too long. Maximum length is 255 characters.", "INVALID")
    assert why(order.external_id, note="x" * 256) == too_long
    assert why(order.external_id, refund={"originalPaymentMethodsRefund": True})[1] == "INVALID"
    assert order.cancelled_at is None
