"""What the Amazon mapping makes of single orders, the odd ones above all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET

from normalization.channels import amazon
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder, LineQuantity, OrderLine, ShipmentConfirmation
from normalization.registry import Context
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState

CONTEXT = Context("amazon-us", datetime(2026, 11, 2, tzinfo=UTC))


def usd(amount: object) -> dict[str, object]:
    return {"amount": amount, "currencyCode": "USD"}


def part(kind: str, amount: str, **details: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": kind, "subtotal": usd(amount)}
    if details:
        shown["detailedBreakdowns"] = [
            {"subtype": name, "value": usd(value)} for name, value in details.items()
        ]
    return shown


def item(total: str | None, *parts: dict[str, Any], quantity: int = 2, **other: object) -> dict[str, Any]:
    proceeds: dict[str, Any] = {"breakdowns": list(parts)}
    if total is not None:
        proceeds["proceedsTotal"] = usd(total)
    return {
        "orderItemId": "79039765272157",
        "quantityOrdered": quantity,
        "product": {"sellerSku": "TEA", "title": "Tea", "price": {"unitPrice": usd("10.00")}},
        "proceeds": proceeds,
        **other,
    }


def raw(*items: dict[str, Any], grand_total: str | None = None, **other: object) -> bytes:
    order: dict[str, Any] = {
        "orderId": "902-1106328-1059050",
        "createdTime": "2026-11-01T10:00:00Z",
        "lastUpdatedTime": "2026-11-01T12:00:00+01:00",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": list(items),
    }
    if grand_total is not None:
        order["proceeds"] = {"grandTotal": usd(grand_total)}
    return json.dumps({**order, **other}).encode()


def mapped(*items: dict[str, Any], grand_total: str | None = None, **other: object) -> CanonicalOrder:
    return amazon.order(raw(*items, grand_total=grand_total, **other), CONTEXT)


def only_line(order: CanonicalOrder) -> OrderLine:
    assert order.lines is not UNSET
    (line,) = order.lines
    return line


def reason_of(payload: bytes) -> Reason:
    with pytest.raises(NormalizationError) as caught:
        amazon.order(payload, CONTEXT)
    return caught.value.reason


def test_tax_comes_on_top_of_the_prices() -> None:
    order = mapped(item("21.60", part("ITEM", "20.00"), part("TAX", "1.60")), grand_total="21.60")
    line = only_line(order)
    assert (line.gross.minor, line.net.minor, line.tax.minor, line.total.minor) == (2000, 2000, 160, 2160)
    assert not order.taxes_included


def test_tax_inside_the_prices_is_seen_by_the_total() -> None:
    order = mapped(item("20.00", part("ITEM", "20.00"), part("TAX", "3.33")), grand_total="20.00")
    line = only_line(order)
    assert (line.gross.minor, line.net.minor, line.tax.minor, line.total.minor) == (2000, 1667, 333, 2000)
    assert order.taxes_included


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_discount_is_taken_off_whatever_its_sign(sign: str) -> None:
    order = mapped(item("15.00", part("ITEM", "20.00"), part("DISCOUNT", f"{sign}5.00")), grand_total="15.00")
    line = only_line(order)
    assert (line.gross.minor, line.discount.minor, line.net.minor) == (2000, 500, 1500)


def test_shipping_wrap_and_fees_are_kept_apart_with_their_tax_and_discount() -> None:
    order = mapped(
        item(
            "31.00",
            part("ITEM", "20.00"),
            part("SHIPPING", "5.00"),
            part("GIFT_WRAP", "3.00"),
            part("COD_FEE", "2.00"),
            part("DISCOUNT", "-2.00", SHIPPING="-2.00"),
            part("TAX", "3.00", ITEM="2.00", SHIPPING="0.40", GIFT_WRAP="0.60"),
        ),
        grand_total="31.00",
    )
    line = only_line(order)
    assert (line.net.minor, line.tax.minor, line.discount.minor) == (2000, 200, 0)
    assert order.shipping is not UNSET
    assert [(one.net.minor, one.tax.minor) for one in order.shipping] == [(300, 40)]
    assert order.charges is not UNSET
    charges = [(one.kind, one.net.minor, one.tax.minor) for one in order.charges]
    assert charges == [("gift_wrap", 300, 60), ("fee", 200, 0)]


@pytest.mark.parametrize(
    ("status", "total"), [("FINALIZED", "25.00"), ("PENDING", "25.00"), ("PENDING", "20.00")]
)
def test_a_tip_counts_when_the_grand_total_holds_it(status: str, total: str) -> None:
    tip = {**part("DELIVERY_TIP", "5.00"), "status": status}
    order = mapped(
        item("20.00", part("ITEM", "20.00")), proceeds={"grandTotal": usd(total), "breakdowns": [tip]}
    )
    assert order.charges is not UNSET
    assert [one.kind for one in order.charges] == (["tip"] if total == "25.00" else [])


def test_amounts_may_come_as_numbers() -> None:
    order = mapped(item("20.00", part("ITEM", "20.00")), proceeds={"grandTotal": usd(20.0)})
    assert order.totals is not UNSET
    assert order.totals.total.minor == 2000


def test_sums_that_differ_are_quarantined() -> None:
    assert reason_of(raw(item("21.00", part("ITEM", "20.00")))) is Reason.SUMS_DIFFER
    assert reason_of(raw(item("20.00", part("ITEM", "20.00")), grand_total="20.01")) is Reason.SUMS_DIFFER


def test_two_currencies_in_one_order_are_quarantined() -> None:
    mixed = item("20.00", {"type": "ITEM", "subtotal": {"amount": "20.00", "currencyCode": "CAD"}})
    assert reason_of(raw(mixed, grand_total="20.00")) is Reason.SUMS_DIFFER


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("createdTime", "2026-02-30T10:00:00Z", Reason.IMPOSSIBLE_DATE),
        ("createdTime", "0001-01-01T00:00:00Z", Reason.IMPOSSIBLE_DATE),
        ("orderItems", "none", Reason.UNDECODABLE),
        ("proceeds", {"grandTotal": {"amount": "1.00", "currencyCode": "XX1"}}, Reason.UNKNOWN_CURRENCY),
        ("proceeds", {"grandTotal": usd("1.001")}, Reason.INEXACT_AMOUNT),
        ("proceeds", {"grandTotal": usd("a lot")}, Reason.INEXACT_AMOUNT),
    ],
)
def test_s13_what_cannot_be_an_order_is_quarantined_with_its_reason(
    field: str, value: object, reason: Reason
) -> None:
    assert reason_of(raw(**{field: value})) is reason  # type: ignore[arg-type]


def test_missing_fields_and_broken_json_are_told_apart() -> None:
    assert reason_of(b'{"orderId": "1"}') is Reason.MISSING_FIELD
    assert reason_of(b'{"orderId": ') is Reason.UNDECODABLE
    assert reason_of(b"\xff\xfe") is Reason.UNDECODABLE


def test_words_that_nobody_knows_give_warnings() -> None:
    order = mapped(
        item("20.00", part("ITEM", "18.00"), part("ENVIRONMENTAL_FEE", "2.00")),
        fulfillment={"fulfillmentStatus": "TELEPORTED", "fulfilledBy": "DRONE"},
        payment={"paymentExecutions": [{"paymentMethod": "Shells"}]},
    )
    assert (order.state, order.fulfilled_by) == (ChannelState.UNKNOWN, FulfilledBy.OTHER)
    assert order.payment_mode is PaymentMode.MARKETPLACE
    assert order.charges is not UNSET
    assert [one.kind for one in order.charges] == ["adjustment"]
    words = " ".join(order.warnings)
    assert all(word in words for word in ("TELEPORTED", "DRONE", "Shells", "ENVIRONMENTAL_FEE"))


def test_a_pending_order_takes_its_currency_from_the_marketplace() -> None:
    pending = {"orderItemId": "1", "quantityOrdered": 3, "product": {"sellerSku": "TEA"}}
    order = mapped(pending, fulfillment={"fulfillmentStatus": "PENDING"})
    assert (order.currency, order.totals, order.state) == ("USD", UNSET, ChannelState.PENDING)
    assert order.payment_state is PaymentState.PENDING
    line = only_line(order)
    assert (line.ordered, line.total.minor) == (3, 0)
    nowhere = raw(pending, salesChannel={"channelName": "AMAZON", "marketplaceId": "NOWHERE"})
    assert reason_of(nowhere) is Reason.MISSING_FIELD


def test_a_released_order_read_without_proceeds_says_nothing_of_amounts() -> None:
    order = mapped({"orderItemId": "1", "quantityOrdered": 3})
    assert (order.lines, order.totals, order.shipping, order.charges) == (UNSET, UNSET, UNSET, UNSET)


def test_a_replacement_costs_nothing() -> None:
    order = mapped(
        {"orderItemId": "1", "quantityOrdered": 1},
        associatedOrders=[{"orderId": "9", "associationType": "REPLACEMENT_ORIGINAL_ID"}],
    )
    assert order.totals is not UNSET
    assert order.totals.total.minor == 0
    assert only_line(order).ordered == 1


def test_units_neither_fulfilled_nor_waiting_are_cancelled() -> None:
    fulfillment = {"quantityFulfilled": 1, "quantityUnfulfilled": 1}
    order = mapped(item("20.00", part("ITEM", "20.00"), quantity=3, fulfillment=fulfillment))
    line = only_line(order)
    assert (line.ordered, line.cancelled, line.fulfilled) == (3, 1, 1)


def test_a_cancelled_order_has_no_open_units_and_no_amounts() -> None:
    cancellation = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "too slow"}}
    order = mapped(
        item("20.00", part("ITEM", "20.00"), cancellation=cancellation),
        grand_total="20.00",
        fulfillment={"fulfillmentStatus": "CANCELLED"},
    )
    line = only_line(order)
    assert (line.ordered, line.cancelled, line.total.minor) == (2, 2, 0)
    assert order.totals is not UNSET
    assert order.totals.total.minor == 0
    assert order.cancel_reason == "BUYER: too slow"
    assert order.payment_state is PaymentState.VOIDED


def test_cash_on_delivery_waits_for_the_courier() -> None:
    order = mapped(
        item("20.00", part("ITEM", "20.00")),
        payment={"paymentExecutions": [{"paymentMethod": "CashOnDelivery", "paymentAmount": usd("20.00")}]},
    )
    assert (order.payment_mode, order.payment_state) == (PaymentMode.CASH_ON_DELIVERY, PaymentState.PENDING)
    assert order.payments is not UNSET
    assert [(one.mode, one.amount.minor) for one in order.payments] == [(PaymentMode.CASH_ON_DELIVERY, 2000)]


def test_an_address_without_name_and_street_stays_an_address() -> None:
    recipient = {"deliveryAddress": {"city": "Seattle", "postalCode": "98101", "countryCode": "us"}}
    order = mapped(item("20.00", part("ITEM", "20.00")), recipient=recipient)
    assert order.ship_to is not UNSET
    assert order.ship_to is not None
    assert (order.ship_to.name, order.ship_to.street) == (None, ())
    assert (order.ship_to.city, order.ship_to.country_code) == ("Seattle", "US")


def test_versions_sort_by_the_moment_of_the_update_in_any_zone() -> None:
    early, late = (
        mapped(item("20.00", part("ITEM", "20.00")), lastUpdatedTime=stamp).version.revision
        for stamp in ("2026-11-01T12:00:00+01:00", "2026-11-01T11:30:00Z")
    )
    assert early < late


def test_orders_are_found_in_every_kind_of_answer() -> None:
    one = raw(item("20.00", part("ITEM", "20.00")))
    page = b'{"orders": [' + one + b"," + one + b'], "pagination": {}}'
    assert list(amazon.orders_in(one)) == [one]
    assert list(amazon.orders_in(b'{"order": ' + one + b"}")) == [one]
    assert list(amazon.orders_in(page)) == [one, one]
    assert list(amazon.orders_in(b'{"request": {}, "response": ' + page + b"}")) == [one, one]
    with pytest.raises(NormalizationError) as caught:
        list(amazon.orders_in(b'{"errors": [{"code": "QuotaExceeded", "message": "no"}]}'))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("carrier", "code", "name"),
    [
        ("ups", "UPS", "UPS"),
        ("Royal Mail", "Royal Mail", "Royal Mail"),
        ("deutsche_post", "Deutsche Post", "Deutsche Post"),
        ("Hasty Couriers", "Other", "Hasty Couriers"),
    ],
)
def test_carriers_go_by_amazons_codes_or_by_name(carrier: str, code: str, name: str) -> None:
    confirmation = ShipmentConfirmation(
        reference="r",
        external_id="902-1106328-1059050",
        number="902-1106328-1059050",
        sequence=2,
        lines=(LineQuantity(line_id="79039765272157", quantity=1),),
        carrier=carrier,
        tracking_number="1Z",
        shipped_at=datetime(2026, 11, 2, 7, 0, 5, 123, tzinfo=UTC),
        complete=False,
        confirmation_ref="ATVPDKIKX0DER",
    )
    body = amazon.confirm_shipment(confirmation)
    assert body["orderId"] == "902-1106328-1059050"
    assert body["request"] == {
        "marketplaceId": "ATVPDKIKX0DER",
        "packageDetail": {
            "packageReferenceId": "2",
            "carrierCode": code,
            "carrierName": name,
            "trackingNumber": "1Z",
            "shipDate": "2026-11-02T07:00:05Z",
            "orderItems": [{"orderItemId": "79039765272157", "quantity": 1}],
        },
    }
