"""What a WMS refused to take goes elsewhere, where the policy says so; what waits too long is told."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, select

from order_store.dialects import lock_orders
from order_store.events import Event, add_events
from order_store.outbox import State as Message
from order_store.picklists import State, load_picklist
from order_store.routing import note_refusal
from order_store.schema.fulfilment import outbox, picklists
from order_store.schema.orders import order_events, order_lines, orders
from pipelines.hub import Hub
from pipelines.services.bodies import PUSH
from pipelines.services.outcomes import withdraw
from warehouse_routing.policy import Rejection

PROPOSED = "cancellation_proposed"


def take_elsewhere(hub: Hub) -> int:
    """Take back picklists that their WMS never took; returns how many. It is not asked again for a while."""
    if hub.config.routing.after_rejection is not Rejection.ELSEWHERE:
        return 0
    with hub.store.read() as tx:
        refused = _refused(tx)
    for picklist_id in refused:
        with hub.store.begin() as tx:
            _take_back(tx, picklist_id, hub.clock.now())
    return len(refused)


def _refused(tx: Connection) -> list[int]:
    """Picklists that are in no WMS: the push was refused, and is the last word."""
    query = (
        select(picklists.c.id)
        .join(
            outbox,
            (outbox.c.subject_id == picklists.c.id) & (outbox.c.order_id == picklists.c.order_id),
        )
        .join(orders, orders.c.id == picklists.c.order_id)
        .where(
            picklists.c.state == State.EXCEPTION,
            picklists.c.wms_id.is_(None),
            outbox.c.operation == PUSH,
            outbox.c.state.in_((Message.REJECTED, Message.UNSUPPORTED)),
            orders.c.verification == "verified",
            orders.c.revision == picklists.c.order_revision,
        )
        .order_by(picklists.c.id)
    )
    return list(tx.scalars(query))


def _take_back(tx: Connection, picklist_id: int, now: datetime) -> None:
    order_id: int = tx.execute(select(picklists.c.order_id).where(picklists.c.id == picklist_id)).scalar_one()
    lock_orders(tx, [order_id])
    if picklist_id not in _refused(tx):
        return  # a person has had it sent again meanwhile
    picklist = load_picklist(tx, picklist_id)
    note_refusal(tx, order_id, picklist.warehouse, picklist.why, now)
    withdraw(tx, picklist, now, picklist.why or "the warehouse refused it")


def propose_cancellations(hub: Hub) -> int:
    """Tell, once, of lines that have waited longer than the policy lets them; returns how many are new.

    No channel connector can cancel a line, so it stays a proposal: an event of the order for a person, who
    cancels at the channel. Until then the line goes on waiting, and is shipped if stock comes.
    """
    limits = hub.config.routing.cancel_after_days
    if limits.default is None and not limits.skus:
        return 0
    now = hub.clock.now()
    shortest = min([*limits.skus.values(), *([limits.default] if limits.default else [])])
    line = order_lines.c
    query = (
        select(line.order_id, line.line_id, line.sku, line.backordered, line.first_routed_at)
        .join(orders, orders.c.id == line.order_id)
        .where(
            line.backordered > 0,
            line.first_routed_at <= now - timedelta(days=shortest),
            orders.c.verification == "verified",
        )
        .order_by(line.order_id, line.line_no)
    )
    proposed = 0
    with hub.store.begin() as tx:
        for row in tx.execute(query).all():
            days = limits.days(row.sku)
            if days is None or row.first_routed_at > now - timedelta(days=days):
                continue
            if _is_proposed(tx, row.order_id, row.line_id):
                continue
            why = f"it has waited for more than {days} days"
            detail = {"line": row.line_id, "sku": row.sku, "units": row.backordered}
            add_events(tx, [Event(row.order_id, now, PROPOSED, "routing", why, detail)])
            proposed += 1
    return proposed


def _is_proposed(tx: Connection, order_id: int, line_id: str) -> bool:
    event = order_events.c
    details: Iterable[str | None] = tx.scalars(
        select(event.detail).where(event.order_id == order_id, event.kind == PROPOSED)
    )
    return any(msgspec.json.decode(detail)["line"] == line_id for detail in details if detail)
