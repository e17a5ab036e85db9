"""What the WooCommerce mapping makes of single orders, the odd ones above all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET

from normalization.channels import woocommerce
from normalization.errors import NormalizationError, Reason
from normalization.records import (
    Cancellation,
    CanonicalOrder,
    LineCancellation,
    LineQuantity,
    OrderLine,
    ShipmentConfirmation,
)
from normalization.registry import Context
from normalization.statuses import ChannelState, PaymentMode, PaymentState, ReturnReason

OBSERVED = datetime(2026, 11, 2, tzinfo=UTC)
CONTEXT = Context("woo-de", OBSERVED)


def line(**changes: object) -> dict[str, Any]:
    return {
        "id": 890,
        "name": "Tea",
        "product_id": 52,
        "variation_id": 0,
        "quantity": 2,
        "subtotal": "20.00",
        "subtotal_tax": "4.00",
        "total": "20.00",
        "total_tax": "4.00",
        "taxes": [{"id": 6, "total": "4", "subtotal": "4"}],
        "meta_data": [],
        "sku": "TEA",
        **changes,
    }


def raw(*lines: dict[str, Any], **changes: object) -> bytes:
    order = {
        "id": 963,
        "number": "963",
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": False,
        "date_created_gmt": "2026-11-01T10:00:00",
        "date_modified_gmt": "2026-11-01T11:00:00",
        "date_paid_gmt": "2026-11-01T10:01:00",
        "date_completed_gmt": None,
        "total": "24.00",
        "payment_method": "stripe",
        "billing": {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.net"},
        "shipping": {
            "first_name": "Ada",
            "last_name": "Byron",
            "address_1": "Kaistra&szlig;e 4",
            "city": "Berlin",
            "postcode": "13353",
            "country": "de",
        },
        "line_items": list(lines) or [line()],
        "shipping_lines": [],
        "fee_lines": [],
        "tax_lines": [{"rate_id": 6, "label": "MwSt.", "rate_percent": 20}],
        "refunds": [],
    }
    return json.dumps({**order, **changes}).encode()


def mapped(*lines: dict[str, Any], **changes: object) -> CanonicalOrder:
    return woocommerce.order(raw(*lines, **changes), CONTEXT)


def lines_of(order: CanonicalOrder) -> tuple[OrderLine, ...]:
    assert order.lines is not UNSET
    return order.lines


def reason_of(payload: bytes) -> Reason:
    with pytest.raises(NormalizationError) as caught:
        woocommerce.order(payload, CONTEXT)
    return caught.value.reason


def refund(refund_id: int = 7, **changes: object) -> dict[str, Any]:
    return {
        "id": refund_id,
        "date_created_gmt": "2026-11-01T12:00:00",
        "amount": "12.00",
        "reason": "Wrong item",
        "line_items": [
            {
                "id": 99,
                "product_id": 52,
                "variation_id": 0,
                "quantity": -1,
                "total": "-10.00",
                "total_tax": "-2.00",
                "meta_data": [{"key": "_refunded_item_id", "value": "890"}],
            }
        ],
        **changes,
    }


def refunded(detail: dict[str, Any], *lines: dict[str, Any], **changes: object) -> CanonicalOrder:
    summary = [{"id": detail["id"], "reason": "", "total": "-12.00"}]
    return mapped(*lines, refunds=summary, refunds_detail=[detail], **changes)


def test_a_plain_order() -> None:
    order = mapped()
    (tea,) = lines_of(order)
    assert (tea.ordered, tea.net.minor, tea.tax.minor, tea.total.minor) == (2, 2000, 400, 2400)
    assert [(tax.title, tax.amount.minor, tax.rate) for tax in tea.taxes] == [("MwSt.", 400, "0.2")]
    assert (order.payment_mode, order.payment_state) == (PaymentMode.CARD, PaymentState.CAPTURED)
    assert order.ship_to is not UNSET
    assert order.ship_to is not None
    assert (order.ship_to.street, order.ship_to.country_code) == (("Kaistraße 4",), "DE")


def test_numbers_may_be_text_and_text_may_be_numbers() -> None:
    order = mapped(
        line(id="890", quantity="2", total=20, total_tax=4.0, sku=5555.1),
        id="963",
        number=963,
        total=24.00,
        prices_include_tax="true",
    )
    (tea,) = lines_of(order)
    assert (order.external_id, order.number, order.taxes_included) == ("963", "963", True)
    assert (tea.line_id, tea.ordered, tea.sku, tea.total.minor) == ("890", 2, "5555.1", 2400)


def test_empty_and_absent_fields_do_no_harm() -> None:
    sparse = {"id": 1, "status": "processing", "currency": "EUR", "total": "0.00", "line_items": []}
    order = woocommerce.order(
        json.dumps({**sparse, "date_created_gmt": "2026-11-01T10:00:00", "date_paid_gmt": None}).encode(),
        CONTEXT,
    )
    assert (order.buyer, order.ship_to, order.shipping, order.refunds) == (UNSET, UNSET, UNSET, UNSET)
    assert (order.version.revision, order.payment_mode) == ("", PaymentMode.MANUAL)


def test_an_empty_address_is_none() -> None:
    assert mapped(shipping={"first_name": "", "address_1": "", "country": ""}).ship_to is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", ChannelState.PENDING),
        ("failed", ChannelState.PENDING),
        ("on-hold", ChannelState.PENDING),
        ("checkout-draft", ChannelState.PENDING),
        ("wc-processing", ChannelState.OPEN),
        ("completed", ChannelState.CLOSED),
        ("cancelled", ChannelState.CANCELLED),
        ("trash", ChannelState.CANCELLED),
        ("waiting-for-unicorn", ChannelState.UNKNOWN),
    ],
)
def test_statuses(status: str, state: ChannelState) -> None:
    order = mapped(status=status)
    assert order.state is state
    assert bool(order.warnings) == (state is ChannelState.UNKNOWN)


@pytest.mark.parametrize(
    ("gateway", "mode", "warned"),
    [
        ("cod", PaymentMode.CASH_ON_DELIVERY, False),
        ("bacs", PaymentMode.BANK_TRANSFER, False),
        ("cheque", PaymentMode.MANUAL, False),
        ("", PaymentMode.MANUAL, False),
        ("shells", PaymentMode.UNKNOWN, True),
    ],
)
def test_gateways(gateway: str, mode: PaymentMode, warned: bool) -> None:
    order = mapped(payment_method=gateway)
    assert order.payment_mode is mode
    assert bool(order.warnings) == warned


def test_cash_on_delivery_is_pending_until_the_courier_has_it() -> None:
    assert mapped(payment_method="cod", date_paid_gmt=None).payment_state is PaymentState.PENDING


def test_a_bundle_is_a_parent_that_does_not_ship_and_parts_without_a_price() -> None:
    free = {"subtotal": "0", "subtotal_tax": "0", "total": "0", "total_tax": "0", "taxes": []}
    order = mapped(line(), line(id=891, sku="CUP", bundled_by="890", **free))
    bundle, part = lines_of(order)
    assert (bundle.requires_shipping, part.requires_shipping) == (False, True)
    assert (part.parent_line_id, part.total.minor) == ("890", 0)


def test_fees_may_be_negative() -> None:
    fee = {"id": 5, "name": "Loyalty", "total": "-4.00", "total_tax": "0.00"}
    order = mapped(total="20.00", fee_lines=[fee])
    assert order.charges is not UNSET
    assert [(one.kind, one.total.minor) for one in order.charges] == [("fee", -400)]


def test_units_refunded_before_shipping_are_cancelled_and_leave_the_amounts() -> None:
    order = refunded(refund())
    (tea,) = lines_of(order)
    assert (tea.ordered, tea.cancelled, tea.returned) == (2, 1, 0)
    assert (tea.gross.minor, tea.net.minor, tea.tax.minor) == (1000, 1000, 200)
    assert order.totals is not UNSET
    assert (order.totals.total.minor, order.totals.refunded.minor) == (1200, 1200)
    assert order.returns == ()


def test_units_refunded_after_completion_stay_sold() -> None:
    tea = line(meta_data=[{"key": "_restock_refunded_items", "value": "1"}])
    order = refunded(refund(), tea, status="completed", date_completed_gmt="2026-11-01T11:30:00")
    (sold,) = lines_of(order)
    assert (sold.ordered, sold.cancelled, sold.fulfilled, sold.returned) == (2, 0, 2, 1)
    assert order.totals is not UNSET
    assert order.totals.total.minor == 2400
    assert order.returns is not UNSET
    assert [one.reason for one in order.returns] == [ReturnReason.WRONG_ITEM]


def test_a_refund_of_money_alone_cancels_nothing() -> None:
    order = refunded(refund(amount="5.00", line_items=[]))
    assert lines_of(order)[0].cancelled == 0
    assert order.totals is not UNSET
    assert (order.totals.total.minor, order.totals.refunded.minor) == (2400, 500)
    assert order.payment_state is PaymentState.PARTIALLY_REFUNDED


def test_a_refund_line_without_a_link_is_matched_by_product_or_warned_of() -> None:
    unlinked = refund()
    unlinked["line_items"][0]["meta_data"] = []
    assert lines_of(refunded(unlinked))[0].cancelled == 1
    unlinked["line_items"][0]["product_id"] = 1
    order = refunded(unlinked)
    assert lines_of(order)[0].cancelled == 0
    assert any("refund 7" in warning for warning in order.warnings)


def test_a_refund_that_was_deleted_since_leaves_no_trace() -> None:
    assert mapped(refunds=[{"id": 7, "reason": "", "total": None}], refunds_detail=[]).refunds == ()


def test_a_cancelled_order_has_no_open_units_and_no_amounts() -> None:
    order = mapped(status="cancelled", date_paid_gmt=None)
    (tea,) = lines_of(order)
    assert (tea.ordered, tea.cancelled, tea.total.minor) == (2, 2, 0)
    assert order.totals is not UNSET
    assert order.totals.total.minor == 0
    assert order.payment_state is PaymentState.VOIDED


def test_s19_rounding_is_kept_apart_and_only_as_far_as_rounding_goes() -> None:
    sums = {"subtotal": "199.17", "subtotal_tax": "39.83", "total": "149.38", "total_tax": "29.88"}
    order = mapped(line(quantity=10, **sums), total="179.25", prices_include_tax=True)
    assert order.totals is not UNSET
    assert order.charges is not UNSET
    assert order.totals.total.minor == 17925
    assert [(one.kind, one.total.minor) for one in order.charges] == [("rounding", -1)]
    assert lines_of(order)[0].unit_price.minor == 2390
    assert reason_of(raw(line(quantity=10, **sums), total="179.24")) is Reason.SUMS_DIFFER


def test_without_tax_nothing_is_forgiven() -> None:
    untaxed = line(subtotal_tax="0.00", total_tax="0.00", taxes=[])
    assert reason_of(raw(untaxed, total="20.01")) is Reason.SUMS_DIFFER


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("date_created_gmt", "2026-02-31T10:00:00", Reason.IMPOSSIBLE_DATE),
        ("date_created_gmt", "1970-01-01T00:00:00", Reason.IMPOSSIBLE_DATE),
        ("date_created_gmt", None, Reason.MISSING_FIELD),
        ("currency", "XX1", Reason.UNKNOWN_CURRENCY),
        ("total", "24.001", Reason.INEXACT_AMOUNT),
        ("total", "much", Reason.INEXACT_AMOUNT),
        ("line_items", "none", Reason.UNDECODABLE),
        ("status", None, Reason.UNDECODABLE),
    ],
)
def test_s13_what_cannot_be_an_order_is_quarantined_with_its_reason(
    field: str, value: object, reason: Reason
) -> None:
    assert reason_of(raw(**{field: value})) is reason  # type: ignore[arg-type]


def test_half_units_are_quarantined() -> None:
    assert reason_of(raw(line(quantity=1.5))) is Reason.UNDECODABLE
    assert lines_of(mapped(line(quantity=2.0)))[0].ordered == 2


def test_s10_local_times_are_read_in_the_shops_zone_only_where_gmt_is_absent() -> None:
    berlin = Context("woo-de", OBSERVED, {"timezone": "Europe/Berlin"})
    payload = raw(date_created_gmt=None, date_created="2026-10-25T03:30:00")
    assert woocommerce.order(payload, berlin).placed_at == datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
    both = raw(date_created="2026-11-01T11:00:00")
    assert woocommerce.order(both, berlin).placed_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert any("timezone" in warning for warning in woocommerce.order(payload, CONTEXT).warnings)


def test_orders_are_found_in_every_kind_of_answer() -> None:
    one = raw()
    page = b"[" + one + b", " + one + b"]"
    assert list(woocommerce.orders_in(one)) == [one]
    assert list(woocommerce.orders_in(page)) == [one, one]
    assert list(woocommerce.orders_in(b"[]")) == []
    assert list(woocommerce.orders_in(b'{"request": {}, "response": ' + page + b"}")) == [one, one]
    for other in (b'{"code": "rest_forbidden", "data": {"status": 401}}', b'[{"id": 1}]', b"[1]"):
        with pytest.raises(NormalizationError) as caught:
            list(woocommerce.orders_in(other))
        assert caught.value.reason is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("carrier", "fields"),
    [
        ("royal_mail", {"tracking_provider": "Royal Mail"}),
        ("Hasty", {"custom_tracking_provider": "Hasty", "custom_tracking_link": "https://hasty.example/1"}),
    ],
)
def test_carriers_go_by_the_plugins_providers_or_by_name(carrier: str, fields: dict[str, str]) -> None:
    confirmation = ShipmentConfirmation(
        reference="r",
        external_id="963",
        number="963",
        sequence=2,
        lines=(LineQuantity(line_id="890", quantity=1),),
        carrier=carrier,
        tracking_number="H1",
        shipped_at=datetime(2026, 11, 2, 7, tzinfo=UTC),
        complete=False,
        tracking_url="https://hasty.example/1",
    )
    assert woocommerce.confirm_shipment(confirmation) == {
        "orderId": "963",
        "tracking": {"tracking_number": "H1", "date_shipped": "2026-11-02", **fields},
        "note": f"Parcel 2 shipped with {carrier}, tracking number H1.",
        "complete": False,
    }


@pytest.mark.parametrize("whole", [True, False])
def test_a_cancellation_names_the_order_and_whether_all_of_it_goes(whole: bool) -> None:
    cancellation = Cancellation(
        reference="woo-de:963:cancel-1",
        external_id="963",
        number="963",
        lines=(LineCancellation(line_id="890", units=2, remaining=0),),
        reason="out of stock since 2026-10-01",
        whole=whole,
    )
    assert woocommerce.cancel_lines(cancellation) == {"orderId": "963", "whole": whole}
