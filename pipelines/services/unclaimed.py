"""Erases records that belong to no order here: other people's shipments at a WMS, orders never understood."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, select, update

from order_store.connections import connection_id
from order_store.dialects import IN_LIST, external_ids_to_ids
from order_store.engine import Store
from order_store.erasure_lists import ErasureLists
from order_store.key_rows import older_names
from order_store.keys import Name
from order_store.quarantine import show_quarantined
from order_store.schema.fulfilment import parcels, picklists
from order_store.schema.orders import orders
from order_store.schema.reading import connections, quarantine
from pipelines.config import Connection
from pipelines.hub import Hub
from pipelines.key_ring import apply_erasures, erasure_lists_of

KEPT = timedelta(days=30)
"""How long the record of a WMS or a carrier is kept that no order claims."""
KEPT_OF_CHANNEL = timedelta(days=180)
"""The same of a channel whose orders are erased on request only: what is no order, few would ask for."""
AT_ONCE = 5_000
ERASED = "erased"


def erase_unclaimed(hub: Hub, lists: ErasureLists) -> int:
    """Destroy the keys of records that no order has claimed within its connection's policy."""
    destroyed = 0
    for connection in hub.config.connections:
        before = datetime.now(UTC) - _kept(hub, connection)
        after = ""
        while True:
            with hub.keys.connect().read() as tx:
                names = older_names(tx, connection.name, before, after, AT_ONCE)
            if not names:
                break
            after = names[-1]
            unclaimed = sorted(set(names) - _claimed(hub, connection, names))
            if unclaimed:
                destroyed += erase_records(hub, lists, connection.name, unclaimed, "unclaimed")
    return destroyed


def erase_records(
    hub: Hub, lists: ErasureLists, connection: str, external_ids: Sequence[str], why: str
) -> int:
    """Destroy the keys of a connection's records that are no orders; returns how many there were."""
    if living := hub.keys.not_destroyed([(connection, external_id) for external_id in external_ids]):
        lists.add(living, why)
    destroyed = apply_erasures(lists, hub.keys)
    _close_quarantine(hub, connection, external_ids)
    return destroyed


def erase_quarantined(hub: Hub, numbers: Sequence[int], why: str) -> int:
    """Destroy the keys of records in quarantine, by their rows' numbers; returns how many keys there were."""
    with hub.store.read() as tx:
        found = [show_quarantined(tx, number) for number in numbers]
    lists = erasure_lists_of(hub.config, hub.state)
    return sum(erase_records(hub, lists, one.connection, [one.failure.external_id], why) for one in found)


def close_erased(store: Store, names: Iterable[Name], now: datetime) -> None:
    """Close the records in quarantine of an erasure that was killed before it did, unless they are orders'.

    An erased order goes on to be read; what cannot be understood of it stays open.
    """
    row, order = quarantine.c, orders.c
    known = exists().where(order.connection_id == row.connection_id, order.external_id == row.external_id)
    waiting = (
        select(row.id, connections.c.name, row.external_id)
        .join(connections, connections.c.id == row.connection_id)
        .where(row.resolved_at.is_(None), ~known)
    )
    erased = set(names)
    with store.read() as tx:
        found = [one.id for one in tx.execute(waiting) if (one.name, one.external_id) in erased]
    for start in range(0, len(found), IN_LIST):
        with store.begin() as tx:
            tx.execute(
                update(quarantine)
                .where(row.id.in_(found[start : start + IN_LIST]), row.resolved_at.is_(None))
                .values(resolved_at=now, resolution=ERASED)
            )


def _kept(hub: Hub, connection: Connection) -> timedelta:
    if connection.kind != "channel":
        return KEPT
    days = hub.config.privacy.days(connection)
    return KEPT_OF_CHANNEL if days is None else timedelta(days=days)


def _claimed(hub: Hub, connection: Connection, names: list[str]) -> set[str]:
    found: set[str] = set()
    with hub.store.read() as tx:
        key = connection_id(tx, connection.name)
        for start in range(0, len(names), IN_LIST):
            chunk = names[start : start + IN_LIST]
            if connection.kind == "channel":
                found |= external_ids_to_ids(tx, key, chunk).keys()
            elif connection.kind == "wms":
                of_wms = (picklists.c.connection_id == key, picklists.c.wms_id.in_(chunk))
                found.update(tx.scalars(select(picklists.c.wms_id).where(*of_wms)))
            else:
                of_carrier = (
                    parcels.c.carrier_connection == connection.name,
                    parcels.c.tracking_number.in_(chunk),
                )
                found.update(tx.scalars(select(parcels.c.tracking_number).where(*of_carrier)))
    return found


def _close_quarantine(hub: Hub, connection: str, external_ids: Sequence[str]) -> None:
    row = quarantine.c
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        for start in range(0, len(external_ids), IN_LIST):
            chunk = external_ids[start : start + IN_LIST]
            tx.execute(
                update(quarantine)
                .where(row.connection_id == key, row.external_id.in_(chunk), row.resolved_at.is_(None))
                .values(resolved_at=hub.clock.now(), resolution=ERASED)
            )
