"""Reads what WMSs say of stock and of the hub's picklists."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy import select

from connectors.contract import Page, RawRecord
from connectors.errors import RecordRejected
from normalization import registry
from normalization.records import StockLevel, WmsShipment
from normalization.statuses import StockBasis
from order_store.connections import connection_id
from order_store.files import record_file
from order_store.landing import Landed
from order_store.parcels import (
    Outcome,
    ShipmentApplied,
    apply_wms_shipment,
    lock_shipments,
    note_missing,
)
from order_store.picklists import ENDED, State
from order_store.schema.base import to_micros
from order_store.schema.catalogue import skus
from order_store.schema.fulfilment import picklists, stock_positions
from order_store.stock import apply_snapshot
from pipelines.hub import Hub
from pipelines.services.confirm import enqueue_confirmations
from pipelines.services.counts import PageCounts
from pipelines.services.facts import Understood, apply_each, keep_failures, land, understand
from pipelines.services.reading import InTransaction, read_stream
from pipelines.services.replay import Source, replays

STOCK = "stock"
SHIPMENTS = "shipments"
UNHEARD = timedelta(hours=6)
"""A picklist that a WMS has and has not spoken of for so long is asked for by its id."""
ASKED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class StockResult:
    """What a read of a WMS's stock found.

    Attributes:
        warehouses: Warehouses whose stock is up to date now.
        positions: SKUs that they hold or held.
        short: SKUs of which more is promised than is there.
        unknown_sites: Sites that hub.yaml gives to no warehouse; their stock is not the hub's.
        unknown_skus: SKUs that the catalogue does not have; they are stored all the same.
        quarantined: Records that could not be understood. Their goods count as not there.
        skipped: Why nothing was read, if so.
    """

    pages: int = 0
    records: int = 0
    warehouses: int = 0
    positions: int = 0
    short: int = 0
    unknown_sites: tuple[str, ...] = ()
    unknown_skus: int = 0
    quarantined: int = 0
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class ShipmentsResult:
    """What a read of a WMS's shipments found.

    Attributes:
        foreign: Shipments that the hub did not ask for.
        parcels: Parcels that have left since the last read.
        confirmations: Messages to channels that follow.
        asked: Picklists that were asked for by id, because nothing was heard of them.
        missing: Of these, picklists that the WMS does not know or does not show.
        skipped: Why no changes were read, if so.
    """

    pages: int = 0
    records: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    foreign: int = 0
    quarantined: int = 0
    parcels: int = 0
    confirmations: int = 0
    asked: int = 0
    missing: int = 0
    skipped: str | None = None


def sync_stock(hub: Hub, connection: str) -> StockResult:
    """Read all stock of a WMS and apply it as one snapshot for each of its warehouses.

    The snapshot is landed as one file when it is complete: half of one is none, and replay needs to know
    where one ends. It counts as asked for when its first page was.

    Raises:
        connectors.errors.ConnectorError: What was known before stays.
    """
    pages: list[Page] = []

    def collect(page: Page, also: InTransaction) -> PageCounts:
        hub.store.transact(also)
        pages.append(page)
        return PageCounts(records=len(page.records), updated=len(page.records))

    read = read_stream(hub, connection, STOCK, collect)
    if read.skipped or not pages:
        return StockResult(skipped=read.skipped)
    configured = hub.config.connection(connection)
    records: list[RawRecord] = [record for page in pages for record in page.records]
    file, landed = land(hub, connection, STOCK, pages[0].observed_at, records)
    found = understand(landed, registry.wms(configured.connector).stock, configured.settings)
    sites = {one.wms.site: one.code for one in hub.config.warehouses if one.wms.connection == connection}
    now = hub.clock.now()

    def store(tx: Transaction) -> tuple[_Snapshot, int]:
        key = connection_id(tx, connection)
        if file:
            record_file(tx, key, file, now)
        applied = _apply_stock(
            tx, found, sites, pages[0].observed_at, hub.config.routing.safety_stock.units, now
        )
        keep_failures(tx, key, STOCK, found, now)
        return applied, len(applied.skus - set(tx.scalars(select(skus.c.sku))))

    snapshot, unknown_skus = hub.store.transact(store)
    return StockResult(
        pages=len(pages),
        records=len(records),
        warehouses=snapshot.warehouses,
        positions=snapshot.positions,
        short=snapshot.short,
        unknown_sites=snapshot.unknown_sites,
        unknown_skus=unknown_skus,
        quarantined=len(found.failures),
    )


@dataclass(frozen=True, slots=True)
class _Snapshot:
    warehouses: int
    positions: int
    short: int
    unknown_sites: tuple[str, ...]
    skus: set[str]


def _apply_stock(
    tx: Transaction,
    found: Understood[tuple[StockLevel, ...]],
    sites: Mapping[str, str],
    observed_at: datetime,
    safety: Callable[[str], int],
    now: datetime,
) -> _Snapshot:
    """Apply a complete snapshot to every warehouse of a WMS: one that it does not name holds nothing."""
    by_site: dict[str, list[StockLevel]] = defaultdict(list)
    for _, levels in found.good:
        for level in levels:
            by_site[level.site].append(level)
    basis = next((level.basis for levels in by_site.values() for level in levels), None)
    warehouses = positions = short = 0
    for site, warehouse in sorted(sites.items(), key=lambda pair: pair[1]):
        known = basis or _known_basis(tx, warehouse)
        if known is None:
            continue
        result = apply_snapshot(tx, warehouse, by_site[site], known, observed_at, safety, now)
        warehouses += not result.stale
        positions += result.positions
        short += result.short
    named = {level.sku for site in sites for level in by_site[site]}
    unknown = tuple(sorted(site for site in by_site if site not in sites))
    return _Snapshot(warehouses, positions, short, unknown, named)


def _known_basis(tx: Transaction, warehouse: str) -> StockBasis | None:
    """What a warehouse's figures mean, by its last snapshot; None if it never had any stock."""
    position = stock_positions.c
    found = tx.scalar(select(position.basis).where(position.warehouse == warehouse).limit(1))
    return StockBasis(found) if found else None


def sync_shipments(hub: Hub, connection: str) -> ShipmentsResult:
    """Read how far a WMS is with the hub's picklists; ask for those that nothing was heard of.

    Raises:
        connectors.errors.ConnectorError: What was stored so far stays; the next read resumes there.
    """
    counts: Counter[str] = Counter()

    def store(page: Page, also: InTransaction) -> PageCounts:
        return _store_page(hub, connection, page, counts, also)

    read = read_stream(hub, connection, SHIPMENTS, store)
    asked = _ask_again(hub, connection, counts)
    return ShipmentsResult(
        pages=read.pages,
        records=read.counts.records,
        updated=counts[Outcome.UPDATED],
        unchanged=counts[Outcome.UNCHANGED],
        stale=counts[Outcome.STALE],
        foreign=counts[Outcome.FOREIGN],
        quarantined=counts["quarantined"],
        parcels=counts["parcels"],
        confirmations=counts["confirmations"],
        asked=asked,
        missing=counts["missing"],
        skipped=read.skipped,
    )


def store_shipments(hub: Hub, connection: str, page: Page) -> Counter[str]:
    """Land a page of shipments that was asked for beyond the stream, and apply it; returns what it did."""
    counts: Counter[str] = Counter()
    _store_page(hub, connection, page, counts)
    return counts


def _store_page(
    hub: Hub, connection: str, page: Page, counts: Counter[str], also: InTransaction | None = None
) -> PageCounts:
    """Land a page of shipments, then apply it in one transaction, confirmations and bookmark included."""
    configured = hub.config.connection(connection)
    file, landed = land(hub, connection, SHIPMENTS, page.observed_at, page.records)
    found = understand(landed, registry.wms(configured.connector).shipment, configured.settings)
    now = hub.clock.now()

    def store(tx: Transaction) -> Counter[str]:
        mine = Understood(found.good, list(found.failures))  # the next try begins with what was understood
        told: Counter[str] = Counter()
        key = connection_id(tx, connection)
        if file:
            record_file(tx, key, file, now)
        lock_shipments(tx, key, [shipment.reference for _, shipment in mine.good if shipment.reference])

        def apply(shipment: WmsShipment) -> tuple[ShipmentApplied, int]:
            applied = apply_wms_shipment(tx, key, shipment, now, hub.config.carrier_connection)
            return applied, enqueue_confirmations(tx, hub, applied.to_confirm, now)

        for applied, confirmations in apply_each(tx, mine, apply):
            told[applied.outcome] += 1
            told["parcels"] += len(applied.new_parcels)
            told["confirmations"] += confirmations
        keep_failures(tx, key, SHIPMENTS, mine, now)
        if also:
            also(tx)
        told["quarantined"] = len(mine.failures)
        return told

    told = hub.store.transact(store)
    counts.update(told)
    return _page_counts(told, len(page.records))


def _page_counts(told: Mapping[str, int], records: int) -> PageCounts:
    """Foreign shipments change nothing."""
    return PageCounts(
        records=records,
        updated=told.get(Outcome.UPDATED, 0),
        unchanged=told.get(Outcome.UNCHANGED, 0) + told.get(Outcome.FOREIGN, 0),
        stale=told.get(Outcome.STALE, 0),
        quarantined=told.get("quarantined", 0),
    )


def _ask_again(hub: Hub, connection: str, counts: Counter[str]) -> int:
    """Ask for picklists that the WMS has and of which nothing was heard for long."""
    long_ago = hub.clock.now() - UNHEARD
    picklist = picklists.c
    with hub.store.read() as tx:
        unheard: Sequence[str] = tx.scalars(
            select(picklist.wms_id)
            .where(
                picklist.connection_id == connection_id(tx, connection),
                picklist.wms_id.is_not(None),
                picklist.state.not_in([*ENDED, State.PLANNED]),
                picklist.accepted_at <= long_ago,
                picklist.version_observed_at <= to_micros(long_ago),
            )
            .order_by(picklist.version_observed_at, picklist.id)
            .limit(ASKED_AT_ONCE)
        ).all()
    for wms_id in unheard:
        try:
            page = hub.connector(connection).read_one(SHIPMENTS, wms_id)
        except RecordRejected:
            counts["missing"] += 1
            with hub.store.begin() as tx:
                note_missing(tx, connection, wms_id, hub.clock.now())
            continue
        _store_page(hub, connection, page, counts)
    return len(unheard)


@replays(STOCK)
def replay_stock(tx: Transaction, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
    """Apply the newest complete snapshot among landed ones: a file is one, and each replaces the one before.

    Safety stock is the configuration's and comes with the next live read.
    """
    found = understand(records, registry.wms(source.connector).stock, source.settings)
    newest = max(records, key=lambda record: record.sequence).path
    last = Understood([(raw, levels) for raw, levels in found.good if raw.path == newest])
    observed_at = max(record.observed_at for record in records)
    _apply_stock(tx, last, source.sites, observed_at, lambda _sku: 0, now)
    keep_failures(tx, source.id, STOCK, found, now)
    return PageCounts(
        records=len(records),
        updated=len(last.good),
        stale=len(found.good) - len(last.good),
        quarantined=len(found.failures),
    )


@replays(SHIPMENTS)
def replay_shipments(tx: Transaction, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
    """Check that landed shipments can be understood, and apply those whose picklist is there.

    An empty store has no picklists: they are the hub's decisions and come back from backup.
    """
    found = understand(records, registry.wms(source.connector).shipment, source.settings)
    applied = apply_each(tx, found, lambda shipment: apply_wms_shipment(tx, source.id, shipment, now))
    keep_failures(tx, source.id, SHIPMENTS, found, now)
    told: Counter[str] = Counter(one.outcome for one in applied)
    told["quarantined"] = len(found.failures)
    return _page_counts(told, len(records))
