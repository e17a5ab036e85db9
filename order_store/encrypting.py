"""Seals what an earlier version of the hub has left in the clear: bodies in the store, records in landing.

Every step is done for good before what it replaces is removed, and can be killed and run again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from order_store.binding import IN_THE_CLEAR, drop_state, state
from order_store.engine import Store
from order_store.keys import KeyStore
from order_store.landing import LandedFile, Landing
from order_store.personal import COLUMNS, KeysAbsentError, decode_personal_data, digest_key, sealed_row
from order_store.picklists import ship_to_digest
from order_store.schema.fulfilment import picklists
from order_store.schema.orders import orders, personal_data
from order_store.schema.reading import connections, landing_files, quarantine
from order_store.sealing import is_sealed

AT_ONCE = 1_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What was in the clear and is sealed now."""

    orders: int = 0
    files: int = 0


def is_in_the_clear(store: Store) -> bool:
    """Whether an earlier version's data may still be in the clear."""
    with store.read() as tx:
        return state(tx, IN_THE_CLEAR) is not None


def encrypt(store: Store, landing: Landing, progress: Progress = lambda _done: None) -> Encrypted:
    """Seal everything that is in the clear; it does nothing where that was done.

    Raises:
        KeysAbsentError: If the store was opened without keys.
    """
    if store.keys is None:
        raise KeysAbsentError("there are no keys to seal with")
    if not is_in_the_clear(store):
        return Encrypted()
    done = Encrypted(_seal_bodies(store, store.keys, progress), _seal_landing(store, landing, progress))
    _overwrite_free_pages(store)
    with store.begin() as tx:
        drop_state(tx, IN_THE_CLEAR)
    return done


_BODIES = (
    select(personal_data.c.order_id, personal_data.c.body, connections.c.name, orders.c.external_id)
    .join(orders, orders.c.id == personal_data.c.order_id)
    .join(connections, connections.c.id == orders.c.connection_id)
)


def _seal_bodies(store: Store, keys: KeyStore, progress: Progress) -> int:
    done, after = 0, 0
    while True:
        with store.begin() as tx:
            rows = tx.execute(
                _BODIES.where(personal_data.c.order_id > after)
                .order_by(personal_data.c.order_id)
                .limit(AT_ONCE)
            ).all()
            if not rows:
                return done
            after = rows[-1].order_id
            clear = [row for row in rows if not is_sealed(bytes(row.body))]
            for connection in sorted({row.name for row in clear}):
                done += _seal(tx, keys, connection, [row for row in clear if row.name == connection])
        progress(done)


def _seal(tx: Connection, keys: KeyStore, connection: str, rows: Sequence[Row[Any]]) -> int:
    ids = {row.external_id: row.order_id for row in rows}
    ciphers = keys.ciphers(connection, list(ids), make=True)
    secret, digests = keys.secret("people"), digest_key(tx)
    for row in rows:
        external_id, order_id = row.external_id, row.order_id
        personal = decode_personal_data(bytes(row.body))
        sealed = sealed_row(order_id, personal, ciphers[external_id], secret, connection, external_id)
        values = dict(zip(COLUMNS[1:], sealed[1:], strict=True))
        tx.execute(update(personal_data).where(personal_data.c.order_id == order_id).values(values))
        if personal.ship_to:
            plain, keyed = ship_to_digest(personal.ship_to), ship_to_digest(personal.ship_to, digests)
            mine = (picklists.c.order_id == order_id, picklists.c.ship_to_digest == plain)
            tx.execute(update(picklists).where(*mine).values(ship_to_digest=keyed))
    return len(ids)


def _seal_landing(store: Store, landing: Landing, progress: Progress) -> int:
    """Write each file with records in the clear anew, move what refers to it, then remove the old one."""
    done = 0
    for path in landing.paths():
        sealed = landing.sealed_copy(path)
        if sealed is None:
            continue
        with store.begin() as tx:
            _refer(tx, path, *sealed)
        landing.remove(path)
        done += 1
        progress(done)
    return done


def _refer(tx: Connection, old: str, new: LandedFile, moved: dict[int, int]) -> None:
    file = landing_files.c
    known = tx.execute(update(landing_files).where(file.path == old).values(path=new.path, bytes=new.size))
    if known.rowcount == 0:
        return  # nobody has applied it yet: it will be taken up under its new name
    row = quarantine.c
    tx.execute(
        update(quarantine)
        .where(row.landing_path == old, row.landing_offset == bindparam("was"))
        .values(landing_path=new.path, landing_offset=bindparam("becomes")),
        [{"was": was, "becomes": becomes} for was, becomes in moved.items()],
    )


def _overwrite_free_pages(store: Store) -> None:
    """What was overwritten still stands in free pages and in the log of the database."""
    if store.is_sqlite:
        driver = store.engine.raw_connection()
        try:
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                driver.cursor().execute(statement).close()
        finally:
            driver.close()
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM personal_data")
