"""Tries quarantined records again, from their raw bodies in landing."""

from collections.abc import Sequence

from order_store.connections import connection_id
from order_store.quarantine import Quarantined, list_quarantine, show_quarantined
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import ORDERS, apply_normalized, count, normalize
from pipelines.services.orders import channel_of


def retry_record(hub: Hub, number: int) -> PageCounts:
    """Try one record again. Raises KeyError if there is none of that number."""
    with hub.store.read() as tx:
        found = show_quarantined(tx, number)
    return _retry(hub, found.connection, [found])


def retry_all(hub: Hub) -> PageCounts:
    """Try every open order record again."""
    with hub.store.read() as tx:
        found = [one for one in list_quarantine(tx, limit=1_000_000) if one.failure.stream == ORDERS]
    counts = PageCounts()
    for connection in sorted({one.connection for one in found}):
        counts += _retry(hub, connection, [one for one in found if one.connection == connection])
    return counts


def _retry(hub: Hub, connection: str, records: Sequence[Quarantined]) -> PageCounts:
    if other := [one for one in records if one.failure.stream != ORDERS]:
        stream = other[0].failure.stream
        raise ProblemError(
            f"{stream} of {connection} is read anew as a whole: run `orderhub sync {connection}` instead"
        )
    channel = channel_of(hub, connection)
    why = "retrying quarantined records"
    raw = [hub.landing.read_one(one.failure.path, one.failure.offset, why) for one in records]
    normalized = normalize(channel, raw)
    with hub.store.begin() as tx:
        applied = apply_normalized(tx, connection_id(tx, connection), channel, normalized, hub.clock.now())
    return count(applied, normalized.failures)
