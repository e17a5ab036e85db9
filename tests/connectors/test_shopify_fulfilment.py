"""Confirming shipments to the imitated shop."""

from collections.abc import Iterator

import pytest

from connectors.contract import Outcome
from connectors.errors import (
    AnswerLost,
)
from sandbox.buyers import Wish, place_order
from sandbox.world import ShopOrder
from tests.connectors.shopify_shop import CHANNEL, Shop, open_shop, two_lines


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


# --- confirming shipments


def units_told(order: ShopOrder) -> list[tuple[str | None, dict[str, int]]]:
    return [(told.tracking_number, dict(told.lines)) for told in order.told]


def test_a_parcel_is_confirmed_once_however_often_it_is_sent(shop: Shop) -> None:
    order = two_lines(shop)
    units = {order.lines[0].line_id: 2, order.lines[1].line_id: 1}
    body = shop.confirmation(order, units, "1Z1")
    first = shop.connector.write("confirm_shipment", body, "r1")
    again = shop.connector.write("confirm_shipment", body, "r1")
    assert first.outcome is again.outcome is Outcome.APPLIED
    assert first.vendor_ref == again.vendor_ref
    assert units_told(order) == [("1Z1", units)]
    assert order.told[0].carrier == "UPS"


def test_s39_three_parcels_are_three_fulfilments(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    for number in ("A", "B", "C"):
        body = shop.confirmation(order, {line_id: 1}, number)
        assert shop.connector.write("confirm_shipment", body, number).outcome is Outcome.APPLIED
    assert units_told(order) == [("A", {line_id: 1}), ("B", {line_id: 1}), ("C", {line_id: 1})]


def test_a_lost_answer_is_looked_up(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 2}, "1Z1")
    assert shop.connector.look_up("confirm_shipment", body, "r1") is None
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.connector.write("confirm_shipment", body, "r1")
    found = shop.connector.look_up("confirm_shipment", body, "r1")
    assert found
    assert found.outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s37_closed_fulfilment_orders_are_left_alone(shop: Shop) -> None:
    order = two_lines(shop)
    first, second = order.lines
    shop.vendor.works.move(order, first.line_id, 2, location=2)
    shop.connector.write("confirm_shipment", shop.confirmation(order, {second.line_id: 3}, "OLD"), "r0")
    statuses = [work.status for work in shop.vendor.works.of(order)]
    assert statuses == ["CLOSED", "OPEN"]
    result = shop.connector.write(
        "confirm_shipment", shop.confirmation(order, {first.line_id: 2}, "NEW"), "r1"
    )
    assert result.outcome is Outcome.APPLIED
    assert units_told(order) == [("OLD", {second.line_id: 3}), ("NEW", {first.line_id: 2})]


def test_a_line_at_two_locations_is_fulfilled_at_each(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.vendor.works.move(order, line_id, 2, location=2)
    body = shop.confirmation(order, {line_id: 3}, "1Z1")
    result = shop.connector.write("confirm_shipment", body, "r1")
    assert result.outcome is Outcome.APPLIED
    assert units_told(order) == [("1Z1", {line_id: 1}), ("1Z1", {line_id: 2})]


def test_a_parcel_that_was_half_confirmed_is_completed(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.vendor.works.move(order, line_id, 2, location=2)
    body = shop.confirmation(order, {line_id: 3}, "1Z1")
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.connector.write("confirm_shipment", body, "r1")
    assert shop.connector.look_up("confirm_shipment", body, "r1") is None
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.APPLIED
    assert units_told(order) == [("1Z1", {line_id: 1}), ("1Z1", {line_id: 2})]


def test_s38_already_fulfilled_is_done(shop: Shop) -> None:
    order = two_lines(shop)
    units = {line.line_id: line.quantity for line in order.lines}
    shop.world.tell(order, units, "DHL", "SOMEBODY-ELSES")
    result = shop.connector.write("confirm_shipment", shop.confirmation(order, units, "1Z1"), "r1")
    assert result.outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_an_order_on_hold_refuses_with_the_reason(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.works.hold(order)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    result = shop.connector.write("confirm_shipment", body, "r1")
    assert result.outcome is Outcome.REJECTED
    assert "ON_HOLD" in (result.reason or "")
    assert order.told == []


def test_a_cancelled_order_refuses(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.cancel(order)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    result = shop.connector.write("confirm_shipment", body, "r1")
    assert result.outcome is Outcome.REJECTED
    assert "the order is cancelled" in (result.reason or "")


def test_what_was_fulfilled_before_the_rest_was_cancelled_is_done(shop: Shop) -> None:
    order = two_lines(shop)
    units = {order.lines[0].line_id: 2}
    shop.world.tell(order, units, "DHL", "SOMEBODY-ELSES")
    shop.world.cancel(order)
    order.cancelled_at = shop.world.now
    result = shop.connector.write("confirm_shipment", shop.confirmation(order, units, "1Z1"), "r1")
    assert result.outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_an_unknown_order_refuses(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    del shop.world.orders[CHANNEL, order.external_id]
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.REJECTED


def test_a_parcel_without_number_is_found_by_its_units(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 2}, None)
    shop.connector.write("confirm_shipment", body, "r1")
    found = shop.connector.look_up("confirm_shipment", body, "r1")
    assert found
    assert found.outcome is Outcome.APPLIED


def test_other_operations_are_unsupported(shop: Shop) -> None:
    assert shop.connector.write("set_stock", {}, "r1").outcome is Outcome.UNSUPPORTED


def test_a_parcel_of_more_lines_than_a_page_is_confirmed_and_read_back_whole(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL, Wish(lines=[("HONEY-LIME-500", 1)] * 130))
    units = {line.line_id: 1 for line in order.lines}
    result = shop.connector.write("confirm_shipment", shop.confirmation(order, units, "1Z1"), "r1")
    assert result.outcome is Outcome.APPLIED
    assert units_told(order) == [("1Z1", units)]
    canonical = shop.canonical(order)
    assert isinstance(canonical.fulfilments, tuple)
    assert {line.line_id: line.quantity for line in canonical.fulfilments[0].lines} == units
    assert isinstance(canonical.lines, tuple)
    assert all(line.fulfilled == 1 for line in canonical.lines)
    assert shop.connector.look_up("confirm_shipment", shop.confirmation(order, units, "1Z1"), "r1") == result
