"""Which landing files the store knows: a file is recorded by the transaction that applies its records."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from order_store.dialects import insert_or_ignore
from order_store.landing import LandedFile
from order_store.schema.reading import landing_files


def record_file(tx: Connection, connection_id: int, file: LandedFile, now: datetime) -> bool:
    """Note that a file's records are applied. Returns False if it was noted before."""
    done = tx.execute(
        insert_or_ignore(tx, landing_files).values(
            connection_id=connection_id,
            stream=file.stream,
            path=file.path,
            first_sequence=file.first_sequence,
            records=len(file.offsets),
            bytes=file.size,
            observed_at=file.observed_at,
            recorded_at=now,
        )
    )
    return done.rowcount == 1


def unrecorded(tx: Connection, paths: Iterable[str]) -> list[str]:
    """Those of the landed files that no transaction has recorded: their writer was killed in between."""
    known: set[str] = set(tx.scalars(select(landing_files.c.path)))
    return [path for path in paths if path not in known]
