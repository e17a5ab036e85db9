"""Having the imitated shop cancel units that will not be delivered."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.contract import Outcome, Safety, WriteResult
from connectors.errors import AnswerLost, PermissionMissing
from normalization.statuses import ChannelState
from sandbox.buyers import Wish, place_order
from sandbox.world import ShopOrder
from tests.connectors.shopify_shop import CHANNEL, REASON, Shop, open_shop, two_lines


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


def cancel(shop: Shop, order: ShopOrder, *remaining: int, reason: str = REASON) -> WriteResult:
    """Ask for so many units to remain of each line, first to last."""
    wanted = dict(zip((line.line_id for line in order.lines), remaining, strict=False))
    return shop.connector.write("cancel_lines", shop.cancellation(order, wanted, reason), "c1")


def units(shop: Shop, order: ShopOrder) -> list[tuple[int, int, int]]:
    """Ordered, cancelled and fulfilled units of each line, as the hub reads them back."""
    lines = shop.canonical(order).lines
    assert isinstance(lines, tuple)
    return [(line.ordered, line.cancelled, line.fulfilled) for line in lines]


def asked(shop: Shop, word: str) -> int:
    """How many requests said a word."""
    return sum(word.encode() in request.body for request in shop.seen)


def test_it_may_be_sent_again(shop: Shop) -> None:
    assert shop.connector.operations["cancel_lines"].safety is Safety.SETS_VALUE


# --- a part of an order


def test_a_part_is_edited_off_without_restock_or_mail(shop: Shop) -> None:
    order = two_lines(shop)
    before, total = shop.canonical(order), order.total()
    shop.world.now += timedelta(minutes=1)
    result = cancel(shop, order, 2, 1)
    assert result.outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    (taken,) = shop.vendor.cancelling.taken
    assert (taken.staff_note, taken.notified, taken.restocked) == (REASON, False, False)
    after = shop.canonical(order)
    assert before.updated_at
    assert after.updated_at == shop.world.now > before.updated_at
    assert after.totals
    assert after.totals.total.minor == order.total() < total
    assert after.totals.refunded.minor == 0
    assert order.refunds == []


def test_several_lines_are_one_edit(shop: Shop) -> None:
    order = two_lines(shop)
    assert cancel(shop, order, 0, 2).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 2, 0), (3, 1, 0)]
    assert len(shop.vendor.cancelling.taken) == 1
    assert order.cancelled_at is None


def test_written_twice_it_changes_nothing_the_second_time(shop: Shop) -> None:
    order = two_lines(shop)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert asked(shop, "orderEditBegin") == 1


@pytest.mark.parametrize("call", ["orderEditBegin", "orderEditSetQuantity"])
def test_a_lost_answer_before_the_commit_is_asked_for_again(shop: Shop, call: str) -> None:
    order = two_lines(shop)
    shop.losing = call
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert asked(shop, call) == 2


def test_a_lost_answer_to_the_commit_is_settled_by_writing_again(shop: Shop) -> None:
    order = two_lines(shop)
    shop.losing = "orderEditCommit"
    with pytest.raises(AnswerLost):
        cancel(shop, order, 2, 1)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert asked(shop, "orderEditCommit") == 1


def test_what_the_buyer_took_off_already_is_not_taken_off_again(shop: Shop) -> None:
    order = two_lines(shop)
    line = order.lines[1]
    shop.world.remove_units(order, line.line_id, 1)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]


def test_fewer_than_are_to_remain_are_left_alone(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.remove_units(order, order.lines[1].line_id, 2)
    assert cancel(shop, order, 2, 2).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 2, 0)]
    assert asked(shop, "orderEditBegin") == 0


def test_fulfilled_units_stay(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.world.tell(order, {line_id: 2}, "UPS", "1Z1")
    assert cancel(shop, order, 2, 2).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 1, 2)]


def test_units_that_were_fulfilled_meanwhile_are_not_cancelled(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.tell(order, {order.lines[1].line_id: 3}, "UPS", "1Z1")
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 0, 3)]
    assert asked(shop, "orderEditBegin") == 0


def test_units_that_came_back_are_no_units_to_cancel(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.world.tell(order, {line_id: 2}, "UPS", "1Z1")
    shop.world.refund(order, {line_id: 1}, "wrong_size", restock=False)
    assert cancel(shop, order, 2, 2).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 0, 0), (3, 1, 2)]


def test_lines_of_a_long_order_are_edited_wherever_they_stand(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL, Wish(lines=[("HONEY-LIME-500", 2)] * 130))
    last = order.lines[-1].line_id
    body = shop.cancellation(order, {last: 1})
    assert shop.connector.write("cancel_lines", body, "c1").outcome is Outcome.APPLIED
    assert [line.current for line in order.lines] == [2] * 129 + [1]


# --- a whole order


@pytest.mark.parametrize("payment", ["captured", "authorized", "pending"])
def test_a_whole_order_is_cancelled_without_refund_restock_or_mail(shop: Shop, payment: str) -> None:
    order = two_lines(shop)
    order.payment = payment
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    (taken,) = shop.vendor.cancelling.taken
    assert (taken.reason, taken.staff_note) == ("INVENTORY", REASON)
    assert (taken.notified, taken.restocked, order.refunds) == (False, False, [])
    assert units(shop, order) == [(2, 2, 0), (3, 3, 0)]
    found = shop.canonical(order)
    assert (found.state, found.cancel_reason) == (ChannelState.CANCELLED, "inventory")
    assert found.totals
    assert (found.totals.total.minor, found.totals.refunded.minor) == (0, 0)
    assert asked(shop, "orderEditBegin") == 0


def test_a_cancelled_order_is_cancelled_once(shop: Shop) -> None:
    order = two_lines(shop)
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert asked(shop, "orderCancel(") == 1


def test_a_lost_answer_to_the_cancellation_is_settled_by_writing_again(shop: Shop) -> None:
    order = two_lines(shop)
    shop.losing = "orderCancel("
    with pytest.raises(AnswerLost):
        cancel(shop, order, 0, 0)
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert asked(shop, "orderCancel(") == 1


def test_an_order_that_the_buyer_cancelled_is_done(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.cancel(order)
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert shop.vendor.cancelling.taken == []


def test_the_job_is_waited_for(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.cancelling.slow_jobs = 2
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert order.cancelled_at
    assert shop.clock.slept == [1.0, 2.0]


def test_a_job_that_takes_too_long_is_in_doubt_and_settled_by_writing_again(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.cancelling.slow_jobs = 5
    with pytest.raises(AnswerLost, match="not told yet"):
        cancel(shop, order, 0, 0)
    assert shop.vendor.cancelling.taken == []
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert order.cancelled_at
    assert asked(shop, "orderCancel(") == 1


def test_a_job_that_fails_is_a_refusal(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.cancelling.failing = "Unexpected internal error happened."
    result = cancel(shop, order, 0, 0)
    assert result.outcome is Outcome.REJECTED
    assert result.reason == "Unexpected internal error happened. (INTERNAL_ERROR)"
    assert units(shop, order) == [(2, 0, 0), (3, 0, 0)]


def test_an_order_that_got_another_line_since_is_not_cancelled_whole(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.cancellation(order, {line.line_id: 0 for line in order.lines})
    added = place_order(shop.world, CHANNEL, Wish(lines=[("HONEY-LIME-500", 1)])).lines[0]
    order.lines.append(added)
    assert shop.connector.write("cancel_lines", body, "c1").outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 2, 0), (3, 3, 0), (1, 0, 0)]
    assert order.cancelled_at is None


def test_a_whole_order_of_which_something_was_fulfilled_meanwhile_is_edited(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.tell(order, {order.lines[1].line_id: 1}, "UPS", "1Z1")
    assert cancel(shop, order, 0, 0).outcome is Outcome.APPLIED
    assert units(shop, order) == [(2, 2, 0), (3, 2, 1)]
    assert order.cancelled_at is None


def test_a_long_reason_is_cut_to_what_a_staff_note_takes(shop: Shop) -> None:
    order = two_lines(shop)
    assert cancel(shop, order, 0, 0, reason="x" * 300).outcome is Outcome.APPLIED
    assert shop.vendor.cancelling.taken[0].staff_note == "x" * 255


# --- refusals


def test_an_unknown_order_or_line_is_refused(shop: Shop) -> None:
    order, other = two_lines(shop), two_lines(shop)
    body = shop.cancellation(order, {other.lines[0].line_id: 0})
    result = shop.connector.write("cancel_lines", body, "c1")
    assert (result.outcome, result.reason) == (
        Outcome.REJECTED,
        f"the order has no {other.lines[0].line_id}",
    )
    del shop.world.orders[CHANNEL, order.external_id]
    assert cancel(shop, order, 0, 0).outcome is Outcome.REJECTED


@pytest.mark.parametrize("remaining", [(0, 0), (2, 1)])
def test_shopifys_refusal_is_told_and_changes_nothing(shop: Shop, remaining: tuple[int, int]) -> None:
    order = two_lines(shop)
    shop.vendor.faults.switch_on("quoting_refusal")
    result = cancel(shop, order, *remaining)
    assert result.outcome is Outcome.REJECTED
    assert "no such address" in (result.reason or "")
    assert units(shop, order) == [(2, 0, 0), (3, 0, 0)]


@pytest.mark.parametrize(("remaining", "scope"), [((0, 0), "write_orders"), ((2, 1), "write_order_edits")])
def test_a_missing_scope_is_named(shop: Shop, remaining: tuple[int, int], scope: str) -> None:
    order = two_lines(shop)
    shop.vendor.scopes.remove(scope)
    with pytest.raises(PermissionMissing, match=f"`{scope}`"):
        cancel(shop, order, *remaining)
    assert units(shop, order) == [(2, 0, 0), (3, 0, 0)]


def test_units_that_shopify_does_not_let_edit_are_refused_and_nothing_is_edited(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.cancelling.locked.add(order.lines[0].line_id)
    result = cancel(shop, order, 1, 1)
    assert result.outcome is Outcome.REJECTED
    expected = f"only 0 of 2 unfulfilled units of {order.lines[0].line_id} can be edited"
    assert result.reason == expected
    assert units(shop, order) == [(2, 0, 0), (3, 0, 0)]


def test_an_edit_that_would_leave_another_quantity_is_not_committed(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.tell(order, {order.lines[1].line_id: 1}, "UPS", "1Z1")
    shop.vendor.cancelling.counts_open_only = True
    result = cancel(shop, order, 2, 2)
    assert result.outcome is Outcome.REJECTED
    assert "would not leave 1 units" in (result.reason or "")
    assert units(shop, order) == [(2, 0, 0), (3, 0, 1)]
    assert asked(shop, "orderEditCommit") == 0


def test_throttling_is_waited_out(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.faults.switch_on("throttle", 2)
    assert cancel(shop, order, 2, 1).outcome is Outcome.APPLIED
