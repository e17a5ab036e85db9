"""Records that no canonical record could be made of: kept with their reason and their raw body's place.

One row a record. A newer failure of the same record renews its row; a newer good version resolves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from order_store.dialects import insert_or_ignore
from order_store.schema.reading import connections, quarantine

BY_A_GOOD_VERSION = "normalized"


_OPEN = select(quarantine.c.external_id, quarantine.c.observed_at).where(
    quarantine.c.connection_id == bindparam("connection"),
    quarantine.c.resolved_at.is_(None),
    quarantine.c.stream == bindparam("stream"),
)
"""Asked for every page that is read."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that failed, with the place of its raw body in landing.

    Attributes:
        detail: Names the field; holds no personal data.
    """

    stream: str
    external_id: str
    reason: str
    detail: str
    path: str
    offset: int
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One row of the quarantine."""

    id: int
    connection: str
    failure: Failure
    since: datetime
    attempts: int
    resolved_at: datetime | None
    resolution: str | None


def quarantine_records(
    tx: Connection, connection_id: int, failures: Sequence[Failure], now: datetime
) -> None:
    """Put records into quarantine, or renew their rows. An older failure than the row's changes nothing."""
    row = quarantine.c
    for failure in sorted(failures, key=lambda one: one.external_id):
        values = {
            "reason": failure.reason,
            "detail": failure.detail,
            "landing_path": failure.path,
            "landing_offset": failure.offset,
            "observed_at": failure.observed_at,
        }
        key = {"connection_id": connection_id, "stream": failure.stream, "external_id": failure.external_id}
        added = tx.execute(
            insert_or_ignore(tx, quarantine).values(**key, **values, since=now).returning(row.id)
        ).first()
        if added:
            continue
        tx.execute(
            update(quarantine)
            .where(
                row.connection_id == connection_id,
                row.stream == failure.stream,
                row.external_id == failure.external_id,
                row.observed_at <= failure.observed_at,
            )
            .values(**values, attempts=row.attempts + 1, resolved_at=None, resolution=None)
        )


def open_records(tx: Connection, connection_id: int, stream: str) -> dict[str, datetime]:
    """External id and observation time of what is open in a stream's quarantine; usually nothing."""
    found = tx.execute(_OPEN, {"connection": connection_id, "stream": stream})
    return {row.external_id: row.observed_at for row in found}


def resolve_records(
    tx: Connection,
    connection_id: int,
    stream: str,
    external_ids: Sequence[str],
    now: datetime,
    resolution: str = BY_A_GOOD_VERSION,
) -> int:
    """Close the rows of records of which a good version, not older, has been stored. Returns how many."""
    row = quarantine.c
    done = tx.execute(
        update(quarantine)
        .where(
            row.connection_id == connection_id,
            row.stream == stream,
            row.external_id.in_(external_ids),
            row.resolved_at.is_(None),
        )
        .values(resolved_at=now, resolution=resolution)
    )
    return done.rowcount


def dismiss(tx: Connection, quarantine_id: int, by: str, now: datetime) -> None:
    """A person says that nothing is to be made of this record. Raises KeyError if there is no such row."""
    done = tx.execute(
        update(quarantine)
        .where(quarantine.c.id == quarantine_id)
        .values(resolved_at=now, resolution=f"dismissed by {by}")
    )
    if done.rowcount != 1:
        raise KeyError(f"no quarantined record {quarantine_id}")


def list_quarantine(
    tx: Connection, *, connection: str | None = None, resolved: bool = False, limit: int = 1000
) -> list[Quarantined]:
    """Open rows, oldest first; with `resolved`, the closed ones too."""
    query = select(quarantine, connections.c.name).join(connections).order_by(quarantine.c.id).limit(limit)
    if connection:
        query = query.where(connections.c.name == connection)
    if not resolved:
        query = query.where(quarantine.c.resolved_at.is_(None))
    return [_quarantined(row) for row in tx.execute(query)]


def show_quarantined(tx: Connection, quarantine_id: int) -> Quarantined:
    """One row. Raises KeyError if there is none of that id."""
    query = select(quarantine, connections.c.name).join(connections).where(quarantine.c.id == quarantine_id)
    row = tx.execute(query).first()
    if row is None:
        raise KeyError(f"no quarantined record {quarantine_id}")
    return _quarantined(row)


def count_quarantined(tx: Connection) -> dict[tuple[str, str], int]:
    """Open rows by (connection, reason)."""
    query = (
        select(connections.c.name, quarantine.c.reason, func.count().label("found"))
        .join(connections)
        .where(quarantine.c.resolved_at.is_(None))
        .group_by(connections.c.name, quarantine.c.reason)
    )
    return {(row.name, row.reason): row.found for row in tx.execute(query)}


def _quarantined(row: Row[Any]) -> Quarantined:
    failure = Failure(
        row.stream,
        row.external_id,
        row.reason,
        row.detail,
        row.landing_path,
        row.landing_offset,
        row.observed_at,
    )
    return Quarantined(row.id, row.name, failure, row.since, row.attempts, row.resolved_at, row.resolution)
