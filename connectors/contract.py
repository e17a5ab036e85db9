"""What every connector offers, in the vendor's own JSON.

A connector knows HTTP, authentication, paging and pacing. It knows no canonical record, no database
and no Dagster: what it reads are bytes with the vendor's id beside them, what it writes are bodies that
normalization built.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from connectors.runtime import Runtime

Json = Any
"""Decoded JSON. Numbers with a fraction are Decimal where money may stand in them."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of vendor time, aware UTC: since <= t < until."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the vendor sent it.

    Attributes:
        external_id: The vendor's immutable id of the record (wire form, always text).
        payload: The record's JSON, utf-8.
    """

    external_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a read.

    Attributes:
        stream: The landing stream that the records belong to ("orders", "shipments", "stock", "tracking").
        observed_at: When the request was sent, on the hub's clock, aware UTC.
        vendor_time: The answer's Date header, if any.
        bookmark: Resumes the read after this page; None on the last page of the window.
    """

    stream: str
    records: Sequence[RawRecord]
    observed_at: datetime
    vendor_time: datetime | None = None
    bookmark: str | None = None


class ReadMode(StrEnum):
    """How a stream is read."""

    CHANGES = "changes"  # what changed inside the window, by the vendor's true change signal
    CREATED = "created"  # what was created inside the window: back-fill
    SNAPSHOT = "snapshot"  # everything there is now; the window is ignored
    BY_KEY = "by_key"  # only `read_one`


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that can be read.

    Attributes:
        lookback: How far behind the last watermark a window begins, because the vendor shows changes late.
        max_window: The longest window of one read, or None for no limit.
        lands_as: The landing stream of its records; "orders" for every way of reading orders.
        every: How often it is read at most. A reconciling SNAPSHOT need not run in every cycle; where a
            vendor's change signal misses changes, it must.
    """

    name: str
    mode: ReadMode
    lands_as: str
    lookback: timedelta = timedelta()
    max_window: timedelta | None = None
    every: timedelta = timedelta()


class Safety(StrEnum):
    """How a write is made safe against a lost answer."""

    KEYED = "keyed"  # the vendor enforces an idempotency key
    SETS_VALUE = "sets_value"  # repeating it changes nothing
    LOOK_UP = "look_up"  # it can be looked up by reference, then sent again
    AT_MOST_ONCE = "at_most_once"  # none of these: a person decides


@dataclass(frozen=True, slots=True)
class Operation:
    """One write that the vendor offers.

    Attributes:
        settle: How long to wait before a look-up's "not found" is believed.
    """

    name: str
    safety: Safety
    settle: timedelta = timedelta()


class Outcome(StrEnum):
    """What became of a write that was answered."""

    APPLIED = "applied"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The vendor's answer to a write.

    Attributes:
        vendor_ref: The vendor's id of what was made, if it made something.
        reason: The vendor's reason, without personal data, where not applied.
    """

    outcome: Outcome
    vendor_ref: str | None = None
    reason: str | None = None


class Connector(Protocol):
    """One configured connection to one vendor.

    Reads raise `connectors.errors`; a page that was yielded is complete. Writes return a `WriteResult`
    for every answer that settles the matter (done, "already done" included, unsupported, refused) and
    raise otherwise; `AnswerLost` means that the effect is in doubt.
    """

    settings: ClassVar[Mapping[str, str]]
    """Names of the settings that hub.yaml must give, each with a sentence for its error message."""
    optional_settings: ClassVar[Mapping[str, str]]
    """Names of the settings that hub.yaml may give, each with a sentence."""
    secrets: ClassVar[Mapping[str, str]]
    """Names of the secrets that it needs, each with a sentence."""
    connection: str
    streams: ClassVar[Mapping[str, Stream]]
    operations: ClassVar[Mapping[str, Operation]]

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None: ...

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read a stream (mode CHANGES, CREATED or SNAPSHOT), from a bookmark on if one is given."""
        ...

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one record now. Raises RecordMissing if the vendor knows none."""
        ...

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do one write. `reference` is the hub's stable reference of it: the idempotency key."""
        ...

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """What became of an earlier write of Safety LOOK_UP, or None if there is no trace of it."""
        ...
