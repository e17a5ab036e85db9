"""What the hub knows of one person: found by e-mail, phone, order or record, told in full on request."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, or_, select

from order_store.connections import connection_id
from order_store.erasing import erased_ids, names_of
from order_store.events import timeline
from order_store.landing import LandingDamaged
from order_store.orders import load_orders
from order_store.personal import orders_of_person
from order_store.quarantine import Quarantined, show_quarantined
from order_store.schema.fulfilment import parcels
from order_store.schema.orders import orders
from order_store.schema.reading import connections, quarantine
from pipelines.hub import Hub
from pipelines.problems import ProblemError

EXPORT = "export for the person"
NAMED = 20
"""Of more orders that a number means, the others are only counted."""
_PHONE = re.compile(r"[+(]?[\d ()./-]{6,}")


def find_person(tx: Connection, who: str) -> tuple[list[int], list[int]]:
    """Ids of the orders that somebody means, and numbers of the quarantined records.

    Args:
        tx: A transaction of a store with keys.
        who: As for `find_orders`. Records in quarantine are found by `connection/external id` alone, for
            nothing in them was understood.

    Raises:
        ProblemError: If there is neither.
    """
    connection, _, external_id = who.strip().partition("/")
    named = connection_named(tx, connection)
    row = quarantine.c
    here = (row.connection_id == named, row.external_id == external_id)
    records: list[int] = list(tx.scalars(select(row.id).where(*here).order_by(row.id)))
    try:
        return find_orders(tx, who), records
    except ProblemError:
        if records:
            return [], records
        raise


def find_orders(tx: Connection, who: str) -> list[int]:
    """Ids of the orders that somebody means.

    Args:
        tx: A transaction of a store with keys.
        who: An e-mail address; `connection/external id`; an order's number or external id; or a phone number.
            An address and a phone are one person's, and give all of their orders.

    Raises:
        ProblemError: If there is none, or if a number means several orders: they may be several people's.
    """
    wanted = who.strip()
    found: list[int] = []
    if "@" in wanted:
        found = orders_of_person(tx, email=wanted)
    else:
        found = _by_order(tx, wanted)
        by_phone = orders_of_person(tx, phone=wanted) if _PHONE.fullmatch(wanted) else []
        if len(found) > 1 or (found and set(by_phone) - set(found)):
            raise _several(tx, sorted({*found, *by_phone}))
        found = found or by_phone
    if not found:
        raise ProblemError(
            "nobody is found by that. Give an e-mail address, a phone number, an order's number, or"
            " CONNECTION/EXTERNAL-ID. Of an erased order only the number is known"
        )
    return found


def export_orders(
    hub: Hub, order_ids: Sequence[int], records: Sequence[int] = (), *, raw: bool = False
) -> dict[str, Any]:
    """All that is kept of the person in some orders and quarantined records.

    Args:
        hub: The hub.
        order_ids: Which orders.
        records: Numbers of records in quarantine: of each, what its vendor sent.
        raw: Also what vendors sent, from landing: the whole landing of these connections is read for it.
    """
    hub.keys.log.note_now(EXPORT, order_ids)
    hub.keys.log.note_now("export of quarantined records", records)
    with hub.store.read() as tx:
        stored = load_orders(tx, order_ids, EXPORT)
        gone = erased_ids(tx, order_ids)
        told = [
            {
                "order": msgspec.to_builtins(one.order),
                "status": one.row["status"],
                "erased": order_id in gone,
                "parcels": _parcels(tx, order_id),
                "events": [
                    {"at": event.at, "kind": event.kind, "source": event.source, "why": event.why}
                    for event in timeline(tx, order_id)
                ],
            }
            for order_id, one in stored.items()
        ]
        names = set(names_of(tx, order_ids))
        quarantined = [show_quarantined(tx, number) for number in records]
    result: dict[str, Any] = {"orders": told, "quarantined": [_landed(hub, one) for one in quarantined]}
    if raw:
        names.update((one.connection, one.failure.external_id) for one in quarantined)
        result["records"] = list(_records(hub, names))
    return result


def _by_order(tx: Connection, wanted: str) -> list[int]:
    connection, slash, external_id = wanted.partition("/")
    if slash:
        named = connection_named(tx, connection)
        if named is not None:
            query = select(orders.c.id).where(
                orders.c.connection_id == named, orders.c.external_id == external_id
            )
            if found := [row.id for row in tx.execute(query)]:
                return found
    query = select(orders.c.id).where(or_(orders.c.number == wanted, orders.c.external_id == wanted))
    return [row.id for row in tx.execute(query.order_by(orders.c.id))]


def _several(tx: Connection, order_ids: Sequence[int]) -> ProblemError:
    query = (
        select(connections.c.name, orders.c.external_id)
        .join(connections, connections.c.id == orders.c.connection_id)
        .where(orders.c.id.in_(order_ids[:NAMED]))
        .order_by(orders.c.id)
    )
    named = [f"{row.name}/{row.external_id}" for row in tx.execute(query)]
    more = f" and {len(order_ids) - NAMED} more" if len(order_ids) > NAMED else ""
    return ProblemError(
        f"{len(order_ids)} orders are found by that, perhaps of several people: {', '.join(named)}{more}."
        " Name one of them so, or give the person's e-mail address, or a phone number with its +"
    )


def connection_named(tx: Connection, name: str) -> int | None:
    """The id of a connection, or None if there is none of that name."""
    try:
        return connection_id(tx, name)
    except KeyError:
        return None


def _parcels(tx: Connection, order_id: int) -> list[dict[str, Any]]:
    row = parcels.c
    found = tx.execute(
        select(row.carrier, row.tracking_number, row.shipped_at, row.delivered_at)
        .where(row.order_id == order_id)
        .order_by(row.sequence)
    )
    return [dict(one._mapping) for one in found]


def _landed(hub: Hub, one: Quarantined) -> dict[str, Any]:
    """A record in quarantine, with its body if that was not erased."""
    try:
        body = hub.landing.read_one(one.failure.path, one.failure.offset, EXPORT).payload.decode(
            errors="replace"
        )
    except (LandingDamaged, FileNotFoundError):
        body = None
    return {
        "connection": one.connection,
        "stream": one.failure.stream,
        "external_id": one.failure.external_id,
        "observed_at": one.failure.observed_at,
        "reason": one.failure.reason,
        "payload": body,
    }


def _records(
    hub: Hub, names: set[tuple[str, str]], progress: Callable[[int], None] = lambda _done: None
) -> Iterator[dict[str, Any]]:
    with hub.store.read() as tx:
        known = {row.name for row in tx.execute(select(connections.c.name))}
    for connection in sorted({connection for connection, _ in names} & known):
        for done, path in enumerate(hub.landing.paths(connection)):
            for record in hub.landing.salvage(path, EXPORT)[0]:
                if (connection, record.external_id) in names and not record.erased:
                    yield {
                        "connection": connection,
                        "stream": record.stream,
                        "external_id": record.external_id,
                        "observed_at": record.observed_at,
                        "payload": record.payload.decode(errors="replace"),
                    }
            progress(done)
