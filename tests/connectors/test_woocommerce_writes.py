"""Writing: shipments told to the imitated WooCommerce."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import responses
from msgspec import UNSET

from connectors.contract import Outcome
from connectors.errors import AnswerLost, StreamBroken
from normalization.statuses import ChannelState
from sandbox.mishaps import Mishap, Severity, Weather
from tests.connectors.woocommerce_shop import PLAIN, Shop, lines_of


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def shop(mock: responses.RequestsMock) -> Shop:
    return Shop(mock)


def test_a_shipment_becomes_a_tracking_and_a_completed_order(shop: Shop) -> None:
    (order,) = shop.place(1)
    assert shop.tell(order) is Outcome.APPLIED
    assert [(told.tracking_number, dict(told.lines)) for told in order.told] == [
        ("1Z999AA10123456784", {line.line_id: line.quantity for line in order.lines})
    ]
    told = shop.read_one(order)
    assert told.state is ChannelState.CLOSED
    assert [line.fulfilled for line in lines_of(told)] == [line.quantity for line in order.lines]
    assert told.fulfilments is not UNSET
    assert [one.tracking_numbers for one in told.fulfilments] == [("1Z999AA10123456784",)]


def test_two_parcels_are_two_trackings_and_one_completion(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, lines=[("TEA-EARLGREY-100", 3)]))
    assert shop.tell(order, complete=False, tracking_number="1Z1") is Outcome.APPLIED
    assert shop.read_one(order).state is ChannelState.OPEN
    assert shop.tell(order, sequence=2, tracking_number="1Z2") is Outcome.APPLIED
    assert shop.read_one(order).state is ChannelState.CLOSED
    assert [told.tracking_number for told in order.told] == ["1Z1", "1Z2"]


def test_without_the_plugin_all_is_a_note_and_a_part_is_unsupported(mock: responses.RequestsMock) -> None:
    shop = Shop(mock, shipment_tracking=False)
    (order,) = shop.place(1)
    assert shop.tell(order, complete=False) is Outcome.UNSUPPORTED
    assert order.notes_added == []
    assert [shop.tell(order), shop.tell(order)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert order.notes_added == ["Parcel 1 shipped with UPS, tracking number 1Z999AA10123456784."]
    assert shop.read_one(order).state is ChannelState.CLOSED
    assert shop.connector.look_up("confirm_shipment", shop.body(order), "r") is not None


def test_s38_what_is_fulfilled_already_is_done(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.world.tell(order, {line.line_id: line.quantity for line in order.lines}, None, None)
    assert [shop.tell(order), shop.tell(order)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert shop.count("POST", "/shipment-trackings") == 1
    assert shop.count("PUT", order.external_id) == 0


def test_a_cancelled_order_is_not_brought_back_by_a_shipment(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.world.cancel(order)
    assert shop.tell(order) is Outcome.REJECTED
    assert shop.read_one(order).state is ChannelState.CANCELLED


def test_a_lost_answer_is_looked_up_and_finished_without_a_second_tracking(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.tell(order)
    assert shop.connector.look_up("confirm_shipment", shop.body(order), "r") is None
    assert shop.tell(order) is Outcome.APPLIED
    found = shop.connector.look_up("confirm_shipment", shop.body(order), "r")
    assert found is not None
    assert found.outcome is Outcome.APPLIED
    assert shop.count("POST", "/shipment-trackings") == 1


def test_a_page_for_people_instead_of_the_completed_order_is_no_success(shop: Shop) -> None:
    """A host under maintenance answers 200 with HTML and does nothing."""
    (order,) = shop.place(1)
    weather = Weather("woocommerce", Severity(), 1)
    fates = iter([None, None, None, Mishap.PAGE])  # the order, its trackings, the new one, its completion
    weather.draw = lambda: ((fate := next(fates)), fate is None)  # type: ignore[method-assign]
    shop.vendor.weather = weather
    with pytest.raises(StreamBroken):
        shop.tell(order)
    shop.vendor.weather = None
    assert shop.connector.look_up("confirm_shipment", shop.body(order), "r") is None, "it is done again"
    assert shop.tell(order) is Outcome.APPLIED
    assert [dict(told.lines) for told in order.told] == [
        {line.line_id: line.quantity for line in order.lines}
    ]
