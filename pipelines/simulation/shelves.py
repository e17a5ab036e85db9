"""What could be promised when a window began, and what came and went in it, rebuilt from what the hub keeps.

Each read of a WMS's stock is landed as one file. What a warehouse was supplied with, up to a snapshot, is
what the snapshot shows plus the hub's own units that had left the shelf by then. When exactly a unit leaves
the shelf no WMS says: at the latest when it ships (or, where figures are net of accepted orders, when it is
accepted), at the earliest when the hub gave it away. So each snapshot gives a least and a most, and supply is
taken to change only where they leave no choice: where goods came in, were lost, or went to somebody else.

    free at the beginning = supplied by then - safety stock - all that the hub had given away before
    change at a snapshot  = supplied at it - supplied at the one before
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from normalization import registry
from normalization.statuses import StockBasis
from order_store.landing import LandingDamaged
from order_store.schema.fulfilment import allocations, picklists, stock_positions
from order_store.schema.reading import connections, landing_files
from pipelines.config_sites import sites_of
from pipelines.hub import Hub
from pipelines.services.facts import understand
from pipelines.services.warehouse import STOCK

Position = tuple[str, str]
"""(warehouse, SKU)."""
Units = dict[Position, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one warehouse held, by SKU, when it was asked."""

    warehouse: str
    observed_at: datetime
    basis: StockBasis
    on_hand: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Given:
    """Units that the hub gave to a warehouse and did not take back."""

    order_id: int
    warehouse: str
    sku: str
    units: int
    at: datetime
    accepted_at: datetime | None
    shipped: int
    shipped_at: datetime | None

    def surely_gone(self, snapshot: Snapshot) -> int:
        """How many of them had left the shelf when a snapshot of it was taken, at least."""
        if snapshot.basis is StockBasis.NET_OF_ACCEPTED:
            return self.units if self.accepted_at and self.accepted_at < snapshot.observed_at else 0
        return self.shipped if self.shipped_at and self.shipped_at < snapshot.observed_at else 0

    def perhaps_gone(self, snapshot: Snapshot) -> int:
        """The same, at most."""
        return self.units if self.at < snapshot.observed_at else 0


@dataclass(frozen=True, slots=True)
class PastStock:
    """What there was.

    Attributes:
        free: Units that could be promised when the window began; below 0 where more was given away.
        changes: By moment, units that came (above 0) or went.
        basis: By warehouse how well it is known: `landed` from a snapshot before the window, `later` from the
            first one after its beginning, `present` from the newest one that the store has.
        unread: Landed snapshots that could not be read.
    """

    free: Mapping[Position, int]
    changes: Mapping[datetime, Mapping[Position, int]]
    basis: Mapping[str, str]
    unread: int


def rebuild_stock(
    hub: Hub,
    tx: Connection,
    since: datetime,
    until: datetime,
    window_orders: set[int],
    progress: Callable[[int, int], None],
) -> PastStock:
    """Rebuild the stock of all configured warehouses.

    Args:
        hub: Its landing and configuration are read.
        tx: A read transaction.
        since: When the window begins.
        until: When it ends.
        window_orders: Orders that are routed again: what they were given does not count as gone.
        progress: Told how many of so many snapshot files are read.
    """
    snapshots, unread = _landed(hub, tx, since, until, progress)
    given = _given(tx)
    free: Units = defaultdict(int)
    changes: dict[datetime, Units] = defaultdict(lambda: defaultdict(int))
    basis: dict[str, str] = {}
    for code in (one.code for one in hub.config.warehouses):
        history = sorted((one for one in snapshots if one.warehouse == code), key=lambda one: one.observed_at)
        if not history and (present := _present(tx, code)):
            history, basis[code] = [present], "present"
        if not history:
            continue
        here = [one for one in given if one.warehouse == code]
        at = max((n for n, one in enumerate(history) if one.observed_at <= since), default=0)
        known = "landed" if history[at].observed_at <= since else "later"
        basis.setdefault(code, known)
        for sku, supplied in _supplied(history[at:], here).items():
            free[code, sku] += supplied[0] - hub.config.routing.safety_stock.units(sku)
            for snapshot, before, after in zip(history[at + 1 :], supplied, supplied[1:], strict=False):
                if after != before:
                    changes[snapshot.observed_at][code, sku] += after - before
    for one in given:
        if one.at < since:
            free[one.warehouse, one.sku] -= one.units
        elif one.at < until and one.order_id not in window_orders:
            changes[one.at][one.warehouse, one.sku] -= one.units
    return PastStock(free, changes, basis, unread)


def _supplied(history: Sequence[Snapshot], given: Sequence[Given]) -> dict[str, list[int]]:
    """For each SKU what a warehouse was supplied with up to each snapshot."""
    by_sku: dict[str, list[Given]] = defaultdict(list)
    for one in given:
        by_sku[one.sku].append(one)
    found = {}
    for sku in sorted(by_sku.keys() | {sku for one in history for sku in one.on_hand}):
        ranges = []
        for snapshot in history:
            shown = snapshot.on_hand.get(sku, 0)
            least = shown + sum(one.surely_gone(snapshot) for one in by_sku[sku])
            most = shown + sum(one.perhaps_gone(snapshot) for one in by_sku[sku])
            ranges.append((least, max(least, most)))
        found[sku] = steadiest(ranges)
    return found


def steadiest(ranges: Sequence[tuple[int, int]]) -> list[int]:
    """A value within each (least, most) that changes as seldom and as little as can be; else the least."""
    values: list[int] = []
    low, high, run = -(10**12), 10**12, 0
    for least, most in ranges:
        if least > high or most < low:
            values += [high if least > high else low] * run
            low, high, run = least, most, 0
        low, high, run = max(low, least), min(high, most), run + 1
    return values + [low] * run


def _landed(
    hub: Hub, tx: Connection, since: datetime, until: datetime, progress: Callable[[int, int], None]
) -> tuple[list[Snapshot], int]:
    sites = sites_of(hub.config)
    file = landing_files.c
    rows = tx.execute(
        select(connections.c.name, file.path, file.observed_at)
        .join(connections, connections.c.id == file.connection_id)
        .where(file.stream == STOCK, file.observed_at < until)
        .order_by(connections.c.name, file.observed_at, file.id)
    ).all()
    wanted = []
    for name in sites:
        mine = [row for row in rows if row.name == name]
        before = [row for row in mine if row.observed_at <= since]
        wanted += before[-1:] + [row for row in mine if row.observed_at > since]
    found: list[Snapshot] = []
    unread = 0
    for done, row in enumerate(wanted, 1):
        read = _snapshots(hub, row.name, row.path, row.observed_at, sites[row.name])
        found += read
        unread += not read
        progress(done, len(wanted))
    return found, unread


def _snapshots(
    hub: Hub, connection: str, path: str, observed_at: datetime, sites: Mapping[str, str]
) -> list[Snapshot]:
    """One for each warehouse of a WMS; one that is not named holds nothing. None of a damaged file."""
    configured = hub.config.connection(connection)
    try:
        records = list(hub.landing.read(path))
    except (LandingDamaged, FileNotFoundError):
        return []
    levels = understand(records, registry.wms(configured.connector).stock, configured.settings)
    on_hand: dict[str, dict[str, int]] = {code: {} for code in sites.values()}
    basis = None
    for _, found in levels.good:
        for level in found:
            basis = level.basis
            if code := sites.get(level.site):
                on_hand[code][level.sku] = on_hand[code].get(level.sku, 0) + level.on_hand
    if basis is None:
        return []
    return [Snapshot(code, observed_at, basis, units) for code, units in on_hand.items()]


def _present(tx: Connection, warehouse: str) -> Snapshot | None:
    rows = tx.execute(select(stock_positions).where(stock_positions.c.warehouse == warehouse)).all()
    if not rows:
        return None
    on_hand = {row.sku: row.on_hand for row in rows}
    return Snapshot(warehouse, max(row.observed_at for row in rows), StockBasis(rows[0].basis), on_hand)


def _given(tx: Connection) -> list[Given]:
    one = allocations.c
    rows = tx.execute(
        select(
            one.order_id,
            one.warehouse,
            one.sku,
            one.units,
            picklists.c.created_at,
            one.accepted_at,
            one.shipped,
            # when the goods left, as the warehouse says; the allocation has when the hub heard of it
            func.coalesce(picklists.c.shipped_at, one.shipped_at).label("shipped_at"),
        )
        .join(picklists, picklists.c.id == one.picklist_id)
        .where(one.released_at.is_(None), one.units > 0)
    )
    return [
        Given(
            row.order_id,
            row.warehouse,
            row.sku,
            row.units,
            row.created_at,
            row.accepted_at,
            row.shipped,
            row.shipped_at,
        )
        for row in rows
    ]
