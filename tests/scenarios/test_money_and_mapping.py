"""Amounts and mappings, as they went wrong elsewhere (S17 to S21)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from normalization.money import Money
from order_store.status import units_of

OpenStage = Callable[..., Any]
FULL = ("shopify-eu", "amazon-uk", "woo-de", "vendure-us")
UNTAXED = {"vendure-us": "CA"}


@pytest.mark.parametrize("channel", FULL)
def test_s17_a_share_of_an_order_discount_leaves_with_its_unit(open_stage: OpenStage, channel: str) -> None:
    """2 x 48.00 less 20 %, one unit removed: 38.40, not 28.80."""
    stage = open_stage(channel)
    lines = [("SPOON-BRASS", 2)]
    order = stage.place(
        channel, lines=lines, discount_rate=Decimal("0.2"), shipping=0, country=UNTAXED.get(channel)
    )
    order.lines[0].unit_price = 4800
    stage.wait(minutes=15)
    stage.read(channel)
    assert stage.stored(order).lines[0]["total_minor"] == 7680
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=15)
    stage.read(channel)
    line = stage.stored(order).lines[0]
    assert (line["total_minor"], line["ordered"], line["cancelled"]) == (3840, 2, 1)
    assert stage.stored(order).row["total_minor"] == 3840
    assert stage.holds(order) == []


@pytest.mark.parametrize("channel", FULL)
def test_s18_nothing_ships_for_a_line_that_was_edited_to_zero(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    order = stage.place(channel, lines=[("SPOON-BRASS", 1), ("WHISK-BAMBOO", 2)])
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=15)
    stage.read(channel)
    open_units = {line["channel_sku"]: units_of(line).open for line in stage.stored(order).lines}
    assert open_units.get("SPOON-BRASS", 0) == 0
    assert open_units["WHISK-BAMBOO"] == 2


@pytest.mark.parametrize("channel", ["shopify-eu", "woo-de"])
def test_s19_sums_and_a_full_refund_hold_to_the_minor_unit(open_stage: OpenStage, channel: str) -> None:
    """10 x 23.90 with 20 % inside, less 25 %: 179.25, and 179.25 back, not 179.26."""
    stage = open_stage(channel)
    lines = [("SPOON-BRASS", 10)]
    order = stage.place(channel, lines=lines, discount_rate=Decimal("0.25"), shipping=0, country="DE")
    order.lines[0].unit_price, order.lines[0].tax_rate = 2390, Decimal("0.2")
    stage.wait(minutes=15)
    stage.read(channel)
    stored = stage.stored(order)
    assert stored.row["total_minor"] == stored.lines[0]["total_minor"] == 17925
    assert stored.lines[0]["net_minor"] + stored.lines[0]["tax_minor"] == 17925
    assert stage.holds(order) == []
    stage.world.tell(order, {order.lines[0].line_id: 10}, "DHL", "1")
    stage.world.refund(order, {order.lines[0].line_id: 10}, "unwanted", restock=True)
    stage.wait(minutes=15)
    stage.read(channel)
    assert stage.stored(order).row["refunded_minor"] == 17925


def test_s20_an_order_in_isk_is_booked_in_the_shop_s_currency(open_stage: OpenStage) -> None:
    """Both amounts are kept, and ISK has no decimals."""
    stage = open_stage("shopify-eu")
    order = stage.place("shopify-eu", lines=[("SPOON-BRASS", 1)], country="IS", shipping=590)
    stage.wait(minutes=15)
    stage.world.refund(order, {}, "other", shipping=590)
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    seen = stage.stored(order).order
    assert (seen.currency, seen.buyer_currency) == ("EUR", "ISK")
    assert seen.totals.total == Money(order.total(), "EUR")
    assert seen.totals.buyer_total.currency == "ISK"
    (refund,) = seen.refunds
    assert refund.amount == Money(590, "EUR")
    assert refund.buyer_amount == Money(888, "ISK")  # 5.90 x 150.5 = 887.95
    assert seen.totals.refunded == Money(590, "EUR")


@pytest.mark.parametrize("channel", FULL)
def test_s21_an_unmapped_sku_holds_the_order_until_it_is_mapped(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    lines = [("SPOON-BRASS", 1), ("NEW-AND-UNKNOWN", 1), ("WHISK-BAMBOO", 1)]
    order = stage.place(channel, lines=lines)
    stage.wait(minutes=15)
    stage.read(channel)
    (hold,) = stage.holds(order)
    assert (hold.code, hold.line_id) == ("sku_unknown", order.lines[1].line_id)
    stage.add_alias(channel, "NEW-AND-UNKNOWN", "TIMER-SAND-3")
    stage.wait(minutes=15)
    stage.read(channel)
    assert stage.holds(order) == []
    assert stage.stored(order).row["verification"] == "verified"
