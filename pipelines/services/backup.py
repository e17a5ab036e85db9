"""A backup of store, landing and cursors, taken while the hub works.

The store is read table by table in one snapshot (SQLite's WAL, PostgreSQL's REPEATABLE READ), so that marks,
outbox, allocations and the list of landing files belong to one moment. A landing file is durable before the
transaction that records it: all that the snapshot knows of is there, and never changes. The same form serves
both databases. Keys of personal data, access tokens and what is made anew are not in it.
"""

import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
from sqlalchemy import Connection, MetaData, Table, select

from order_store.engine import Store
from order_store.migrations import revision_of
from order_store.private_files import make_private_folder, touch_private
from order_store.schema.reading import landing_files
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.backup_files import (
    ROWS,
    LandingCopy,
    Manifest,
    TableFile,
    checksum,
    landing_path,
    table_path,
    write_landing_list,
    write_manifest,
    write_rows,
)

LEFT_OUT = frozenset({"alembic_version"})
"""The revision stands in the manifest."""
Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


def make_backup(hub: Hub, folder: Path, progress: Progress = lambda _what, _done, _all: None) -> Manifest:
    """Write a backup into a new folder, readable by its owner alone.

    Args:
        hub: The hub; it may go on working meanwhile.
        folder: It must not be there, or be empty.
        progress: Told what is copied.

    Raises:
        ProblemError: If the folder holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ProblemError(f"{folder} is not empty: name a new folder for each backup")
    for part in (folder, folder / "store", folder / "landing"):
        make_private_folder(part)
    taken_at = hub.clock.now()
    with snapshot(hub.store) as tx:
        revision = revision_of(tx) or ""
        paths: list[str] = list(tx.scalars(select(landing_files.c.path).order_by(landing_files.c.id)))
        tables = _copy_tables(tx, folder, progress)
    copies, missing = _copy_landing(hub.config.landing.url, folder, paths, progress)
    manifest = Manifest(
        hub_version=importlib.metadata.version("orderhub"),
        revision=revision,
        taken_at=taken_at,
        tables=tables,
        landing_files=len(copies),
        landing_bytes=sum(one.bytes for one in copies),
        landing_sha256=write_landing_list(folder, copies),
        missing=missing,
    )
    write_manifest(folder, manifest)
    return manifest


@contextmanager
def snapshot(store: Store) -> Iterator[Connection]:
    """A read transaction that sees one moment, however long it takes."""
    options = {} if store.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with store.engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def stored_columns(table: Table) -> tuple[str, ...]:
    """A reflected table's columns that are written, not computed."""
    return tuple(str(column.name) for column in table.columns if column.computed is None)


def reflected(tx: Connection) -> list[Table]:
    """The database's tables, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(tx)
    return [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]


def _copy_tables(tx: Connection, folder: Path, progress: Progress) -> dict[str, TableFile]:
    tables = reflected(tx)
    found: dict[str, TableFile] = {}
    for number, table in enumerate(tables):
        progress("tables", number, len(tables))
        names = stored_columns(table)
        path = table_path(folder, table.name)
        rows = write_rows(path, _rows(tx, table, names))
        found[str(table.name)] = TableFile(names, rows, checksum(path))
    progress("tables", len(tables), len(tables))
    return found


def _rows(tx: Connection, table: Table, names: tuple[str, ...]) -> Iterator[Any]:
    query = select(*(table.c[name] for name in names)).order_by(*table.primary_key.columns)
    yield from tx.execute(query.execution_options(yield_per=ROWS))


def _copy_landing(
    url: str, folder: Path, paths: list[str], progress: Progress
) -> tuple[list[LandingCopy], tuple[str, ...]]:
    files, root = fsspec.core.url_to_fs(url)
    copies: list[LandingCopy] = []
    missing: list[str] = []
    for number, path in enumerate(paths, 1):
        target = landing_path(folder, path)
        make_private_folder(target.parent)
        touch_private(target)
        try:
            files.get_file(f"{root.rstrip('/')}/{path}", str(target))
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            missing.append(path)
            continue
        copies.append(LandingCopy(path, target.stat().st_size, checksum(target)))
        if number % 100 == 0 or number == len(paths):
            progress("landing files", number, len(paths))
    return copies, tuple(missing)


def age(manifest: Manifest, now: datetime) -> str:
    """How old a backup is, in words."""
    hours = (now - manifest.taken_at).total_seconds() / 3600
    return f"{hours * 60:.0f} minutes" if hours < 1 else f"{hours:.1f} hours"
