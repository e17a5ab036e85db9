"""What does not balance inside the hub: units, stock, money, and rows that nothing follows from."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection as Transaction
from sqlalchemy import func, select

from order_store.connections import connection_name
from order_store.dialects import rows_where
from order_store.schema.fulfilment import (
    allocations,
    outbox,
    parcel_lines,
    parcels,
    picklist_lines,
    picklists,
)
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from order_store.status import orders_on_hold, status_of
from pipelines.hub import Hub
from pipelines.services.bodies import CONFIRM, PUSH
from pipelines.services.conservation import Violation, all_violations
from pipelines.services.findings import Finding, Repair
from pipelines.services.kits import REMEDY as KITS_REMEDY
from pipelines.services.kits import kits_in_parts
from pipelines.services.repairs import (
    confirm,
    count_again,
    look_at_order_again,
    read_order_again,
    read_stock_again,
    recount_stock,
    release_orphan,
    send_picklist,
    set_status,
)

BATCH = 500
SETTLING = timedelta(minutes=15)
"""What is younger is still on its way through the hub."""


def hub_findings(hub: Hub) -> Iterator[Finding]:
    """Everything that does not balance in the store, check by check."""
    with hub.store.read() as tx:
        yield from _violations(tx, hub)
        yield from _orphans(tx)
        yield from _unsent(tx)
        yield from _untold(tx, hub)
        yield from _statuses(tx)
        for one in kits_in_parts(tx):
            yield Finding("kit_in_parts", f"order {one.order_id}", one.record, KITS_REMEDY)


def _violations(tx: Transaction, hub: Hub) -> Iterator[Finding]:
    for one in all_violations(tx, limit=None):
        yield Finding(one.rule, one.subject, one.record, one.remedy, _repair_of(one, hub))


def _repair_of(one: Violation, hub: Hub) -> Repair | None:
    if one.order_id is not None:
        by_rule: dict[str, Callable[[Hub, int], None]] = {
            "units": read_order_again,
            "allocated": count_again,
            "over_allocated": look_at_order_again,
            "money": read_order_again,
            "line_money": read_order_again,
            "refunds": read_order_again,
        }
        found = by_rule.get(one.rule)
        return None if found is None else partial(_of_order, found, one.order_id)
    if one.rule == "reserved":
        return partial(recount_stock, warehouse=one.warehouse or "", sku=one.sku or "")
    owner = [site.wms.connection for site in hub.config.warehouses if site.code == one.warehouse]
    return partial(read_stock_again, connection=owner[0]) if owner else None


def _of_order(repair: Callable[[Hub, int], None], order_id: int, hub: Hub) -> None:
    repair(hub, order_id)


def _orphans(tx: Transaction) -> Iterator[Finding]:
    one, line = allocations.c, picklist_lines.c
    belongs = (line.picklist_id == one.picklist_id, line.line_no == one.line_no)
    query = select(allocations).where(
        one.settled_at.is_(None), ~select(line.line_no).where(*belongs).exists()
    )
    for row in tx.execute(query):
        yield Finding(
            "orphan_allocation",
            f"order {row.order_id}",
            f"{row.units} of {row.sku} at {row.warehouse} are allocated to no line of picklist"
            f" {row.picklist_id}",
            "give them back",
            partial(release_orphan, picklist_id=row.picklist_id, line_no=row.line_no, sku=row.sku),
        )


def _unsent(tx: Transaction) -> Iterator[Finding]:
    picklist, row = picklists.c, outbox.c
    told = select(row.id).where(
        row.connection_id == picklist.connection_id,
        row.operation == PUSH,
        row.reference == picklist.reference,
    )
    query = select(picklist.id, picklist.order_id, picklist.reference).where(
        picklist.state == "planned", ~told.exists()
    )
    for found in tx.execute(query):
        yield Finding(
            "unsent_picklist",
            f"order {found.order_id}",
            f"picklist {found.reference} is planned, and no message will bring it to its warehouse",
            "write the message; it is looked up before it is sent",
            partial(send_picklist, picklist_id=found.id),
        )


def _untold(tx: Transaction, hub: Hub) -> Iterator[Finding]:
    parcel, order = parcels.c, orders.c
    told = select(outbox.c.id).where(outbox.c.operation == CONFIRM, outbox.c.subject_id == parcel.id)
    units = (
        select(func.sum(parcel_lines.c.units)).where(parcel_lines.c.parcel_id == parcel.id).scalar_subquery()
    )
    channels = [one.name for one in hub.config.connections]
    query = (
        select(parcel.id, parcel.order_id, parcel.sequence, parcel.tracking_number)
        .join(orders, order.id == parcel.order_id)
        .join(connections, connections.c.id == order.connection_id)
        .join(picklists, picklists.c.id == parcel.picklist_id)
        .where(
            order.is_history == 0,
            parcel.confirmed_at.is_(None),
            parcel.tracking_number.is_not(None) | (picklists.c.state == "shipped"),
            connections.c.name.in_(channels),
            units > 0,
            ~told.exists(),
        )
    )
    for found in tx.execute(query):
        yield Finding(
            "untold_parcel",
            f"order {found.order_id}",
            f"parcel {found.sequence} has left, and no message will tell the channel",
            "write the message",
            partial(confirm, parcel_id=found.id),
        )


def _statuses(tx: Transaction) -> Iterator[Finding]:
    last = 0
    while True:
        query = select(orders.c.id).where(orders.c.id > last).order_by(orders.c.id).limit(BATCH)
        ids: list[int] = list(tx.scalars(query))
        if not ids:
            return
        last = ids[-1]
        lines: dict[int, list[dict[str, object]]] = {}
        for line in rows_where(tx, order_lines, order_lines.c.order_id, ids):
            lines.setdefault(line["order_id"], []).append(line)
        held = orders_on_hold(tx, ids)
        for order in rows_where(tx, orders, orders.c.id, ids):
            derived = status_of(lines.get(order["id"], []), held=order["id"] in held)
            if derived.value != order["status"]:
                channel = connection_name(tx, order["connection_id"])
                yield Finding(
                    "status",
                    f"order {order['id']}",
                    f"{channel} {order['number']} is {order['status']}; its quantities say {derived.value}",
                    "derive the status anew",
                    partial(set_status, order_id=order["id"]),
                )
