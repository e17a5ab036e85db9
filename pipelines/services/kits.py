"""Kits of which a warehouse has sent only a part, and that nothing sends the rest of: a person decides.

The channel is told of whole kits only, so such units are not shipped; and they are not routed again, or the
buyer would get twice what has left. They stay allocated until the channel says that they are fulfilled or
cancelled.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Subquery, and_, func, select

from order_store.picklists import ENDED
from order_store.schema.fulfilment import allocations, parcel_lines, parcels, picklist_lines, picklists
from order_store.schema.orders import line_components, order_lines, orders
from order_store.schema.reading import connections
from order_store.status import open_units

REMEDY = (
    "send what lacks by hand and mark the line as fulfilled at the channel, or cancel it there; the hub does"
    " not send the kit again, for a part of it has left"
)


@dataclass(frozen=True, slots=True)
class KitInParts:
    """Units of one line that stand as allocated, and are on no picklist that goes on.

    Attributes:
        record: Order, line, and what has left and what has not, in words. Names no person.
    """

    order_id: int
    units: int
    record: str


def kits_in_parts(tx: Connection) -> list[KitInParts]:
    """All of them."""
    line, going = order_lines.c, _under_way()
    under_way = func.coalesce(going.c.units, 0)
    query = (
        select(
            order_lines,
            orders.c.number,
            connections.c.name,
            (line.allocated - line.shipped - under_way).label("stuck"),
            (open_units() - under_way).label("wanted"),
        )
        .join(orders, orders.c.id == line.order_id)
        .join(connections, connections.c.id == orders.c.connection_id)
        .outerjoin(going, and_(going.c.order_id == line.order_id, going.c.line_no == line.line_no))
        .where(line.allocated > line.shipped + under_way, open_units() > under_way)
        .order_by(line.order_id, line.line_no)
    )
    found = []
    for row in tx.execute(query).all():
        units = min(row.stuck, row.wanted)
        left, lacks = _parts(tx, row, units)
        record = (
            f"{row.name} {row.number} line {row.line_id}: {units} units stand as allocated, and no picklist"
            f" will send them: {_words(left)} of the kit has left, {_words(lacks)} has not"
        )
        found.append(KitInParts(row.order_id, units, record))
    return found


def _under_way() -> Subquery:
    """Whole units by order and line that picklists still have to send."""
    sent = (
        select(parcels.c.picklist_id, parcel_lines.c.line_no, func.sum(parcel_lines.c.units).label("units"))
        .join(parcels, parcels.c.id == parcel_lines.c.parcel_id)
        .group_by(parcels.c.picklist_id, parcel_lines.c.line_no)
        .subquery()
    )
    asked = picklist_lines.c
    rest = func.sum(asked.units - func.coalesce(sent.c.units, 0))
    return (
        select(picklists.c.order_id, asked.line_no, rest.label("units"))
        .join(picklists, picklists.c.id == asked.picklist_id)
        .outerjoin(sent, and_(sent.c.picklist_id == asked.picklist_id, sent.c.line_no == asked.line_no))
        .where(picklists.c.state.not_in(ENDED))
        .group_by(picklists.c.order_id, asked.line_no)
        .subquery()
    )


def _parts(tx: Connection, row: Any, units: int) -> tuple[Counter[str], Counter[str]]:  # noqa: ANN401 -- a row
    """Of the incomplete kits of a line: units by SKU that have left, and that have not."""
    part, given = line_components.c, allocations.c
    shipped = func.coalesce(func.sum(given.shipped), 0)
    query = (
        select(part.sku, part.units, shipped.label("shipped"))
        .outerjoin(
            allocations,
            and_(given.order_id == part.order_id, given.line_no == part.line_no, given.sku == part.sku),
        )
        .where(part.order_id == row.order_id, part.line_no == row.line_no)
        .group_by(part.sku, part.units)
    )
    left, lacks = Counter[str](), Counter[str]()
    for one in tx.execute(query):
        left[one.sku] = int(one.shipped) - row.shipped * one.units
        lacks[one.sku] = units * one.units - left[one.sku]
    return left, lacks


def _words(units: Counter[str]) -> str:
    return ", ".join(f"{count} {sku}" for sku, count in sorted(units.items()) if count > 0) or "nothing"
