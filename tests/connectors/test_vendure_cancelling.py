"""Having the imitated Vendure cancel units that will not be delivered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import responses

from connectors.contract import Outcome, Safety, WriteResult
from connectors.errors import AnswerLost, RecordMissing, Transient
from normalization.channels import vendure as mapping
from normalization.records import Cancellation, LineCancellation
from normalization.statuses import ChannelState
from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.vendure import VendureVendor
from sandbox.world import ShopOrder
from tests.connectors.test_vendure import PAID, Shop, confirmation

TWO_LINES = replace(PAID, lines=[("MUG-BLUE", 2), ("SPOON-BRASS", 3)], shipping=490)


class QuickBuyer(VendureVendor):
    """A shop where somebody takes the first line out just before each order's units are cancelled."""

    def respond(self, request: VendorRequest) -> VendorAnswer:
        if b"cancelOrder" in request.body:
            (order,) = self.world.orders_of(self.connection)
            self.world.remove_units(order, order.lines[0].line_id, order.lines[0].current)
        return super().respond(request)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Shop(mock)


def asked(order: ShopOrder, *remaining: int) -> Cancellation:
    """So many units are to remain of each line, first to last."""
    return Cancellation(
        reference=f"{order.external_id}:cancel-1",
        external_id=order.external_id,
        number=order.number,
        lines=tuple(
            LineCancellation(line_id=line.line_id, units=line.quantity - left, remaining=left)
            for line, left in zip(order.lines, remaining, strict=True)
        ),
        reason="out of stock since 2026-10-01",
        whole=not any(remaining),
    )


def cancel(shop: Shop, order: ShopOrder, *remaining: int) -> WriteResult:
    return shop.connector.write("cancel_lines", mapping.cancel_lines(asked(order, *remaining)), "c")


def units(shop: Shop, order: ShopOrder) -> list[tuple[int, int, int]]:
    """Ordered, cancelled and fulfilled units of each line, as the hub reads them back."""
    lines = shop.canonical(order).lines
    assert isinstance(lines, tuple)
    return [(line.ordered, line.cancelled, line.fulfilled) for line in lines]


def mutations(shop: Shop) -> int:
    return sum(b"cancelOrder" in one.request.body for one in shop.exchanges)


def test_a_part_is_cancelled_and_read_back(shop: Shop) -> None:
    assert shop.connector.operations["cancel_lines"].safety is Safety.SETS_VALUE
    order = shop.place(TWO_LINES)
    before = shop.canonical(order)
    shop.world.now += timedelta(minutes=1)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    after = shop.canonical(order)
    assert after.state is ChannelState.OPEN
    assert after.updated_at == shop.world.now
    assert after.totals
    assert before.totals
    assert after.totals.shipping == before.totals.shipping
    assert after.totals.total.minor == order.total() < before.totals.total.minor
    assert after.totals.refunded.minor == 0


def test_a_whole_order_is_cancelled_with_its_shipping(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    told = shop.canonical(order)
    assert told.state is ChannelState.CANCELLED
    assert units(shop, order) == [(2, 2, 0), (3, 3, 0)]
    assert told.totals
    assert (told.totals.shipping.minor, told.totals.total.minor) == (0, 0)
    assert order.refunds == []


def test_written_twice_it_changes_nothing_the_second_time(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    assert [cancel(shop, order, 2, 1).outcome for _ in range(2)] == [Outcome.APPLIED] * 2
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert mutations(shop) == 1


def test_a_lost_answer_is_settled_by_asking_again(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    shop.canonical(order)  # logged in
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        cancel(shop, order, 2, 1)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert mutations(shop) == 1


def test_what_the_buyer_cancelled_already_is_not_cancelled_again(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    shop.world.remove_units(order, order.lines[1].line_id, 1)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    shop.world.cancel(order)
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert mutations(shop) == 1


def test_what_goes_between_reading_and_cancelling_is_reckoned_anew() -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        shop = Shop(mock, QuickBuyer)
        order = shop.place(TWO_LINES)
        with pytest.raises(Transient, match="changed"):
            cancel(shop, order, 1, 1)
        assert units(shop, order) == [(2, 2, 0), (3, 0, 0)]
        assert cancel(shop, order, 1, 1).outcome is Outcome.APPLIED
        assert units(shop, order) == [(2, 2, 0), (3, 2, 0)]


def test_an_order_whose_rest_was_sent_stays_partially_shipped_and_has_nothing_open(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    assert shop.connector.write("confirm_shipment", confirmation(order, 2), "r").outcome is Outcome.APPLIED
    assert cancel(shop, order, 2, 0).outcome is Outcome.APPLIED
    told = shop.canonical(order)
    assert (told.state, told.channel_status) == (ChannelState.OPEN, "PartiallyShipped")
    assert units(shop, order) == [(2, 0, 2), (3, 3, 0)]


def test_units_of_a_fulfilment_stay_and_so_does_the_shipping(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    assert shop.connector.write("confirm_shipment", confirmation(order, 1), "r").outcome is Outcome.APPLIED
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 1, 1), (3, 3, 0)]
    told = shop.canonical(order)
    assert told.totals
    assert told.totals.shipping.minor > 0


def test_what_the_shop_refuses_is_told_by_its_code_alone(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    shop.canonical(order)
    shop.vendor.faults.switch_on("quoting_refusal")
    result = cancel(shop, order, 2, 1)
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "ORDER_STATE_TRANSITION_ERROR")


def test_a_line_that_the_order_does_not_have_is_refused_and_nothing_cancelled(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    body = mapping.cancel_lines(asked(order, 0, 0))
    body["lines"][1]["line_id"] = "4711"
    result = shop.connector.write("cancel_lines", body, "c")
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "the order has no line 4711")
    assert units(shop, order) == [(2, 0, 0), (3, 0, 0)]


def test_an_order_that_the_shop_does_not_know_is_an_error_of_its_own(shop: Shop) -> None:
    order = shop.place(TWO_LINES)
    del shop.world.orders[order.channel, order.external_id]
    with pytest.raises(RecordMissing):
        cancel(shop, order, 0, 0)
