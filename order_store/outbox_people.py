"""What people decide of messages: done by hand, left, or looked into again."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from order_store.outbox import OutboxRow, State, messages
from order_store.schema.base import Moment
from order_store.schema.fulfilment import outbox

BY_HAND = frozenset({State.NEEDS_PERSON, State.IN_DOUBT, State.REJECTED, State.UNSUPPORTED})
"""What a person may say was done."""
LEAVABLE = BY_HAND | {State.PENDING}
"""What a person may say shall not be sent."""


def find_message(tx: Connection, row_id: int) -> OutboxRow:
    """One message. Raises KeyError if there is none of that number."""
    for row in messages(tx, after=row_id - 1, limit=1):
        if row.id == row_id:
            return row
    raise KeyError(f"no message {row_id}")


def settle_by_person(
    tx: Connection,
    row_id: int,
    state: State,
    allowed: Collection[State],
    now: datetime,
    *,
    reason: str,
    vendor_ref: str | None = None,
) -> bool:
    """Settle a message that nobody has claimed, because a person says how it stands.

    Returns:
        False if it stands otherwise than allowed; nothing is changed then.
    """
    values: dict[str, Any] = {
        "state": state,
        "settled_at": now,
        "reason": reason,
        "fence": outbox.c.fence + 1,
    }
    if vendor_ref is not None:
        values["vendor_ref"] = vendor_ref
    done = tx.execute(
        update(outbox).where(outbox.c.id == row_id, outbox.c.state.in_(allowed)).values(**values)
    )
    return done.rowcount == 1


def doubt(tx: Connection, row_id: int, now: datetime, reason: str) -> bool:
    """Have a message looked into again, as its operation declares, though it was settled or pending.

    Returns:
        False if somebody has it at this moment, or there is none of that number.
    """
    done = tx.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state != State.CLAIMED)
        .values(
            state=State.IN_DOUBT,
            settled_at=None,
            attempts=0,
            not_before=now,
            reason=reason,
            fence=outbox.c.fence + 1,
            sent_at=func.coalesce(outbox.c.sent_at, literal(now, Moment())),
        )
    )
    return done.rowcount == 1


def stuck_messages(tx: Connection, now: datetime, late: timedelta) -> list[OutboxRow]:
    """Messages that do not get on: unsettled for too long, or left to a person, or refused."""
    row = outbox.c
    waits = (row.settled_at.is_(None), row.created_at < now - late, row.not_before < now - late)
    claimed = (row.state == State.CLAIMED, row.lease_until < now - late)
    for_people = row.state.in_((State.NEEDS_PERSON, State.REJECTED))
    ids = select(row.id).where(for_people | (waits[0] & waits[1] & waits[2]) | (claimed[0] & claimed[1]))
    numbers: list[int] = list(tx.scalars(ids.order_by(row.id).limit(1000)))
    return [find_message(tx, number) for number in numbers]
