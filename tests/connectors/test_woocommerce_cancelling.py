"""Having the imitated shop cancel orders that will not be delivered."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import responses

from connectors.contract import Outcome, Safety
from connectors.errors import StreamBroken
from normalization.statuses import ChannelState
from sandbox.mishaps import Mishap, Severity, Weather
from tests.connectors.woocommerce_shop import PLAIN, Shop, lines_of

TWO_LINES = replace(PLAIN, lines=[("TEA-EARLGREY-100", 2), ("SPOON-BRASS", 1)])


@pytest.fixture
def shop() -> Iterator[Shop]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Shop(mock)


def test_a_whole_order_is_cancelled_and_read_back_as_cancelled_units(shop: Shop) -> None:
    (order,) = shop.place(1, TWO_LINES)
    shop.wait(minutes=1)
    assert shop.connector.operations["cancel_lines"].safety is Safety.SETS_VALUE
    assert shop.give_up(order) is Outcome.APPLIED
    told = shop.read_one(order)
    assert told.state is ChannelState.CANCELLED
    assert [(line.ordered, line.cancelled) for line in lines_of(told)] == [(2, 2), (1, 1)]
    assert told.updated_at == shop.world.now
    assert order.refunds == []
    assert order.notes_added == []


def test_written_twice_it_changes_nothing_the_second_time(shop: Shop) -> None:
    (order,) = shop.place(1)
    assert [shop.give_up(order), shop.give_up(order)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert shop.count("PUT", order.external_id) == 1


def test_a_lost_answer_is_asked_for_again_at_once(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("lost_answer")
    assert shop.give_up(order) is Outcome.APPLIED
    assert shop.read_one(order).state is ChannelState.CANCELLED
    assert shop.count("PUT", order.external_id) == 2


def test_what_the_buyer_cancelled_already_is_done(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.world.cancel(order)
    assert shop.give_up(order) is Outcome.APPLIED
    assert shop.count("PUT", order.external_id) == 0


def test_a_part_of_an_order_cannot_be_cancelled(shop: Shop) -> None:
    (order,) = shop.place(1, TWO_LINES)
    assert shop.give_up(order, whole=False) is Outcome.UNSUPPORTED
    assert shop.exchanges == []


def test_what_the_shop_calls_sent_is_refused(shop: Shop) -> None:
    sent, begun = shop.place(2)
    shop.world.tell(sent, {line.line_id: line.quantity for line in sent.lines}, None, None)
    assert shop.tell(begun, complete=False) is Outcome.APPLIED
    assert [shop.give_up(sent), shop.give_up(begun)] == [Outcome.REJECTED, Outcome.REJECTED]
    assert shop.read_one(sent).state is ChannelState.CLOSED
    assert shop.read_one(begun).state is ChannelState.OPEN


def test_an_order_that_the_shop_does_not_know_is_refused(shop: Shop) -> None:
    (order,) = shop.place(1)
    del shop.world.orders[order.channel, order.external_id]
    assert shop.give_up(order) is Outcome.REJECTED


def test_a_page_for_people_instead_of_the_cancelled_order_is_no_success(shop: Shop) -> None:
    (order,) = shop.place(1)
    weather = Weather("woocommerce", Severity(), 1)
    fates = iter([None, None, Mishap.PAGE])  # the order, its trackings, its cancellation
    weather.draw = lambda: ((fate := next(fates)), fate is None)  # type: ignore[method-assign]
    shop.vendor.weather = weather
    with pytest.raises(StreamBroken):
        shop.give_up(order)
    shop.vendor.weather = None
    assert shop.read_one(order).state is ChannelState.OPEN
    assert shop.give_up(order) is Outcome.APPLIED
