"""Units and money of Shopify orders."""

import pytest

from normalization.channels.shopify import order
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import OrderLine
from normalization.statuses import ChannelState
from tests.normalization.shopify_orders import (
    CONTEXT,
    Json,
    bag,
    canonical,
    line,
    only_line,
    raw,
    refund,
    shipped,
)


def test_a_test_order_is_held_and_says_why() -> None:
    real, test = (canonical(raw(line(1, 1, "5.00"), total="5.00", test=flag)) for flag in (False, True))
    assert (real.state, real.channel_status) == (ChannelState.OPEN, "PAID / UNFULFILLED")
    assert (test.state, test.channel_status) == (ChannelState.PENDING, "PAID / UNFULFILLED / test order")
    cancelled = canonical(
        raw(line(1, 1, "5.00"), total="5.00", test=True, cancelledAt="2026-10-02T10:00:00Z")
    )
    assert cancelled.state is ChannelState.CANCELLED


# --- quantities


def counts(found: OrderLine) -> tuple[int, int, int, int]:
    return found.ordered, found.cancelled, found.fulfilled, found.returned


def test_units_refunded_before_shipping_are_cancelled() -> None:
    value = raw(
        line(1, 3, "10.0", currentQuantity=2, unfulfilledQuantity=2),
        total="30.0",
        currentTotalPriceSet=bag("20.0"),
        refunds=[refund(1, 1, "CANCEL", "10.0")],
    )
    assert counts(only_line(value)) == (3, 1, 0, 0)
    assert only_line(value).total == Money(2000, "EUR")


def test_units_refunded_after_shipping_are_returned_and_still_sold() -> None:
    value = raw(
        line(1, 3, "10.0", currentQuantity=2, unfulfilledQuantity=0),
        total="30.0",
        currentTotalPriceSet=bag("20.0"),
        fulfillments=[shipped(3)],
        refunds=[refund(1, 1, "RETURN", "10.0")],
    )
    assert counts(only_line(value)) == (3, 0, 3, 1)
    assert only_line(value).total == Money(3000, "EUR")


def test_a_shipped_unit_refunded_without_restock_is_neither_cancelled_nor_returned() -> None:
    value = raw(
        line(1, 3, "10.0", currentQuantity=2, unfulfilledQuantity=2),
        total="30.0",
        currentTotalPriceSet=bag("20.0"),
        fulfillments=[shipped(1)],
        refunds=[refund(1, 1, "NO_RESTOCK", "10.0")],
    )
    assert counts(only_line(value)) == (3, 0, 1, 0)


def test_an_unshipped_unit_refunded_without_restock_is_cancelled() -> None:
    value = raw(
        line(1, 3, "10.0", currentQuantity=2, unfulfilledQuantity=1),
        total="30.0",
        currentTotalPriceSet=bag("20.0"),
        fulfillments=[shipped(1)],
        refunds=[refund(1, 1, "NO_RESTOCK", "10.0")],
    )
    assert counts(only_line(value)) == (3, 1, 1, 0)


def test_an_edit_and_a_return_on_one_line_are_told_apart() -> None:
    value = raw(
        line(1, 4, "10.0", currentQuantity=2, unfulfilledQuantity=1),
        total="40.0",
        currentTotalPriceSet=bag("20.0"),
        fulfillments=[shipped(2)],
        refunds=[refund(1, 1, "RETURN", "10.0")],
    )
    assert counts(only_line(value)) == (4, 1, 2, 1)
    assert only_line(value).total == Money(3000, "EUR")


def test_a_cancelled_fulfilment_fulfils_nothing() -> None:
    value = raw(line(1, 2, "10.0"), total="20.0", fulfillments=[shipped(2) | {"status": "CANCELLED"}])
    assert counts(only_line(value)) == (2, 0, 0, 0)


# --- money


def discount(amount: str, **source: str) -> Json:
    return {"allocatedAmountSet": bag(amount), "discountApplication": source}


def test_s17_the_discount_of_a_removed_unit_goes_with_it() -> None:
    sold = line(
        1,
        2,
        "48.0",
        currentQuantity=1,
        discountAllocations=[discount("19.2", code="TWENTY")],
        priceAfterAllDiscountsBeforeTaxesSet=bag("38.4"),
    )
    found = only_line(raw(sold, total="76.8", currentTotalPriceSet=bag("38.4")))
    assert (found.gross.minor, found.discount.minor, found.total.minor) == (4800, 960, 3840)
    assert [(part.code, part.amount.minor) for part in found.discounts] == [("TWENTY", 960)]


def test_s19_ten_at_23_90_less_a_quarter_are_179_25_and_so_is_their_refund() -> None:
    sold = line(
        1,
        10,
        "23.9",
        currentQuantity=0,
        unfulfilledQuantity=0,
        discountAllocations=[discount("59.75", title="Quarter")],
        taxLines=[{"title": "VAT", "rate": 0.2, "priceSet": bag("29.88")}],
    )
    value = raw(
        sold,
        total="179.25",
        totalTaxSet=bag("29.88"),
        currentTotalPriceSet=bag("0.0"),
        fulfillments=[shipped(10)],
        refunds=[refund(1, 10, "RETURN", "179.25")],
    )
    found = canonical(value)
    assert found.lines
    assert (found.lines[0].total.minor, found.lines[0].tax.minor) == (17925, 2988)
    assert found.lines[0].net.minor == 17925 - 2988
    assert found.refunds
    assert found.refunds[0].amount.minor == 17925
    assert found.totals
    assert (found.totals.total.minor, found.totals.refunded.minor) == (17925, 17925)


def test_a_rounding_difference_of_a_split_line_follows_the_header() -> None:
    tax = [{"title": "VAT", "rate": 0.19, "priceSet": bag("1.6")}]
    sold = line(1, 3, "3.33", currentQuantity=2, taxLines=tax, discountAllocations=[discount("1.0")])
    found = only_line(raw(sold, total="8.99", currentTotalPriceSet=bag("6.0")))
    assert found.total.minor == 600
    assert found.net + found.tax == found.total
    assert found.gross - found.discount == found.total


def test_tax_on_top_of_prices_is_in_the_total() -> None:
    tax = [
        {"title": "State", "rate": 0.0625, "priceSet": bag("1.25")},
        {"title": "City", "rate": 0.01, "priceSet": bag("0.2")},
    ]
    found = canonical(
        raw(line(1, 2, "10.0", taxLines=tax), total="21.45", totalTaxSet=bag("1.45"), taxesIncluded=False)
    )
    assert found.lines
    assert (found.lines[0].net.minor, found.lines[0].tax.minor) == (2000, 145)
    assert [(part.title, part.amount.minor, part.rate) for part in found.lines[0].taxes] == [
        ("State", 125, "0.0625"),
        ("City", 20, "0.01"),
    ]


def test_duties_fees_and_tips_are_charges() -> None:
    value = raw(
        line(1, 1, "10.0"),
        total="18.0",
        originalTotalDutiesSet=bag("3.0"),
        additionalFees=[{"name": "Handling", "price": bag("4.0"), "taxLines": []}],
        totalTipReceivedSet=bag("1.0"),
    )
    found = canonical(value)
    assert [(charge.kind, charge.total.minor) for charge in found.charges or ()] == [
        ("duty", 300),
        ("fee", 400),
        ("tip", 100),
    ]


def test_s20_both_currencies_are_kept_and_isk_has_no_decimals() -> None:
    shown = {"shown": ("1755", "ISK")}
    sold = line(1, 1, "10.0", originalUnitPriceSet=bag("10.0", "GBP", **shown))
    value = raw(
        sold,
        total="10.0",
        currencyCode="GBP",
        presentmentCurrencyCode="ISK",
        totalPriceSet=bag("10.0", "GBP", **shown),
        currentTotalPriceSet=bag("10.0", "GBP", **shown),
    )
    found = canonical(value)
    assert found.totals
    assert (found.totals.total, found.totals.buyer_total) == (Money(1000, "GBP"), Money(1755, "ISK"))
    assert found.lines
    assert found.lines[0].buyer_total == Money(1755, "ISK")


def reason_of(value: Json) -> Reason:
    with pytest.raises(NormalizationError) as caught:
        canonical(value)
    return caught.value.reason


@pytest.mark.parametrize("total", ["20.01", "19.99", "0.0"])
def test_a_header_that_is_a_cent_off_is_refused(total: str) -> None:
    assert reason_of(raw(line(1, 2, "10.0"), total=total)) is Reason.SUMS_DIFFER


def test_a_header_tax_that_is_a_cent_off_is_refused() -> None:
    tax = [{"title": "VAT", "rate": 0.2, "priceSet": bag("1.67")}]
    value = raw(line(1, 1, "10.0", taxLines=tax), total="10.0", totalTaxSet=bag("1.68"))
    assert reason_of(value) is Reason.SUMS_DIFFER


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"createdAt": "2026-02-30T10:00:00Z"}, Reason.IMPOSSIBLE_DATE),
        ({"createdAt": None}, Reason.IMPOSSIBLE_DATE),
        ({"updatedAt": "2026-10-02T10:00:00"}, Reason.IMPOSSIBLE_DATE),
        ({"currencyCode": "QQQ"}, Reason.UNKNOWN_CURRENCY),
        ({"totalPriceSet": bag("20.001")}, Reason.INEXACT_AMOUNT),
        ({"totalPriceSet": bag("a lot")}, Reason.INEXACT_AMOUNT),
        ({"totalPriceSet": bag("20.0", "USD")}, Reason.UNDECODABLE),
        ({"tags": "none"}, Reason.UNDECODABLE),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(change: Json, reason: Reason) -> None:
    assert reason_of(raw(line(1, 2, "10.0"), total="20.0") | change) is reason


def test_what_is_no_json_is_undecodable() -> None:
    for broken in (b"{", b"\xff", b"[]", b"null"):
        with pytest.raises(NormalizationError) as caught:
            order(broken, CONTEXT)
        assert caught.value.reason is Reason.UNDECODABLE


def test_cut_lines_are_never_taken_for_all() -> None:
    value = raw(line(1, 2, "10.0"), total="20.0")
    value["lineItems"]["pageInfo"] = {"hasNextPage": True}
    assert reason_of(value) is Reason.OUT_OF_SCOPE


# --- cancelled orders


def cancelled(*lines: Json, total: str, **more: object) -> Json:
    """An order that was paid, then cancelled, and not refunded: Shopify leaves its figures as they were."""
    return raw(*lines, total=total, cancelledAt="2026-10-02T10:00:00Z", cancelReason="INVENTORY", **more)


def test_a_cancelled_order_that_was_not_refunded_has_no_units_left() -> None:
    tax = [{"title": "VAT", "rate": 0.2, "priceSet": bag("5.0")}]
    delivery = {"title": "Standard", "discountedPriceSet": bag("4.0"), "taxLines": []}
    value = cancelled(
        line(1, 3, "10.0", taxLines=tax),
        line(2, 1, "6.0", discountAllocations=[discount("1.0", code="ONE")]),
        total="39.0",
        shippingLines={"nodes": [delivery | {"currentDiscountedPriceSet": bag("4.0")}]},
    )
    found = canonical(value)
    assert isinstance(found.lines, tuple)
    assert [counts(each) for each in found.lines] == [(3, 3, 0, 0), (1, 1, 0, 0)]
    assert [each.total.minor for each in found.lines] == [0, 0]
    assert found.totals
    figures = (found.totals.total, found.totals.tax, found.totals.discount, found.totals.shipping)
    assert [amount.minor for amount in figures] == [0, 0, 0, 0]
    assert found.requested_service == "Standard"
    assert (found.state, found.cancel_reason) == (ChannelState.CANCELLED, "inventory")


def test_fulfilled_units_of_a_cancelled_order_stay() -> None:
    found = canonical(cancelled(line(1, 3, "10.0"), total="30.0", fulfillments=[shipped(1)]))
    assert found.lines
    assert counts(found.lines[0]) == (3, 2, 1, 0)
    assert found.totals
    assert found.totals.total == found.lines[0].total == Money(1000, "EUR")


def test_units_that_a_refund_took_off_a_cancelled_order_are_not_taken_off_twice() -> None:
    value = cancelled(
        line(1, 3, "10.0", currentQuantity=2, unfulfilledQuantity=2),
        total="30.0",
        currentTotalPriceSet=bag("20.0"),
        refunds=[refund(1, 1, "CANCEL", "10.0")],
    )
    assert counts(only_line(value)) == (3, 3, 0, 0)


def test_the_buyers_total_of_a_cancelled_order_goes_with_the_units() -> None:
    shown = ("33.0", "USD")
    value = cancelled(
        line(1, 3, "10.0"),
        total="30.0",
        presentmentCurrencyCode="USD",
        currentTotalPriceSet=bag("30.0", shown=shown),
        fulfillments=[shipped(1)],
    )
    found = canonical(value)
    assert found.totals
    assert found.totals.buyer_total == Money(1100, "USD")


def test_a_cancelled_order_that_does_not_add_up_is_refused() -> None:
    assert reason_of(cancelled(line(1, 3, "10.0"), total="30.01")) is Reason.SUMS_DIFFER


def test_units_of_a_cancelled_order_stay_where_its_fulfilments_were_not_read() -> None:
    value = cancelled(line(1, 3, "10.0"), total="30.0")
    del value["fulfillments"]
    assert counts(only_line(value)) == (3, 0, 0, 0)
