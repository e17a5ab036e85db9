"""Replays what is left of erased orders."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from order_store.erasing import decode_left, mark_erased, restore_versions
from order_store.landing import ERASED_ORDERS, Landed
from order_store.orders import Outcome, apply_orders
from pipelines.services.counts import PageCounts
from pipelines.services.replay import Source, replays


@replays(ERASED_ORDERS)
def replay_erased(tx: Connection, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
    """Apply what is left of erased orders, as it stands in landing."""
    counts = PageCounts()
    for record in records:
        left = decode_left(record.payload)
        (applied,) = apply_orders(tx, source.id, [left.order], now=now)
        if applied.outcome is Outcome.CREATED:
            restore_versions(tx, applied.order_id, left)
        mark_erased(tx, [applied.order_id], "replay", now)
        counts += PageCounts(records=1, **{applied.outcome.value: 1})
    return counts
