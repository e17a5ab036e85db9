"""Brings standing picklists in line with orders that have changed since they were allocated."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial

from sqlalchemy import Connection as Transaction
from sqlalchemy import select

from order_store.dialects import lock_orders
from order_store.events import Event, add_events
from order_store.loading import StoredOrder
from order_store.orders import load_order
from order_store.outbox import OutboxRow, enqueue, messages_about, retry, supersede
from order_store.outbox import State as Message
from order_store.personal import digest_key
from order_store.picklists import (
    State,
    StoredPicklist,
    is_ship_to,
    picklists_of_order,
    pin,
    set_ship_to,
    set_state,
    ship_to_digest,
)
from order_store.schema.fulfilment import picklists
from order_store.schema.orders import orders
from order_store.status import units_of
from order_store.verdicts import Verification
from pipelines.hub import Hub
from pipelines.services.bodies import AMEND, PUSH
from pipelines.services.outcomes import ask_to_cancel, withdraw

STANDING = frozenset(State) - {State.SHIPPED, State.CANCELLED, State.CANCELLING}
NOT_TAKEN = frozenset({Message.REJECTED, Message.UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class AmendResult:
    """What a run did.

    Attributes:
        orders: Orders that had changed since picklists of theirs were made.
        kept: Picklists that still stand as they are.
        withdrawn: Picklists that were never sent, or never taken; their units are free.
        cancelling: Picklists that their WMS is asked to cancel.
        amending: Picklists whose WMS is told another address, or will be sent it.
    """

    orders: int = 0
    kept: int = 0
    withdrawn: int = 0
    cancelling: int = 0
    amending: int = 0

    def __add__(self, other: "AmendResult") -> "AmendResult":
        return AmendResult(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def amend_orders(hub: Hub) -> AmendResult:
    """Look at every order with a picklist that stands for an older revision of it.

    Units that are no longer wanted are taken from the newest picklists first. A picklist that would keep
    only a part of its units is cancelled as a whole, and the rest is routed again once its units are free:
    at once if it was never sent, else when the WMS confirms. Orders that verification has not judged since
    their change wait.
    """
    result = AmendResult()
    with hub.store.read() as tx:
        changed = _changed_orders(tx)
    for order_id in changed:
        result += hub.store.transact(partial(_amend, order_id=order_id, now=hub.clock.now()))
    return result


def _changed_orders(tx: Transaction) -> list[int]:
    query = (
        select(orders.c.id)
        .distinct()
        .join(picklists, picklists.c.order_id == orders.c.id)
        .where(
            picklists.c.order_revision != orders.c.revision,
            picklists.c.state.in_(STANDING),
            picklists.c.intercept == 0,
            orders.c.verification != Verification.UNVERIFIED,
        )
        .order_by(orders.c.id)
    )
    return list(tx.scalars(query))


def _amend(tx: Transaction, order_id: int, now: datetime) -> AmendResult:
    lock_orders(tx, [order_id])
    stored = load_order(tx, order_id, "amending")
    revision = stored.row["revision"]
    if stored.row["verification"] == Verification.UNVERIFIED:
        return AmendResult()
    every = picklists_of_order(tx, order_id)
    standing = [one for one in every if one.state in STANDING and not one.intercept]
    unwanted = _unwanted(stored, every)
    ship_to, key = stored.order.ship_to or None, digest_key(tx)
    result = AmendResult(orders=1)
    for picklist in sorted(standing, key=lambda one: one.sequence, reverse=True):
        mine = _unshipped(picklist)
        if any(unwanted.get(line_no, 0) > 0 for line_no in mine):
            for line_no, units in mine.items():
                unwanted[line_no] = unwanted.get(line_no, 0) - units
            result += _end(tx, picklist, now, _why(stored))
        elif ship_to and not is_ship_to(picklist.ship_to_digest, ship_to, key):
            _readdress(tx, picklist, ship_to_digest(ship_to, key), revision, now)
            result += AmendResult(amending=1)
        else:
            result += AmendResult(kept=1)
        pin(tx, picklist.id, revision)
    return result


def _unwanted(stored: StoredOrder, every: Iterable[StoredPicklist]) -> dict[int, int]:
    """By line_no, the allocated units too many, less those that are about to be free anyway."""
    verified = stored.row["verification"] == Verification.VERIFIED
    unwanted: dict[int, int] = {}
    for line in stored.lines:
        units = units_of(line)
        wanted = max(units.current - units.elsewhere, 0) if verified else 0
        unwanted[line["line_no"]] = units.allocated - max(wanted, units.shipped)
    for picklist in every:
        if picklist.state is State.CANCELLING:
            for line_no, count in _unshipped(picklist).items():
                unwanted[line_no] -= count
    return unwanted


def _unshipped(picklist: StoredPicklist) -> dict[int, int]:
    """By line_no, the units of a picklist that are still to leave."""
    found: dict[int, int] = {}
    for line in picklist.lines:
        rest = [
            (one.units - one.shipped, one.units)
            for one in picklist.allocations
            if one.line_no == line.line_no and not one.released
        ]
        open_units = min((line.units * left // units for left, units in rest if units), default=0)
        if open_units:
            found[line.line_no] = open_units
    return found


def _end(tx: Transaction, picklist: StoredPicklist, now: datetime, why: str) -> AmendResult:
    """Withdraw a picklist that no WMS has; ask the WMS to cancel one that it has, or may have."""
    superseded = supersede(tx, picklist.order_id, picklist.connection_id, PUSH, picklist.id, now=now)
    if superseded or _never_taken(tx, picklist):
        withdraw(tx, picklist, now, why)
        return AmendResult(withdrawn=1)
    ask_to_cancel(tx, picklist, now, why)
    detail = {"reference": picklist.reference, "warehouse": picklist.warehouse}
    add_events(tx, [Event(picklist.order_id, now, "cancellation_asked", "amendments", why, detail)])
    return AmendResult(cancelling=1)


def _readdress(tx: Transaction, picklist: StoredPicklist, digest: str, revision: int, now: datetime) -> None:
    """Let a picklist go to another address.

    A push that is still to be sent carries it by itself. One that was refused is sent once more: the old
    address may have been why.
    """
    pushes = _messages(tx, picklist, PUSH)
    if all(_is_unsent(row) for row in pushes):
        set_ship_to(tx, picklist.id, digest)
        return
    if _never_taken(tx, picklist):
        set_ship_to(tx, picklist.id, digest)
        set_state(tx, picklist.id, State.PLANNED, now)
        for row in pushes:
            retry(tx, row.id, now)
        return
    if any(_is_unsent(row) for row in _messages(tx, picklist, AMEND)):
        return
    enqueue(
        tx,
        order_id=picklist.order_id,
        connection_id=picklist.connection_id,
        operation=AMEND,
        reference=f"{picklist.reference}@{revision}",
        subject_id=picklist.id,
        now=now,
    )


def _is_unsent(row: OutboxRow) -> bool:
    """Whether a message is still to be rendered for the first time."""
    return row.state is Message.PENDING and row.sent_at is None


def _never_taken(tx: Transaction, picklist: StoredPicklist) -> bool:
    """Whether the WMS has refused a picklist, so that there is nothing to cancel."""
    return picklist.wms_id is None and all(row.state in NOT_TAKEN for row in _messages(tx, picklist, PUSH))


def _messages(tx: Transaction, picklist: StoredPicklist, operation: str) -> list[OutboxRow]:
    return messages_about(tx, picklist.connection_id, operation, picklist.id, picklist.order_id)


def _why(stored: StoredOrder) -> str:
    standing = stored.row["verification"]
    if standing == Verification.HELD:
        return "the order is held"
    if standing == Verification.NOT_ROUTED:
        return stored.row["not_routed_why"] or "the order is not to be shipped"
    return "fewer units are wanted"
