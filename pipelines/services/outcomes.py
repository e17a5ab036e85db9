"""What follows from a message's outcome, in the transaction that records it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import update

from connectors.contract import Outcome, WriteResult
from order_store.allocations import note_accepted, release_picklist
from order_store.cancelling import let_go
from order_store.events import Event, add_events
from order_store.outbox import OutboxRow, enqueue, supersede
from order_store.picklists import (
    ENDED,
    State,
    StoredPicklist,
    ask_to_intercept,
    load_picklist,
    set_ship_to,
    set_state,
)
from order_store.schema.fulfilment import parcels
from pipelines.services.bodies import AMEND, CANCEL, CANCEL_LINES, CONFIRM, PUSH

MOVE_SUFFIX = "@move"
"""Ends the reference of a cancellation that only a better warehouse is the reason of."""


class Kind(StrEnum):
    """The events of messages."""

    ACCEPTED = "picklist_accepted"
    REFUSED = "picklist_refused"
    AMENDED = "picklist_amended"
    AMENDMENT_REFUSED = "amendment_refused"
    CANCELLED = "picklist_cancelled"
    INTERCEPT = "intercept_needed"
    MOVE_REFUSED = "move_refused"
    CONFIRMED = "shipment_confirmed"
    CONFIRMATION_REFUSED = "confirmation_refused"
    LINES_CANCELLED = "line_cancellation_accepted"
    LINES_NOT_CANCELLED = "line_cancellation_refused"


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that was answered.

    Attributes:
        source: The connection's name.
        digest: Of the address that was sent, if one was.
    """

    row: OutboxRow
    result: WriteResult
    source: str
    digest: str | None
    now: datetime

    @property
    def applied(self) -> bool:
        """Whether the vendor did it."""
        return self.result.outcome is Outcome.APPLIED

    def event(self, kind: Kind, detail: dict[str, Any], why: str | None = None) -> Event:
        """An event of the message's order."""
        return Event(self.row.order_id, self.now, kind.value, self.source, why, detail)


def follow(tx: Transaction, settled: Settled) -> None:
    """Bring picklist, allocations, parcel and timeline up to what the vendor answered.

    Args:
        tx: The transaction that settles the outbox row.
        settled: The message and its answer.
    """
    if settled.row.operation == CONFIRM:
        _confirmed(tx, settled)
        return
    if settled.row.operation == CANCEL_LINES:
        _lines_cancelled(tx, settled)
        return
    picklist = load_picklist(tx, settled.row.subject_id)
    step = {PUSH: _pushed, AMEND: _amended, CANCEL: _cancelled}[settled.row.operation]
    step(tx, settled, picklist)


def ask_to_cancel(tx: Transaction, picklist: StoredPicklist, now: datetime, why: str) -> None:
    """Put the cancellation of a picklist into the outbox. Its units are free when the WMS confirms it."""
    enqueue(
        tx,
        order_id=picklist.order_id,
        connection_id=picklist.connection_id,
        operation=CANCEL,
        reference=picklist.reference,
        subject_id=picklist.id,
        now=now,
    )
    set_state(tx, picklist.id, State.CANCELLING, now, why=why)


def withdraw(tx: Transaction, picklist: StoredPicklist, now: datetime, why: str) -> None:
    """A picklist ends, and what it has not shipped is free again. No WMS holds it any more."""
    release_picklist(tx, picklist.id, now, why)
    set_state(tx, picklist.id, State.CANCELLED, now, why=why)


def _pushed(tx: Transaction, settled: Settled, picklist: StoredPicklist) -> None:
    row, result, now = settled.row, settled.result, settled.now
    if settled.applied:
        waiting = picklist.state in (State.PLANNED, State.EXCEPTION)
        state = State.ACCEPTED if waiting else picklist.state
        why = None if waiting else picklist.why
        set_state(tx, picklist.id, state, now, why=why, wms_id=result.vendor_ref)
        if row.sent_at is None:
            # What an earlier try may have left at the WMS has the address of that time.
            set_ship_to(tx, picklist.id, settled.digest)
        note_accepted(tx, picklist.id, now)
        add_events(tx, [settled.event(Kind.ACCEPTED, _named(picklist) | {"wms_id": result.vendor_ref})])
        return
    for operation in (AMEND, CANCEL):
        supersede(tx, row.order_id, row.connection_id, operation, row.subject_id, now=now)
    if picklist.state is State.CANCELLING:
        withdraw(tx, picklist, now, "the warehouse never took it")
    else:
        set_state(tx, picklist.id, State.EXCEPTION, now, why=result.reason)
    add_events(tx, [settled.event(Kind.REFUSED, _named(picklist), result.reason)])


def _amended(tx: Transaction, settled: Settled, picklist: StoredPicklist) -> None:
    if settled.applied:
        set_ship_to(tx, picklist.id, settled.digest)
        add_events(tx, [settled.event(Kind.AMENDED, _named(picklist))])
        return
    add_events(tx, [settled.event(Kind.AMENDMENT_REFUSED, _named(picklist), settled.result.reason)])
    if picklist.state not in (*ENDED, State.CANCELLING):
        ask_to_cancel(tx, picklist, settled.now, "the warehouse refused to change it")


def _cancelled(tx: Transaction, settled: Settled, picklist: StoredPicklist) -> None:
    reason = settled.result.reason
    if picklist.state is State.CANCELLED or (settled.applied and picklist.state in ENDED):
        return  # it was read from the WMS already
    if settled.applied:
        withdraw(tx, picklist, settled.now, picklist.why or "cancelled")
        add_events(tx, [settled.event(Kind.CANCELLED, _named(picklist), picklist.why)])
        return
    if picklist.state is State.CANCELLING:
        set_state(tx, picklist.id, State.ACCEPTED, settled.now)
    if settled.row.reference.endswith(MOVE_SUFFIX):
        add_events(tx, [settled.event(Kind.MOVE_REFUSED, _named(picklist), reason)])
        return  # it was a wish: the parcel goes as it was planned
    ask_to_intercept(tx, picklist.id, reason)
    add_events(tx, [settled.event(Kind.INTERCEPT, _named(picklist), reason)])


def _confirmed(tx: Transaction, settled: Settled) -> None:
    detail = {"parcel": settled.row.subject_id, "reference": settled.row.reference}
    if settled.applied:
        tx.execute(
            update(parcels).where(parcels.c.id == settled.row.subject_id).values(confirmed_at=settled.now)
        )
        add_events(tx, [settled.event(Kind.CONFIRMED, detail)])
    else:
        add_events(tx, [settled.event(Kind.CONFIRMATION_REFUSED, detail, settled.result.reason)])


def _lines_cancelled(tx: Transaction, settled: Settled) -> None:
    """The units count as cancelled once the channel's own figures say so; those it refuses wait again."""
    detail = {"reference": settled.row.reference}
    if settled.applied:
        add_events(tx, [settled.event(Kind.LINES_CANCELLED, detail)])
    else:
        let_go(tx, settled.row.order_id)
        add_events(tx, [settled.event(Kind.LINES_NOT_CANCELLED, detail, settled.result.reason)])


def _named(picklist: StoredPicklist) -> dict[str, Any]:
    return {"reference": picklist.reference, "warehouse": picklist.warehouse}
