"""Puts a backup back: all of it in one transaction, so that nobody ever sees half of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import Connection, MetaData, func, inspect, select

from order_store.dialects import insert_rows, is_sqlite
from order_store.engine import Store, open_store
from order_store.keys import KeysBesideOrdersError, refuse_keys_beside_orders
from order_store.landing import PARTIAL
from order_store.migrations import is_known, upgrade_in
from order_store.private_files import make_private_folder, sync, touch_private
from order_store.restoring import mark_restored
from order_store.schema import metadata
from order_store.views import drop_views
from pipelines.config import HubConfig
from pipelines.problems import ProblemError
from pipelines.services.backup import LEFT_OUT, Progress, reflected
from pipelines.services.backup_files import (
    LandingCopy,
    Manifest,
    checksum,
    checksum_of,
    landing_list,
    landing_path,
    read_landing_list,
    read_manifest,
    read_rows,
    table_path,
)

TELLTALE = ("orders", "landing_files", "outbox", "read_state", "quarantine")
"""Tables of which none has a row in a store that a hub has only just made."""
AfterLoading = Callable[[Connection], None]
"""More to do in the restoring transaction, before anybody can read what it brings back."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back.

    Attributes:
        in_doubt: Messages that are looked up before they are sent.
        landing_files: Files that were copied; the others were there already.
    """

    manifest: Manifest
    rows: int
    landing_files: int
    in_doubt: int


def restore_backup(
    config: HubConfig,
    folder: Path,
    state: Path,
    now: datetime,
    *,
    force: bool = False,
    also: AfterLoading = lambda _tx: None,
    progress: Progress = lambda _what, _done, _all: None,
) -> Restored:
    """Put a backup into the store and the landing that hub.yaml names. Stop the hub before.

    All checksums are verified before anything is changed. The landing comes first, then the store in one
    transaction: its tables at the backup's revision, the rows, the migrations since, every waiting message
    in doubt, and what `also` does.

    Args:
        config: Names store and landing.
        folder: The backup.
        state: This machine's state, of which what was remembered of the old store is deleted.
        now: The hub's time.
        force: Replace what is there.
        also: Done before anybody can read the store.
        progress: Told what is copied.

    Raises:
        ProblemError: If the backup is damaged or of a later version, if there is anything to lose, or if the
            store's database holds the keys.
    """
    manifest = read_manifest(folder)
    verify_backup(folder, manifest, progress)
    store = open_store(config.store.url)
    try:
        refuse_keys_beside_orders(store)
        if not force:
            _expect_empty(store)
        copied = _put_landing(config.landing.url, folder, force=force, progress=progress)
        with store.begin() as tx:
            _drop_everything(tx)
            upgrade_in(tx, manifest.revision)
            rows = _load(tx, folder, manifest, progress)
            upgrade_in(tx)
            in_doubt = mark_restored(tx, manifest.taken_at, now)
            also(tx)
    except KeysBesideOrdersError as error:
        raise ProblemError(str(error)) from error
    finally:
        store.close()
    (state / "catalogue.sha256").unlink(missing_ok=True)
    return Restored(manifest, rows, copied, in_doubt)


def verify_backup(
    folder: Path, manifest: Manifest, progress: Progress = lambda _what, _done, _all: None
) -> None:
    """Compare every file with its checksum.

    Raises:
        ProblemError: Naming the files that are damaged or missing, or one that would not lie in landing.
    """
    if not is_known(manifest.revision):
        raise ProblemError(
            f"the backup is of orderhub {manifest.hub_version} (schema {manifest.revision}), which is later"
            " than this version: install that one"
        )
    damaged = [
        str(table_path(folder, name))
        for name, table in manifest.tables.items()
        if not _is_whole(table_path(folder, name), table.sha256)
    ]
    if not _is_whole(landing_list(folder), manifest.landing_sha256):
        damaged.append(str(landing_list(folder)))
    else:
        for number, one in enumerate(read_landing_list(folder), 1):
            if not _is_whole(landing_path(folder, one.path), one.sha256):
                damaged.append(str(landing_path(folder, one.path)))
            if number % 100 == 0 or number == manifest.landing_files:
                progress("checksums", number, manifest.landing_files)
    if damaged:
        named = ", ".join(damaged[:10])
        raise ProblemError(f"{len(damaged)} files of the backup are damaged or missing: {named}")


def _is_whole(path: Path, sha256: str) -> bool:
    return path.exists() and checksum(path) == sha256


def _expect_empty(store: Store) -> None:
    with store.read() as tx:
        there = set(inspect(tx).get_table_names())
        filled = [
            name
            for name in TELLTALE
            if name in there and tx.scalar(select(func.count()).select_from(metadata.tables[name]))
        ]
    if filled:
        raise ProblemError(
            f"the store holds {', '.join(filled)} already: name an empty one in hub.yaml, or give --force to"
            " replace all that it holds"
        )


def _put_landing(url: str, folder: Path, *, force: bool, progress: Progress) -> int:
    """Copy the landing files that are not there. Later ones of a landing that survived stay."""
    files, root = fsspec.core.url_to_fs(url)
    wanted = list(read_landing_list(folder))
    absent: list[LandingCopy] = []
    for one in wanted:
        name = f"{root.rstrip('/')}/{one.path}"
        if not files.exists(name):
            absent.append(one)
            continue
        with files.open(name, "rb") as file:
            if checksum_of(file) == one.sha256:
                continue
        if not force:
            raise ProblemError(f"{name} is another file than the backup's: give --force to replace it")
        absent.append(one)
    for number, one in enumerate(absent, 1):
        name = f"{root.rstrip('/')}/{one.path}"
        _put_file(files, landing_path(folder, one.path), name)
        if number % 100 == 0 or number == len(absent):
            progress("landing files", number, len(absent))
    return len(absent)


def _put_file(files: Any, source: Path, name: str) -> None:  # noqa: ANN401 -- fsspec has no types
    """Copy one landing file: on a disk for its owner only, and under its name once it is whole."""
    if not isinstance(files, LocalFileSystem):
        files.makedirs(name.rsplit("/", 1)[0], exist_ok=True)
        files.put_file(str(source), name)
        return
    target = Path(name)
    make_private_folder(target.parent)
    partial = target.with_suffix(PARTIAL)
    partial.unlink(missing_ok=True)
    touch_private(partial)
    shutil.copyfile(source, partial)
    sync(partial)
    partial.replace(target)
    sync(target.parent)


def _drop_everything(tx: Connection) -> None:
    drop_views(tx)
    present = MetaData()
    present.reflect(tx)
    if is_sqlite(tx):
        present.drop_all(tx)
        return
    for table in present.sorted_tables:  # with what temporary tables of other sessions take from them
        tx.exec_driver_sql(f'DROP TABLE "{table.name}" CASCADE')


def _load(tx: Connection, folder: Path, manifest: Manifest, progress: Progress) -> int:
    rows = 0
    tables = [table for table in reflected(tx) if table.name not in LEFT_OUT]
    for number, table in enumerate(tables, 1):
        known = manifest.tables.get(table.name)
        if known is None:
            continue
        path = table_path(folder, table.name)
        if strange := [name for name in known.columns if name not in table.c]:
            raise ProblemError(f"{path} has columns that its table has not: {', '.join(strange)}")
        tx.execute(table.delete())  # what a migration has put in
        count = 0
        for block in read_rows(path):
            insert_rows(tx, table, known.columns, [tuple(row) for row in block])
            count += len(block)
        if count != known.rows:
            raise ProblemError(f"{path} holds {count} rows, and the manifest says {known.rows}")
        rows += count
        _continue_numbers(tx, table)
        progress("tables", number, len(tables))
    return rows


def _continue_numbers(tx: Connection, table: Any) -> None:  # noqa: ANN401 -- a reflected table
    """PostgreSQL's sequences go on after what was loaded; SQLite's numbers follow from the rows."""
    if is_sqlite(tx) or "id" not in table.c:
        return
    sequence = tx.exec_driver_sql("SELECT pg_get_serial_sequence(%s, 'id')", (table.name,)).scalar()
    if sequence:
        last = tx.scalar(select(func.max(table.c.id)))
        if last is not None:
            tx.exec_driver_sql("SELECT setval(%s, %s)", (sequence, last))
