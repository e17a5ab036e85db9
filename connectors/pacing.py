"""Pacing that all processes of a machine share, in a small SQLite file of its own.

The rule is pyrate-limiter's token bucket; the file only makes its one step atomic between processes.
pyrate-limiter's own SQLite bucket keeps a row for each unit spent and knows no burst, so a query that
costs 1,000 points would write 1,000 rows; its constant-state bucket keeps one number a bucket, and lets
the state live wherever a `StateStore` puts it.

Pacing runs on the machine's time, also where the hub's clock is simulated: the vendor's limits do too.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import tenacity
from pyrate_limiter import Decision, StateStore, TokenBucket
from pyrate_limiter import Rate as LimitRate
from pyrate_limiter.abstracts.algorithm import State, StateAlgorithm

from connectors.errors import RateLimited
from connectors.http import SHORT_WAIT
from connectors.runtime import Pacer, Rate

SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket (
    name TEXT PRIMARY KEY,
    spent_until_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pause (
    name TEXT PRIMARY KEY,
    asked_at REAL NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
"""
RECHECK = 0.001
"""Seconds added to every wait, so that a rounded-down sleep does not ask once too often."""


def shared_pacing(folder: Path) -> Callable[[str, Mapping[str, Rate]], Pacer]:
    """What `Runtime.pacer_for` takes: pacers over one file in `folder`, shared by all processes."""
    folder.mkdir(parents=True, exist_ok=True)
    return partial(SharedPacer, folder / "pacing.sqlite")


class SharedPacer:
    """Keeps everybody who uses a connection inside its rates, and inside the pauses that it was asked for.

    Args:
        path: The SQLite file; made if it is not there.
        connection: The connection's name: pacers of the same name share their buckets.
        rates: The token bucket of each name. A bucket without a rate knows pauses only.
        bound: The longest wait of one `acquire`.
        now: Seconds of the machine's clock, the same in all processes.
        sleep: Waits real seconds.
    """

    def __init__(
        self,
        path: Path,
        connection: str,
        rates: Mapping[str, Rate],
        *,
        bound: timedelta = SHORT_WAIT,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file = _PacingFile(path)
        self._connection = connection
        self._rates = {name: _limit(rate) for name, rate in rates.items()}
        self._bound = bound.total_seconds()
        self._now = now
        self._sleep = sleep

    def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None:
        """Wait until `cost` units may be spent and `spare` are left, and spend the former.

        A cost above the burst takes the whole bucket: it could never be admitted otherwise.

        Raises:
            RateLimited: If that takes longer than the bound; nothing is spent then.
        """
        waited = 0.0
        while (wait := self._missing(bucket, cost, spare)) > 0:
            if waited + wait > self._bound:
                raise RateLimited(
                    f"{self._connection}: {bucket} is spent for {wait:.1f} s", timedelta(seconds=wait)
                )
            self._sleep(wait + RECHECK)
            waited += wait

    def pause(self, bucket: str, seconds: float) -> None:
        """Let nobody spend anything of the bucket for so long. A shorter pause does not end a longer one."""
        now = self._now()
        self._file.pause(self._name(bucket), now, now + seconds)

    def _missing(self, bucket: str, cost: int, spare: int) -> float:
        """Seconds until it is worth asking again; 0 if the units were spent."""
        now = self._now()
        paused = self._file.paused_until(self._name(bucket), now) - now
        if paused > 0:
            return paused
        rate = self._rates.get(bucket)
        if rate is None:
            return 0.0
        store = _SharedState(self._file, self._name(bucket), spare)
        decision = store.check(TokenBucket(), [rate], int(now * 1000), min(cost, rate.burst))
        return 0.0 if decision.allowed else (decision.retry_after_ms or 1) / 1000

    def _name(self, bucket: str) -> str:
        return f"{self._connection}/{bucket}"


def _limit(rate: Rate) -> LimitRate:
    """Our rate in pyrate-limiter's form: `burst` units in the time that it takes to fill the bucket."""
    return LimitRate(rate.burst, max(1, round(rate.burst / rate.per_second * 1000)), rate.burst)


class _SharedState(StateStore):
    """One bucket's number in the pacing file."""

    def __init__(self, file: "_PacingFile", name: str, spare: int) -> None:
        self._file = file
        self._name = name
        self._spare = spare

    def check(self, algorithm: StateAlgorithm, rates: list[LimitRate], now: int, weight: int) -> Decision:
        """Take one step of the algorithm with no other process in between."""
        with self._file.transaction() as connection:
            state = self._load(connection, rates, now)
            advanced, decision = algorithm.step(rates, state, now, weight)
            if self._spare:
                _, decision = algorithm.step(rates, state, now, min(weight + self._spare, rates[0].burst))
            if decision.allowed:
                connection.execute(
                    "INSERT INTO bucket VALUES (?, ?) ON CONFLICT (name)"
                    " DO UPDATE SET spent_until_us = excluded.spent_until_us",
                    (self._name, int(advanced[0])),
                )
        return decision

    def read(self, algorithm: StateAlgorithm, rates: list[LimitRate]) -> State:
        """The bucket's number as it is."""
        with self._file.transaction() as connection:
            return self._load(connection, rates, int(time.time() * 1000))

    def reset(self) -> None:
        """Fill the bucket."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM bucket WHERE name = ?", (self._name,))

    def _load(self, connection: sqlite3.Connection, rates: list[LimitRate], now: int) -> State:
        row = connection.execute("SELECT spent_until_us FROM bucket WHERE name = ?", (self._name,)).fetchone()
        # A bucket is never more than empty. What lies further ahead was written before the machine's
        # clock was set back, or under a slower rate; it is put right, or the wait would never end.
        emptied = (now + rates[0].interval * rates[0].burst // rates[0].limit) * 1000
        if row and row[0] > emptied:
            connection.execute("UPDATE bucket SET spent_until_us = ? WHERE name = ?", (emptied, self._name))
            return (emptied,)
        return (row[0] if row else 0,)


class _PacingFile:
    """The SQLite file: one connection a process, one transaction at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, which other processes wait for."""
        with self._lock:
            if self._process != os.getpid():
                self._open()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def pause(self, name: str, asked_at: float, until: float) -> None:
        """Remember a pause, unless a longer one runs."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO pause VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET asked_at = excluded.asked_at, until = excluded.until"
                " WHERE excluded.until > pause.until OR pause.asked_at > excluded.asked_at",
                (name, asked_at, until),
            )

    def paused_until(self, name: str, now: float) -> float:
        """When the pause ends, 0 if there is none. A pause asked for in the future is a clock set back."""
        with self.transaction() as connection:
            row = connection.execute("SELECT asked_at, until FROM pause WHERE name = ?", (name,)).fetchone()
        return row[1] if row and row[0] <= now else 0.0

    def _open(self) -> None:
        """Open the file in this process: SQLite's connections must not be carried across a fork."""
        self._connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, self._connection.close)
        _prepare(self._connection)
        self._process = os.getpid()


# SQLite's own time-out does not cover the change to WAL: of several processes that open a new file at
# the same moment, some are told at once that it is locked.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(sqlite3.OperationalError),
    wait=tenacity.wait_random(0.005, 0.05),
    stop=tenacity.stop_after_delay(30),
    reraise=True,
)
def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(SCHEMA)
