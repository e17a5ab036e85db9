"""The few statements that SQLite and PostgreSQL word differently."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, CursorResult, Select, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

Row = tuple[Any, ...]

IN_LIST = 900
"""The longest IN list of one statement."""


def insert_or_ignore(tx: Connection, table: Table) -> Insert:
    """An insert that leaves a row alone that is there already, whichever unique key it hits."""
    return _insert_or_ignore(tx.dialect.name, table)


@cache
def _insert_or_ignore(dialect: str, table: Table) -> Insert:
    """Made once: the statement layer takes longer to make a statement than SQLite to run it."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def is_sqlite(tx: Connection) -> bool:
    """Whether the transaction runs on SQLite."""
    return tx.dialect.name == "sqlite"


ROWS_A_STATEMENT = 50
"""Rows of one insert on SQLite: a fifth faster than row by row. 50 of the widest have 2,150 parameters of
the 32,766 that SQLite allows."""


@cache
def _insert_sql(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 -- names come from the schema


def insert_rows(tx: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert many rows in one go: many rows a statement on SQLite, COPY on PostgreSQL.

    The values are the database's own (moments as microseconds, flags as 0 or 1), in the columns' order:
    the statement layer's conversions cost more than SQLite itself. A column that may be null and that is
    null in all rows is left out: Python's sqlite3 takes seven times as long to bind None as an integer.
    """
    if not rows:
        return
    if not is_sqlite(tx):
        copy_rows(tx, table.name, columns, rows)
        return
    by_column = list(zip(*rows, strict=True))
    count = len(rows)
    filled = tuple(
        number
        for number, values in enumerate(by_column)
        if values[0] is not None or values.count(None) != count
    )
    if len(filled) < len(columns):
        columns = tuple(columns[number] for number in filled)
        rows = list(zip(*(by_column[number] for number in filled), strict=True))
    cursor = tx.connection.cursor()
    even = count - count % ROWS_A_STATEMENT
    for start in range(0, even, ROWS_A_STATEMENT):
        values = tuple(chain.from_iterable(rows[start : start + ROWS_A_STATEMENT]))
        cursor.execute(_insert_sql(table.name, columns, ROWS_A_STATEMENT), values)
    cursor.executemany(_insert_sql(table.name, columns, 1), rows[even:])
    cursor.close()


def copy_rows(tx: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """PostgreSQL's COPY into a table."""
    driver = tx.connection.driver_connection
    if driver is None:
        raise RuntimeError("the transaction has lost its connection")
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


@cache
def _update_sql(table: str, columns: tuple[str, ...], keys: tuple[str, ...], mark: str) -> str:
    changes = ", ".join(f"{column} = {mark}" for column in columns)
    place = " AND ".join(f"{key} = {mark}" for key in keys)
    return f"UPDATE {table} SET {changes} WHERE {place}"  # noqa: S608 -- names come from the schema


def update_rows(
    tx: Connection, table: Table, columns: tuple[str, ...], keys: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Update many rows in one go. Each row has the columns' values, then the keys', as in `insert_rows`."""
    if not rows:
        return
    cursor = tx.connection.cursor()
    cursor.executemany(_update_sql(table.name, columns, keys, "?" if is_sqlite(tx) else "%s"), rows)
    cursor.close()


def rows_where(tx: Connection, table: Table, key: Column[Any], values: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of a table whose key is one of many values, as dicts, in primary-key order."""
    found: list[dict[str, Any]] = []
    statement = _rows_where(table, key)
    for start in range(0, len(values), IN_LIST):
        chunk = {"wanted": list(values[start : start + IN_LIST])}
        found.extend(dict(row) for row in tx.execute(statement, chunk).mappings())
    return found


@cache
def _rows_where(table: Table, key: Column[Any]) -> Select[Any]:
    """Made once, as `_insert_or_ignore`."""
    return (
        select(table).where(key.in_(bindparam("wanted", expanding=True))).order_by(*table.primary_key.columns)
    )


def external_ids_to_ids(tx: Connection, connection_id: int, external_ids: Sequence[str]) -> dict[str, int]:
    """The ids of those orders that are stored, by external id."""
    if is_sqlite(tx):
        wanted = msgspec.json.encode(external_ids).decode()
        sql = (
            "SELECT orders.external_id, orders.id FROM json_each(?) AS wanted CROSS JOIN orders"
            " ON orders.connection_id = ? AND orders.external_id = wanted.value"
        )
        return _pairs(tx.exec_driver_sql(sql, (wanted, connection_id)))
    sql = "SELECT external_id, id FROM orders WHERE external_id = ANY(%s) AND connection_id = %s"
    return _pairs(tx.exec_driver_sql(sql, (list(external_ids), connection_id)))


def _pairs(found: CursorResult[Any]) -> dict[str, int]:
    return {row.external_id: row.id for row in found}


def lock_orders(tx: Connection, order_ids: Sequence[int]) -> None:
    """Keep other writers from orders until the transaction ends; rows are locked in key order.

    SQLite's write transaction has shut out other writers already.
    """
    if not is_sqlite(tx):
        sql = "SELECT id FROM orders WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
        tx.exec_driver_sql(sql, (list(order_ids),))


def lock_names(tx: Connection, names: Iterable[str]) -> None:
    """Keep other transactions that lock the same names waiting until this one ends; names have no rows.

    SQLite's write transaction has shut out other writers already.
    """
    if not is_sqlite(tx):
        for name in sorted(set(names)):
            tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


def next_order_ids(tx: Connection, count: int) -> list[int]:
    """Ids for new orders, growing."""
    if is_sqlite(tx):
        first: int = tx.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM orders").scalar_one()
        return list(range(first, first + count))
    sql = "SELECT nextval(pg_get_serial_sequence('orders', 'id')) FROM generate_series(1, %s)"
    return sorted(tx.exec_driver_sql(sql, (count,)).scalars())


def insert_orders_with_ids(
    tx: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]
) -> set[int] | None:
    """Insert orders under given ids (the first column), leaving those that are there by natural key.

    Returns:
        The ids that were inserted, or None for all: on SQLite nobody else writes meanwhile.
    """
    if is_sqlite(tx):
        insert_rows(tx, table, columns, rows)
        return None
    names = ", ".join(columns)
    tx.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS arriving_orders (LIKE orders INCLUDING DEFAULTS)"
        " ON COMMIT DELETE ROWS"
    )
    tx.exec_driver_sql("DELETE FROM arriving_orders")
    copy_rows(tx, "arriving_orders", columns, rows)
    sql = (
        f"INSERT INTO orders ({names}) SELECT {names} FROM arriving_orders"  # noqa: S608 -- schema's names
        " ORDER BY external_id ON CONFLICT (connection_id, external_id) DO NOTHING RETURNING id"
    )
    return set(tx.exec_driver_sql(sql).scalars())
