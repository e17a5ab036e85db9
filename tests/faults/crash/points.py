"""Finds every point at which a process changes state, and kills the process at one of them.

Nothing in the hub's code is marked by hand. `install` listens to the database drivers, to the interpreter's
audit events and to the HTTP library, and so sees each commit (of the order store, and of the pacing file),
each file that is opened for writing, renamed, synced, made or removed, and each call to a vendor that is
not a plain GET, before and after. A point is named after what happens and the places in our code from which
it happens; the same name's occurrences are counted.
"""

import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

Given = Any
"""What is handed through as it came."""

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("analytics/", "connectors/", "normalization/", "order_store/", "pipelines/", "warehouse_routing/")
EVERYWHERE = ("order_store/engine.py", "connectors/http.py", "connectors/pacing.py")
"""Places that everything passes: they tell nothing of what is done."""
READS = ("SELECT", "PRAGMA", "BEGIN", "SHOW", "SAVEPOINT", "RELEASE", "ROLLBACK", "EXPLAIN")
FILES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


@dataclass(frozen=True, order=True)
class Point:
    """The `occurrence`-th time that something happens in a run."""

    kind: str
    place: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.kind} in {self.place} #{self.occurrence}"


class Watch:
    """Counts points as they are passed, and kills its own process at the one that it is told of."""

    def __init__(self, folder: Path, victim: Point | None) -> None:
        self.folder = str(folder)
        self.passed: list[Point] = []
        self._victim = victim
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._wrote = threading.local()

    def pass_by(self, kind: str) -> None:
        """A point: state changes now, or has just changed."""
        place = _place(sys._getframe(2))
        if not place:
            return
        with self._lock:
            self._counts[kind, place] += 1
            point = Point(kind, place, self._counts[kind, place])
            if point == self._victim:
                os.kill(os.getpid(), signal.SIGKILL)
            self.passed.append(point)

    def around(self, kind: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """`act`, with a point before and one after it."""

        def acted(*arguments: Given, **named: Given) -> Given:
            self.pass_by(f"before {kind}")
            result = act(*arguments, **named)
            self.pass_by(f"after {kind}")
            return result

        return acted


def install(folder: Path, victim: Point | None) -> Watch:
    """Begin to watch this process; `folder` holds everything that the hub writes."""
    watch = Watch(folder, victim)
    _watch_databases(watch)
    _watch_files(watch)
    _watch_calls(watch)
    return watch


def _watch_databases(watch: Watch) -> None:
    wrote: set[int] = set()

    def statement(tx: Connection, _cursor: Given, text: str, *_rest: Given) -> None:
        if not text.lstrip().upper().startswith(READS):
            wrote.add(id(tx.connection.dbapi_connection))

    event.listen(Engine, "before_cursor_execute", statement)
    dialects: tuple[Any, ...] = (SQLiteDialect_pysqlite, PGDialect_psycopg)
    for dialect in dialects:
        dialect.do_commit = _commit(watch, wrote, dialect.do_commit)
        dialect.do_rollback = _rollback(wrote, dialect.do_rollback)
    connect = sqlite3.connect  # SQLAlchemy takes its own from sqlite3.dbapi2

    class Watched(sqlite3.Connection):
        changes = 0

        def execute(self, text: str, *arguments: Given) -> sqlite3.Cursor:
            if text == "COMMIT" and self.total_changes > self.changes:
                self.changes = self.total_changes
                watch.pass_by("before pacing commit")
                done = super().execute(text)
                watch.pass_by("after pacing commit")
                return done
            return super().execute(text, *arguments)

    sqlite3.connect = lambda *given, **named: connect(*given, **named, factory=Watched)  # type: ignore[assignment]


def _commit(watch: Watch, wrote: set[int], do_commit: Callable[..., None]) -> Callable[..., None]:
    def committed(dialect: Given, connection: Given) -> None:
        key = id(getattr(connection, "dbapi_connection", connection))
        writes = key in wrote
        wrote.discard(key)
        if writes:
            watch.pass_by("before commit")
        do_commit(dialect, connection)
        if writes:
            watch.pass_by("after commit")

    return committed


def _rollback(wrote: set[int], do_rollback: Callable[..., None]) -> Callable[..., None]:
    def rolled_back(dialect: Given, connection: Given) -> None:
        wrote.discard(id(getattr(connection, "dbapi_connection", connection)))
        do_rollback(dialect, connection)

    return rolled_back


def _watch_files(watch: Watch) -> None:
    for name in ("rename", "replace"):
        setattr(os, name, watch.around("rename", getattr(os, name)))
    # What a killed process has written stays with the kernel: nothing is gained by waiting for the disk.
    os.fsync = watch.around("fsync", lambda _descriptor: None)

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, _mode, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(watch.folder):
                watch.pass_by("before open for writing")
        elif name in FILES and name != "os.rename" and str(arguments[0]).startswith(watch.folder):
            watch.pass_by(f"before {name.partition('.')[2]}")
        elif name == "subprocess.Popen":
            watch.pass_by("before start of a process")

    sys.addaudithook(audit)


def _watch_calls(watch: Watch) -> None:
    send = requests.adapters.HTTPAdapter.send

    def sent(
        adapter: Given, request: requests.PreparedRequest, *rest: Given, **named: Given
    ) -> requests.Response:
        world = "/_control/" in (request.url or "")
        if world or request.method == "GET":
            return send(adapter, request, *rest, **named)
        watch.pass_by("before call")
        answer = send(adapter, request, *rest, **named)
        watch.pass_by("after call")
        return answer

    requests.adapters.HTTPAdapter.send = sent  # type: ignore[method-assign]


def _place(frame: FrameType | None) -> str:
    """The two innermost places of our own code, other than those that everything passes."""
    return " < ".join(dict.fromkeys(_own(frame)))


def _own(frame: FrameType | None) -> Iterator[str]:
    found = 0
    while frame is not None and found < 2:
        file = frame.f_code.co_filename
        if file.startswith(str(ROOT)):
            inner = file[len(str(ROOT)) + 1 :]
            if inner.startswith(PACKAGES) and inner not in EVERYWHERE:
                found += 1
                yield f"{inner}:{frame.f_code.co_name}"
        frame = frame.f_back
