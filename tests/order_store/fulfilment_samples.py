"""An order with picklists, as routing and dispatch leave them, for tests of what WMSs and carriers say."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, insert, select, update

from normalization.records import PickedLine, Tracking, TrackingEvent, Version, WmsParcel, WmsShipment
from normalization.statuses import StockBasis, TrackingStatus, WmsState
from order_store.connections import register_connection
from order_store.orders import apply_orders
from order_store.schema.fulfilment import allocations, picklist_lines, picklists, stock_positions
from order_store.schema.orders import line_components, order_lines
from order_store.stock import recount
from tests.order_store.conftest import NOW
from tests.order_store.samples import line, order

Components = Mapping[str, int]
KIT: Components = {"CUP": 2, "TIN": 1}


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def place(
    tx: Connection, lines: Sequence[tuple[int, Components]], external_id: str = "1001"
) -> tuple[int, int]:
    """An order with a picklist for all of it; each line is (units, components of one unit).

    Returns:
        The ids of order and picklist. The WMS is "wms", the warehouse LYS, the reference `P<order>.1`.
    """
    shop = register_connection(tx, "shop", "woocommerce", "channel")
    wms = register_connection(tx, "wms", "tryton", "wms")
    ordered = tuple(line(str(number), units) for number, (units, _) in enumerate(lines, 1))
    (applied,) = apply_orders(tx, shop, [order(external_id, lines=ordered)], now=NOW)
    order_id = applied.order_id
    picklist_id: int = tx.execute(
        insert(picklists)
        .values(
            order_id=order_id,
            sequence=1,
            warehouse="LYS",
            connection_id=wms,
            site="LYS",
            reference=f"P{external_id}.1",
            state="planned",
            order_revision=1,
            ship_to_digest="d",
            version_revision="",
            dispatch_date="2026-11-02",
            created_at=NOW,
        )
        .returning(picklists.c.id)
    ).scalar_one()
    for line_no, (units, components) in enumerate(lines):
        tx.execute(insert(picklist_lines).values(picklist_id=picklist_id, line_no=line_no, units=units))
        tx.execute(
            update(order_lines)
            .where(order_lines.c.order_id == order_id, order_lines.c.line_no == line_no)
            .values(allocated=units)
        )
        for sku, each in components.items():
            own = {"line_no": line_no, "sku": sku, "order_id": order_id}
            tx.execute(insert(line_components).values(**own, units=each))
            tx.execute(
                insert(allocations).values(
                    **own, picklist_id=picklist_id, warehouse="LYS", units=units * each
                )
            )
            known = select(stock_positions.c.sku).where(stock_positions.c.sku == sku)
            if tx.scalar(known) is None:
                row = {"warehouse": "LYS", "sku": sku, "basis": StockBasis.PHYSICAL, "on_hand": 100}
                tx.execute(insert(stock_positions).values(**row, observed_at=NOW))
            recount(tx, [("LYS", sku)])
    return order_id, picklist_id


def told(
    state: str,
    number: int = 1,
    parcels: Sequence[WmsParcel] | None = None,
    picks: Sequence[PickedLine] | None = None,
    reference: str = "P1001.1",
    **more: Any,  # noqa: ANN401
) -> WmsShipment:
    """The number-th version of what "wms" says of a picklist."""
    values: dict[str, Any] = {
        "connection": "wms",
        "reference": reference,
        "wms_id": "77",
        "state": WmsState(state),
        "wms_status": state,
        "site": "LYS",
        "version": Version(revision=f"{number:04d}", observed_at=at(number)),
        "picks": UNSET if picks is None else tuple(picks),
        "parcels": UNSET if parcels is None else tuple(parcels),
    }
    return WmsShipment(**(values | more))


def parcel(parcel_id: str, contents: Components, number: str | None = None, left: float = 5) -> WmsParcel:
    return WmsParcel(
        parcel_id=parcel_id,
        tracking_number=number,
        carrier="UPS",
        lines=tuple(PickedLine(sku=sku, quantity=units) for sku, units in contents.items()),
        shipped_at=at(left),
    )


def scan(status: str, minutes: float, code: str = "X") -> TrackingEvent:
    return TrackingEvent(
        status=TrackingStatus(status), code=code, description=status, occurred_at=at(minutes)
    )


def answer(status: str, read: float, *scans: TrackingEvent, **more: Any) -> Tracking:  # noqa: ANN401
    """What "ups" answers when it is asked at a minute."""
    values: dict[str, Any] = {
        "connection": "ups",
        "tracking_number": "1Z1",
        "carrier": "UPS",
        "status": TrackingStatus(status),
        "carrier_status": status,
        "observed_at": at(read),
        "events": scans,
    }
    return Tracking(**(values | more))
