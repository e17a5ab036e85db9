"""Rebuilds an empty store from landing: all that vendors sent, in the sequence in which it came.

Replay decides nothing and sends nothing: orders stand as unverified until the next verification. What
the hub decided comes back from backup (docs/definitions.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module

from sqlalchemy import Connection, func, select

from normalization import registry
from order_store.engine import Store, refused_values
from order_store.files import record_file
from order_store.landing import Landed, LandedFile, Landing, connection_and_stream
from order_store.schema.orders import orders
from order_store.schema.reading import connections
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import (
    ORDERS,
    Channel,
    apply_normalized,
    count,
    normalize,
    without_refused,
)
from pipelines.services.memory import paused_collection

BATCH = 1_000
"""Records of one transaction, about 50 ms of SQLite's write lock."""


@dataclass(frozen=True, slots=True)
class Source:
    """A connection whose landing is replayed. `connector` names its mapping.

    Attributes:
        sites: Of a WMS: the hub's warehouse code by the WMS's own id of the site.
    """

    id: int
    connection: str
    connector: str
    settings: Mapping[str, str]
    sites: Mapping[str, str] = field(default_factory=dict)


StreamReplay = Callable[[Connection, Source, Sequence[Landed], datetime], PageCounts]
"""Applies raw records of one stream in the transaction given. It decides nothing and sends nothing."""

_STREAMS: dict[str, StreamReplay] = {}
_REPLAYING = ("pipelines.services.warehouse", "pipelines.services.track", "pipelines.services.erased_replay")
"""Modules that register what they replay; they read live streams with this package's other services."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay found and made.

    Attributes:
        damaged: Files that are cut off; their records up to there were applied.
        unknown: Files of connections or streams that nobody replays.
        erased: Records whose key was destroyed; what is left of them stands in a stream of its own.
    """

    files: int = 0
    counts: PageCounts = field(default_factory=PageCounts)
    damaged: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    erased: int = 0


class StoreNotEmptyError(RuntimeError):
    """Replay only fills a store that holds no orders."""


def replays(stream: str) -> Callable[[StreamReplay], StreamReplay]:
    """Registers a function as the one that replays a landing stream."""

    def register(function: StreamReplay) -> StreamReplay:
        _STREAMS[stream] = function
        return function

    return register


def replayed_streams() -> set[str]:
    """The landing streams that replay knows what to do with."""
    for module in _REPLAYING:
        import_module(module)
    return {ORDERS, *_STREAMS}


def replay(
    store: Store,
    landing: Landing,
    *,
    now: datetime,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    sites: Mapping[str, Mapping[str, str]] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReplayResult:
    """Fill an empty store, in which the connections are registered, from landing.

    Args:
        store: The store to fill.
        landing: Where everything lies.
        now: The hub's time.
        settings: Each connection's settings, for its mapping.
        sites: Each WMS connection's sites, with the hub's warehouse codes; other sites' stock is left out.
        progress: Told (files done, files in all) after each batch.

    Raises:
        StoreNotEmptyError: If there are orders already.
    """
    replayed_streams()  # registers them
    with store.read() as tx:
        if tx.scalar(select(func.count()).select_from(select(orders.c.id).limit(1).subquery())):
            raise StoreNotEmptyError("replay fills an empty store; this one holds orders")
        sources = {
            row.name: Source(
                row.id,
                row.name,
                row.connector,
                (settings or {}).get(row.name, {}),
                (sites or {}).get(row.name, {}),
            )
            for row in tx.execute(select(connections))
        }
    paths = landing.paths()
    result = ReplayResult()
    for batch in _batches(landing, paths, sources):
        counts = _apply(store, sources[batch.connection], batch, now) if batch.records else PageCounts()
        result = replace(
            result,
            files=result.files + len(batch.files),
            counts=result.counts + counts,
            damaged=result.damaged + tuple(batch.damaged),
            unknown=result.unknown + tuple(batch.unknown),
            erased=result.erased + sum(record.erased for record in batch.records),
        )
        progress(result.files + len(result.unknown), len(paths))
    return result


@dataclass(slots=True)
class _Batch:
    """Files of one stream that are applied together."""

    connection: str = ""
    stream: str = ""
    files: list[LandedFile] = field(default_factory=list)
    records: list[Landed] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def _batches(landing: Landing, paths: Sequence[str], sources: Mapping[str, Source]) -> Iterator[_Batch]:
    batch = _Batch()
    for path in paths:
        connection, stream = connection_and_stream(path)
        if connection not in sources or (stream != ORDERS and stream not in _STREAMS):
            batch.unknown.append(path)
            continue
        if (connection, stream) != (batch.connection, batch.stream) or len(batch.records) >= BATCH:
            yield batch
            batch = _Batch(connection, stream)
        records, whole = landing.salvage(path, "replay")
        if not whole:
            batch.damaged.append(path)
        if records:
            batch.files.append(landing.described(path, records))
            batch.records.extend(records)
    yield batch


def _apply(store: Store, source: Source, batch: _Batch, now: datetime) -> PageCounts:
    if batch.stream != ORDERS:
        with store.begin() as tx:
            _record(tx, source, batch, now)
            return _STREAMS[batch.stream](tx, source, batch.records, now)
    channel = Channel(source.connection, registry.channel(source.connector), source.settings)
    with paused_collection():
        return _apply_orders(store, source, channel, batch, now)


def _apply_orders(store: Store, source: Source, channel: Channel, batch: _Batch, now: datetime) -> PageCounts:
    normalized = normalize(channel, batch.records)
    try:
        with store.begin() as tx:
            _record(tx, source, batch, now)
            applied = apply_normalized(tx, source.id, channel, normalized, now)
    except refused_values():
        with store.begin() as tx:
            _record(tx, source, batch, now)
            normalized = without_refused(tx, source.id, channel, normalized, now)
            applied = apply_normalized(tx, source.id, channel, normalized, now)
    return count(applied, normalized.failures)


def _record(tx: Connection, source: Source, batch: _Batch, now: datetime) -> None:
    for file in batch.files:
        record_file(tx, source.id, file, now)
