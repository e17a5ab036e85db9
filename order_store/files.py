"""Which landing files the store knows: a file is recorded by the transaction that applies its records."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from order_store.dialects import insert_or_ignore, rows_where
from order_store.landing import LandedFile
from order_store.schema.base import from_micros
from order_store.schema.reading import landing_files


def record_file(tx: Connection, connection_id: int, file: LandedFile, now: datetime) -> bool:
    """Note that a file's records are applied. Returns False if it was noted before."""
    done = tx.execute(
        insert_or_ignore(tx, landing_files),
        {
            "connection_id": connection_id,
            "stream": file.stream,
            "path": file.path,
            "first_sequence": file.first_sequence,
            "records": len(file.offsets),
            "bytes": file.size,
            "observed_at": file.observed_at,
            "recorded_at": now,
        },
    )
    return done.rowcount == 1


def last_recorded_day(tx: Connection, connection_id: int, stream: str) -> date | None:
    """The UTC day on which the stream's newest recorded file was landed."""
    file = landing_files.c
    newest = tx.scalar(
        select(func.max(file.first_sequence)).where(
            file.connection_id == connection_id, file.stream == stream
        )
    )
    return None if newest is None else from_micros(newest).date()


def unrecorded(tx: Connection, paths: Sequence[str]) -> list[str]:
    """Those of the landed files that no transaction has recorded: their writer was killed in between."""
    known = {row["path"] for row in rows_where(tx, landing_files, landing_files.c.path, paths)}
    return [path for path in paths if path not in known]
