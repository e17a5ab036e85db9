"""Amazon at the rate that it publishes: a search in three minutes, twenty at once, and no more granted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.channels.amazon import RATES, SEARCH
from connectors.errors import RateLimited
from order_store.connections import connection_id
from order_store.reading import ReadState, read_marks
from order_store.schema.reading import read_state
from pipelines.services.orders import CREATED, OPEN, RECONCILED, SINGLE, backfill_orders
from pipelines.services.reading import ReadResult
from sandbox.vendors.amazon import GRANTED, AmazonVendor

OpenStage = Callable[..., Any]
SHOP = "amazon-uk"
PAGES = 14
"""Of open orders."""
ROUND = timedelta(minutes=5)
PUBLISHED = RATES[SEARCH].per_second * ROUND.total_seconds()
"""Pages that the rate gives in a round."""


@pytest.fixture
def open_slow(open_stage: OpenStage) -> OpenStage:
    """A seller with so many pages of open orders, all of which the hub knows."""

    def opened(pages: int) -> Any:  # noqa: ANN401
        stage = open_stage(SHOP)
        world, rate = stage.world, RATES[SEARCH]
        granted = {**GRANTED, SEARCH: (rate.per_second, rate.burst)}
        slow = AmazonVendor(world, SHOP, granted=granted, seconds=lambda: world.now.timestamp())
        stage.sandbox.vendors[SHOP] = slow
        for _ in range(100 * pages):
            stage.place(SHOP)
        stage.wait(hours=1)
        while len(stage.known()) < 100 * pages:
            stage.try_to_read(SHOP)
            stage.wait(minutes=5)
        return stage

    return opened


def marks(stage: Any, stream: str) -> ReadState:  # noqa: ANN401
    with stage.hub.store.read() as tx:
        return read_marks(tx, connection_id(tx, SHOP), stream)


def read(stage: Any) -> dict[str, ReadResult]:  # noqa: ANN401
    """One round; it fails if what has changed cannot be read."""
    began = stage.clock.now()
    stage.read(SHOP)
    stage.wait(seconds=(began + ROUND - stage.clock.now()).total_seconds())
    return {one.stream: one for one in stage.results}


def test_open_orders_and_reconciliation_end_as_soon_as_the_rate_allows(open_slow: OpenStage) -> None:
    stage = open_slow(PAGES)
    quiet = list(stage.world.orders_of(SHOP))[::600]
    for order in quiet:
        order.lines[0].removed = 1  # nobody is told
    # Of each round's pages one is for what has changed, and the half burst that is left for it comes back
    # first. What remains is shared by the two lists.
    allowed = int((RATES[SEARCH].burst / 2 + 2 * PAGES) / (PUBLISHED - 1)) + 3
    for number in range(allowed):
        results = read(stage)
        if marks(stage, RECONCILED).completed_at:
            break
        assert "vendor's rate" in str(results[RECONCILED].skipped), number
        assert results[OPEN].skipped or results[OPEN].pages, number
    assert marks(stage, OPEN).completed_at
    assert marks(stage, RECONCILED).completed_at
    assert all(stage.stored(order).lines[0]["cancelled"] == 1 for order in quiet)
    assert len(stage.known()) == 100 * PAGES


def test_a_snapshot_of_many_rounds_misses_only_what_left_it_since_it_began(open_slow: OpenStage) -> None:
    stage = open_slow(PAGES)
    before, during, *_ = stage.world.orders_of(SHOP)
    while not marks(stage, RECONCILED).completed_at or marks(stage, OPEN).in_window:
        read(stage)
    while not marks(stage, OPEN).in_window:
        before.cancelled_at = stage.clock.now()  # nobody is told
        read(stage)
    began = marks(stage, OPEN).window_started_at
    during.cancelled_at = stage.clock.now()  # the list moves up by one: another order is not listed either
    rounds = asked = 0
    while marks(stage, OPEN).in_window:
        asked += read(stage)[SINGLE].pages
        rounds += 1
    assert rounds > 5
    assert marks(stage, OPEN).watermark == began
    asked += read(stage)[SINGLE].pages
    assert stage.stored(before).order.cancelled_at
    assert asked == 2


def cut_off(stage: Any) -> int:  # noqa: ANN401
    """Records that unfinished back-fills have read."""
    query = select(func.sum(read_state.c.window_records)).where(read_state.c.stream.startswith(f"{CREATED} "))
    with stage.hub.store.read() as tx:
        return tx.scalar(query) or 0


@pytest.mark.parametrize(("hours", "goes_on"), [(1, True), (7, False)])
def test_a_back_fill_that_was_cut_off_goes_on_at_its_page_if_that_was_of_late(
    open_slow: OpenStage, hours: float, goes_on: bool
) -> None:
    stage = open_slow(PAGES)
    span = (stage.clock.now() - timedelta(days=1), stage.clock.now())
    stage.wait(hours=2)  # the bucket is full again: half of it is left for what changes
    with pytest.raises(RateLimited):
        backfill_orders(stage.hub, SHOP, *span)
    before = cut_off(stage)
    assert before == 100 * RATES[SEARCH].burst // 2
    stage.wait(hours=hours)
    if goes_on:
        result = backfill_orders(stage.hub, SHOP, *span)
        assert (result.earlier, result.counts.records) == (before, 100 * PAGES - before)
        assert cut_off(stage) == 0
    else:
        with pytest.raises(RateLimited):
            backfill_orders(stage.hub, SHOP, *span)
        assert cut_off(stage) == before
