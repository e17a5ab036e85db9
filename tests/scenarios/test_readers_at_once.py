"""Two processes at one task: whoever was away for too long leaves what the other one did alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from connectors.contract import Page
from order_store.connections import connection_id
from order_store.leases import acquire_lease, release_lease
from order_store.reading import read_marks
from pipelines.services import route
from pipelines.services.counts import PageCounts
from pipelines.services.orders import RECONCILED, sync_orders
from pipelines.services.reading import LEASE, TAKEN_OVER, ReadResult, lease_name, read_stream
from tests.scenarios.test_stock_and_routing import SPOON, ready

OpenStage = Callable[..., Any]
SHOP = "woo-de"


def test_a_reader_that_was_away_moves_no_mark_of_the_one_that_took_over(open_stage: OpenStage) -> None:
    stage = open_stage(SHOP)
    first = stage.place(SHOP)
    stage.wait(hours=1)

    def away(page: Page, also: Callable[[Connection], None]) -> PageCounts:
        stage.wait(seconds=LEASE.total_seconds() + 60)
        stage.read_changes(SHOP)  # somebody else, meanwhile
        return stage.ingest(page, also)  # type: ignore[no-any-return]

    result = read_stream(stage.hub, SHOP, "orders", away)
    assert result.skipped == TAKEN_OVER
    assert stage.knows(first)
    with stage.hub.store.read() as tx:
        marks = read_marks(tx, connection_id(tx, SHOP), "orders")
    assert not marks.in_window
    assert marks.watermark
    assert stage.clock.now() - marks.watermark < timedelta(hours=1)
    second = stage.place(SHOP)
    stage.wait(minutes=20)
    stage.read_changes(SHOP)
    assert stage.knows(second)


def test_only_one_process_at_a_time_reconciles_a_channel(open_stage: OpenStage) -> None:
    stage = open_stage(SHOP)
    stage.place(SHOP)
    stage.wait(minutes=30)
    with stage.hub.store.begin() as tx:
        other = acquire_lease(tx, lease_name(SHOP, RECONCILED), "another process", stage.clock.now(), LEASE)
        assert other
    assert reconciled(stage).skipped == "another process reads it"
    with stage.hub.store.begin() as tx:
        release_lease(tx, other)
    assert reconciled(stage).skipped is None
    assert reconciled(stage).skipped == "not due before 1 day, 0:00:00 have passed"


def reconciled(stage: Any) -> ReadResult:  # noqa: ANN401
    (result,) = (one for one in sync_orders(stage.hub, SHOP) if one.stream == RECONCILED)
    return result


def test_one_process_at_a_time_routes_and_a_lost_one_is_not_waited_for_long(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 3}, [[(SPOON, 1)]])
    with stage.hub.store.begin() as tx:
        assert acquire_lease(tx, "route", "a process that was killed", stage.clock.now(), route.LEASE)
    assert route.route_orders(stage.hub).skipped
    assert stage.stored(order).row["status"] == "open"
    stage.wait(seconds=route.LEASE.total_seconds())
    done = route.route_orders(stage.hub)
    assert (done.skipped, done.allocated) == (None, 1)
    assert route.route_orders(stage.hub).skipped is None, "it gave the lease back"
