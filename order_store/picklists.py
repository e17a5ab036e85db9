"""Picklists: what each warehouse is asked to ship of an order, and how far it is."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, func, literal, select, update

from normalization.records import Address
from order_store.dialects import rows_where
from order_store.schema.base import Moment
from order_store.schema.fulfilment import allocations, picklist_lines, picklists, picks
from order_store.schema.orders import order_lines, orders

LONGEST_REFERENCE = 50
"""Characters that every WMS keeps of a reference."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class State(StrEnum):
    """How far a picklist is."""

    PLANNED = "planned"  # the WMS has not answered for it yet
    ACCEPTED = "accepted"  # it is in the WMS; nothing is picked
    WAITING = "waiting"  # accepted, but the WMS is short of stock
    PICKING = "picking"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    CANCELLING = "cancelling"  # the WMS is asked to cancel it
    CANCELLED = "cancelled"
    EXCEPTION = "exception"  # refused by the WMS, or a person at the warehouse has to act


ENDED = frozenset({State.SHIPPED, State.CANCELLED})
"""Nothing follows in these."""
_MOMENTS = {
    State.ACCEPTED: "accepted_at",
    State.PICKED: "picked_at",
    State.SHIPPED: "shipped_at",
    State.CANCELLED: "cancelled_at",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Units of an order line, as the channel counts them."""

    line_no: int
    line_id: str
    sku: str | None
    title: str
    units: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of a SKU for a line. `units` is less what was released again, but for a whole release."""

    line_no: int
    sku: str
    units: int
    shipped: int
    released: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """Units that the WMS takes, and from where."""

    sku: str
    quantity: int
    bin: str | None
    lot: str | None


@dataclass(frozen=True, slots=True)
class StoredPicklist:
    """One picklist with all that belongs to it.

    Attributes:
        connection_id: Its WMS.
        order_number: What buyer and merchant call the order.
        order_revision: The order's revision that it stands for.
        intercept: The WMS refused to change or cancel it: a person stops the parcel.
    """

    id: int
    order_id: int
    order_number: str
    sequence: int
    warehouse: str
    connection_id: int
    site: str
    reference: str
    state: State
    order_revision: int
    ship_to_digest: str
    wms_id: str | None
    wms_status: str | None
    intercept: bool
    why: str | None
    dispatch_date: str
    dispatch_due_at: datetime | None
    created_at: datetime
    accepted_at: datetime | None
    picked_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None
    lines: tuple[Line, ...]
    allocations: tuple[Allocation, ...]
    picks: tuple[Pick, ...]


def reference_for(channel: str, external_id: str, warehouse: str, sequence: int) -> str:
    """The hub's reference of a picklist, from natural keys: at most 50 characters, no comma.

    It is unique, and never free again: a replacement has another sequence. Parts that are too long or hold
    anything but letters, digits, - and _ are shortened, and a digest of the natural key keeps it unique.

    Args:
        channel: The name of the order's connection.
        external_id: The channel's id of the order.
        warehouse: The hub's code.
        sequence: Of the picklist within the order.
    """
    parts = (channel, external_id, warehouse, str(sequence))
    plain = ".".join(parts)
    if len(plain) <= LONGEST_REFERENCE and all(map(_PLAIN.fullmatch, parts)):
        return plain
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    named = (channel, re.split("[/:]", external_id)[-1], warehouse)
    readable = ".".join("".join(_PLAIN.findall(part)) for part in named)
    end = f"~{digest}.{sequence}"
    return readable[: LONGEST_REFERENCE - len(end)] + end


def ship_to_digest(address: Address | None, key: bytes = b"") -> str:
    """Names an address without telling it: two addresses have the same digest only if they are the same.

    Args:
        address: The address.
        key: `order_store.personal.digest_key`: without it nobody can tell whether an address is the one.
    """
    if not key:
        return hashlib.sha256(msgspec.json.encode(address)).hexdigest()[:16]
    return hashlib.blake2b(msgspec.json.encode(address), key=key, digest_size=12).hexdigest()


def is_ship_to(digest: str, address: Address, key: bytes) -> bool:
    """Whether a digest, also one from before there were keys, is that of an address."""
    return digest in (ship_to_digest(address, key), ship_to_digest(address))


def load_picklist(tx: Connection, picklist_id: int) -> StoredPicklist:
    """A picklist by its id. Raises KeyError if there is none."""
    return load_picklists(tx, [picklist_id])[picklist_id]


def load_picklists(tx: Connection, picklist_ids: Sequence[int]) -> dict[int, StoredPicklist]:
    """Picklists by id; ids that do not exist are left out."""
    rows = rows_where(tx, picklists, picklists.c.id, picklist_ids)
    order_ids = sorted({row["order_id"] for row in rows})
    numbers = {row["id"]: row["number"] for row in rows_where(tx, orders, orders.c.id, order_ids)}
    order_line = {
        (row["order_id"], row["line_no"]): row
        for row in rows_where(tx, order_lines, order_lines.c.order_id, order_ids)
    }
    order_of = {row["id"]: row["order_id"] for row in rows}
    lines: dict[int, list[Line]] = defaultdict(list)
    for row in rows_where(tx, picklist_lines, picklist_lines.c.picklist_id, picklist_ids):
        own = order_line[order_of[row["picklist_id"]], row["line_no"]]
        line = Line(row["line_no"], own["line_id"], own["sku"], own["title"], row["units"])
        lines[row["picklist_id"]].append(line)
    given: dict[int, list[Allocation]] = defaultdict(list)
    for row in rows_where(tx, allocations, allocations.c.picklist_id, picklist_ids):
        released = row["released_at"] is not None
        one = Allocation(row["line_no"], row["sku"], row["units"], row["shipped"], released)
        given[row["picklist_id"]].append(one)
    taken: dict[int, list[Pick]] = defaultdict(list)
    for row in rows_where(tx, picks, picks.c.picklist_id, picklist_ids):
        taken[row["picklist_id"]].append(Pick(row["sku"], row["quantity"], row["bin"], row["lot"]))
    return {
        row["id"]: _stored(
            row, numbers[row["order_id"]], lines[row["id"]], given[row["id"]], taken[row["id"]]
        )
        for row in rows
    }


def picklists_of_order(tx: Connection, order_id: int) -> list[StoredPicklist]:
    """All picklists of an order, oldest first."""
    query = select(picklists.c.id).where(picklists.c.order_id == order_id).order_by(picklists.c.sequence)
    found: list[int] = list(tx.scalars(query))
    loaded = load_picklists(tx, found)
    return [loaded[picklist_id] for picklist_id in found]


def find_picklist(tx: Connection, connection_id: int, reference: str) -> StoredPicklist | None:
    """A WMS's picklist by the hub's reference, or None."""
    found = tx.scalar(
        select(picklists.c.id).where(
            picklists.c.connection_id == connection_id, picklists.c.reference == reference
        )
    )
    return None if found is None else load_picklist(tx, found)


def list_picklists(
    tx: Connection,
    *,
    warehouse: str | None = None,
    states: Collection[State] = (),
    dispatch_date: str | None = None,
    intercepts: bool = False,
    after: int = 0,
    limit: int = 100,
) -> list[StoredPicklist]:
    """Picklists by id, oldest first.

    Args:
        tx: A transaction.
        warehouse: Only this one's.
        states: Only those in one of these states.
        dispatch_date: Only those that are to leave on this local day, ISO 8601.
        intercepts: Only those whose parcel a person has to stop.
        after: Only ids above it.
        limit: How many at most.
    """
    query = select(picklists.c.id).where(picklists.c.id > after)
    if warehouse is not None:
        query = query.where(picklists.c.warehouse == warehouse)
    if states:
        query = query.where(picklists.c.state.in_(states))
    if dispatch_date is not None:
        query = query.where(picklists.c.dispatch_date == dispatch_date)
    if intercepts:
        query = query.where(picklists.c.intercept == 1)
    found: list[int] = list(tx.scalars(query.order_by(picklists.c.id).limit(limit)))
    loaded = load_picklists(tx, found)
    return [loaded[picklist_id] for picklist_id in found]


def set_state(
    tx: Connection,
    picklist_id: int,
    state: State,
    now: datetime,
    *,
    why: str | None = None,
    wms_id: str | None = None,
) -> None:
    """Move a picklist to a state; the first time that it gets there is kept.

    Args:
        tx: A write transaction.
        picklist_id: The picklist.
        state: The new state.
        now: The hub's time, or when the WMS says it happened.
        why: A reason to show, if there is one.
        wms_id: The WMS's own id, where it is known now.
    """
    values: dict[str, Any] = {"state": state, "why": why}
    if wms_id is not None:
        values["wms_id"] = wms_id
    if state in _MOMENTS:
        values[_MOMENTS[state]] = func.coalesce(picklists.c[_MOMENTS[state]], literal(now, Moment()))
    tx.execute(update(picklists).where(picklists.c.id == picklist_id).values(**values))


def ask_to_intercept(tx: Connection, picklist_id: int, why: str | None) -> None:
    """The WMS will not cancel a picklist any more: a person has to stop its parcel."""
    tx.execute(update(picklists).where(picklists.c.id == picklist_id).values(intercept=1, why=why))


def pin(tx: Connection, picklist_id: int, revision: int) -> None:
    """A picklist stands for a newer revision of its order."""
    tx.execute(update(picklists).where(picklists.c.id == picklist_id).values(order_revision=revision))


def set_ship_to(tx: Connection, picklist_id: int, digest: str | None) -> None:
    """Note which address a picklist goes to; None changes nothing."""
    if digest is not None:
        tx.execute(update(picklists).where(picklists.c.id == picklist_id).values(ship_to_digest=digest))


def _stored(
    row: dict[str, Any],
    order_number: str,
    lines: Sequence[Line],
    given: Sequence[Allocation],
    taken: Sequence[Pick],
) -> StoredPicklist:
    own = {name: row[name] for name in StoredPicklist.__slots__ if name in row}
    return StoredPicklist(
        **own | {"state": State(row["state"]), "intercept": bool(row["intercept"])},
        order_number=order_number,
        lines=tuple(lines),
        allocations=tuple(given),
        picks=tuple(taken),
    )
