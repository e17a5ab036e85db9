"""The imitated Shopify itself: what it lets in, what it answers, how it fails."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.shopify import ShopifyVendor
from sandbox.world import ShopOrder

PAGE = """query($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    edges { cursor node { id name updatedAt } }
    pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture
def vendor() -> ShopifyVendor:
    return ShopifyVendor(build_world(plenty=True), "shopify-eu")


def ask(
    vendor: ShopifyVendor, text: str, token: str = ShopifyVendor.token, **variables: object
) -> VendorAnswer:
    body = json.dumps({"query": text, "variables": variables}).encode()
    headers = {"x-shopify-access-token": token}
    return vendor.handle(VendorRequest("POST", "/admin/api/2026-10/graphql.json", "", headers, body))


def told(vendor: ShopifyVendor, text: str, **variables: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ask(vendor, text, **variables).body)
    return answer


def order_of(vendor: ShopifyVendor) -> ShopOrder:
    return place_order(vendor.world, "shopify-eu", Wish(lines=[("FLASK-STEEL-10", 2)]))


def test_a_stranger_is_turned_away(vendor: ShopifyVendor) -> None:
    answer = ask(vendor, PAGE, token="guessed", first=1)
    assert answer.status == 401
    assert "Invalid API key" in json.loads(answer.body)["errors"]


def test_other_places_are_not_found(vendor: ShopifyVendor) -> None:
    headers = {"X-Shopify-Access-Token": vendor.token}
    assert vendor.handle(VendorRequest("POST", "/admin/api/graphql.json", "", headers, b"{}")).status == 404


def test_an_answer_holds_what_was_selected_and_its_cost(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    answer = told(vendor, "query($id: ID!) { order(id: $id) { number: name id } }", id=order.external_id)
    assert answer["data"] == {"order": {"number": order.number, "id": order.external_id}}
    status = answer["extensions"]["cost"]["throttleStatus"]
    assert set(status) == {"maximumAvailable", "currentlyAvailable", "restoreRate"}


def test_an_unknown_field_is_an_error_without_data(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    answer = told(vendor, "query($id: ID!) { order(id: $id) { favouriteColour } }", id=order.external_id)
    assert "favouriteColour" in answer["errors"][0]["message"]
    assert "data" not in answer


def test_cursors_go_through_all_orders_in_order_of_change(vendor: ShopifyVendor) -> None:
    placed = []
    for _ in range(5):
        placed.append(order_of(vendor).external_id)
        vendor.world.now += timedelta(seconds=1)
    found: list[str] = []
    after = None
    while True:
        page = told(vendor, PAGE, first=2, after=after)["data"]["orders"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == placed


def test_an_order_that_changes_moves_to_the_end_of_the_list(vendor: ShopifyVendor) -> None:
    first, second = order_of(vendor), order_of(vendor)
    page = told(vendor, PAGE, first=1)["data"]["orders"]
    assert page["edges"][0]["node"]["id"] == first.external_id
    vendor.world.now += timedelta(seconds=1)
    vendor.world.remove_units(first, first.lines[0].line_id, 1)
    rest = told(vendor, PAGE, first=9, after=page["pageInfo"]["endCursor"])["data"]["orders"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == [second.external_id, first.external_id]


def test_a_search_by_update_time_is_half_open(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    at = order.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def count(query: str) -> int:
        return len(told(vendor, PAGE, first=9, query=query)["data"]["orders"]["edges"])

    assert count(f"updated_at:>='{at}'") == 1
    assert count(f"updated_at:<'{at}'") == 0


def test_old_orders_are_left_out_silently_without_the_scope(vendor: ShopifyVendor) -> None:
    order_of(vendor)
    vendor.world.now += timedelta(days=61)
    assert len(told(vendor, PAGE, first=9)["data"]["orders"]["edges"]) == 1
    vendor.scopes.remove("read_all_orders")
    answer = told(vendor, PAGE, first=9)
    assert answer["data"]["orders"]["edges"] == []
    assert "errors" not in answer


def test_an_empty_bucket_throttles_and_says_when_to_come_back(vendor: ShopifyVendor) -> None:
    vendor.bucket = 30
    answer = ask(vendor, PAGE, first=50)
    assert answer.status == 200
    body = json.loads(answer.body)
    assert body["errors"][0]["extensions"]["code"] == "THROTTLED"
    cost = body["extensions"]["cost"]
    assert cost["requestedQueryCost"] > cost["throttleStatus"]["currentlyAvailable"]


@pytest.mark.parametrize("first", [0, 251, None])
def test_pages_have_shopifys_sizes(vendor: ShopifyVendor, first: int | None) -> None:
    assert "errors" in told(vendor, PAGE, first=first)


def listed(vendor: ShopifyVendor) -> list[str]:
    return [edge["node"]["id"] for edge in told(vendor, PAGE, first=9)["data"]["orders"]["edges"]]


def test_list_faults_spoil_a_page_and_are_over(vendor: ShopifyVendor) -> None:
    first, second = order_of(vendor).external_id, order_of(vendor).external_id
    spoiled = {
        "duplicate_update": [first, second, first],
        "reordered": [second, first],
        "stale_update": [first, second, first],
        "late_visibility": [],
    }
    for kind, expected in spoiled.items():
        vendor.faults.switch_on(kind)
        assert listed(vendor) == expected
        assert listed(vendor) == [first, second]


def test_only_answers_to_mutations_get_lost(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    vendor.faults.switch_on("lost_answer")
    assert not ask(vendor, PAGE, first=1).lost
    work = vendor.works.of(order)[0]
    assert fulfil(vendor, work.id).lost
    assert len(order.told) == 1


FULFIL = """mutation($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id } userErrors { message } }
}"""


def fulfil(vendor: ShopifyVendor, *works: str, lines: list[dict[str, object]] | None = None) -> VendorAnswer:
    groups = [{"fulfillmentOrderId": work, "fulfillmentOrderLineItems": lines} for work in works]
    return ask(vendor, FULFIL, fulfillment={"lineItemsByFulfillmentOrder": groups})


def refusal(answer: VendorAnswer) -> str:
    made = json.loads(answer.body)["data"]["fulfillmentCreate"]
    assert made["fulfillment"] is None
    return str(made["userErrors"][0]["message"])


def test_a_fulfilment_refuses_what_shopify_refuses(vendor: ShopifyVendor) -> None:
    order = order_of(vendor)
    line_id = order.lines[0].line_id
    work = vendor.works.of(order)[0]
    other = vendor.works.move(order, line_id, 1, location=2)
    own = work.line_ids[line_id]
    assert "single location" in refusal(fulfil(vendor, work.id, other.id))
    assert "greater than 0" in refusal(fulfil(vendor, work.id, lines=[{"id": own, "quantity": 0}]))
    assert "quantity requested" in refusal(fulfil(vendor, work.id, lines=[{"id": own, "quantity": 2}]))
    assert "does not exist" in refusal(fulfil(vendor, "gid://shopify/FulfillmentOrder/9"))
    assert order.told == []
    assert json.loads(fulfil(vendor, work.id).body)["data"]["fulfillmentCreate"]["userErrors"] == []
    assert "closed" in refusal(fulfil(vendor, work.id))
    assert "same order" in refusal(fulfil(vendor, other.id, vendor.works.of(order_of(vendor))[0].id))
    assert [dict(one.lines) for one in order.told] == [{line_id: 1}]


def test_a_write_needs_its_scope(vendor: ShopifyVendor) -> None:
    vendor.scopes.remove("write_merchant_managed_fulfillment_orders")
    answer = json.loads(fulfil(vendor, "gid://shopify/FulfillmentOrder/9").body)
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
