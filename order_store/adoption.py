"""Takes over a picklist that a WMS has in the hub's name and that the store does not know.

It was decided and sent after the backup that the store was restored from. Its reference says order,
warehouse and sequence; the WMS says what it was to hold.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from order_store.catalogue import StoredCatalogue
from order_store.connections import connection_name
from order_store.dialects import insert_rows, lock_orders, rows_where
from order_store.events import Event, add_events
from order_store.outbox import State as Message
from order_store.picklists import reference_for
from order_store.schema.fulfilment import allocations, outbox, picklist_lines, picklists
from order_store.schema.orders import line_components, order_lines, orders
from order_store.schema.reading import connections
from order_store.status import refresh_status
from order_store.stock import recount
from order_store.verdicts import COMPONENT_COLUMNS, sku_of

SOURCE = "recovery"


@dataclass(frozen=True, slots=True)
class Named:
    """What a reference names."""

    order_id: int
    warehouse: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Found:
    """A shipment of the hub's that its store does not know.

    Attributes:
        connection_id: The WMS's.
        site: The WMS's own id of the warehouse.
        contents: What it was to hold, units by SKU.
    """

    named: Named
    connection_id: int
    site: str
    reference: str
    wms_id: str
    contents: Mapping[str, int]


def unknown_references(tx: Connection, connection_id: int, references: Iterable[str]) -> set[str]:
    """Those references that no picklist of a WMS has."""
    wanted = {one for one in references if one}
    rows = rows_where(tx, picklists, picklists.c.reference, sorted(wanted))
    return wanted - {row["reference"] for row in rows if row["connection_id"] == connection_id}


def name_references(
    tx: Connection, references: Collection[str], warehouses: Collection[str]
) -> dict[str, Named]:
    """What references of the hub name, of orders that have units which no picklist has; others are left out.

    Args:
        tx: A transaction.
        references: As a WMS tells them.
        warehouses: The hub's codes of that WMS's warehouses.
    """
    sequences = {int(end) for one in references if (end := one.rpartition(".")[2]).isdecimal()}
    if not sequences:
        return {}
    line = order_lines.c
    open_orders = select(line.order_id).where(line.ordered > line.allocated).distinct()
    query = (
        select(orders.c.id, orders.c.external_id, connections.c.name)
        .join(connections)
        .where(orders.c.id.in_(open_orders))
    )
    found: dict[str, Named] = {}
    for row in tx.execute(query):
        for warehouse in warehouses:
            for sequence in sequences:
                reference = reference_for(row.name, row.external_id, warehouse, sequence)
                if reference in references:
                    found[reference] = Named(row.id, warehouse, sequence)
    return found


def adopt_picklist(
    tx: Connection, found: Found, ship_to_digest: str, catalogue: StoredCatalogue, now: datetime
) -> int:
    """Make the picklist, its allocations and its settled message; returns its id.

    It stands for no revision of the order, so the next look at changed orders decides whether it is still
    wanted. Reading the shipment again brings its state.

    Args:
        tx: A write transaction.
        found: The shipment.
        ship_to_digest: Of the order's address as it is now, to which the WMS was told to send it.
        catalogue: Says what is picked for lines that seemed to be fulfilled when they were read.
        now: The hub's time.
    """
    order_id = found.named.order_id
    lock_orders(tx, [order_id])
    order = tx.execute(select(orders).where(orders.c.id == order_id)).one()
    _explode(tx, order, catalogue)
    given = _lines(tx, order_id, Counter(found.contents))
    picklist_id = _insert(tx, found, order, ship_to_digest, now)
    components = _components(tx, order_id)
    insert_rows(
        tx,
        picklist_lines,
        ("picklist_id", "line_no", "units"),
        [(picklist_id, line_no, units) for line_no, units in sorted(given.items())],
    )
    rows = [
        (picklist_id, line_no, sku, order_id, found.named.warehouse, units * each)
        for line_no, units in sorted(given.items())
        for sku, each in components[line_no].items()
    ]
    insert_rows(tx, allocations, ("picklist_id", "line_no", "sku", "order_id", "warehouse", "units"), rows)
    line = order_lines.c
    for line_no, units in sorted(given.items()):
        here = (line.order_id == order_id, line.line_no == line_no)
        tx.execute(update(order_lines).where(*here).values(allocated=line.allocated + units))
        tx.execute(
            update(order_lines)
            .where(*here, line.first_routed_at.is_(None))
            .values(first_routed_at=now, units_from_stock_first=units)
        )
    recount(tx, {(found.named.warehouse, row[2]) for row in rows})
    detail = {
        "warehouse": found.named.warehouse,
        "reference": found.reference,
        "wms_id": found.wms_id,
        "units": sum(given.values()),
    }
    why = "the warehouse has it, and the restored store did not know of it"
    add_events(tx, [Event(order_id, now, "picklist_adopted", SOURCE, why, detail)])
    refresh_status(tx, [order_id])
    return picklist_id


def _insert(
    tx: Connection,
    found: Found,
    order: Any,  # noqa: ANN401 -- a row
    ship_to_digest: str,
    now: datetime,
) -> int:
    named = found.named
    picklist_id: int = tx.execute(
        picklists.insert()
        .values(
            order_id=named.order_id,
            sequence=named.sequence,
            warehouse=named.warehouse,
            connection_id=found.connection_id,
            site=found.site,
            reference=found.reference,
            state="accepted",
            order_revision=0,
            ship_to_digest=ship_to_digest,
            wms_id=found.wms_id,
            version_revision="",
            dispatch_date=now.date().isoformat(),
            dispatch_due_at=order.ship_by,
            created_at=now,
            accepted_at=now,
        )
        .returning(picklists.c.id)
    ).scalar_one()
    own = (outbox.c.order_id == named.order_id, outbox.c.connection_id == found.connection_id)
    last = tx.scalar(select(func.coalesce(func.max(outbox.c.sequence), 0)).where(*own))
    message = {
        "order_id": named.order_id,
        "sequence": int(last or 0) + 1,
        "connection_id": found.connection_id,
        "operation": "push_picklist",
        "reference": found.reference,
        "subject_id": picklist_id,
        "state": Message.APPLIED.value,
        "vendor_ref": found.wms_id,
        "not_before": now,
        "created_at": now,
        "sent_at": now,
        "settled_at": now,
    }
    tx.execute(outbox.insert().values(**message))
    return picklist_id


def _lines(tx: Connection, order_id: int, contents: Counter[str]) -> dict[int, int]:
    """Whole units by line: what is ordered and has no picklist yet, as far as the contents go."""
    components = _components(tx, order_id)
    given: dict[int, int] = {}
    for line in rows_where(tx, order_lines, order_lines.c.order_id, [order_id]):
        parts = components.get(line["line_no"], {})
        free = line["ordered"] - line["allocated"]
        whole = min((contents[sku] // each for sku, each in parts.items()), default=0)
        if (units := min(free, whole)) > 0:
            given[line["line_no"]] = units
            for sku, each in parts.items():
                contents[sku] -= units * each
    return given


def _explode(tx: Connection, order: Any, catalogue: StoredCatalogue) -> None:  # noqa: ANN401 -- a row
    """Give lines their components that verification left alone, because nothing was open any more."""
    channel = connection_name(tx, order.connection_id)
    known = _components(tx, order.id)
    for line in rows_where(tx, order_lines, order_lines.c.order_id, [order.id]):
        if line["line_no"] in known or not line["channel_sku"]:
            continue
        resolved = catalogue.resolve(channel, line["channel_sku"], order.placed_at)
        if resolved is None:
            continue
        rows = [(order.id, line["line_no"], sku, units) for sku, units in resolved.components]
        insert_rows(tx, line_components, COMPONENT_COLUMNS, rows)
        here = (order_lines.c.order_id == order.id, order_lines.c.line_no == line["line_no"])
        tx.execute(update(order_lines).where(*here).values(sku=sku_of(resolved)))


def _components(tx: Connection, order_id: int) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for row in rows_where(tx, line_components, line_components.c.order_id, [order_id]):
        found.setdefault(row["line_no"], {})[row["sku"]] = row["units"]
    return found
