"""What the hub, the vendors and the KPI tables say at a moment, in a form in which two runs compare.

Rows are named by natural keys, never by the store's own ids. Of the hub's clock only the fact counts that a
time was noted: a hub that was killed does the same things later.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection, LargeBinary, Table, select, text

from analytics.extract import MOMENT, VIEWS
from order_store.engine import Store
from order_store.landing import MARK, _envelopes
from order_store.schema import metadata
from order_store.schema.base import Moment
from sandbox.ledger import ledger
from sandbox.vendors.tryton import TrytonVendor
from tests.faults.crash.merchants import Play

TABLES = (
    *("connections", "skus", "sku_aliases", "kit_components"),
    *("orders", "order_lines", "line_components", "order_shipping", "order_charges", "payments"),
    *("channel_fulfilments", "refunds", "refund_lines", "returns", "return_lines", "personal_data", "holds"),
    *("picklists", "picklist_lines", "allocations", "picks", "stock_positions", "stock_bins"),
    *("parcels", "parcel_lines", "parcel_items", "tracking_events", "outbox", "order_events", "quarantine"),
)
TOLD_BY_CLOCK = frozenset(
    {
        *("version_observed_at", "version_revision", "gone_observed_at", "gone_revision", "dataset_versions"),
        *("attempts", "fence", "lease_owner", "vendor_ref", "wms_id", "wms_parcel_id", "landing_path"),
        *("landing_offset", "local_time", "detail", "why", "fulfilment_id", "order_revision", "revision"),
        *("dispatch_date",),
    }
)
"""Columns that follow from when and how often something was tried, or from the vendors' own numbering."""
DEEDS = frozenset(
    {
        *("created", "allocated", "backordered", "released", "cancellation_asked"),
        *("picklist_accepted", "picklist_amended", "picklist_refused", "amendment_refused"),
        *("intercept_needed", "person_needed", "shipment_confirmed", "confirmation_refused", "shipped"),
        "erased",
    }
)
"""Events of what is done once. Others tell what the hub saw whenever it looked."""
Row = tuple[str, ...]
Books = Counter[Row]


@dataclass(frozen=True)
class Difference:
    """What one run has and the other has not, row by row."""

    lost: list[Row] = field(default_factory=list)
    doubled: list[Row] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lost) + len(self.doubled)

    def __str__(self) -> str:
        lines = [f"  lost    {' | '.join(row)}" for row in self.lost[:8]]
        return "\n".join(lines + [f"  doubled {' | '.join(row)}" for row in self.doubled[:8]])


def difference(expected: Books, found: Books) -> Difference:
    """Rows that are missing, and rows that are there too often."""
    return Difference(sorted((expected - found).elements()), sorted((found - expected).elements()))


def hub_books(store: Store) -> Books:
    """Everything that the store knows of orders, stock, parcels and messages, and what KPIs are made of."""
    with store.read() as tx:
        names = _names(tx)
        books: Books = Counter()
        for name in TABLES:
            table = metadata.tables[name]
            for row in tx.execute(select(table)).mappings():
                if name == "order_events" and row["kind"] not in DEEDS:
                    continue
                books[name, *_cells(table, row, names)] += 1
        for name, schema in VIEWS.items():
            for row in tx.execute(text(f"SELECT * FROM analytics_{name}")).mappings():
                cells = [
                    f"{one.name}={row[one.name] is not None if one.type == MOMENT else row[one.name]}"
                    for one in schema
                ]
                books[f"analytics_{name}", *cells] += 1
    return books


def landing_books(store: Store, landing: Path) -> Books:
    """Whether every landing file that the store has recorded is there, and whole."""
    with store.read() as tx:
        paths = tx.scalars(select(metadata.tables["landing_files"].c.path)).all()
    return Counter(("landing file", path, "damaged") for path in paths if not _is_whole(landing / path))


def _is_whole(file: Path) -> bool:
    """Whether all frames are there, up to the one that counts them; what they hold stays sealed."""
    if not file.exists():
        return False
    content = file.read_bytes()
    return content.startswith(MARK) and not _envelopes(content)[2]


def kpi_books(file: Path, *, with_times: bool) -> Books:
    """All rows of a published KPI file; without times, only what does not follow from the hub's clock."""
    books: Books = Counter()
    with duckdb.connect(str(file), read_only=True) as kpis:
        named = kpis.execute("SELECT table_name, column_name, data_type FROM information_schema.columns")
        columns: dict[str, list[str]] = defaultdict(list)
        for table, column, kind in named.fetchall():
            timed = kind.startswith(("TIMESTAMP", "DATE")) or "hours" in column or "day" in column
            if table != "snapshot" and (with_times or not timed):
                columns[table].append(column)
        for table, wanted in columns.items():
            for row in kpis.execute(f"SELECT {', '.join(wanted)} FROM {table}").fetchall():
                books[table, *(f"{name}={cell}" for name, cell in zip(wanted, row, strict=True))] += 1
    return books


def world_books(play: Play) -> Books:
    """What vendors were told and did: each shipment, each confirmation, and the world's own ledger."""
    books: Books = Counter()
    world = play.world
    with world.lock:
        for shipment in world.shipments.values():
            kept = (shipment.wms, shipment.site, shipment.reference, shipment.state, shipment.carrier)
            picks = sorted((pick.sku, pick.quantity) for pick in shipment.picks)
            where = sorted((key, value) for key, value in shipment.ship_to.items() if value)
            books["shipment", *map(str, kept), str(sorted(shipment.lines)), str(picks), str(where)] += 1
        for order in world.orders.values():
            for told in order.told:
                books[
                    "told", order.channel, order.number, str(sorted(told.lines.items())), str(told.carrier)
                ] += 1
        for vendor in play.vendors.values():
            if isinstance(vendor, TrytonVendor):
                for record in vendor.models.parties:
                    books["party", str(record["code"])] += 1
        figures = ledger(world)
        for figure in figures["orders"]:
            books["ledger", str(sorted(figure.items()))] += 1
        books["strays", str(figures["stray_parcels"]), str(figures["surplus"])] += 1
    return books


def _names(tx: Connection) -> Mapping[str, Mapping[int, str]]:
    """The natural keys of what other rows point at."""
    tables = metadata.tables
    connections = {row.id: row.name for row in tx.execute(select(tables["connections"]))}
    orders = {
        row.id: f"{connections[row.connection_id]}:{row.external_id}"
        for row in tx.execute(select(tables["orders"]))
    }
    picklists = {row.id: row.reference for row in tx.execute(select(tables["picklists"]))}
    parcels = {
        row.id: f"{picklists[row.picklist_id]}/{row.tracking_number}"
        for row in tx.execute(select(tables["parcels"]))
    }
    return {
        "connection_id": connections,
        "order_id": orders,
        "picklist_id": picklists,
        "parcel_id": parcels,
    }


def _cells(table: Table, row: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> Iterator[str]:
    for column in table.columns:
        name, value = column.name, row[column.name]
        if name in TOLD_BY_CLOCK or (name == "id" and column.primary_key):
            continue
        keyed = name.endswith(("_token", "_digest"))  # each hub has a secret of its own
        if keyed or isinstance(column.type, LargeBinary | Moment):
            yield f"{name}={value is not None}"
        elif name in names:
            yield f"{name}={names[name].get(value)}"
        elif name == "subject_id":
            subjects = names["parcel_id" if row["operation"] == "confirm_shipment" else "picklist_id"]
            yield f"{name}={subjects.get(value)}"
        elif name == "reason" and table.name == "outbox":
            continue
        else:
            yield f"{name}={value}"
