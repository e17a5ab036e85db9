"""Puts a finished KPI database in place, so that readers always see one consistent version.

DuckDB lets one writer shut out every reader of the same file. So nobody writes the file that analysts read:
it is built beside it, checkpointed, and renamed over it. Who has the old one open keeps reading it.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb


def stamp(database: Path, taken_at: datetime) -> None:
    """Note in a built database when its snapshot was taken (aware UTC), and write everything to the file."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "CREATE OR REPLACE TABLE snapshot AS SELECT ?::timestamptz AS taken_at", [taken_at]
        )
        connection.execute("CHECKPOINT")


def taken_at(database: Path) -> datetime | None:
    """When a database's snapshot was taken; None if there is no such database yet."""
    if not database.exists():
        return None
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute("SELECT epoch_us(taken_at) FROM snapshot").fetchall()[0]
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row[0])


def publish(built: Path, published: Path) -> bool:
    """Rename a stamped database over the published one, if its snapshot is newer.

    The caller holds the lease on publishing, so that two builds do not overtake each other between look and
    rename.

    Returns:
        Whether it was put in place; an older one is deleted.
    """
    current, candidate = taken_at(published), taken_at(built)
    if candidate is None:
        raise FileNotFoundError(built)
    if current is not None and current >= candidate:
        built.unlink()
        return False
    descriptor = os.open(built, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    built.replace(published)
    return True
