"""What people decide of messages and quarantined records: each time an event with author and reason."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection as Transaction

from connectors.contract import Outcome, WriteResult
from order_store.connections import connection_name
from order_store.events import Event, add_events
from order_store.hub_events import HubEvent, add_hub_events
from order_store.outbox import RETRYABLE, OutboxRow, State, retry
from order_store.outbox_people import BY_HAND, LEAVABLE, find_message, settle_by_person
from order_store.quarantine import dismiss
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.outcomes import Settled, follow


def send_again(hub: Hub, number: int, by: str, why: str) -> OutboxRow:
    """Have a refused or doubtful message sent again, without looking it up: a person has looked.

    Raises:
        ProblemError: If there is no such message, or it stands otherwise.
    """
    now = hub.clock.now()
    with hub.store.begin() as tx:
        row = _find(tx, number)
        if not retry(tx, number, now):
            raise _stands_otherwise(row, RETRYABLE)
        add_events(tx, [Event(row.order_id, now, "message_retried", by, why, _named(row))])
    return row


def mark_done(hub: Hub, number: int, reference: str, by: str, why: str) -> OutboxRow:
    """A person has seen that it was done at the vendor, or has done it: it follows what follows from that.

    Args:
        hub: The hub.
        number: The message's.
        reference: The vendor's own id of what was made: of a picklist, the WMS's id of the shipment.
        by: Who says so.
        why: How they know.

    Raises:
        ProblemError: If there is no such message, or it stands otherwise.
    """
    result = WriteResult(Outcome.APPLIED, vendor_ref=reference)
    return _settle(hub, number, State.APPLIED, result, "message_done", by, why)


def leave(hub: Hub, number: int, by: str, why: str) -> OutboxRow:
    """A person says that it was not done and shall not be: what a refusal would have led to follows.

    Raises:
        ProblemError: If there is no such message, or it stands otherwise.
    """
    result = WriteResult(Outcome.REJECTED, reason=f"dismissed by {by}: {why}")
    return _settle(hub, number, State.SUPERSEDED, result, "message_dismissed", by, why)


def dismiss_record(hub: Hub, number: int, by: str, why: str) -> None:
    """A person says that nothing is to be made of a quarantined record.

    Raises:
        ProblemError: If there is no such record.
    """
    now = hub.clock.now()
    with hub.store.begin() as tx:
        try:
            dismiss(tx, number, f"{by}: {why}", now)
        except KeyError as error:
            raise ProblemError(f"there is no record {number}; see `orderhub quarantine list`") from error
        add_hub_events(tx, [HubEvent(now, "quarantine_dismissed", by, f"quarantine {number}", why)])


def _settle(
    hub: Hub, number: int, state: State, result: WriteResult, kind: str, by: str, why: str
) -> OutboxRow:
    now = hub.clock.now()
    allowed = BY_HAND if result.outcome is Outcome.APPLIED else LEAVABLE
    with hub.store.begin() as tx:
        row = _find(tx, number)
        if not settle_by_person(
            tx, number, state, allowed, now, reason=f"{by}: {why}", vendor_ref=result.vendor_ref
        ):
            raise _stands_otherwise(row, allowed)
        add_events(tx, [Event(row.order_id, now, kind, by, why, _named(row))])
        refused_before = row.state in (State.REJECTED, State.UNSUPPORTED)
        if result.outcome is Outcome.APPLIED or not refused_before:
            follow(tx, Settled(row, result, connection_name(tx, row.connection_id), None, now))
    return row


def _find(tx: Transaction, number: int) -> OutboxRow:
    try:
        return find_message(tx, number)
    except KeyError as error:
        raise ProblemError(f"there is no message {number}; see `orderhub outbox list`") from error


def _stands_otherwise(row: OutboxRow, allowed: Collection[State]) -> ProblemError:
    words = ", ".join(sorted(allowed))
    return ProblemError(f"message {row.id} is {row.state}; this is for messages that are: {words}")


def _named(row: OutboxRow) -> dict[str, Any]:
    return {"message": row.id, "operation": row.operation, "reference": row.reference}
