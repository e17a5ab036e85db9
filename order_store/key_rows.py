"""The key store's statements, as SQLite and PostgreSQL word them, for many keys at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, or_, select, update

from order_store.dialects import insert_or_ignore, is_sqlite
from order_store.schema.base import to_micros
from order_store.schema.keys import data_keys

KeyRow = tuple[str, int, bytes | None]
"""(external id, version of the master key, wrapped key or None)."""
_KEY = data_keys.c


def find_keys(tx: Connection, connection: str, external_ids: Sequence[str]) -> list[KeyRow]:
    """The rows of those that are there."""
    if is_sqlite(tx):
        sql = (
            "SELECT k.external_id, k.master, k.wrapped FROM json_each(?) AS wanted CROSS JOIN data_keys AS k"
            " ON k.connection = ? AND k.external_id = wanted.value"
        )
        found = tx.exec_driver_sql(sql, (msgspec.json.encode(external_ids).decode(), connection))
    else:
        sql = (
            "SELECT external_id, master, wrapped FROM data_keys"
            " WHERE connection = %s AND external_id = ANY(%s)"
        )
        found = tx.exec_driver_sql(sql, (connection, list(external_ids)))
    return [(row[0], row[1], None if row[2] is None else bytes(row[2])) for row in found]


def add_keys(tx: Connection, connection: str, rows: Sequence[KeyRow], now: datetime) -> None:
    """Add rows; those that are there already stay as they are."""
    at = to_micros(now)
    sql = (
        "INSERT INTO data_keys (connection, external_id, master, wrapped, created_at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    sql = sql if is_sqlite(tx) else sql.replace("?", "%s")
    cursor = tx.connection.cursor()
    # in key order: two processes that add the same ones wait for each other, and never in a circle
    cursor.executemany(sql, [(connection, *row, at) for row in sorted(rows, key=lambda row: row[0])])
    cursor.close()


def destroy_keys(tx: Connection, names: Sequence[tuple[str, str]], now: datetime) -> int:
    """Destroy keys, and leave a mark for each so that none is made again. Returns how many there were."""
    destroyed = 0
    for connection, external_id in sorted(set(names)):
        done = tx.execute(
            update(data_keys)
            .where(_KEY.connection == connection, _KEY.external_id == external_id, _KEY.wrapped.is_not(None))
            .values(wrapped=None, destroyed_at=now)
        )
        destroyed += done.rowcount
        tx.execute(
            insert_or_ignore(tx, data_keys),
            {
                "connection": connection,
                "external_id": external_id,
                "master": 0,
                "wrapped": None,
                "created_at": now,
                "destroyed_at": now,
            },
        )
    return destroyed


def keys_to_rewrap(tx: Connection, newest: int, after: tuple[str, str], limit: int) -> list[Any]:
    """Live keys under older versions of the master key, in key order, behind a name."""
    connection, external_id = after
    return list(
        tx.execute(
            select(_KEY.connection, _KEY.external_id, _KEY.master, _KEY.wrapped)
            .where(
                or_(
                    _KEY.connection > connection,
                    and_(_KEY.connection == connection, _KEY.external_id > external_id),
                ),
                _KEY.wrapped.is_not(None),
                _KEY.master != newest,
            )
            .order_by(_KEY.connection, _KEY.external_id)
            .limit(limit)
        )
    )


def replace_wrapped(
    tx: Connection, connection: str, external_id: str, was: bytes, wrapped: bytes, master: int
) -> None:
    """Store a key wrapped anew, unless it was destroyed or wrapped by somebody else meanwhile."""
    tx.execute(
        update(data_keys)
        .where(_KEY.connection == connection, _KEY.external_id == external_id, _KEY.wrapped == was)
        .values(wrapped=wrapped, master=master)
    )


def count_keys(tx: Connection) -> dict[int, int]:
    """Live keys by the version of the master key that wraps them; under 0, the destroyed ones."""
    destroyed = tx.scalar(select(func.count()).select_from(data_keys).where(_KEY.wrapped.is_(None))) or 0
    found = tx.execute(
        select(_KEY.master, func.count()).where(_KEY.wrapped.is_not(None)).group_by(_KEY.master)
    )
    return {0: destroyed} | {row[0]: row[1] for row in found}


def older_names(tx: Connection, connection: str, before: datetime, after: str, limit: int) -> list[str]:
    """Live keys of a connection that were made before a time, in the external ids' order, behind one."""
    found: Sequence[str] = tx.scalars(
        select(_KEY.external_id)
        .where(
            _KEY.connection == connection,
            _KEY.external_id > after,
            _KEY.wrapped.is_not(None),
            _KEY.created_at < before,
        )
        .order_by(_KEY.external_id)
        .limit(limit)
    ).all()
    return list(found)


def destroyed_names(tx: Connection) -> list[tuple[str, str]]:
    """Every name whose key was destroyed."""
    found = tx.execute(select(_KEY.connection, _KEY.external_id).where(_KEY.wrapped.is_(None)))
    return [(row.connection, row.external_id) for row in found]
