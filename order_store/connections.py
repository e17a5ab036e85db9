"""The configured connections, as the store's other tables refer to them."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from order_store.dialects import insert_or_ignore
from order_store.schema.reading import connections

_ID_BY_NAME = select(connections.c.id).where(connections.c.name == bindparam("wanted"))
"""Asked for every page that is read."""


def register_connection(
    tx: Connection, name: str, connector: str, kind: str, fulfil_from: datetime | None = None
) -> int:
    """Record a configured connection, or what has changed of it, and return its id.

    Args:
        tx: A write transaction.
        name: As in hub.yaml ("shopify-eu"); never reused for another shop.
        connector: Its name in the connectors' registry.
        kind: channel, wms or carrier.
        fulfil_from: Orders placed earlier are history; None for no limit.
    """
    values = {"connector": connector, "kind": kind, "fulfil_from": fulfil_from, "active": 1}
    tx.execute(insert_or_ignore(tx, connections), [{"name": name, **values}])
    tx.execute(update(connections).where(connections.c.name == name).values(**values))
    return connection_id(tx, name)


def connection_id(tx: Connection, name: str) -> int:
    """The id of a connection. Raises KeyError if it was never registered."""
    found = tx.scalar(_ID_BY_NAME, {"wanted": name})
    if found is None:
        raise KeyError(f"connection {name!r} is not registered in the store")
    return int(found)


def connection_name(tx: Connection, connection_id: int) -> str:
    """The name of a connection. Raises NoResultFound if there is none of that id."""
    found = tx.execute(select(connections.c.name).where(connections.c.id == connection_id))
    return str(found.scalar_one())


def retire_connections(tx: Connection, configured: set[str]) -> None:
    """Mark the connections that are no longer configured; what they brought stays."""
    tx.execute(update(connections).where(connections.c.name.not_in(configured)).values(active=0))
