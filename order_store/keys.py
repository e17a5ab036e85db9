"""The keys of orders and of single records, kept apart from what they encrypt.

Each name (connection, external id) has a random key of its own, wrapped by the master key. A key is
committed, and synced, before anything is encrypted with it; a writer that is killed leaves at most keys
that nothing uses. Destroying a key leaves a mark, so the name never gets another one: what it sealed, here
and in every copy, cannot be read again.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import event, insert, inspect, select
from sqlalchemy.engine import make_url

from order_store.access import AccessLog
from order_store.engine import Store, open_store
from order_store.key_rows import (
    KeyRow,
    add_keys,
    count_keys,
    destroy_keys,
    destroyed_names,
    find_keys,
    keys_to_rewrap,
    replace_wrapped,
)
from order_store.masters import KEY_BYTES, MasterKeyError, MasterKeys, MasterSource
from order_store.private_files import make_private_folder, touch_private
from order_store.schema.keys import data_keys, key_metadata, key_store
from order_store.schema.orders import personal_data
from order_store.sealing import SealBroken, nonces, place_of, seal, unseal

CACHED = 20_000
"""Names whose opened key is remembered."""
FRESH_SECONDS = 60.0
"""How long: a key that another process destroys is forgotten here after that time at the latest."""
REWRAPPED_AT_ONCE = 1_000
BESIDE_ORDERS = (
    "the keys lie in the store's own database (table data_keys): every backup of it would hold them, and a"
    " restore drop them. Let keys.url name another database. If this one holds keys already, copy the tables"
    " data_keys, key_store, erasure_lists and access_log there first, then drop them here"
)
_SCHEMA_LOCK = 6078523215
_OWN = ""

Name = tuple[str, str]
"""(connection, external id)."""
Ciphers = Mapping[str, AESGCM | None]
"""By external id: what seals and opens, or None where the key was destroyed."""


class KeyMissingError(LookupError):
    """A sealed record's key is not in this key store and was not destroyed here: it is another store's."""


class KeysBesideOrdersError(Exception):
    """The key store lies in the orders' own database: its keys would be in every backup of it."""


class KeysInUseError(Exception):
    """Destroyed keys still stand in the key store's log, for somebody reads it. It is to be tried again."""


class KeyStore:
    """The keys. One instance serves one process; its methods may be called from many threads.

    Args:
        store: Its database.
        source: The master key's versions.
        identity: Which key store it is.
    """

    def __init__(self, store: Store, source: MasterSource, identity: str) -> None:
        self.identity = identity
        self.log = AccessLog(store)
        self._store = store
        self._source = source
        self._masters = source.load()
        self._lock = threading.Lock()
        self._cache: dict[str, dict[str, AESGCM | None]] = {}
        self._cached = 0
        self._fresh_until = 0.0
        self._secrets: dict[str, bytes] = {}

    def ciphers(self, connection: str, external_ids: Sequence[str], *, make: bool) -> Ciphers:
        """The keys of a connection's records.

        Args:
            connection: Whose records.
            external_ids: Which.
            make: Whether to make those that are not there; they are durable when this returns.

        Returns:
            Those that are there, or were destroyed (None); others are left out.
        """
        known = self._remembered(connection)
        missing = {one for one in external_ids if one not in known}
        if not missing:
            return known
        with self._store.read() as tx:
            rows = find_keys(tx, connection, list(missing))
        found = self._opened(connection, rows)
        absent = [one for one in missing if one not in found]
        if make and absent:
            now = datetime.now(UTC)
            fresh = self._fresh(connection, absent)
            with self._store.begin() as tx:
                add_keys(tx, connection, fresh, now)
                rows = find_keys(tx, connection, absent)
            found |= self._opened(connection, rows)
        with self._lock:
            self._cached += len(found)
            known.update(found)
            return known

    def cipher(self, connection: str, external_id: str, *, make: bool = False) -> AESGCM | None:
        """One key, or None if it was destroyed. Raises KeyMissingError if there is none."""
        found = self.ciphers(connection, [external_id], make=make)
        if external_id not in found:
            raise KeyMissingError(f"{connection} {external_id}: its key is not in this key store")
        return found[external_id]

    def erased(self, connection: str, external_ids: Sequence[str]) -> set[str]:
        """Those whose key was destroyed. The others get keys, if they have none."""
        found = self.ciphers(connection, external_ids, make=True)
        return {one for one in external_ids if found[one] is None}

    def secret(self, name: str) -> bytes:
        """A secret of the hub's own (32 bytes), made when it is first asked for: for digests, for tokens."""
        if name not in self._secrets:
            with self._store.read() as tx:
                rows = find_keys(tx, _OWN, [name])
            if not rows:
                with self._store.begin() as tx:
                    add_keys(tx, _OWN, self._fresh(_OWN, [name]), datetime.now(UTC))
                    rows = find_keys(tx, _OWN, [name])
            _, master, wrapped = rows[0]
            if wrapped is None:
                raise KeyMissingError(f"the hub's secret {name!r} was destroyed")
            self._secrets[name] = self._unwrap(_OWN, name, master, wrapped)
        return self._secrets[name]

    def not_destroyed(self, names: Sequence[Name]) -> list[Name]:
        """Those whose key is there, or was never made."""
        by_connection: dict[str, list[str]] = {}
        for connection, external_id in names:
            by_connection.setdefault(connection, []).append(external_id)
        known = {one: self.ciphers(one, ids, make=False) for one, ids in by_connection.items()}
        return [
            (connection, external_id)
            for connection, external_id in names
            if known[connection].get(external_id, True)
        ]

    def destroy(self, names: Sequence[Name]) -> int:
        """Destroy keys for ever; their names never get others. Returns how many there were.

        When this returns, they are gone from the database's files as well. Call it again for keys that are
        destroyed already to have the files cleaned again.

        Raises:
            KeysInUseError: If somebody reads the key store, so that its log cannot be emptied yet.
        """
        if any(connection == _OWN for connection, _ in names):
            raise ValueError("the hub's own secrets are not destroyed")
        with self._store.begin() as tx:
            count = destroy_keys(tx, names, datetime.now(UTC))
        self._forget()
        self._clean()
        return count

    def destroyed(self) -> list[Name]:
        """Every name whose key was destroyed."""
        with self._store.read() as tx:
            return destroyed_names(tx)

    def counts(self) -> Mapping[int, int]:
        """Live keys by version of the master key; under 0, the destroyed ones."""
        with self._store.read() as tx:
            return count_keys(tx)

    @property
    def masters(self) -> MasterKeys:
        """The master key's versions that this process knows."""
        return self._masters

    def rotate(self, progress: Callable[[int], None] = lambda _done: None) -> int:
        """Wrap every key by a new version of the master key; returns how many were.

        Keys that were made elsewhere meanwhile are wrapped by the version before, which stays; versions that
        wrap nothing any more and are older than that are dropped. What the keys sealed stays as it is.

        Raises:
            MasterKeyError: If the master key is the environment's and has no newer version there.
        """
        self._masters = self._source.load()
        wrapping = {version for version in self.counts() if version}
        if wrapping <= {
            self._masters.newest
        }:  # else an earlier rotation is not finished, or a person began one
            self._source.save(self._masters.with_new())
            self._masters = self._source.load()
        done = self._rewrap(progress)
        idle = set(self._masters.versions[2:]) - set(self.counts())
        if idle and self._source.writable:
            self._source.save(self._masters.without(idle))
            self._masters = self._source.load()
        self._clean()
        return done

    def connect(self) -> Store:
        """The database, for what else is kept with the keys."""
        return self._store

    def close(self) -> None:
        """Write down what was read, forget the keys, give back connections."""
        self.log.flush()
        self._forget()
        self._secrets.clear()
        self._store.close()

    def _rewrap(self, progress: Callable[[int], None]) -> int:
        done, after = 0, ("", "")
        newest = self._masters.newest
        while True:
            with self._store.begin() as tx:
                rows = keys_to_rewrap(tx, newest, after, REWRAPPED_AT_ONCE)
                for row in rows:
                    was = bytes(row.wrapped)
                    key = self._unwrap(row.connection, row.external_id, row.master, was)
                    wrapped = _wrap(self._masters.cipher(newest), key, row.connection, row.external_id)
                    replace_wrapped(tx, row.connection, row.external_id, was, wrapped, newest)
            if not rows:
                return done
            done += len(rows)
            after = (rows[-1].connection, rows[-1].external_id)
            progress(done)

    def _fresh(self, connection: str, external_ids: Sequence[str]) -> list[KeyRow]:
        newest = self._masters.newest
        cipher = self._masters.cipher(newest)
        keys = secrets.token_bytes(KEY_BYTES * len(external_ids))
        return [
            (
                external_id,
                newest,
                _wrap(cipher, keys[start : start + KEY_BYTES], connection, external_id, nonce),
            )
            for external_id, start, nonce in zip(
                external_ids, range(0, len(keys), KEY_BYTES), nonces(len(external_ids)), strict=True
            )
        ]

    def _opened(self, connection: str, rows: Sequence[KeyRow]) -> dict[str, AESGCM | None]:
        return {
            external_id: None
            if wrapped is None
            else AESGCM(self._unwrap(connection, external_id, master, wrapped))
            for external_id, master, wrapped in rows
        }

    def _unwrap(self, connection: str, external_id: str, master: int, wrapped: bytes) -> bytes:
        if master not in self._masters.versions:
            self._masters = self._source.load()  # another process has begun a new version
        try:
            return unseal(self._masters.cipher(master), wrapped, place_of(connection, external_id))
        except SealBroken:
            raise MasterKeyError(
                f"version {master} of the master key does not open the key store: it is another deployment's."
                " Put the right one back."
            ) from None

    def _remembered(self, connection: str) -> dict[str, AESGCM | None]:
        now = time.monotonic()
        with self._lock:
            if now >= self._fresh_until or self._cached > CACHED:
                self._cache, self._cached = {}, 0
                self._fresh_until = now + FRESH_SECONDS
            return self._cache.setdefault(connection, {})

    def _forget(self) -> None:
        with self._lock:
            self._cache, self._cached = {}, 0

    def _clean(self) -> None:
        """Leave no destroyed or older wrapped key in the database's own files."""
        engine = self._store.engine
        if self._store.is_sqlite:
            driver = engine.raw_connection()
            try:
                busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                driver.close()
            if busy:
                raise KeysInUseError(
                    "destroyed keys cannot be read any more, but still stand, wrapped, in the key store's log"
                    f" ({engine.url.database}-wal): another process is reading it. The erasure is not"
                    " finished. End that process (a copy, a backup, a database browser), then run"
                    " `orderhub erase --due`; the job prune_history tries again as well"
                )
            return
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM data_keys")


def open_keys(url: str, source: MasterSource) -> KeyStore:
    """Open a key store; a new database gets its tables and its identity.

    Args:
        url: As `order_store.engine.open_store` takes it: another database than the orders'.
        source: Where the master key comes from.

    Raises:
        MasterKeyError: If the master key cannot be had, or is another key store's.
        KeysBesideOrdersError: If the database is the orders'. Nothing is made in it then.
    """
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite and parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database)
        make_private_folder(path.parent)
        touch_private(path)
    store = open_store(url)
    if sqlite:
        event.listen(store.engine, "connect", _prepare)
    try:
        keys = KeyStore(store, source, _identity(store))
        keys.secret("digests")  # fails now, not in mid-work, if the master key is a wrong one
    except BaseException:
        store.close()
        raise
    return keys


def refuse_keys_beside_orders(store: Store) -> None:
    """Raise KeysBesideOrdersError if the orders' database holds a key store, or what is left of one."""
    with store.read() as tx:
        if inspect(tx).has_table(data_keys.name):
            raise KeysBesideOrdersError(BESIDE_ORDERS)


def _identity(store: Store) -> str:
    """Makes the tables and the identity of a new key store."""
    with store.begin() as tx:
        if inspect(tx).has_table(personal_data.name):
            raise KeysBesideOrdersError(BESIDE_ORDERS)
        if not store.is_sqlite:
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
        key_metadata.create_all(tx)
        identity: str | None = tx.scalar(select(key_store.c.id))
        if identity is None:
            identity = secrets.token_hex(8)
            tx.execute(insert(key_store).values(id=identity))
    return identity


def _prepare(dbapi: Any, _entry: object) -> None:  # noqa: ANN401 -- the driver's connection
    # A key is durable before what it seals, and a destroyed one is overwritten.
    for pragma in ("synchronous = FULL", "secure_delete = ON"):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _wrap(cipher: AESGCM, key: bytes, connection: str, external_id: str, nonce: bytes | None = None) -> bytes:
    return seal(cipher, key, place_of(connection, external_id), nonce)
