"""Erases records that belong to no order here: other people's shipments at a WMS, orders never understood."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from order_store.connections import connection_id
from order_store.dialects import IN_LIST, external_ids_to_ids
from order_store.erasure_lists import ErasureLists
from order_store.key_rows import older_names
from order_store.schema.fulfilment import parcels, picklists
from order_store.schema.reading import quarantine
from pipelines.config import Connection
from pipelines.hub import Hub

KEPT = timedelta(days=30)
"""How long the record of a WMS or a carrier is kept that no order claims."""
AT_ONCE = 5_000


def erase_unclaimed(hub: Hub, lists: ErasureLists) -> int:
    """Destroy the keys of records that no order has claimed within its connection's policy."""
    destroyed = 0
    for connection in hub.config.connections:
        days = hub.config.privacy.days(connection) if connection.kind == "channel" else KEPT.days
        if days is None:
            continue
        before = datetime.now(UTC) - timedelta(days=days)
        after = ""
        while True:
            with hub.keys.connect().read() as tx:
                names = older_names(tx, connection.name, before, after, AT_ONCE)
            if not names:
                break
            after = names[-1]
            unclaimed = sorted(set(names) - _claimed(hub, connection, names))
            if unclaimed:
                lists.add([(connection.name, name) for name in unclaimed], "unclaimed")
                destroyed += lists.apply(hub.keys)
                _close_quarantine(hub, connection.name, unclaimed)
    return destroyed


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


def _close_quarantine(hub: Hub, connection: str, external_ids: list[str]) -> None:
    row = quarantine.c
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        for start in range(0, len(external_ids), IN_LIST):
            chunk = external_ids[start : start + IN_LIST]
            tx.execute(
                update(quarantine)
                .where(row.connection_id == key, row.external_id.in_(chunk), row.resolved_at.is_(None))
                .values(resolved_at=hub.clock.now(), resolution="erased")
            )
