"""From the imitated shop through connector and mapping: the amounts are the world's."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from normalization.money import Money
from normalization.records import CanonicalOrder
from sandbox.world import ShopOrder
from tests.connectors.shopify_shop import Shop, open_shop, two_lines


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


# --- money


def check_amounts(canonical: CanonicalOrder, order: ShopOrder) -> None:
    assert isinstance(canonical.lines, tuple)
    for line, sold in zip(canonical.lines, order.lines, strict=True):
        truth = sold.amounts(order.taxes_included)
        found = [m.minor for m in (line.gross, line.discount, line.net, line.tax, line.total)]
        assert found == [truth.gross, truth.discount, truth.net, truth.tax, truth.total]
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
    assert canonical.totals
    assert canonical.totals.total.minor == order.total()


@pytest.mark.parametrize("taxes_included", [True, False])
def test_amounts_are_the_worlds_through_edits_and_refunds(shop: Shop, taxes_included: bool) -> None:
    order = two_lines(shop, discount_rate=Decimal("0.15"), country="DE")
    order.taxes_included = taxes_included
    check_amounts(shop.canonical(order), order)
    shop.world.remove_units(order, order.lines[1].line_id, 1)
    check_amounts(shop.canonical(order), order)
    shop.world.tell(order, {line.line_id: line.current for line in order.lines}, "UPS", "1Z9")
    shop.world.refund(order, {order.lines[0].line_id: 1}, "wrong_item", shipping=100, restock=True)
    canonical = shop.canonical(order)
    check_amounts(canonical, order)
    assert canonical.lines
    assert (canonical.lines[0].returned, canonical.lines[0].fulfilled) == (1, 2)
    assert canonical.totals
    assert canonical.totals.refunded.minor == order.refunds[0].amount
    assert canonical.returns
    assert canonical.returns[0].reason == "wrong_item"


@pytest.mark.parametrize("taxes_included", [True, False])
def test_of_restocked_units_the_unsent_are_cancelled_and_the_sent_returned(
    shop: Shop, taxes_included: bool
) -> None:
    order = two_lines(shop, discount_rate=Decimal("0.15"), country="DE")
    order.taxes_included = taxes_included
    first = order.lines[0].line_id
    shop.world.tell(order, {first: 1}, "UPS", "1Z9")
    refund = shop.world.refund(order, {first: 2}, "wrong_item", restock=True)
    canonical = shop.canonical(order)
    check_amounts(canonical, order)
    assert canonical.lines
    found = canonical.lines[0]
    assert (found.ordered, found.cancelled, found.returned, found.fulfilled) == (2, 1, 1, 1)
    assert canonical.totals
    assert canonical.totals.refunded.minor == refund.amount
    assert canonical.returns
    assert [line.quantity for line in canonical.returns[0].lines] == [1]


def test_s17_one_of_two_discounted_units_is_removed(shop: Shop) -> None:
    order = two_lines(shop, discount_rate=Decimal("0.2"), shipping=0, country="US")
    line = order.lines[0]
    line.unit_price, line.tax_rate = 4800, Decimal(0)
    shop.world.remove_units(order, line.line_id, 1)
    canonical = shop.canonical(order)
    assert canonical.lines
    assert canonical.lines[0].total == Money(3840, "EUR")
    assert canonical.lines[0].discount == Money(960, "EUR")


def test_s18_a_line_edited_to_zero_ships_nothing(shop: Shop) -> None:
    order = two_lines(shop)
    line = order.lines[0]
    shop.world.remove_units(order, line.line_id, 2)
    canonical = shop.canonical(order)
    assert canonical.lines
    gone = canonical.lines[0]
    assert (gone.ordered, gone.cancelled, gone.total.minor) == (2, 2, 0)
    assert canonical.totals
    assert canonical.totals.total.minor == order.total()


def test_s20_booked_in_the_shops_currency_with_the_buyers_kept(shop: Shop) -> None:
    order = two_lines(shop, country="IS", shipping=500)
    order.currency, order.buyer_currency, order.buyer_rate = "GBP", "ISK", Decimal("175.5")
    shop.world.refund(order, {}, "other", shipping=500)
    canonical = shop.canonical(order)
    assert (canonical.currency, canonical.buyer_currency) == ("GBP", "ISK")
    assert canonical.refunds
    refund = canonical.refunds[0]
    assert refund.amount == Money(500, "GBP")
    assert refund.shipping == Money(500, "GBP")
    assert refund.buyer_amount == Money(878, "ISK")
    assert canonical.totals
    assert canonical.totals.total == Money(order.total(), "GBP")
    assert canonical.totals.buyer_total
    assert canonical.totals.buyer_total.currency == "ISK"


def test_a_cancelled_order_costs_nothing(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.cancel(order)
    canonical = shop.canonical(order)
    assert canonical.state == "cancelled"
    check_amounts(canonical, order)
