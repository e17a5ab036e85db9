"""The order's history: what happened, when, why, and who said so. Rows are only ever added.

Nothing here holds personal data: details carry ids, quantities, states and words of the catalogue.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from order_store.dialects import Row, insert_rows
from order_store.schema.base import to_micros
from order_store.schema.orders import order_events

COLUMNS = ("order_id", "at", "kind", "source", "why", "detail")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an order.

    Attributes:
        kind: A short word in the past tense: created, lines_changed, held, allocated, shipped.
        source: The connection's name, or the part of the hub that did it (routing, a person's name).
        detail: A few facts for the timeline.
    """

    order_id: int
    at: datetime
    kind: str
    source: str
    why: str | None = None
    detail: Mapping[str, Any] | None = None


def add_events(tx: Connection, events: Iterable[Event]) -> None:
    """Append events."""
    insert_rows(
        tx,
        order_events,
        COLUMNS,
        [
            (
                event.order_id,
                to_micros(event.at),
                event.kind,
                event.source,
                event.why,
                encode_detail(event.detail),
            )
            for event in events
        ],
    )


def add_event_rows(tx: Connection, rows: Sequence[Row]) -> None:
    """Append events given as rows of COLUMNS, for bulk work."""
    insert_rows(tx, order_events, COLUMNS, rows)


def encode_detail(detail: Mapping[str, Any] | None) -> str | None:
    """The stored form of an event's detail."""
    return msgspec.json.encode(detail).decode() if detail else None


def timeline(tx: Connection, order_id: int) -> list[Event]:
    """Everything that happened to an order, oldest first."""
    found = tx.execute(
        select(order_events)
        .where(order_events.c.order_id == order_id)
        .order_by(order_events.c.at, order_events.c.id)
    )
    return [
        Event(
            row.order_id,
            row.at,
            row.kind,
            row.source,
            row.why,
            msgspec.json.decode(row.detail) if row.detail else None,
        )
        for row in found
    ]
