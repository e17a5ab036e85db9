"""Opens the store: SQLite (WAL) or PostgreSQL, with the same two ways in."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

from order_store.private_files import touch_private
from order_store.schema import metadata

if TYPE_CHECKING:
    from order_store.keys import KeyStore

BUSY_TIMEOUT_MS = 30_000
CACHE_KIB = 65_536
ATTEMPTS = 5
T = TypeVar("T")


class Store:
    """One order store.

    `begin()` is for writing: one transaction, committed at its end. SQLite takes its write lock at the
    start (BEGIN IMMEDIATE), so that a transaction never fails half-way because another one wrote first;
    writers queue for up to 150 s. `read()` is one consistent snapshot on SQLite, and one transaction on
    PostgreSQL. Neither may span I/O to a vendor.

    Attributes:
        keys: What personal data is sealed with; None leaves it in the clear, as tests and benchmarks do.
    """

    def __init__(self, engine: Engine, keys: "KeyStore | None" = None) -> None:
        self.keys = keys
        if keys is not None:  # order_store.personal finds them on the transaction
            engine = engine.execution_options(orderhub_keys=keys)
        self.engine = engine
        self._writer = engine.execution_options(orderhub_write=True)
        self.is_sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction."""
        with self._writer.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction."""
        with self.engine.begin() as tx:
            yield tx

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a write transaction; again, if the database ended it for another one's sake.

        PostgreSQL ends one of several transactions that wait for each other in a circle, or that it
        cannot put into a sequence; SQLite gives up after waiting for 30 s. Nothing has happened then.

        Args:
            work: What to do; it is done up to five times, so it must change nothing but the store.
        """
        for left in reversed(range(ATTEMPTS)):
            try:
                with self.begin() as tx:
                    return work(tx)
            except Exception as error:
                if not left or not was_ended_for_another(error):
                    raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 -- so that both do not collide again
        raise AssertionError("the last attempt returns or raises")

    def create_all(self) -> None:
        """Make every table at once, for tests; deployments use order_store.migrations.upgrade."""
        metadata.create_all(self._writer)

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def was_ended_for_another(error: BaseException) -> bool:
    """Whether a transaction failed only because of another one: a deadlock, a conflict, a busy database."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(cause, "sqlstate", None) in ("40001", "40P01")  # serialization failure, deadlock


def refused_values() -> tuple[type[Exception], ...]:
    """What a database raises when it cannot hold a value (too big, a NUL in a text), not when it is ill."""
    refused: tuple[type[Exception], ...] = (
        OverflowError,
        UnicodeError,
        sqlite3.IntegrityError,
        sqlite3.DataError,
        sqlalchemy.exc.IntegrityError,
        sqlalchemy.exc.DataError,
    )
    if find_spec("psycopg"):
        psycopg = import_module("psycopg")
        refused += (psycopg.DataError, psycopg.IntegrityError)
    return refused


def open_store(url: str, keys: "KeyStore | None" = None) -> Store:
    """Open a store by its URL.

    Args:
        url: `sqlite:///path/to/file.db` (its folder is made; the file is its owner's alone), or
            `postgresql+psycopg://...`; `postgresql://` is read as psycopg 3.
        keys: What its personal data is sealed with. A hub always has them.
    """
    parsed = make_url(url)  # hide_parameters below: errors tell the statement, never the values
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:" and not parsed.query:
            path = Path(parsed.database)
            path.parent.mkdir(parents=True, exist_ok=True)
            touch_private(path)
        engine = create_engine(parsed, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return Store(engine, keys)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return Store(create_engine(parsed, pool_pre_ping=True, hide_parameters=True), keys)


# sqlite3 looks for an adapter of every None that it binds, and asks None itself when it finds none,
# which takes three times as long as binding it. This one gives None back.
_nothing: dict[None, None] = {}
sqlite3.register_adapter(type(None), _nothing.get)


def _prepare_sqlite(dbapi: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 -- the driver's connection
    dbapi.isolation_level = None  # transactions begin where _begin_sqlite says, not at the driver's guess
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = -{CACHE_KIB}",
    ):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(tx: Connection) -> None:
    if not tx.get_execution_options().get("orderhub_write", False):
        tx.exec_driver_sql("BEGIN")
        return
    # Whoever waits asks again and again, so one of many may come too late each time: then it waits on.
    for left in reversed(range(ATTEMPTS)):
        try:
            tx.exec_driver_sql("BEGIN IMMEDIATE")
        except sqlalchemy.exc.OperationalError as error:
            if not left or not was_ended_for_another(error):
                raise
        else:
            return
