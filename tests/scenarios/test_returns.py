"""Goods and money that come back (S41)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from order_store.events import timeline
from order_store.schema.fulfilment import stock_positions
from sandbox.registry import CONNECTIONS

OpenStage = Callable[..., Any]
SPOON = "SPOON-BRASS"


@pytest.mark.parametrize("channel", ["shopify-eu", "woo-de", "vendure-us"])
def test_s41_a_return_with_restock_and_refund_that_arrives_twice_counts_once(
    open_stage: OpenStage, channel: str
) -> None:
    """Amazon's orders tell of no refunds. What lies on a shelf is the warehouse's word alone."""
    stage = open_stage(channel, *(one for one in CONNECTIONS if one != channel), seed=4, stocked={SPOON})
    order = stage.place(channel, lines=[(SPOON, 2)])
    stage.wait(minutes=30)
    stage.cycle()
    stage.wait(hours=30)
    stage.cycle()
    stage.wait(minutes=30)
    stage.cycle()
    assert order.told
    refund = stage.world.refund(order, {order.lines[0].line_id: 1}, "unwanted", restock=True)

    def figures() -> Any:  # noqa: ANN401
        stored = stage.stored(order)
        with stage.hub.store.read() as tx:
            kinds = [one.kind for one in timeline(tx, stored.row["id"])]
            returns = tx.execute(text("SELECT COUNT(*), SUM(quantity) FROM analytics_returns")).one()
            shelf = tx.execute(select(stock_positions).where(stock_positions.c.sku == SPOON)).all()
        refunds = [(one.refund_id, one.amount.minor, one.lines) for one in stored.order.refunds or ()]
        lines = [(line["returned"], line["ordered"], line["cancelled"]) for line in stored.lines]
        return stored.row["refunded_minor"], refunds, stored.order.returns, lines, kinds, returns, shelf

    stage.wait(minutes=30)
    page = stage.fetch(order)
    assert stage.ingest(page).updated == 1
    once = figures()
    amount, refunds, returns, lines, _kinds, _rows, _shelf = once
    assert (amount, [one[1] for one in refunds]) == (refund.amount, [refund.amount])
    if channel != "vendure-us":  # it tells of money alone
        assert len(returns) == 1
        assert lines == [(1, 2, 0)]
    assert stage.ingest(page).unchanged == 1
    assert figures() == once
    stage.wait(minutes=1)
    assert stage.ingest(stage.fetch(order)).unchanged == 1
    stage.sandbox.fault(channel, "duplicate_update")
    stage.wait(minutes=30)
    stage.read(channel)
    assert figures() == once
