"""Shopify's words: states, payments, reasons, and where orders stand in answers."""

import json
from collections.abc import Callable

import msgspec
import pytest

from normalization.channels.shopify import cancel_lines, confirm_shipment, orders_in
from normalization.errors import NormalizationError, Reason
from normalization.records import (
    Cancellation,
    CanonicalOrder,
    LineCancellation,
    LineQuantity,
    ShipmentConfirmation,
)
from normalization.statuses import ChannelState, PaymentMode, PaymentState, ReturnReason
from tests.normalization.shopify_orders import SEEN, Json, bag, canonical, line, raw, refund, shipped

# --- states


def states(value: Json) -> tuple[ChannelState, PaymentState]:
    found = canonical(value)
    return found.state, found.payment_state


def test_states_of_an_order() -> None:
    base = raw(line(1, 2, "10.0"), total="20.0")
    assert states(base) == (ChannelState.OPEN, PaymentState.CAPTURED)
    assert states(base | {"closed": True})[0] is ChannelState.CLOSED
    assert states(base | {"displayFulfillmentStatus": "ON_HOLD"})[0] is ChannelState.PENDING
    assert states(base | {"displayFinancialStatus": "AUTHORIZED"})[1] is PaymentState.AUTHORIZED
    assert states(base | {"cancelledAt": "2026-10-02T10:00:00Z"})[0] is ChannelState.CANCELLED


def test_unknown_words_are_loud() -> None:
    found = canonical(
        raw(line(1, 2, "10.0"), total="20.0")
        | {"displayFulfillmentStatus": "TELEPORTED", "displayFinancialStatus": "BARTERED"}
    )
    assert (found.state, found.payment_state) == (ChannelState.UNKNOWN, PaymentState.UNKNOWN)
    assert len(found.warnings) == 2


def transaction(number: int, kind: str, amount: str, parent: int | None = None, **more: object) -> Json:
    return {
        "id": f"t{number}",
        "kind": kind,
        "status": "SUCCESS",
        "gateway": "shopify_payments",
        "amountSet": bag(amount),
        "parentTransaction": {"id": f"t{parent}"} if parent else None,
        **more,
    }


@pytest.mark.parametrize(
    ("transactions", "state"),
    [
        ([transaction(1, "SALE", "20.0")], PaymentState.CAPTURED),
        ([transaction(1, "AUTHORIZATION", "20.0")], PaymentState.AUTHORIZED),
        (
            [transaction(1, "AUTHORIZATION", "20.0"), transaction(2, "CAPTURE", "20.0", 1)],
            PaymentState.CAPTURED,
        ),
        (
            [transaction(1, "AUTHORIZATION", "20.0"), transaction(2, "CAPTURE", "5.0", 1)],
            PaymentState.PARTIALLY_CAPTURED,
        ),
        ([transaction(1, "AUTHORIZATION", "20.0"), transaction(2, "VOID", "20.0", 1)], PaymentState.VOIDED),
        (
            [
                transaction(1, "AUTHORIZATION", "20.0"),
                transaction(2, "CAPTURE", "20.0", 1),
                transaction(3, "REFUND", "5.0", 2),
            ],
            PaymentState.PARTIALLY_REFUNDED,
        ),
        ([transaction(1, "SALE", "20.0"), transaction(2, "REFUND", "20.0", 1)], PaymentState.REFUNDED),
        ([transaction(1, "SALE", "20.0", status="PENDING")], PaymentState.PENDING),
        ([transaction(1, "SALE", "20.0", status="FAILURE")], PaymentState.FAILED),
    ],
)
def test_a_payment_has_the_state_that_its_transactions_left_it_in(
    transactions: list[Json], state: PaymentState
) -> None:
    found = canonical(raw(line(1, 2, "10.0"), total="20.0", transactions=transactions))
    assert [payment.state for payment in found.payments or ()] == [state]
    assert found.payment_mode is PaymentMode.CARD


def test_an_unknown_gateway_is_loud_unless_it_is_a_manual_one() -> None:
    def pay(**more: object) -> CanonicalOrder:
        sale = transaction(1, "SALE", "20.0", gateway="Cowrie Shells", **more)
        return canonical(raw(line(1, 2, "10.0"), total="20.0", transactions=[sale]))

    assert (pay().payment_mode, len(pay().warnings)) == (PaymentMode.UNKNOWN, 1)
    assert (pay(manualPaymentGateway=True).payment_mode, pay(manualPaymentGateway=True).warnings) == (
        PaymentMode.MANUAL,
        (),
    )


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        ("wrong-item", ReturnReason.WRONG_ITEM),
        ("size-too-small", ReturnReason.WRONG_SIZE),
        ("eaten-by-goat", ReturnReason.UNKNOWN),
    ],
)
def test_a_return_has_its_reason_and_so_has_its_refund(handle: str, reason: ReturnReason) -> None:
    came_back = {
        "id": "gid://shopify/Return/1",
        "status": "CLOSED",
        "createdAt": "2026-10-02T09:00:00Z",
        "returnLineItems": {
            "nodes": [
                {
                    "quantity": 1,
                    "processedQuantity": 1,
                    "returnReasonDefinition": {"handle": handle, "name": handle},
                    "fulfillmentLineItem": {"id": "f", "lineItem": {"id": "gid://shopify/LineItem/1"}},
                }
            ]
        },
    }
    value = raw(
        line(1, 1, "10.0", currentQuantity=0, unfulfilledQuantity=0),
        total="10.0",
        currentTotalPriceSet=bag("0.0"),
        fulfillments=[shipped(1)],
        refunds=[refund(1, 1, "RETURN", "10.0") | {"return": {"id": "gid://shopify/Return/1"}}],
        returns={"nodes": [came_back]},
    )
    found = canonical(value)
    assert found.returns
    assert found.refunds
    assert (found.returns[0].reason, found.refunds[0].reason) == (reason, reason)
    assert found.returns[0].lines == (LineQuantity(line_id="gid://shopify/LineItem/1", quantity=1),)
    assert bool(found.warnings) is (reason is ReturnReason.UNKNOWN)
    assert found.lines
    assert found.lines[0].returned == 1


def test_the_version_is_the_update_time_then_the_time_of_reading() -> None:
    base = raw(line(1, 2, "10.0"), total="20.0")
    older = canonical(base)
    newer = canonical(base | {"updatedAt": "2026-10-02T10:00:01Z"})
    assert older.version.key() < newer.version.key()
    assert older.version.observed_at == SEEN


def test_datasets_that_were_not_selected_are_unset() -> None:
    value = raw(line(1, 2, "10.0"), total="20.0")
    for name in ("shippingLines", "fulfillments", "refunds"):
        del value[name]
    found = canonical(value)
    assert [bool(found.shipping), bool(found.fulfilments), bool(found.refunds)] == [False] * 3
    encoded = json.loads(msgspec.json.encode(found))
    assert not {"shipping", "fulfilments", "refunds", "ship_to", "notes"} & encoded.keys()


# --- answers


def wrapped() -> list[tuple[str, Callable[[Json], Json], int]]:
    return [
        ("bare", lambda one: one, 1),
        ("single", lambda one: {"data": {"order": one}}, 1),
        ("node", lambda one: {"data": {"node": one}}, 1),
        ("nodes", lambda one: {"data": {"orders": {"nodes": [one, one]}}}, 2),
        ("edges", lambda one: {"data": {"orders": {"edges": [{"node": one}]}}}, 1),
        ("mutation", lambda one: {"data": {"orderCreate": {"order": one, "userErrors": []}}}, 1),
        ("recording", lambda one: {"request": {}, "response": {"data": {"orders": {"nodes": [one]}}}}, 1),
        ("recorded bare", lambda one: {"request": {}, "response": one}, 1),
    ]


@pytest.mark.parametrize(("name", "wrap", "count"), wrapped(), ids=[name for name, _, _ in wrapped()])
def test_orders_are_found_in_every_kind_of_answer(
    name: str, wrap: Callable[[Json], Json], count: int
) -> None:
    one = raw(line(1, 2, "10.0"), total="20.0")
    found = list(orders_in(json.dumps(wrap(one)).encode()))
    assert [json.loads(entry) for entry in found] == [one] * count


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"order": None}},
        {"data": {"orders": {"nodes": []}}},
        {"data": None, "errors": [{"message": "Throttled"}]},
        {
            "data": {
                "fulfillmentOrder": {
                    "id": "gid://shopify/FulfillmentOrder/1",
                    "order": {"id": "gid://shopify/Order/1"},
                }
            }
        },
        {"orders": [{"id": 450789469}]},
        [],
    ],
)
def test_an_answer_without_orders_is_out_of_scope(answer: object) -> None:
    with pytest.raises(NormalizationError) as caught:
        list(orders_in(json.dumps(answer).encode()))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_a_confirmation_is_said_in_the_channels_ids() -> None:
    said = confirm_shipment(
        ShipmentConfirmation(
            reference="r",
            external_id="gid://shopify/Order/1",
            number="#1001",
            sequence=1,
            lines=(LineQuantity(line_id="gid://shopify/LineItem/1", quantity=2),),
            carrier="UPS",
            tracking_number="1Z",
            shipped_at=SEEN,
            complete=True,
        )
    )
    assert said == {
        "order_id": "gid://shopify/Order/1",
        "lines": [{"line_id": "gid://shopify/LineItem/1", "quantity": 2}],
        "tracking": {"number": "1Z", "company": "UPS", "url": None},
    }


def test_a_cancellation_is_said_in_the_channels_ids_and_in_what_remains() -> None:
    said = cancel_lines(
        Cancellation(
            reference="c",
            external_id="gid://shopify/Order/1",
            number="#1001",
            lines=(LineCancellation(line_id="gid://shopify/LineItem/1", units=2, remaining=1),),
            reason="out of stock since 2026-10-01",
            whole=False,
        )
    )
    assert said == {
        "order_id": "gid://shopify/Order/1",
        "lines": [{"line_id": "gid://shopify/LineItem/1", "remaining": 1}],
        "whole": False,
        "reason": "out of stock since 2026-10-01",
    }
