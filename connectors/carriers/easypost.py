"""EasyPost: trackers, one a tracking number, for some hundred carriers."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from connectors.auth import basic
from connectors.contract import (
    Json,
    Operation,
    Outcome,
    Page,
    RawRecord,
    ReadMode,
    Stream,
    Window,
    WriteResult,
)
from connectors.errors import RecordMissing
from connectors.http import Answer, Request, Transport
from connectors.runtime import Rate, Runtime

RATES = {"default": Rate(per_second=5, burst=10)}
"""EasyPost publishes no figure for trackers; this is ours, and a 429 slows everybody down further."""


class EasyPost:
    """One EasyPost account.

    A tracker is looked up by its tracking code first, which costs nothing. Only if there is none it is
    created: EasyPost answers a repeated creation with the tracker there is, but only for three months, and
    each new tracker costs money (EasyPost's documentation of Trackers).
    """

    settings: ClassVar[Mapping[str, str]] = {"base_url": "EasyPost's address: https://api.easypost.com"}
    optional_settings: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {
        "api_key": "an API key of the account (EZAK... in production, EZTK... for tests)"
    }
    streams: ClassVar[Mapping[str, Stream]] = {"tracking": Stream("tracking", ReadMode.BY_KEY, "tracking")}
    operations: ClassVar[Mapping[str, Operation]] = {}

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._transport = Transport(
            connection,
            settings["base_url"],
            runtime,
            pacer=runtime.pacer_for(connection, RATES),
            auth=basic(secrets["api_key"], ""),
        )

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Trackers are read by tracking number only. Raises ValueError."""
        raise ValueError(f"{self.connection}: {stream} is read one by one, by tracking number")

    def read_one(self, stream: str, external_id: str) -> Page:
        """The newest tracker of a tracking number; it is created if EasyPost has none yet.

        Raises:
            RecordMissing: If EasyPost neither has a tracker nor makes one.
            RecordRejected: If EasyPost can make nothing of the number.
        """
        # Newest first, and more than one because carriers use their numbers again.
        found = self._transport.send(
            Request("GET", "/v2/trackers", params={"tracking_code": external_id, "page_size": "5"})
        )
        trackers = [
            tracker for tracker in found.json()["trackers"] if tracker.get("tracking_code") == external_id
        ]
        if trackers:
            return self._page(external_id, trackers[0], found)
        # Repeating it is harmless: the second creation answers with the first one's tracker.
        made = self._transport.send(
            Request("POST", "/v2/trackers", json={"tracker": {"tracking_code": external_id}}, repeatable=True)
        )
        tracker = made.json()
        if tracker.get("tracking_code") != external_id:
            raise RecordMissing(f"{self.connection}: EasyPost made no tracker of this number")
        return self._page(external_id, tracker, made)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """There is nothing to write."""
        return WriteResult(Outcome.UNSUPPORTED, reason=f"EasyPost trackers know no {operation}")

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """There is nothing to look up."""
        return None

    def _page(self, external_id: str, tracker: dict[str, Any], answer: Answer) -> Page:
        record = RawRecord(external_id, msgspec.json.encode(tracker))
        return Page("tracking", (record,), answer.observed_at, answer.vendor_time)
