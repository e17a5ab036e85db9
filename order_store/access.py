"""Who read personal data, why, and of which orders. It holds no personal data itself.

What the hub reads for its own work is added up and written about once a minute, one row for each purpose;
what a person asks to see is written before it is shown.
"""

import contextlib
import getpass
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import desc, insert, select

from order_store.engine import Store
from order_store.schema.keys import access_log

FLUSH_SECONDS = 60.0
FLUSH_CALLS = 1_000
LISTED = 20
"""Of more orders only the first and the last are named."""


@dataclass(slots=True)
class _Reads:
    first_at: datetime
    calls: int = 0
    orders: int = 0
    ids: set[int] = field(default_factory=set)
    least: int = 0
    most: int = 0

    def add(self, order_ids: Sequence[int]) -> None:
        self.calls += 1
        self.orders += len(order_ids)
        least, most = min(order_ids), max(order_ids)
        self.least = min(self.least or least, least)
        self.most = max(self.most, most)
        if len(self.ids) <= LISTED:
            self.ids.update(order_ids[: LISTED + 1])

    def add_records(self, count: int) -> None:
        self.calls += 1
        self.orders += count

    def add_later(self, later: "_Reads") -> None:
        self.calls += later.calls
        self.orders += later.orders
        self.least = min(self.least or later.least, later.least or self.least)
        self.most = max(self.most, later.most)
        self.ids |= later.ids

    def told(self) -> str:
        if len(self.ids) <= LISTED:
            return ",".join(map(str, sorted(self.ids)))
        return f"{self.least}-{self.most}"


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the log."""

    first_at: datetime
    last_at: datetime
    actor: str
    purpose: str
    calls: int
    orders: int
    order_ids: str


class AccessLog:
    """The log, in the key store's database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._pending: dict[str, _Reads] = {}
        self._calls = 0
        self._due = time.monotonic() + FLUSH_SECONDS
        self.actor = f"{_user()}:{os.getpid()}"

    def note(self, purpose: str, order_ids: Sequence[int]) -> None:
        """The hub reads personal data of orders for a purpose."""
        if order_ids:
            self._add(purpose, lambda reads: reads.add(order_ids))

    def note_records(self, purpose: str, count: int) -> None:
        """The hub reads landed records for a purpose, a file at a time: it tells how many, not whose."""
        if count:
            self._add(purpose, lambda reads: reads.add_records(count))

    def note_now(self, purpose: str, order_ids: Sequence[int]) -> None:
        """A person is about to see personal data: the row is there first."""
        self.note(purpose, order_ids)
        self.flush()

    def flush(self) -> None:
        """Write what is pending. What cannot be written is kept for the next time."""
        with self._lock:
            pending, self._pending, self._calls = self._pending, {}, 0
            self._due = time.monotonic() + FLUSH_SECONDS
        if not pending:
            return
        try:
            self._write(pending)
        except BaseException:
            with self._lock:
                for purpose, later in self._pending.items():
                    if purpose in pending:
                        pending[purpose].add_later(later)
                    else:
                        pending[purpose] = later
                self._pending = pending
            raise

    def _add(self, purpose: str, add: Callable[[_Reads], None]) -> None:
        with self._lock:
            if purpose not in self._pending:
                self._pending[purpose] = _Reads(datetime.now(UTC))
            add(self._pending[purpose])
            self._calls += 1
            due = self._calls >= FLUSH_CALLS or time.monotonic() >= self._due
        if due:
            self.flush()

    def _write(self, pending: Mapping[str, _Reads]) -> None:
        now = datetime.now(UTC)
        rows = [
            {
                "first_at": reads.first_at,
                "last_at": now,
                "actor": self.actor,
                "purpose": purpose,
                "calls": reads.calls,
                "orders": reads.orders,
                "order_ids": reads.told(),
            }
            for purpose, reads in sorted(pending.items())
        ]
        with self._store.begin() as tx:
            tx.execute(insert(access_log), rows)

    def newest(self, limit: int = 100) -> list[Access]:
        """The newest rows first, pending ones included."""
        self.flush()
        with self._store.read() as tx:
            rows = tx.execute(select(access_log).order_by(desc(access_log.c.id)).limit(limit))
            return [Access(*row[1:]) for row in rows]


def _user() -> str:
    """Who runs this process: ORDERHUB_ACTOR, else the system's user."""
    if actor := os.environ.get("ORDERHUB_ACTOR"):
        return actor
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return str(os.getuid())
