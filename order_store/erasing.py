"""What is left of an order when the person in it is erased, and the rows that say so.

What is left is landed as one record before the key is destroyed, and replay makes the same order of it:
its datasets with their versions, its lines with what was cancelled, and nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, or_, select, type_coerce, update

from normalization.records import CanonicalOrder, Version
from order_store.dialects import IN_LIST, external_ids_to_ids, insert_or_ignore, lock_orders
from order_store.events import Event, add_events
from order_store.keys import Name
from order_store.loading import load_orders
from order_store.personal import erase_personal_data, order_without_person
from order_store.schema.base import to_micros
from order_store.schema.fulfilment import parcels, picklists
from order_store.schema.orders import order_lines, orders
from order_store.schema.privacy import erasures
from order_store.schema.reading import connections
from order_store.versions import encode_versions

UNDER_WAY = timedelta(hours=1)
"""A transaction that is applied after an erasure says at most so much less for the time of its change."""


class WhatIsLeft(msgspec.Struct, frozen=True):
    """An erased order.

    Attributes:
        order: Without a person.
        versions: The version of each dataset, if it was merged of several reads.
        gone: Lines that the newest version no longer had -> the version that last had them.
    """

    order: CanonicalOrder
    versions: Mapping[str, Version | None] | None = None
    gone: Mapping[str, Version] = {}

    def encoded(self) -> bytes:
        """As it is landed."""
        return msgspec.json.encode(self)


decode_left = msgspec.json.Decoder(WhatIsLeft).decode


def what_is_left(tx: Connection, order_ids: Sequence[int]) -> dict[int, WhatIsLeft]:
    """What erasing leaves of orders."""
    return {
        order_id: WhatIsLeft(order_without_person(stored.order), stored.known.versions, stored.known.gone)
        for order_id, stored in load_orders(tx, order_ids, "erasing").items()
    }


def names_of(tx: Connection, order_ids: Sequence[int]) -> list[Name]:
    """The keys that bear an order's person: its own, its shipments' at WMSs, its parcels' at carriers."""
    found: set[Name] = set()
    order, picklist, parcel = orders.c, picklists.c, parcels.c
    own = select(connections.c.name, order.external_id).join(
        connections, connections.c.id == order.connection_id
    )
    at_wms = select(connections.c.name, picklist.wms_id).join(
        connections, connections.c.id == picklist.connection_id
    )
    at_carrier = select(parcel.carrier_connection, parcel.tracking_number)
    for start in range(0, len(order_ids), IN_LIST):
        chunk = order_ids[start : start + IN_LIST]
        for query in (
            own.where(order.id.in_(chunk)),
            at_wms.where(picklist.order_id.in_(chunk), picklist.wms_id.is_not(None)),
            at_carrier.where(
                parcel.order_id.in_(chunk),
                parcel.carrier_connection.is_not(None),
                parcel.tracking_number.is_not(None),
            ),
        ):
            found.update((row[0], row[1]) for row in tx.execute(query))
    return sorted(found)


def mark_erased(tx: Connection, order_ids: Sequence[int], why: str, now: datetime) -> None:
    """Take the person out of the rows of orders, and say so. What is marked already stays as it is.

    Who applies a read of one of them meanwhile waits, and finds the mark.
    """
    lock_orders(tx, sorted(order_ids))
    known = erased_ids(tx, order_ids)
    fresh = [one for one in order_ids if one not in known]
    erase_personal_data(tx, fresh)
    for order_id in fresh:
        tx.execute(insert_or_ignore(tx, erasures), {"order_id": order_id, "at": now, "why": why})
        tx.execute(update(picklists).where(picklists.c.order_id == order_id).values(ship_to_digest=""))
        tx.execute(update(parcels).where(parcels.c.order_id == order_id).values(carrier_status=None))
    add_events(tx, [Event(order_id, now, "erased", "privacy", why) for order_id in fresh])


def erased_ids(tx: Connection, order_ids: Sequence[int]) -> set[int]:
    """Those of the orders that are marked as erased."""
    found: set[int] = set()
    for start in range(0, len(order_ids), IN_LIST):
        chunk = order_ids[start : start + IN_LIST]
        found.update(tx.scalars(select(erasures.c.order_id).where(erasures.c.order_id.in_(chunk))))
    return found


def erased_names(tx: Connection, connection: str, external_ids: Sequence[str]) -> set[str]:
    """Those of a connection's orders that are marked as erased, by external id.

    A process that remembers their keys finds them here before it finds that the keys are destroyed.
    """
    found: set[str] = set()
    query = (
        select(orders.c.external_id)
        .join(erasures, erasures.c.order_id == orders.c.id)
        .join(connections, connections.c.id == orders.c.connection_id)
        .where(connections.c.name == connection)
    )
    for start in range(0, len(external_ids), IN_LIST):
        chunk = external_ids[start : start + IN_LIST]
        found.update(tx.scalars(query.where(orders.c.external_id.in_(chunk))))
    return found


def changed_since_erased(tx: Connection, since: datetime) -> list[int]:
    """Orders that were erased since a time, and read or changed about when they were erased, or later."""
    order, erased = orders.c, erasures.c
    then = type_coerce(erased.at, BigInteger) - UNDER_WAY // timedelta(microseconds=1)
    later = or_(type_coerce(order.changed_at, BigInteger) >= then, order.version_observed_at >= then)
    found: Sequence[int] = tx.scalars(
        select(order.id)
        .join(erasures, erased.order_id == order.id)
        .where(erased.at >= since, later)
        .order_by(order.id)
    ).all()
    return list(found)


def unmarked_orders(tx: Connection, names: Iterable[Name]) -> list[int]:
    """Those of the store's orders with these names that are not marked as erased."""
    ids = orders_named(tx, names)
    known = erased_ids(tx, ids)
    return [one for one in ids if one not in known]


def orders_named(tx: Connection, names: Iterable[Name]) -> list[int]:
    """Ids of those of these names that are orders of the store."""
    by_connection: dict[str, list[str]] = {}
    for connection, external_id in names:
        by_connection.setdefault(connection, []).append(external_id)
    ids: list[int] = []
    for row in tx.execute(select(connections.c.id, connections.c.name)):
        wanted = by_connection.get(row.name, [])
        for start in range(0, len(wanted), IN_LIST):
            ids += external_ids_to_ids(tx, row.id, wanted[start : start + IN_LIST]).values()
    return sorted(ids)


def restore_versions(tx: Connection, order_id: int, left: WhatIsLeft) -> None:
    """Give an order that was made of what is left the versions that its datasets and lines had."""
    if left.versions is None:
        return
    version = left.order.version
    tx.execute(
        update(orders)
        .where(orders.c.id == order_id)
        .values(dataset_versions=encode_versions(version, left.versions))
    )
    if left.gone:
        line = order_lines.c
        tx.execute(
            update(order_lines)
            .where(line.order_id == order_id, line.line_id == bindparam("gone_line"))
            .values(gone_revision=bindparam("revision"), gone_observed_at=bindparam("observed_at")),
            [
                {
                    "gone_line": line_id,
                    "revision": version.revision,
                    "observed_at": to_micros(version.observed_at),
                }
                for line_id, version in left.gone.items()
            ],
        )
