"""Writing: shipments told to the imitated Amazon."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import responses
from msgspec import UNSET

from connectors.contract import Outcome
from normalization.channels import amazon as mapping
from normalization.statuses import ChannelState
from tests.connectors.amazon_shop import PLAIN, Shop, assert_like_the_world


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def shop(mock: responses.RequestsMock) -> Shop:
    return Shop(mock)


def test_a_shipment_is_confirmed_and_comes_back_as_fulfilled(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units))
    result = shop.connector.write("confirm_shipment", body, "r")
    assert (result.outcome, result.vendor_ref) == (Outcome.APPLIED, "1")
    assert [(told.carrier, told.tracking_number) for told in order.told] == [("UPS", "1Z999AA10123456784")]
    shop.wait(5)
    told = shop.read()[order.external_id]
    assert told.state is ChannelState.CLOSED
    assert_like_the_world(told, order)
    assert told.fulfilments is not UNSET
    assert [one.tracking_numbers for one in told.fulfilments] == [("1Z999AA10123456784",)]
    assert shop.connector.look_up("confirm_shipment", body, "r") == result


def test_a_part_can_be_confirmed_before_the_rest(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, lines=[("TEA-EARLGREY-100", 3)]))
    line = order.lines[0].line_id
    for sequence, count in ((1, 1), (2, 2)):
        body = mapping.confirm_shipment(shop.confirm(order, {line: count}, sequence=sequence))
        assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
        state = shop.read_one(order).state
        assert state is (ChannelState.OPEN if sequence == 1 else ChannelState.CLOSED)
    assert [told.lines for told in order.told] == [{line: 1}, {line: 2}]


def test_a_lost_answer_confirms_once(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("lost_answer")
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s38_already_fulfilled_is_done(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    shop.world.tell(order, units, "UPS", "by hand")
    body = mapping.confirm_shipment(shop.confirm(order, units))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s38_a_missing_carrier_name_is_one_refusal(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units, carrier=None))
    result = shop.connector.write("confirm_shipment", body, "r")
    assert result.outcome is Outcome.REJECTED
    assert "carrierName" in (result.reason or "")
    assert (
        sum(one.request.method == "POST" and "shipmentConf" in one.request.path for one in shop.exchanges)
        == 1
    )


def test_a_shipment_without_tracking_number_is_unsupported(shop: Shop) -> None:
    (order,) = shop.place(1)
    body = mapping.confirm_shipment(shop.confirm(order, {order.lines[0].line_id: 1}, tracking_number=None))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.UNSUPPORTED


def test_an_unknown_order_is_refused(shop: Shop) -> None:
    (order,) = shop.place(1)
    body = mapping.confirm_shipment(
        shop.confirm(order, {order.lines[0].line_id: 1}, external_id="000-0000000-0000000")
    )
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.REJECTED
