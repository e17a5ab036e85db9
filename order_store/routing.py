"""What routing remembers: refusals of warehouses, and its decisions for as long as somebody may ask."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from order_store.dialects import insert_or_ignore
from order_store.schema.fulfilment import routing_decisions
from order_store.schema.routing import site_refusals


def note_refusal(tx: Connection, order_id: int, warehouse: str, why: str | None, now: datetime) -> None:
    """A warehouse has refused an order, or given it up."""
    refusal = site_refusals.c
    row = {"order_id": order_id, "warehouse": warehouse, "at": now, "why": why}
    tx.execute(insert_or_ignore(tx, site_refusals), [row])
    here = (refusal.order_id == order_id, refusal.warehouse == warehouse)
    tx.execute(update(site_refusals).where(*here).values(at=now, why=why))


def refusals(tx: Connection, since: datetime) -> dict[int, frozenset[str]]:
    """By order, the warehouses that refused it after a time."""
    found: dict[int, set[str]] = {}
    refusal = site_refusals.c
    for row in tx.execute(select(refusal.order_id, refusal.warehouse).where(refusal.at > since)):
        found.setdefault(row.order_id, set()).add(row.warehouse)
    return {order_id: frozenset(codes) for order_id, codes in found.items()}


def prune_decisions(tx: Connection, before: datetime, limit: int = 1000) -> int:
    """Delete decisions that are older, but never an order's newest. Returns how many.

    Args:
        tx: A write transaction.
        before: What was decided earlier may go.
        limit: How many at most, so that the transaction stays short; call again until it returns 0.
    """
    decision = routing_decisions.c
    newest = select(func.max(decision.id)).group_by(decision.order_id)
    old: Collection[int] = tx.scalars(
        select(decision.id).where(decision.at < before, decision.id.not_in(newest)).limit(limit)
    ).all()
    if old:
        tx.execute(delete(routing_decisions).where(decision.id.in_(old)))
    return len(old)
