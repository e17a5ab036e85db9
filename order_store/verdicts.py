"""What verification found, on the order: its standing, its holds, and what the catalogue made of its lines.

Verification itself is pure and lies elsewhere; it is handed in as a `Judge`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, delete, select, update

from normalization.records import CanonicalOrder, ResolvedSku
from order_store.dialects import Row, insert_rows, rows_where, update_rows
from order_store.events import Event, add_events
from order_store.imbalances import IMBALANCE
from order_store.loading import StoredOrder, load_orders
from order_store.schema.base import to_micros
from order_store.schema.orders import holds, line_components, order_lines, orders
from order_store.status import refresh_status

HOLD_COLUMNS = ("order_id", "code", "line_id", "detail", "since")
COMPONENT_COLUMNS = ("order_id", "line_no", "sku", "units")


class Verification(StrEnum):
    """How an order stands with verification."""

    UNVERIFIED = "unverified"  # not judged since its last change
    VERIFIED = "verified"
    HELD = "held"
    NOT_ROUTED = "not_routed"  # history, cancelled, shipped by others, nothing to ship


class HoldReason(Protocol):
    """One reason to wait. `detail` holds no personal data."""

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102
    @property
    def line_id(self) -> str | None: ...  # noqa: D102


class ResolvedLine(Protocol):
    """A line with something open, and what a warehouse picks for one unit of it."""

    @property
    def line_id(self) -> str: ...  # noqa: D102
    @property
    def sku(self) -> ResolvedSku: ...  # noqa: D102


class Verdict(Protocol):
    """The outcome of verification; `standing` is one of Verification's words."""

    @property
    def standing(self) -> str: ...  # noqa: D102
    @property
    def holds(self) -> Sequence[HoldReason]: ...  # noqa: D102
    @property
    def lines(self) -> Sequence[ResolvedLine]: ...  # noqa: D102
    @property
    def why(self) -> str: ...  # noqa: D102


Judge = Callable[[CanonicalOrder], Verdict]


@dataclass(frozen=True, slots=True)
class StoredHold:
    """A reason for which an order waits, or waited."""

    code: str
    detail: str
    line_id: str | None
    since: datetime
    released_at: datetime | None


def sku_of(resolved: ResolvedSku) -> str:
    """The kit's code, or the one SKU that is picked."""
    return resolved.kit or resolved.components[0][0]


def hold_rows(order_id: int, verdict: Verdict, since: int) -> list[Row]:
    """The rows of HOLD_COLUMNS of a new order's verdict."""
    return [(order_id, str(one.code), one.line_id, one.detail, since) for one in verdict.holds]


def component_rows(order_id: int, line_nos: Mapping[str, int], verdict: Verdict) -> list[Row]:
    """The rows of COMPONENT_COLUMNS of a verdict."""
    return [
        (order_id, line_nos[line.line_id], sku, units)
        for line in verdict.lines
        for sku, units in line.sku.components
    ]


def add_verdict_rows(tx: Connection, held: Sequence[Row], components: Sequence[Row]) -> None:
    """Store the holds and components of new orders."""
    insert_rows(tx, holds, HOLD_COLUMNS, held)
    insert_rows(tx, line_components, COMPONENT_COLUMNS, components)


def judge_orders(
    tx: Connection, order_ids: Sequence[int], judge: Judge, now: datetime
) -> dict[int, Verification]:
    """Judge stored orders anew and store what differs: after a change of catalogue, policy or order.

    Returns:
        The standing of each order.
    """
    stored = load_orders(tx, order_ids)
    verdicts = {order_id: judge(one.order) for order_id, one in stored.items()}
    _store_standings(tx, stored, verdicts)
    _store_holds(tx, verdicts, now)
    _store_components(tx, stored, verdicts)
    refresh_status(tx, list(stored))
    return {order_id: Verification(str(verdict.standing)) for order_id, verdict in verdicts.items()}


def unverified_orders(tx: Connection, limit: int = 1000) -> list[int]:
    """Orders that changed since they were last judged, oldest first."""
    query = select(orders.c.id).where(orders.c.verification == "unverified").order_by(orders.c.id)
    return list(tx.scalars(query.limit(limit)))


def held_orders(tx: Connection, codes: Iterable[str] = (), after: int = 0, limit: int = 1000) -> list[int]:
    """Orders with a standing hold, of certain codes if some are given, in order of their ids."""
    query = select(holds.c.order_id).distinct().where(holds.c.released_at.is_(None))
    if wanted := [str(code) for code in codes]:
        query = query.where(holds.c.code.in_(wanted))
    return list(tx.scalars(query.where(holds.c.order_id > after).order_by(holds.c.order_id).limit(limit)))


def holds_of(tx: Connection, order_id: int) -> list[StoredHold]:
    """Every hold that an order has or had, oldest first."""
    found = tx.execute(select(holds).where(holds.c.order_id == order_id).order_by(holds.c.id))
    return [StoredHold(row.code, row.detail, row.line_id, row.since, row.released_at) for row in found]


def _store_standings(
    tx: Connection, stored: Mapping[int, StoredOrder], verdicts: Mapping[int, Verdict]
) -> None:
    changes = [
        (str(verdict.standing), verdict.why or None, order_id)
        for order_id, verdict in verdicts.items()
        if (str(verdict.standing), verdict.why or None)
        != (stored[order_id].row["verification"], stored[order_id].row["not_routed_why"])
    ]
    update_rows(tx, orders, ("verification", "not_routed_why"), ("id",), changes)


def _store_holds(tx: Connection, verdicts: Mapping[int, Verdict], now: datetime) -> None:
    standing: dict[int, dict[tuple[str, str | None, str], int]] = {}
    for row in rows_where(tx, holds, holds.c.order_id, list(verdicts)):
        if row["released_at"] is None and row["code"] != IMBALANCE:
            reason = (row["code"], row["line_id"], row["detail"])
            standing.setdefault(row["order_id"], {})[reason] = row["id"]
    added: list[Row] = []
    released: list[dict[str, Any]] = []
    events: list[Event] = []
    for order_id, verdict in verdicts.items():
        wanted = {(str(one.code), one.line_id, one.detail) for one in verdict.holds}
        present = standing.get(order_id, {})
        for code, line_id, detail in sorted(wanted - present.keys(), key=str):
            added.append((order_id, code, line_id, detail, to_micros(now)))
            events.append(Event(order_id, now, "held", "verification", code, {"detail": detail}))
        for reason in sorted(present.keys() - wanted, key=str):
            released.append({"hold": present[reason]})
            events.append(Event(order_id, now, "released", "verification", reason[0], {"detail": reason[2]}))
    insert_rows(tx, holds, HOLD_COLUMNS, added)
    if released:
        tx.execute(update(holds).where(holds.c.id == bindparam("hold")).values(released_at=now), released)
    add_events(tx, events)


def _store_components(
    tx: Connection, stored: Mapping[int, StoredOrder], verdicts: Mapping[int, Verdict]
) -> None:
    present: dict[tuple[int, int], dict[str, int]] = {}
    for row in rows_where(tx, line_components, line_components.c.order_id, list(verdicts)):
        present.setdefault((row["order_id"], row["line_no"]), {})[row["sku"]] = row["units"]
    named: list[Row] = []
    added: list[Row] = []
    for order_id, verdict in verdicts.items():
        lines = {line["line_id"]: line for line in stored[order_id].lines}
        for resolved in verdict.lines:
            line = lines[resolved.line_id]
            place = (order_id, line["line_no"])
            if line["sku"] != sku_of(resolved.sku):
                named.append((sku_of(resolved.sku), *place))
            components = dict(resolved.sku.components)
            if present.get(place) == components:
                continue
            tx.execute(
                delete(line_components).where(
                    line_components.c.order_id == order_id, line_components.c.line_no == line["line_no"]
                )
            )
            added += [(*place, sku, units) for sku, units in components.items()]
    update_rows(tx, order_lines, ("sku",), ("order_id", "line_no"), named)
    insert_rows(tx, line_components, COMPONENT_COLUMNS, added)
