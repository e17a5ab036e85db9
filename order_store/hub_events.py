"""What people and the doctor did that is no order's history: rows are only ever added."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from order_store.events import encode_detail
from order_store.schema.balance import hub_events


@dataclass(frozen=True, slots=True)
class HubEvent:
    """One thing that was done to the hub.

    Attributes:
        kind: A short word in the past tense.
        source: A person's name, or the part of the hub that did it.
        subject: What it was done to ("quarantine 12", "stock LYS SPOON").
        detail: A few facts, never personal data.
    """

    at: datetime
    kind: str
    source: str
    subject: str
    why: str | None = None
    detail: Mapping[str, Any] | None = None


def add_hub_events(tx: Connection, events: Iterable[HubEvent]) -> None:
    """Append events."""
    rows = [
        {name: getattr(one, name) for name in HubEvent.__slots__} | {"detail": encode_detail(one.detail)}
        for one in events
    ]
    if rows:
        tx.execute(hub_events.insert(), rows)


def list_hub_events(tx: Connection, subject: str | None = None, limit: int = 1000) -> list[HubEvent]:
    """Events, newest first; of one subject if it is named."""
    query = select(hub_events).order_by(hub_events.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(hub_events.c.subject == subject)
    return [
        HubEvent(
            row.at,
            row.kind,
            row.source,
            row.subject,
            row.why,
            msgspec.json.decode(row.detail) if row.detail else None,
        )
        for row in tx.execute(query)
    ]
