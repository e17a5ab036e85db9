"""The imitated Amazon by itself: who gets in, what is shown, what is refused."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.amazon import GRANTED, TOKEN_LIFE, AmazonVendor

CHANNEL = "amazon-uk"
ORDERS = "/orders/2026-01-01/orders"


class Desk:
    """Somebody with a token, asking the vendor without any connector."""

    def __init__(self, granted: Mapping[str, tuple[float, int]] = GRANTED) -> None:
        self.world = build_world(5)
        self.vendor = AmazonVendor(self.world, CHANNEL, granted=granted)
        self.order = place_order(
            self.world, CHANNEL, Wish(by_channel=False, payment="captured", payment_mode="marketplace")
        )
        self.token = self.login()["access_token"]

    def login(self, **other: str) -> dict[str, Any]:
        form = {"grant_type": "refresh_token", **self.vendor.secrets, **other}
        request = VendorRequest("POST", "/auth/o2/token", body=urlencode(form).encode())
        return json.loads(self.vendor.handle(request).body)  # type: ignore[no-any-return]

    def get(self, path: str, **params: str) -> VendorAnswer:
        headers = {"X-Amz-Access-Token": self.token}
        return self.vendor.handle(VendorRequest("GET", path, urlencode(params), headers))

    def confirm(self, **changes: object) -> VendorAnswer:
        line = self.order.lines[0]
        package = {
            "packageReferenceId": "1",
            "carrierCode": "UPS",
            "trackingNumber": "1Z",
            "shipDate": self.world.now.isoformat(),
            "orderItems": [{"orderItemId": line.line_id, "quantity": line.quantity}],
            **changes,
        }
        body = {"marketplaceId": "A1F83G8C2ARO7P", "packageDetail": package}
        path = f"/orders/v0/orders/{self.order.external_id}/shipmentConfirmation"
        headers = {"x-amz-access-token": self.token}
        return self.vendor.handle(VendorRequest("POST", path, "", headers, json.dumps(body).encode()))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def code_of(answer: VendorAnswer) -> str:
    return str(json.loads(answer.body)["errors"][0]["code"])


def test_only_the_right_credentials_give_a_token(desk: Desk) -> None:
    assert desk.login(client_secret="no")["error"] == "invalid_client"
    assert desk.login(refresh_token="no")["error"] == "invalid_grant"
    assert desk.login(grant_type="password")["error"] == "unsupported_grant_type"
    assert desk.login()["expires_in"] == 3600


def test_a_token_ends_after_an_hour(desk: Desk) -> None:
    path = f"{ORDERS}/{desk.order.external_id}"
    assert desk.get(path).status == 200
    desk.world.now += TOKEN_LIFE
    answer = desk.get(path)
    assert (answer.status, code_of(answer)) == (403, "Unauthorized")
    assert b"expired" in answer.body


def test_lists_want_exactly_one_lower_bound(desk: Desk) -> None:
    assert desk.get(ORDERS).status == 400
    both = {"createdAfter": "2026-11-01T00:00:00Z", "lastUpdatedAfter": "2026-11-01T00:00:00Z"}
    assert desk.get(ORDERS, **both).status == 400
    assert desk.get(ORDERS, createdAfter="yesterday").status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxResultsPerPage": "101"},
        {"maxResultsPerPage": "0"},
        {"includedData": "SECRETS"},
        {"fulfillmentStatuses": "LOST"},
        {"paginationToken": "%%%"},
        {"lastUpdatedBefore": "2026-11-02T06:00:00Z"},
    ],
)
def test_wrong_parameters_are_refused(desk: Desk, wrong: dict[str, str]) -> None:
    answer = desk.get(ORDERS, lastUpdatedAfter="2026-11-01T00:00:00Z", **wrong)
    assert (answer.status, code_of(answer)) == (400, "InvalidInput")


def test_only_the_datasets_asked_for_are_shown(desk: Desk) -> None:
    order = json.loads(desk.get(f"{ORDERS}/{desk.order.external_id}").body)["order"]
    assert {"buyer", "recipient", "proceeds", "fulfillment"}.isdisjoint(order)
    order = json.loads(desk.get(f"{ORDERS}/{desk.order.external_id}", includedData="RECIPIENT").body)["order"]
    assert "recipient" in order


def test_a_bucket_that_is_spent_answers_quota_exceeded() -> None:
    desk = Desk(granted={"searchOrders": (1.0, 9), "getOrder": (0.0001, 2), "confirmShipment": (1.0, 9)})
    path = f"{ORDERS}/{desk.order.external_id}"
    assert [desk.get(path).status for _ in range(3)] == [200, 200, 429]
    assert code_of(desk.get(path)) == "QuotaExceeded"


@pytest.mark.parametrize(
    "wrong",
    [
        {"packageReferenceId": "parcel-1"},
        {"packageReferenceId": "0"},
        {"carrierCode": "Other"},
        {"shipDate": "02/21/2022"},
        {"orderItems": []},
        {"orderItems": [{"orderItemId": "1", "quantity": 1}]},
    ],
)
def test_a_wrong_confirmation_is_refused(desk: Desk, wrong: dict[str, object]) -> None:
    assert desk.confirm(**wrong).status == 400
    assert desk.order.told == []


def test_a_package_reference_counts_once(desk: Desk) -> None:
    assert [desk.confirm().status for _ in range(2)] == [204, 204]
    assert len(desk.order.told) == 1
    again = desk.confirm(packageReferenceId="2")
    assert again.status == 400
    assert b"already been fulfilled" in again.body


def test_an_unknown_path_and_an_unknown_order_are_not_found(desk: Desk) -> None:
    assert desk.get("/orders/v1/nothing").status == 404
    assert desk.get(f"{ORDERS}/000-0000000-0000000").status == 404
