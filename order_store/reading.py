"""The two marks of a read: the bookmark moves with every page, the watermark with a complete window."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, delete, select, update

from order_store.dialects import insert_or_ignore
from order_store.schema.reading import read_state


@dataclass(frozen=True, slots=True)
class ReadState:
    """How far the reading of one stream has come.

    Attributes:
        watermark: Everything that changed before it has been read; None before the first window.
        window_since: Start of the window that is being read, if one is.
        window_until: Its end.
        bookmark: Resumes that window; None at its first page.
        changed_at: When one of these marks last moved; None if the stream was never read.
    """

    watermark: datetime | None = None
    window_since: datetime | None = None
    window_until: datetime | None = None
    window_started_at: datetime | None = None
    window_vendor_time: datetime | None = None
    bookmark: str | None = None
    window_pages: int = 0
    window_records: int = 0
    completed_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def in_window(self) -> bool:
        """Whether a window is begun and not complete: the next read resumes it."""
        return self.window_until is not None


def read_marks(tx: Connection, connection_id: int, stream: str) -> ReadState:
    """The marks of a stream; empty ones if it was never read."""
    state = read_state.c
    row = (
        tx.execute(
            select(
                state.watermark,
                state.window_since,
                state.window_until,
                state.window_started_at,
                state.window_vendor_time,
                state.bookmark,
                state.window_pages,
                state.window_records,
                state.completed_at,
                state.changed_at,
            ).where(state.connection_id == connection_id, state.stream == stream)
        )
        .mappings()
        .first()
    )
    return ReadState(**row) if row else ReadState()


def begin_window(
    tx: Connection, connection_id: int, stream: str, since: datetime, until: datetime, now: datetime
) -> None:
    """Note the window that is about to be read, and the hub's time before its first request."""
    key = {"connection_id": connection_id, "stream": stream}
    tx.execute(insert_or_ignore(tx, read_state), [key | {"changed_at": now}])
    tx.execute(
        _mine(connection_id, stream).values(
            window_since=since,
            window_until=until,
            window_started_at=now,
            window_vendor_time=None,
            bookmark=None,
            window_pages=0,
            window_records=0,
            changed_at=now,
        )
    )


def keep_place(tx: Connection, connection_id: int, stream: str, place: str, now: datetime) -> None:
    """Note how far something has come that goes round and round, and has no windows."""
    key = {"connection_id": connection_id, "stream": stream}
    tx.execute(insert_or_ignore(tx, read_state), [key | {"changed_at": now}])
    tx.execute(_mine(connection_id, stream).values(bookmark=place, changed_at=now))


def move_bookmark(
    tx: Connection,
    connection_id: int,
    stream: str,
    bookmark: str | None,
    *,
    records: int,
    now: datetime,
    vendor_time: datetime | None = None,
) -> None:
    """Note that one more page is stored, in the transaction that stores it. The watermark stays.

    The vendor's time of the window's first page is kept: it bounds the watermark.
    """
    state = read_state.c
    values = {
        "bookmark": bookmark,
        "window_pages": state.window_pages + 1,
        "window_records": state.window_records + records,
        "changed_at": now,
    }
    tx.execute(_mine(connection_id, stream).values(values))
    if vendor_time is not None:
        tx.execute(
            _mine(connection_id, stream)
            .where(state.window_pages == 1, state.window_vendor_time.is_(None))
            .values(window_vendor_time=vendor_time)
        )


def complete_window(
    tx: Connection, connection_id: int, stream: str, now: datetime, lookback: timedelta = timedelta()
) -> datetime:
    """Move the watermark: the window has been read to its end.

    It moves to the window's end or, if earlier, to the earlier of the vendor's and the hub's time at the
    window's start; less the vendor's lookback; and never back.

    Raises:
        ValueError: If no window is being read.
    """
    marks = read_marks(tx, connection_id, stream)
    if marks.window_until is None:
        raise ValueError(f"no window of {stream} is being read")
    bounds = (marks.window_until, marks.window_started_at, marks.window_vendor_time)
    reached = min(bound for bound in bounds if bound is not None) - lookback
    watermark = max(reached, marks.watermark) if marks.watermark else reached
    tx.execute(
        _mine(connection_id, stream).values(
            watermark=watermark,
            window_since=None,
            window_until=None,
            window_started_at=None,
            window_vendor_time=None,
            bookmark=None,
            completed_at=now,
            changed_at=now,
        )
    )
    return watermark


def abandon_window(tx: Connection, connection_id: int, stream: str, now: datetime) -> None:
    """Give a window up (its bookmark no longer works): the next read starts at the watermark again."""
    tx.execute(
        _mine(connection_id, stream).values(
            window_since=None,
            window_until=None,
            window_started_at=None,
            window_vendor_time=None,
            bookmark=None,
            changed_at=now,
        )
    )


def forget_marks(tx: Connection, connection_id: int, stream: str) -> None:
    """Drop the marks of something that was read to its end and is not read again by itself."""
    mine = (read_state.c.connection_id == connection_id, read_state.c.stream == stream)
    tx.execute(delete(read_state).where(*mine))


def _mine(connection_id: int, stream: str) -> Update:
    return update(read_state).where(
        read_state.c.connection_id == connection_id, read_state.c.stream == stream
    )
