"""The way of a channel's records into the store: landed, normalized, applied; what fails is quarantined."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from connectors.contract import Page, RawRecord
from normalization.errors import NormalizationError
from normalization.records import CanonicalOrder
from normalization.registry import ChannelMapping, Context
from order_store.cards import without_card_data
from order_store.connections import connection_id
from order_store.engine import Store, refused_values
from order_store.erasing import erased_names
from order_store.files import last_recorded_day, record_file, unrecorded
from order_store.landing import Landed, LandedFile, Landing
from order_store.orders import Applied, Outcome, apply_orders, observed_orders
from order_store.quarantine import Failure, open_records, quarantine_records, resolve_records
from order_store.verdicts import Judge
from pipelines.services.counts import PageCounts
from pipelines.services.erased_orders import land_erased
from pipelines.services.memory import paused_collection

log = logging.getLogger(__name__)

ORDERS = "orders"
MAPPING_FAILED = "mapping_failed"
STORE_REFUSED = "store_refused"
_REFUSED = refused_values()


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel connection, as far as ingesting its orders goes.

    Attributes:
        settings: The connection's settings, for its mapping.
        judge: Verification; None leaves orders unverified.
    """

    connection: str
    mapping: ChannelMapping
    settings: Mapping[str, str] = field(default_factory=dict)
    judge: Judge | None = None


@dataclass(frozen=True, slots=True)
class Normalized:
    """Raw records, understood.

    Attributes:
        sources: For each order, the record that it was made of.
        failures: What is to be quarantined.
    """

    orders: list[CanonicalOrder]
    sources: list[Landed]
    failures: list[Failure]


def ingest_page(
    store: Store,
    landing: Landing,
    channel: Channel,
    page: Page,
    *,
    now: datetime,
    also: Callable[[Connection], None] | None = None,
) -> PageCounts:
    """Land a page, then apply it in one transaction with whatever else belongs to it.

    Killed before the landing, nothing has happened; killed between landing and transaction, the page is
    read again, and `adopt_unrecorded` finds the file.

    Args:
        store: The store.
        landing: Where raw records are kept.
        channel: What the page was read from.
        page: One answer of its orders.
        now: The hub's time.
        also: More to do in that transaction: moving the bookmark, say.
    """
    page = replace(page, records=without_cards(page.records))
    external_ids = [record.external_id for record in page.records]
    erased = landing.erased(channel.connection, external_ids)
    with store.read() as tx:
        erased |= erased_names(tx, channel.connection, external_ids)
    if erased:
        landed, normalized = _land_without_person(landing, channel, page, erased)
        return _store(store, channel, landed, normalized, now, also)
    records = [(record.external_id, record.payload) for record in page.records]
    landed = [landing.land(channel.connection, page.stream, page.observed_at, records)] if records else []
    with paused_collection():
        raw = _as_landed(channel.connection, page, page.records, landed[0]) if landed else []
        return _store(store, channel, landed, normalize(channel, raw), now, also)


def without_cards(records: Sequence[RawRecord]) -> tuple[RawRecord, ...]:
    """Raw records without card data, before they are landed and before anything is made of them."""
    return tuple(RawRecord(record.external_id, without_card_data(record.payload)) for record in records)


def normalize(channel: Channel, records: Iterable[Landed]) -> Normalized:
    """Turn raw records into canonical orders; whatever a record is like, the others are not held up."""
    result = Normalized([], [], [])
    understand = channel.mapping.order
    context = None
    for record in records:
        if record.erased:
            continue
        if context is None or context.observed_at is not record.observed_at:
            context = Context(channel.connection, record.observed_at, channel.settings)
        try:
            result.orders.append(understand(record.payload, context))
        except NormalizationError as error:
            result.failures.append(_failure(record, error.reason.value, error.message))
        except Exception as error:  # noqa: BLE001 -- a fault of the mapping must not hold up other orders
            log.warning("%s: mapping failed with %s", channel.connection, type(error).__name__)
            result.failures.append(_failure(record, MAPPING_FAILED, type(error).__name__))
        else:
            result.sources.append(record)
    return result


def apply_normalized(
    tx: Connection, channel_id: int, channel: Channel, normalized: Normalized, now: datetime
) -> list[Applied]:
    """Apply orders, put failures into quarantine, and close what is good by now."""
    applied = apply_orders(tx, channel_id, normalized.orders, now=now, judge=channel.judge)
    if normalized.failures:
        quarantine_records(tx, channel_id, normalized.failures, now)
        seen = observed_orders(tx, channel_id, [failure.external_id for failure in normalized.failures])
        late = [
            failure.external_id
            for failure in normalized.failures
            if failure.external_id in seen and failure.observed_at < seen[failure.external_id]
        ]
        resolve_records(tx, channel_id, ORDERS, late, now)
    if waiting := open_records(tx, channel_id, ORDERS):
        good = [
            order.external_id
            for order in normalized.orders
            if order.external_id in waiting and order.version.observed_at >= waiting[order.external_id]
        ]
        resolve_records(tx, channel_id, ORDERS, good, now)
    return applied


def adopt_unrecorded(store: Store, landing: Landing, channel: Channel, *, now: datetime) -> PageCounts:
    """Apply the files that were landed by a process that was killed before its transaction.

    It looks through the days since the connection's last recorded file, less one. What another process is
    about to record looks like such a file; applying it twice does no harm.
    """
    with store.read() as tx:
        last = last_recorded_day(tx, connection_id(tx, channel.connection), ORDERS)
        since = last - timedelta(days=1) if last else None
        paths = unrecorded(tx, landing.paths(channel.connection, ORDERS, since))
    return apply_landed(store, landing, channel, paths, now=now)


def apply_landed(
    store: Store, landing: Landing, channel: Channel, paths: Sequence[str], *, now: datetime
) -> PageCounts:
    """Apply files of orders that were landed, of whatever day; where one is cut off, what is left of it."""
    counts = PageCounts()
    for path in paths:
        records, whole = landing.salvage(path, "applying what was landed")
        if not whole:
            log.warning("%s: %s is damaged after %d records", channel.connection, path, len(records))
        if records:
            file = landing.described(path, records)
            counts += _store(store, channel, [file], normalize(channel, records), now, None)
    return counts


def _land_without_person(
    landing: Landing, channel: Channel, page: Page, erased: set[str]
) -> tuple[list[LandedFile], Normalized]:
    """Land a page in which orders are read again whose person was erased.

    Those are understood before they are landed, and only what is left of them is kept; of one that cannot
    be understood, the place without the body.
    """
    again = [record for record in page.records if record.external_id in erased]
    unlanded = LandedFile(channel.connection, page.stream, "", 0, page.observed_at, 0, (0,) * len(again))
    understood = normalize(channel, _as_landed(channel.connection, page, again, unlanded))
    file, sources, orders = land_erased(landing, channel.connection, page.observed_at, understood.orders)
    files = [file] if file else []
    failed = {failure.external_id: failure for failure in understood.failures}
    rest = [one for one in page.records if one.external_id not in erased or one.external_id in failed]
    if not rest:
        return files, Normalized(orders, sources, [])
    records = [(record.external_id, record.payload) for record in rest]
    landed = landing.land(channel.connection, page.stream, page.observed_at, records)
    raw = _as_landed(channel.connection, page, rest, landed)
    normalized = normalize(channel, (one for one in raw if one.external_id not in failed))
    failures = [
        replace(failed[one.external_id], path=one.path, offset=one.offset)
        for one in raw
        if one.external_id in failed
    ]
    return [*files, landed], Normalized(
        normalized.orders + orders, normalized.sources + sources, normalized.failures + failures
    )


def _store(
    store: Store,
    channel: Channel,
    landed: Sequence[LandedFile],
    normalized: Normalized,
    now: datetime,
    also: Callable[[Connection], None] | None,
) -> PageCounts:
    def apply(tx: Connection, *, one_by_one: bool) -> PageCounts:
        key = connection_id(tx, channel.connection)
        for file in landed:
            record_file(tx, key, file, now)
        kept = without_refused(tx, key, channel, normalized, now) if one_by_one else normalized
        applied = apply_normalized(tx, key, channel, kept, now)
        if also:
            also(tx)
        return count(applied, kept.failures)

    try:
        return store.transact(partial(apply, one_by_one=False))
    except _REFUSED:
        return store.transact(partial(apply, one_by_one=True))


def without_refused(
    tx: Connection, channel_id: int, channel: Channel, normalized: Normalized, now: datetime
) -> Normalized:
    """Try each order by itself and move those that the database cannot hold to the failures."""
    kept = Normalized([], [], list(normalized.failures))
    for order, source in zip(normalized.orders, normalized.sources, strict=True):
        trial = tx.begin_nested()
        try:
            apply_orders(tx, channel_id, [order], now=now, judge=channel.judge)
        except _REFUSED as error:
            kept.failures.append(_failure(source, STORE_REFUSED, type(error).__name__))
        else:
            kept.orders.append(order)
            kept.sources.append(source)
        trial.rollback()
    return kept


def count(applied: Sequence[Applied], failures: Sequence[Failure]) -> PageCounts:
    """What became of records."""
    outcomes = Counter(one.outcome for one in applied)
    return PageCounts(
        records=len(applied) + len(failures),
        created=outcomes[Outcome.CREATED],
        updated=outcomes[Outcome.UPDATED],
        unchanged=outcomes[Outcome.UNCHANGED],
        stale=outcomes[Outcome.STALE],
        quarantined=len(failures),
    )


def _as_landed(connection: str, page: Page, records: Sequence[RawRecord], file: LandedFile) -> list[Landed]:
    return [
        Landed(
            connection=connection,
            stream=page.stream,
            external_id=record.external_id,
            sequence=file.first_sequence + number,
            observed_at=page.observed_at,
            payload=record.payload,
            path=file.path,
            offset=offset,
        )
        for number, (record, offset) in enumerate(zip(records, file.offsets, strict=True))
    ]


def _failure(record: Landed, reason: str, detail: str) -> Failure:
    return Failure(
        record.stream, record.external_id, reason, detail, record.path, record.offset, record.observed_at
    )
