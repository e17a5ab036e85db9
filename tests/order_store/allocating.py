"""Orders that can be allocated, and decisions on them, for the store's tests."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from order_store.allocations import OrderDecision, PlannedLine, PlannedParcel, commit_decision
from order_store.connections import register_connection
from order_store.engine import Store
from order_store.orders import apply_orders
from order_store.schema.orders import line_components, order_lines, orders
from tests.order_store.samples import line, order

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def prepared_order(
    store: Store, shop: int, units: Mapping[str, int], sku: str = "MUG", external_id: str = "1001"
) -> int:
    """A verified order with a line for each id; every line is of one SKU. Returns its id."""
    lines = tuple(line(line_id, ordered=count) for line_id, count in units.items())
    with store.begin() as tx:
        register_connection(tx, "wms", "tryton", "wms")
        (applied,) = apply_orders(tx, shop, [order(external_id, lines=lines)], now=NOW)
        for number in range(len(units)):
            row = {"order_id": applied.order_id, "line_no": number, "sku": sku, "units": 1}
            tx.execute(line_components.insert().values(row))
        tx.execute(update(orders).where(orders.c.id == applied.order_id).values(verification="verified"))
    return applied.order_id


def decision(
    store: Store,
    order_id: int,
    warehouse: str,
    units: Mapping[str, int],
    sku: str = "MUG",
    parcels_per_day: int | None = None,
) -> OrderDecision:
    """All the units given to one warehouse, at the order's present revision."""
    with store.read() as tx:
        numbers = {
            row.line_id: row.line_no
            for row in tx.execute(select(order_lines).where(order_lines.c.order_id == order_id))
        }
        revision: int = tx.execute(select(orders.c.revision).where(orders.c.id == order_id)).scalar_one()
        wms = register_wms(store)
    lines = tuple(PlannedLine(numbers[one], count, ((sku, count),)) for one, count in units.items())
    parcel = PlannedParcel(
        warehouse=warehouse,
        connection_id=wms,
        site="1",
        dispatch_date="2026-11-02",
        dispatch_due_at=NOW + timedelta(hours=8),
        ship_to_digest="digest",
        lines=lines,
        parcels_per_day=parcels_per_day,
    )
    return OrderDecision(order_id, revision, (parcel,), dict.fromkeys(numbers.values(), 0))


def register_wms(store: Store) -> int:
    """The id of the WMS connection that runs every warehouse here."""
    with store.begin() as tx:
        return register_connection(tx, "wms", "tryton", "wms")


def decide(store: Store, order_id: int, warehouse: str, units: Mapping[str, int]) -> list[int]:
    """Commit `decision`. Returns the picklists' ids."""
    made = decision(store, order_id, warehouse, units)
    with store.begin() as tx:
        return commit_decision(tx, made, NOW)
