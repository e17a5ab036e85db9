"""Parcels that were given to a warehouse and may still go from another, and how they are moved.

As long as a picklist has not been sent, a move is one transaction: its units are released, the new picklist
is made. Once the WMS may have it, it is asked to cancel; only when it confirms are the units free and the
order routed anew. A WMS that refuses such a wish keeps the picklist, and nothing is amiss.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from order_store.dialects import lock_orders, rows_where
from order_store.events import Event, add_events
from order_store.outbox import State as Message
from order_store.outbox import enqueue, supersede
from order_store.picklists import State, StoredPicklist, load_picklist, load_picklists, set_state
from order_store.schema.fulfilment import outbox, picklists
from order_store.schema.orders import orders
from pipelines.config_sites import routing_sites
from pipelines.hub import Hub
from pipelines.services.bodies import CANCEL, PUSH
from pipelines.services.outcomes import MOVE_SUFFIX, withdraw
from warehouse_routing.calendar import cut_off_at
from warehouse_routing.problem import Standing

MOVED = "another warehouse ships it better"
LIVE = frozenset(State) - {State.CANCELLED}


@dataclass(frozen=True, slots=True)
class Movable:
    """A picklist that may still be taken back.

    Attributes:
        lines: Units by line_no, as the channel counts them.
        components: Units that it holds, by line_no and SKU.
        sent: Whether its WMS has it.
    """

    picklist_id: int
    warehouse: str
    dispatch_date: date
    lines: Mapping[int, int]
    components: Mapping[int, Mapping[str, int]]
    sent: bool

    def standing(self, ids: Mapping[int, str]) -> Standing:
        """The same for routing; `ids` gives the channel's ids of lines by line_no."""
        held: dict[str, int] = defaultdict(int)
        for parts in self.components.values():
            for sku, units in parts.items():
                held[sku] += units
        return Standing(
            self.picklist_id,
            self.warehouse,
            {ids[line_no]: units for line_no, units in self.lines.items()},
            held,
            self.dispatch_date,
            self.sent,
        )


def movable_parcels(hub: Hub, tx: Connection, now: datetime) -> dict[int, tuple[Movable, ...]]:
    """By order, all of its parcels, where every one of them may still be moved."""
    policy = hub.config.routing.reconsider
    if policy.saving is None and policy.saving_after_sending is None:
        return {}
    by_order: dict[int, list[StoredPicklist]] = defaultdict(list)
    for picklist in load_picklists(tx, _candidates(tx)).values():
        by_order[picklist.order_id].append(picklist)
    pushes = _pushes(tx, sorted(by_order))
    sites = {site.code: site for site in routing_sites(hub.config)}
    found: dict[int, tuple[Movable, ...]] = {}
    for order_id, parcels in by_order.items():
        movable: list[Movable] = []
        for one in parcels:
            site = sites.get(one.warehouse)
            day = date.fromisoformat(one.dispatch_date)
            if site is None or now >= cut_off_at(site, day) or one.intercept:
                break
            unsent = one.state is State.PLANNED and pushes.get(one.id) == (Message.PENDING, False)
            sent = one.state in (State.ACCEPTED, State.WAITING) and pushes.get(one.id, ("",))[0] == "applied"
            least = policy.saving if unsent else policy.saving_after_sending if sent else None
            if least is None or (sent and _was_asked(tx, one)):
                break
            movable.append(_movable(one, day, sent=sent))
        else:
            found[order_id] = tuple(movable)
    return found


def _candidates(tx: Connection) -> list[int]:
    """Picklists of orders of which nothing was picked, shipped, refused or is about to be cancelled."""
    standing = (State.PLANNED, State.ACCEPTED, State.WAITING)
    other = picklists.alias("other")
    query = (
        select(picklists.c.id)
        .join(orders, orders.c.id == picklists.c.order_id)
        .where(
            picklists.c.state.in_(standing),
            orders.c.status == "allocated",
            orders.c.verification == "verified",
            orders.c.revision == picklists.c.order_revision,
            ~select(other.c.id)
            .where(
                other.c.order_id == picklists.c.order_id,
                other.c.state.in_(LIVE - frozenset(standing)),
            )
            .exists(),
        )
        .order_by(picklists.c.id)
    )
    return list(tx.scalars(query))


def _pushes(tx: Connection, order_ids: list[int]) -> dict[int, tuple[str, bool]]:
    """By picklist, the state of its newest push, and whether it was ever tried."""
    rows = rows_where(tx, outbox, outbox.c.order_id, order_ids)
    return {
        row["subject_id"]: (row["state"], row["sent_at"] is not None)
        for row in sorted(rows, key=lambda row: int(row["id"]))
        if row["operation"] == PUSH
    }


def _was_asked(tx: Connection, picklist: StoredPicklist) -> bool:
    """Whether its WMS has been asked to give it up once already."""
    row = outbox.c
    return (
        tx.scalar(
            select(row.id).where(
                row.connection_id == picklist.connection_id,
                row.operation == CANCEL,
                row.reference == picklist.reference + MOVE_SUFFIX,
            )
        )
        is not None
    )


def _movable(picklist: StoredPicklist, day: date, *, sent: bool) -> Movable:
    components: dict[int, dict[str, int]] = defaultdict(dict)
    for one in picklist.allocations:
        if not one.released:
            components[one.line_no][one.sku] = one.units
    lines = {line.line_no: line.units for line in picklist.lines}
    return Movable(picklist.id, picklist.warehouse, day, lines, components, sent)


def take_back(tx: Connection, picklist_id: int, now: datetime) -> bool:
    """Take back a picklist that was never sent; False if it may have been, and nothing was done."""
    picklist = load_picklist(tx, picklist_id)
    key = (picklist.order_id, picklist.connection_id, PUSH, picklist.id)
    if picklist.state is not State.PLANNED or not supersede(tx, *key, now=now):
        return False
    withdraw(tx, picklist, now, MOVED)
    detail = {"warehouse": picklist.warehouse, "reference": picklist.reference}
    add_events(tx, [Event(picklist.order_id, now, "moved", "routing", MOVED, detail)])
    return True


def ask_to_give_up(tx: Connection, picklist_id: int, revision: int, now: datetime) -> bool:
    """Ask a WMS to cancel a picklist that it has not begun; False if things have changed meanwhile."""
    order_id = tx.scalar(select(picklists.c.order_id).where(picklists.c.id == picklist_id))
    if order_id is None:
        return False
    lock_orders(tx, [int(order_id)])
    picklist = load_picklist(tx, picklist_id)
    now_at: int = tx.execute(select(orders.c.revision).where(orders.c.id == picklist.order_id)).scalar_one()
    if picklist.state not in (State.ACCEPTED, State.WAITING) or now_at != revision:
        return False
    enqueue(
        tx,
        order_id=picklist.order_id,
        connection_id=picklist.connection_id,
        operation=CANCEL,
        reference=picklist.reference + MOVE_SUFFIX,
        subject_id=picklist.id,
        now=now,
    )
    set_state(tx, picklist.id, State.CANCELLING, now, why=MOVED)
    detail = {"warehouse": picklist.warehouse, "reference": picklist.reference}
    add_events(tx, [Event(picklist.order_id, now, "cancellation_asked", "routing", MOVED, detail)])
    return True
