"""The outbox: every message that leaves the hub is a row, written with the change that gives rise to it.

Rows of one aggregate (an order at one connection) go out one after the other, in sequence. A dispatcher
claims rows for a while, sends outside any transaction, and records the outcome only where its claim (the
row's fence) is still its own. A claim that ran out leaves its row in doubt: it may have been sent.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, or_, select, update

from order_store.dialects import insert_or_ignore, is_sqlite, lock_orders
from order_store.imbalances import is_held_order
from order_store.recovering import AFTER_RESTORE, is_recovering, may_be_known
from order_store.schema.base import Moment
from order_store.schema.fulfilment import outbox


class State(StrEnum):
    """How a message stands. A row is settled where `settled_at` is set; only then the next one goes out."""

    PENDING = "pending"  # to be sent from `not_before` on
    CLAIMED = "claimed"  # a dispatcher has it
    APPLIED = "applied"  # settled: the vendor did it
    UNSUPPORTED = "unsupported"  # settled: the vendor cannot do it
    REJECTED = "rejected"  # settled: the vendor refused it, `reason` says why
    IN_DOUBT = "in_doubt"  # it may have been sent; looked up or sent again from `not_before` on
    SUPERSEDED = "superseded"  # settled: it was never sent, and shall not be
    NEEDS_PERSON = "needs_person"  # in doubt, and nothing but a person can tell


SETTLED = frozenset({State.APPLIED, State.UNSUPPORTED, State.REJECTED, State.SUPERSEDED})
CANCEL = "cancel_picklist"
"""The one operation that goes out for an order that is held because it does not balance."""
RETRYABLE = frozenset({State.REJECTED, State.UNSUPPORTED, State.NEEDS_PERSON})
"""What a person may have sent again."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message.

    Attributes:
        subject_id: The picklist's or the parcel's id.
        attempts: How often it was sent, or asked for, so far.
        was_in_doubt: True if an earlier sending may have had its effect.
        fence: Of the claim under which it was read.
    """

    id: int
    order_id: int
    sequence: int
    connection_id: int
    operation: str
    reference: str
    subject_id: int
    state: State
    attempts: int
    not_before: datetime
    fence: int
    lease_until: datetime | None
    was_in_doubt: bool
    vendor_ref: str | None
    reason: str | None
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


def enqueue(
    tx: Connection,
    *,
    order_id: int,
    connection_id: int,
    operation: str,
    reference: str,
    subject_id: int,
    now: datetime,
) -> int:
    """Put a message behind all others of its order and connection.

    Args:
        tx: The write transaction of the change that gives rise to it.
        order_id: The order.
        connection_id: The vendor that it goes to.
        operation: As in connectors.contract.
        reference: The idempotency key, from natural keys. The same one again makes no second row.
        subject_id: The picklist's or the parcel's id.
        now: The hub's time.

    Returns:
        The row's id.
    """
    lock_orders(tx, [order_id])
    key = (
        outbox.c.connection_id == connection_id,
        outbox.c.operation == operation,
        outbox.c.reference == reference,
    )
    known = tx.scalar(select(outbox.c.id).where(*key))
    if known is not None:
        return int(known)
    last = select(func.coalesce(func.max(outbox.c.sequence), 0)).where(
        outbox.c.order_id == order_id, outbox.c.connection_id == connection_id
    )
    in_doubt = may_be_known(tx, order_id)
    row = {
        "order_id": order_id,
        "sequence": int(tx.execute(last).scalar_one()) + 1,
        "connection_id": connection_id,
        "operation": operation,
        "reference": reference,
        "subject_id": subject_id,
        "state": (State.IN_DOUBT if in_doubt else State.PENDING).value,
        "sent_at": now if in_doubt else None,
        "reason": AFTER_RESTORE if in_doubt else None,
        "not_before": now,
        "created_at": now,
    }
    tx.execute(insert_or_ignore(tx, outbox), [row])
    return int(tx.execute(select(outbox.c.id).where(*key)).scalar_one())


def claim(
    tx: Connection,
    connection_id: int,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    settle: Mapping[str, timedelta] | None = None,
) -> list[OutboxRow]:
    """Take messages that are due, for as long as a lease: of each aggregate the first unsettled one.

    Args:
        tx: A write transaction, committed before anything is sent.
        connection_id: The vendor.
        owner: Who takes them.
        now: The hub's time.
        lease: How long nobody else gets them.
        limit: How many at most.
        settle: How long each operation's effect may take to show; a claim that ran out is looked into
            no sooner.
    """
    _expire(tx, connection_id, now, lease, settle or {})
    earlier = outbox.alias("earlier")
    row = outbox.c
    first = ~(
        select(earlier.c.id)
        .where(
            earlier.c.order_id == row.order_id,
            earlier.c.connection_id == row.connection_id,
            earlier.c.sequence < row.sequence,
            earlier.c.settled_at.is_(None),
        )
        .exists()
    )
    due = (
        select(outbox)
        .where(
            row.connection_id == connection_id,
            row.settled_at.is_(None),
            row.state.in_((State.PENDING, State.IN_DOUBT)),
            row.not_before <= now,
            first,
            or_(row.operation == CANCEL, ~is_held_order(row.order_id)),
            ~is_recovering(),
        )
        .order_by(row.id)
        .limit(limit)
    )
    if not is_sqlite(tx):
        due = due.with_for_update(skip_locked=True, of=outbox)
    claimed: list[OutboxRow] = []
    for found in tx.execute(due).mappings().all():
        was = State(found["state"])
        taken = {
            "state": State.CLAIMED,
            "fence": found["fence"] + 1,
            "lease_owner": owner,
            "lease_until": now + lease,
        }
        tx.execute(update(outbox).where(row.id == found["id"]).values(**taken))
        claimed.append(_row(dict(found) | taken, was_in_doubt=was is State.IN_DOUBT))
    return claimed


def _expire(
    tx: Connection, connection_id: int, now: datetime, lease: timedelta, settle: Mapping[str, timedelta]
) -> None:
    """Claims that ran out: their rows may have been sent until then.

    A claim that would end later than any that is made now was made while the clock was ahead: it ends now.
    """
    row = outbox.c
    gone = (
        row.connection_id == connection_id,
        row.settled_at.is_(None),
        row.state == State.CLAIMED,
        (row.lease_until <= now) | (row.lease_until > now + 2 * lease),
    )
    for found in tx.execute(select(row.id, row.operation, row.lease_until, row.fence).where(*gone)).all():
        tx.execute(
            update(outbox)
            .where(row.id == found.id, row.fence == found.fence, row.state == State.CLAIMED)
            .values(
                state=State.IN_DOUBT,
                fence=found.fence + 1,
                lease_owner=None,
                lease_until=None,
                not_before=min(found.lease_until, now) + settle.get(found.operation, timedelta()),
                reason="its sender ended before it recorded an outcome",
                sent_at=_first(min(found.lease_until, now)),
            )
        )


def settle(
    tx: Connection,
    row: OutboxRow,
    state: State,
    *,
    now: datetime,
    vendor_ref: str | None = None,
    reason: str | None = None,
) -> bool:
    """Record a claimed message's outcome; a state of SETTLED, or NEEDS_PERSON.

    Returns:
        False if the claim is another's by now: nothing is recorded, and nothing may follow from it.
    """
    values = {
        "state": state,
        "vendor_ref": vendor_ref,
        "reason": reason,
        "attempts": outbox.c.attempts + 1,
        "sent_at": _first(now),
        "settled_at": now if state in SETTLED else None,
    }
    return _record(tx, row, values)


def postpone(
    tx: Connection,
    row: OutboxRow,
    until: datetime,
    reason: str | None,
    *,
    in_doubt: bool,
    sent_at: datetime | None,
) -> bool:
    """Give a claimed message back, to be taken up again at `until`.

    Args:
        tx: A write transaction.
        row: As it was claimed.
        until: When it is due again.
        reason: Why it waits.
        in_doubt: Whether it may have had its effect.
        sent_at: When it was tried; None if it was not, so that it still may be taken back.

    Returns:
        False if the claim is another's by now.
    """
    values = {
        "state": State.IN_DOUBT if in_doubt else State.PENDING,
        "not_before": until,
        "reason": reason,
        "attempts": outbox.c.attempts + (0 if sent_at is None else 1),
        "sent_at": _first(sent_at) if sent_at else outbox.c.sent_at,
    }
    return _record(tx, row, values)


def postpone_connection(tx: Connection, connection_id: int, until: datetime) -> int:
    """Let everything that waits for a connection wait longer. Returns how many rows that are."""
    row = outbox.c
    waiting = (
        row.connection_id == connection_id,
        row.settled_at.is_(None),
        row.state.in_((State.PENDING, State.IN_DOUBT)),
        row.not_before < until,
    )
    return tx.execute(update(outbox).where(*waiting).values(not_before=until)).rowcount


def supersede(
    tx: Connection,
    order_id: int,
    connection_id: int,
    operation: str,
    subject_id: int,
    *,
    now: datetime,
) -> bool:
    """Take a message back that was never sent. False if there is none, or it may have been sent."""
    row = outbox.c
    done = tx.execute(
        update(outbox)
        .where(
            row.order_id == order_id,
            row.connection_id == connection_id,
            row.operation == operation,
            row.subject_id == subject_id,
            row.state == State.PENDING,
            row.sent_at.is_(None),
        )
        .values(state=State.SUPERSEDED, settled_at=now, fence=row.fence + 1)
    )
    return done.rowcount > 0


def retry(tx: Connection, row_id: int, now: datetime) -> bool:
    """Have a refused or doubtful message sent again, because a person says so.

    Returns:
        False if there is no such row, or it stands otherwise.
    """
    row = outbox.c
    done = tx.execute(
        update(outbox)
        .where(row.id == row_id, row.state.in_(RETRYABLE))
        .values(state=State.PENDING, not_before=now, settled_at=None, attempts=0, fence=row.fence + 1)
    )
    return done.rowcount > 0


def messages(
    tx: Connection,
    *,
    connection_id: int | None = None,
    order_id: int | None = None,
    states: Collection[State] = (),
    after: int = 0,
    limit: int = 100,
) -> list[OutboxRow]:
    """Messages by id, oldest first."""
    query: Select[Any] = select(outbox).where(outbox.c.id > after)
    if connection_id is not None:
        query = query.where(outbox.c.connection_id == connection_id)
    if order_id is not None:
        query = query.where(outbox.c.order_id == order_id)
    if states:
        query = query.where(outbox.c.state.in_(states))
    found = tx.execute(query.order_by(outbox.c.id).limit(limit)).mappings()
    return [_row(dict(one)) for one in found]


def messages_about(
    tx: Connection, connection_id: int, operation: str, subject_id: int, order_id: int
) -> list[OutboxRow]:
    """All messages of one kind about one picklist or parcel, oldest first."""
    wanted = messages(tx, connection_id=connection_id, order_id=order_id, limit=1000)
    return [row for row in wanted if row.operation == operation and row.subject_id == subject_id]


def counts(tx: Connection) -> dict[tuple[int, State], int]:
    """How many messages stand how, by connection and state; what was applied long ago is counted too."""
    found = tx.execute(
        select(outbox.c.connection_id, outbox.c.state, func.count().label("rows")).group_by(
            outbox.c.connection_id, outbox.c.state
        )
    )
    return {(one.connection_id, State(one.state)): one.rows for one in found}


def _first(moment: datetime) -> ColumnElement[datetime]:
    """SQL for when a message was first sent: a time once noted stays."""
    return func.coalesce(outbox.c.sent_at, literal(moment, Moment()))


def _record(tx: Connection, row: OutboxRow, values: Mapping[str, Any]) -> bool:
    own: tuple[ColumnElement[bool], ...] = (
        outbox.c.id == row.id,
        outbox.c.fence == row.fence,
        outbox.c.state == State.CLAIMED,
    )
    done = tx.execute(update(outbox).where(*own).values(lease_owner=None, lease_until=None, **values))
    return done.rowcount == 1


def _row(found: Mapping[str, Any], *, was_in_doubt: bool = False) -> OutboxRow:
    fields = {name: found[name] for name in OutboxRow.__slots__ if name not in ("state", "was_in_doubt")}
    return OutboxRow(**fields, state=State(found["state"]), was_in_doubt=was_in_doubt)
