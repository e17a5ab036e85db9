"""What a WMS refused to take goes elsewhere, where the policy says so."""

from datetime import datetime

from sqlalchemy import Connection, select

from order_store.dialects import lock_orders
from order_store.outbox import State as Message
from order_store.picklists import State, load_picklist
from order_store.routing import note_refusal
from order_store.schema.fulfilment import outbox, picklists
from order_store.schema.orders import orders
from pipelines.hub import Hub
from pipelines.services.bodies import PUSH
from pipelines.services.outcomes import withdraw
from warehouse_routing.policy import Rejection


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
