"""Vendure's orders in the hub's words. The files were recorded from a running 3.7.3."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from normalization.channels import vendure as mapping
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import (
    CanonicalOrder,
    Charge,
    LineQuantity,
    OrderLine,
    ShipmentConfirmation,
    ShippingLine,
)
from normalization.registry import Context
from normalization.statuses import ChannelState, PaymentMode, PaymentState

RECORDED = Path(__file__).parents[1] / "fixtures" / "vendure"
NAMES = ("edited", "partly_delivered", "cancelled")
CONTEXT = Context("shop", datetime(2026, 11, 22, 15, tzinfo=UTC), {"payment_modes": "standard-payment=card"})

Json = dict[str, Any]


def recorded(name: str, change: Callable[[Json], object] = lambda order: None) -> bytes:
    order = json.loads((RECORDED / f"{name}.json").read_text())
    change(order)
    return json.dumps(order).encode()


def canonical(name: str, change: Callable[[Json], object] = lambda order: None) -> Any:  # noqa: ANN401
    """A CanonicalOrder whose datasets are all present."""
    return mapping.order(recorded(name, change), CONTEXT)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_to_the_header_to_the_minor_unit(name: str) -> None:
    order = canonical(name)
    parts: list[OrderLine | ShippingLine | Charge] = [*order.lines, *order.shipping, *order.charges]
    assert sum(part.total.minor for part in parts) == order.totals.total.minor
    assert sum(part.tax.minor for part in parts) == order.totals.tax.minor
    for part in parts:
        assert part.total == part.net + part.tax


@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_gross_less_discount_is_what_is_paid(name: str, included: bool) -> None:
    order = canonical(name, lambda order: order["channels"][0].update(pricesIncludeTax=included))
    assert order.taxes_included is included
    for line in order.lines:
        assert line.gross - line.discount == (line.total if included else line.net)
        assert sum(tax.amount.minor for tax in line.taxes) == line.tax.minor


def test_an_edited_order_with_a_coupon_a_cancelled_unit_and_a_surcharge() -> None:
    order = canonical("edited")
    assert (order.external_id, order.number, order.currency) == ("2", "X1V3GTBH8GAVD9PP", "USD")
    assert order.placed_at == datetime(2026, 11, 22, 14, 17, 46, 102000, tzinfo=UTC)
    assert (order.state, order.channel_status) == (ChannelState.OPEN, "PartiallyShipped")
    assert [(line.sku, line.ordered, line.cancelled, line.fulfilled) for line in order.lines] == [
        ("ODD-1", 3, 2, 1),
        ("ODD-2", 7, 2, 0),
        ("ODD-3", 1, 0, 0),
    ]
    assert [line.total for line in order.lines] == [usd(2194), usd(1633), usd(4444)]
    assert order.lines[0].unit_price == usd(1999)
    assert order.lines[0].taxes[0].rate == "0.2"
    assert [(discount.amount, discount.code) for discount in order.discounts] == [(usd(1749), "SAVE25")]
    assert [(charge.kind, charge.title, charge.total) for charge in order.charges] == [
        ("surcharge", "Gift wrap", usd(250))
    ]
    assert order.totals.total == usd(9021)
    assert order.refunds == ()  # the one that is recorded is Pending: no money went back yet
    assert order.totals.refunded == usd(0)


def test_the_revision_is_left_empty_since_updated_at_cannot_be_trusted() -> None:
    order = canonical("edited")
    assert order.version.revision == ""
    assert order.version.observed_at == CONTEXT.observed_at


def test_a_partly_delivered_order_has_its_fulfilment_and_address() -> None:
    order = canonical("partly_delivered")
    (fulfilment,) = order.fulfilments
    assert (fulfilment.carrier, fulfilment.tracking_numbers) == ("UPS", ("1Z999AA10123456784",))
    assert fulfilment.lines == (LineQuantity(line_id="1", quantity=2),)
    assert (order.ship_to.name, order.ship_to.street, order.ship_to.country_code) == (
        "A B",
        ("1 Road",),
        "GB",
    )
    assert order.bill_to is None
    assert order.buyer.email.endswith("@example.org")
    assert order.requested_service == "standard-shipping"


def test_a_cancelled_order_costs_nothing_and_nothing_of_it_is_open() -> None:
    order = canonical("cancelled")
    assert order.state is ChannelState.CANCELLED
    assert [(line.ordered, line.cancelled) for line in order.lines] == [(3, 3)]
    assert order.totals.total == usd(0)


def test_s42_units_added_later_count_as_ordered() -> None:
    order = canonical("partly_delivered", lambda order: order["lines"][0].update(orderPlacedQuantity=1))
    assert (order.lines[0].ordered, order.lines[0].cancelled) == (3, 0)


def test_a_cancelled_fulfilment_fulfils_nothing() -> None:
    order = canonical("partly_delivered", lambda order: order["fulfillments"][0].update(state="Cancelled"))
    assert order.lines[0].fulfilled == 0


def test_a_settled_refund_is_spread_over_its_lines_to_the_last_cent() -> None:
    def settle(order: Json) -> None:
        refund = order["payments"][0]["refunds"][0]
        lines = [{"orderLineId": line["id"], "quantity": 1} for line in order["lines"]]
        refund.update(state="Settled", total=1001, shipping=100, lines=lines)

    order = canonical("edited", settle)
    (refund,) = order.refunds
    assert refund.amount == usd(1001)
    assert refund.shipping == usd(100)
    assert sum(line.amount.minor for line in refund.lines) == 901
    assert order.payment_state is PaymentState.PARTIALLY_REFUNDED
    assert order.totals.refunded == usd(1001)
    assert refund.reason_text == "less"


def test_two_taxes_of_a_line_share_its_tax_by_their_rates() -> None:
    taxes = [{"description": "State", "taxRate": 6.25}, {"description": "City", "taxRate": 1}]
    order = canonical("partly_delivered", lambda order: order["lines"][0].update(taxLines=taxes))
    found = [(tax.title, tax.rate, tax.amount.minor) for tax in order.lines[0].taxes]
    assert found == [("State", "0.0625", 647), ("City", "0.01", 103)]


@pytest.mark.parametrize(
    ("states", "total", "expected"),
    [
        (["Settled"], 5000, PaymentState.CAPTURED),
        (["Authorized"], 5000, PaymentState.AUTHORIZED),
        (["Created"], 5000, PaymentState.PENDING),
        (["Declined"], 5000, PaymentState.FAILED),
        (["Declined", "Settled"], 5000, PaymentState.CAPTURED),
        (["Cancelled"], 5000, PaymentState.VOIDED),
        (["Settled"], 6000, PaymentState.PARTIALLY_CAPTURED),
        ([], 5000, PaymentState.PENDING),
        ([], 0, PaymentState.CAPTURED),
        (["Sleeping"], 5000, PaymentState.UNKNOWN),
    ],
)
def test_the_payment_as_a_whole(states: list[str], total: int, expected: PaymentState) -> None:
    def change(order: Json) -> None:
        payment = {**order["payments"][0], "refunds": []}
        order["payments"] = [{**payment, "state": state} for state in states]
        more = total - order["totalWithTax"]
        order["surcharges"].append({"description": "Edited", "price": more, "priceWithTax": more})
        order["totalWithTax"] = total

    assert canonical("partly_delivered", change).payment_state is expected


def times(factor: int) -> Callable[[Json], object]:
    """Multiplies every amount of an order."""

    def multiply(part: Any) -> None:  # noqa: ANN401 -- any part of an answer
        for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
            if isinstance(value, dict | list):
                multiply(value)
            elif type(value) is int and "uantity" not in key and key != "taxRate":
                part[key] = value * factor

    return multiply


def in_currency(code: str, name: str, factor: int = 1, precision: str | None = None) -> Any:  # noqa: ANN401
    def change(order: Json) -> None:
        times(factor)(order)
        order["currencyCode"] = code

    settings = {"money_precision": precision} if precision is not None else {}
    context = Context("shop", CONTEXT.observed_at, {**CONTEXT.settings, **settings})
    return mapping.order(recorded(name, change), context)


def minors(order: CanonicalOrder) -> list[int]:
    return [int(found) for found in re.findall(r'"minor":(-?[0-9]+)', msgspec.json.encode(order).decode())]


@pytest.mark.parametrize("name", NAMES)
def test_vendure_counts_every_currency_in_hundredths(name: str) -> None:
    """A yen is 100 there, and a dinar 100, not 1000: vendurehq/vendure issue 1630."""
    dollars = minors(canonical(name))
    assert any(dollars)
    assert minors(in_currency("JPY", name, factor=100)) == dollars
    assert minors(in_currency("KWD", name, factor=10)) == [minor * 100 for minor in dollars]
    assert in_currency("JPY", name, factor=100).payment_state is canonical(name).payment_state


def test_a_shop_s_own_precision_is_a_setting() -> None:
    dollars = minors(canonical("edited"))
    assert minors(in_currency("JPY", "edited", precision="0")) == dollars
    assert minors(in_currency("USD", "edited", factor=10, precision="3")) == dollars


@pytest.mark.parametrize("precision", [None, "two", "-1", ""])
def test_an_amount_that_is_no_whole_yen_goes_to_quarantine(precision: str | None) -> None:
    with pytest.raises(NormalizationError, match="money_precision") as caught:
        in_currency("JPY", "edited", precision=precision)
    assert caught.value.reason is Reason.INEXACT_AMOUNT


def test_unknown_words_are_loud() -> None:
    def change(order: Json) -> None:
        order["state"] = "AwaitingGift"
        order["payments"][0].update(state="Sleeping", method="barter")

    order = canonical("partly_delivered", change)
    assert order.state is ChannelState.UNKNOWN
    assert order.payment_mode is PaymentMode.UNKNOWN
    assert [word for word in ("AwaitingGift", "Sleeping", "barter") if word in str(order.warnings)] == [
        "AwaitingGift",
        "Sleeping",
        "barter",
    ]


@pytest.mark.parametrize(
    ("setting", "mode", "warnings"),
    [
        ("standard-payment=card", PaymentMode.CARD, 0),
        ("other=card, standard-payment = invoice", PaymentMode.INVOICE, 0),
        ("standard-payment=barter", PaymentMode.UNKNOWN, 1),
        ("", PaymentMode.UNKNOWN, 1),
    ],
)
def test_a_setting_names_the_modes_of_own_payment_methods(
    setting: str, mode: PaymentMode, warnings: int
) -> None:
    context = Context("shop", CONTEXT.observed_at, {"payment_modes": setting})
    order = mapping.order(recorded("partly_delivered"), context)
    assert (order.payment_mode, len(order.warnings)) == (mode, warnings)


def test_the_prices_are_those_of_the_orders_own_channel() -> None:
    def change(order: Json) -> None:
        order["channels"].append({"id": "2", "code": "uk", "pricesIncludeTax": True})

    assert canonical("edited", change).taxes_included is True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda order: order.update(orderPlacedAt=None), Reason.OUT_OF_SCOPE),
        (lambda order: order.update(orderPlacedAt="2026-13-45T00:00:00Z"), Reason.IMPOSSIBLE_DATE),
        (lambda order: order.update(currencyCode="XQX"), Reason.UNKNOWN_CURRENCY),
        (lambda order: order.pop("lines"), Reason.MISSING_FIELD),
        (lambda order: order["lines"][0].update(quantity="two"), Reason.UNDECODABLE),
        (lambda order: order.update(totalWithTax=50.5), Reason.UNDECODABLE),
    ],
)
def test_s13_what_is_no_order_goes_to_quarantine_with_its_reason(
    change: Callable[[Json], object], reason: Reason
) -> None:
    with pytest.raises(NormalizationError) as caught:
        canonical("edited", change)
    assert caught.value.reason is reason


def test_what_is_no_json_is_undecodable() -> None:
    for reader in (lambda raw: mapping.order(raw, CONTEXT), mapping.orders_in):
        with pytest.raises(NormalizationError) as caught:
            reader(b"<html>")
        assert caught.value.reason is Reason.UNDECODABLE


def test_orders_are_found_in_every_kind_of_answer() -> None:
    order = json.loads(recorded("edited"))
    answers = [
        order,
        {"data": {"order": order}},
        {"data": {"orders": {"items": [order], "totalItems": 1}}},
        {"request": {"query": ""}, "response": {"data": {"order": order}}},
    ]
    for answer in answers:
        assert [json.loads(raw) for raw in mapping.orders_in(json.dumps(answer).encode())] == [order]


@pytest.mark.parametrize("answer", [{"data": {"order": None}}, {"errors": []}, [], {"data": {"me": {}}}])
def test_an_answer_without_orders_is_out_of_scope(answer: object) -> None:
    with pytest.raises(NormalizationError) as caught:
        mapping.orders_in(json.dumps(answer).encode())
    assert caught.value.reason is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize("number", ["1Z9", None])
def test_a_confirmation_names_carrier_and_tracking_code(number: str | None) -> None:
    order: CanonicalOrder = canonical("edited")
    body = mapping.confirm_shipment(
        ShipmentConfirmation(
            reference="r",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=(LineQuantity(line_id="3", quantity=2),),
            carrier="UPS",
            tracking_number=number,
            shipped_at=CONTEXT.observed_at,
            complete=False,
        )
    )
    assert body["order_id"] == "2"
    assert body["input"]["lines"] == [{"orderLineId": "3", "quantity": 2}]
    arguments = {"method": "UPS"} | ({"trackingCode": number} if number else {})
    assert {one["name"]: one["value"] for one in body["input"]["handler"]["arguments"]} == arguments
