"""Replays what is left of erased orders."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from order_store.erasing import decode_left, mark_erased, restore_versions
from order_store.landing import ERASED_ORDERS, Landed
from order_store.orders import Outcome, apply_orders
from order_store.personal import keys_of
from pipelines.services.counts import PageCounts
from pipelines.services.replay import Source, replays


@replays(ERASED_ORDERS)
def replay_erased(tx: Connection, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
    """Apply what is left of erased orders, as it stands in landing.

    What is left is landed before an erasure is certain. Of one that was killed in between, and not asked for
    again, the key is still there: then the person is not erased, and what the channel sent tells it all.
    """
    counts = PageCounts()
    keys = keys_of(tx)
    names = [record.external_id for record in records]
    ciphers = keys.ciphers(source.connection, names, make=False) if keys else {}
    for record in records:
        if ciphers.get(record.external_id):
            counts += PageCounts(records=1, unchanged=1)
            continue
        left = decode_left(record.payload)
        (applied,) = apply_orders(tx, source.id, [left.order], now=now)
        if applied.outcome is Outcome.CREATED:
            restore_versions(tx, applied.order_id, left)
        mark_erased(tx, [applied.order_id], "replay", now)
        counts += PageCounts(records=1, **{applied.outcome.value: 1})
    return counts
