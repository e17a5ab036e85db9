"""Lines that have waited for stock longer than the policy lets them: the channel cancels them, or a person.

Where the policy says `at_channel` and the channel's connector offers it, the channel is asked through the
outbox. The units are withheld from routing until the channel's own figures show them as cancelled, or it has
refused. Everywhere else it stays a proposal: an event for a person, and the line ships if stock comes.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import Row, func, select

from connectors.registry import connector_class
from normalization.records import Cancellation, LineCancellation
from order_store.cancelling import withhold
from order_store.dialects import lock_orders
from order_store.events import Event, add_events
from order_store.orders import load_order
from order_store.outbox import OutboxRow, enqueue
from order_store.schema.fulfilment import outbox
from order_store.schema.orders import order_events, order_lines, orders
from order_store.schema.reading import connections
from pipelines.config_routing import CancelAfter
from pipelines.hub import Hub

OPERATION = "cancel_lines"
PROPOSED, ASKED = "cancellation_proposed", "line_cancellation_asked"
AT_ONCE = 500
"""Orders of one query."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """What was done about lines that wait too long.

    Attributes:
        proposed: Lines that a person was told of.
        asked: Lines that a channel was asked to cancel.
    """

    proposed: int = 0
    asked: int = 0

    def __add__(self, other: "Overdue") -> "Overdue":
        return Overdue(self.proposed + other.proposed, self.asked + other.asked)


def cancel_overdue(hub: Hub) -> Overdue:
    """Have lines cancelled that have waited longer than the policy lets them, or tell of them, once each."""
    limits = hub.config.routing.cancel_after_days
    if limits.shortest is None:
        return Overdue()
    now = hub.clock.now()
    with hub.store.read() as tx:
        late = _late_lines(tx, limits, now)
        known = _told(tx, {line.order_id for line in late})
    news = {line.order_id for line in late if _is_news(hub, line, known)}
    done = Overdue()
    for order_id in sorted(news):
        done += hub.store.transact(partial(_decide, hub=hub, order_id=order_id, now=now))
    return done


def cancellation_of(tx: Transaction, row: OutboxRow) -> Cancellation | None:
    """What a channel is asked to cancel, from what the store knows now; None if nothing is left to cancel.

    Args:
        tx: A read transaction.
        row: The message.
    """
    stored = load_order(tx, row.order_id, "sending")
    bundles = {line["parent_line_id"] for line in stored.lines}
    lines, since, remaining = [], [], 0
    for line in stored.lines:
        left = line["ordered"] - line["cancelled"] - line["cancelling"]
        if line["requires_shipping"] or line["line_id"] not in bundles:
            remaining += left  # a bundle that is sent as its parts is gone with them
        if line["cancelling"]:
            lines.append(LineCancellation(line_id=line["line_id"], units=line["cancelling"], remaining=left))
            since.append(line["first_routed_at"])
    if not lines:
        return None
    return Cancellation(
        reference=row.reference,
        external_id=stored.order.external_id,
        number=stored.order.number,
        lines=tuple(lines),
        reason=f"out of stock since {min(since):%Y-%m-%d}",
        whole=remaining == 0,
    )


def _late_lines(
    tx: Transaction, limits: CancelAfter, now: datetime, order_id: int | None = None
) -> list[Row[Any]]:
    """Lines that wait for longer than their SKU may, of all verified orders or of one."""
    line = order_lines.c
    query = (
        select(
            line.order_id,
            line.line_no,
            line.line_id,
            line.sku,
            line.backordered,
            line.first_routed_at,
            orders.c.external_id,
            orders.c.connection_id,
            connections.c.name.label("channel"),
        )
        .join(orders, orders.c.id == line.order_id)
        .join(connections, connections.c.id == orders.c.connection_id)
        .where(
            line.backordered > 0,
            line.cancelling == 0,
            line.first_routed_at <= now - timedelta(days=limits.shortest or 0),
            orders.c.verification == "verified",
        )
        .order_by(line.order_id, line.line_no)
    )
    if order_id is not None:
        query = query.where(line.order_id == order_id)
    found = []
    for row in tx.execute(query):
        days = limits.days(row.sku)
        if days is not None and row.first_routed_at <= now - timedelta(days=days):
            found.append(row)
    return found


def _told(tx: Transaction, order_ids: Iterable[int]) -> set[tuple[int, str, str]]:
    """What was said of lines before: (order_id, line_id, kind of event)."""
    event = order_events.c
    wanted = sorted(order_ids)
    found = set()
    for start in range(0, len(wanted), AT_ONCE):
        query = select(event.order_id, event.kind, event.detail).where(
            event.order_id.in_(wanted[start : start + AT_ONCE]), event.kind.in_((PROPOSED, ASKED))
        )
        for row in tx.execute(query):
            found.add((row.order_id, msgspec.json.decode(row.detail)["line"], row.kind))
    return found


def _is_news(hub: Hub, line: Row[Any], known: Container[tuple[int, str, str]]) -> bool:
    """Whether nothing was said of a line that says as much. What was only proposed may be asked for now."""
    kinds = (ASKED,) if _can_ask(hub, line.channel) else (ASKED, PROPOSED)
    return not any((line.order_id, line.line_id, kind) in known for kind in kinds)


def _can_ask(hub: Hub, channel: str) -> bool:
    """Whether the policy wants channels asked, and this one can be."""
    if not hub.config.routing.cancel_after_days.at_channel:
        return False
    connectors = {one.name: one.connector for one in hub.config.enabled("channel")}
    return channel in connectors and OPERATION in connector_class(connectors[channel]).operations


def _decide(tx: Transaction, hub: Hub, order_id: int, now: datetime) -> Overdue:
    """Decide on all late lines of an order at once.

    Those that were refused before are asked for again with a new one: together they may be the whole order.
    """
    limits = hub.config.routing.cancel_after_days
    lock_orders(tx, [order_id])
    late = _late_lines(tx, limits, now, order_id)
    known = _told(tx, [order_id])
    if not any(_is_news(hub, line, known) for line in late):
        return Overdue()
    if _can_ask(hub, late[0].channel):
        taken = [line for line in late if withhold(tx, order_id, line.line_no, line.backordered)]
        add_events(tx, [_event(ASKED, line, limits, now) for line in taken])
        if taken:
            _ask(tx, taken[0], now)
        return Overdue(asked=len(taken))
    new = [line for line in late if _is_news(hub, line, known)]
    add_events(tx, [_event(PROPOSED, line, limits, now) for line in new])
    return Overdue(proposed=len(new))


def _ask(tx: Transaction, line: Row[Any], now: datetime) -> None:
    mine = (outbox.c.order_id == line.order_id, outbox.c.operation == OPERATION)
    before: int = tx.execute(select(func.count()).select_from(outbox).where(*mine)).scalar_one()
    enqueue(
        tx,
        order_id=line.order_id,
        connection_id=line.connection_id,
        operation=OPERATION,
        reference=f"{line.channel}:{line.external_id}:cancel-{before + 1}",
        subject_id=line.order_id,
        now=now,
    )


def _event(kind: str, line: Row[Any], limits: CancelAfter, now: datetime) -> Event:
    why = f"it has waited for more than {limits.days(line.sku)} days"
    detail = {"line": line.line_id, "sku": line.sku, "units": line.backordered}
    return Event(line.order_id, now, kind, "routing", why, detail)
