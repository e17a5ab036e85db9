"""The hub beside each WMS's own figures: shipments by reference, and stock."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection as Transaction
from sqlalchemy import func, or_, select

from connectors.contract import Page, RawRecord, Window
from connectors.errors import RecordRejected
from normalization import registry
from normalization.errors import NormalizationError
from normalization.records import WmsParcel, WmsShipment
from normalization.registry import Context
from normalization.statuses import WmsState
from order_store.adoption import name_references, unknown_references
from order_store.connections import connection_id
from order_store.picklists import ENDED, State
from order_store.schema.base import EPOCH
from order_store.schema.fulfilment import (
    allocations,
    parcel_items,
    parcels,
    picklists,
    stock_positions,
)
from pipelines.hub import Hub
from pipelines.services.findings import Finding
from pipelines.services.recover import adopt_unknown
from pipelines.services.repairs import read_stock_again, send_picklist_again
from pipelines.services.warehouse import SHIPMENTS, STOCK, store_shipments

GRACE = timedelta(minutes=15)
"""What changed since then may still be on its way."""
Told = tuple[Page, WmsShipment]
"""A shipment, with a page that holds it alone."""


def wms_findings(hub: Hub, connection: str, since: datetime) -> Iterator[Finding]:
    """Ask a WMS for the hub's shipments and for its stock, and compare both with the store.

    Raises:
        connectors.errors.ConnectorError: If it cannot be asked.
    """
    told: dict[str, Told] = {}
    for page in hub.connector(connection).read(SHIPMENTS, Window(since, hub.clock.now())):
        told.update(_understood(hub, connection, page))
    yield from _unknown(hub, connection, told)
    with hub.store.read() as tx:
        ours = _picklists(tx, connection_id(tx, connection), since)
    for row in ours:
        found = told.get(row.reference) or _asked(hub, connection, row)
        if isinstance(found, Finding):
            yield found
        elif not _is_fresh(row, found[1], hub.clock.now()):
            yield from _differences(hub, connection, row, found)
    yield from _stock(hub, connection)


def _understood(hub: Hub, connection: str, page: Page) -> dict[str, Told]:
    configured = hub.config.connection(connection)
    mapping = registry.wms(configured.connector)
    context = Context(connection, page.observed_at, configured.settings)
    found: dict[str, Told] = {}
    for record in page.records:
        try:
            shipment = mapping.shipment(record.payload, context)
        except NormalizationError:
            continue
        if shipment.reference:
            found[shipment.reference] = (Page(SHIPMENTS, (record,), page.observed_at), shipment)
    return found


def _unknown(hub: Hub, connection: str, told: Mapping[str, Told]) -> Iterator[Finding]:
    sites = [one.code for one in hub.config.warehouses if one.wms.connection == connection]
    with hub.store.read() as tx:
        unknown = unknown_references(tx, connection_id(tx, connection), told)
        named = name_references(tx, unknown, sites)
    for reference in sorted(named):
        yield Finding(
            "shipment_unknown",
            f"{connection} {reference}",
            f"the warehouse has it in the hub's name ({told[reference][1].wms_status}), and the hub does not"
            " know it",
            "take it over as a picklist of its order",
            partial(_adopt, connection=connection, page=told[reference][0]),
        )


def _picklists(tx: Transaction, key: int, since: datetime) -> Sequence[Any]:
    """Picklists that the WMS has as far as the hub knows: under way, or ended since."""
    picklist = picklists.c
    sent = select(func.count()).where(parcels.c.picklist_id == picklist.id).scalar_subquery()
    query = select(picklists, sent.label("parcels")).where(
        picklist.connection_id == key,
        picklist.wms_id.is_not(None),
        or_(picklist.state.not_in(ENDED), picklist.shipped_at >= since, picklist.cancelled_at >= since),
    )
    return tx.execute(query.order_by(picklist.id)).all()


def _asked(hub: Hub, connection: str, row: Any) -> Told | Finding:  # noqa: ANN401 -- a row
    """What the WMS says if asked by its own id; a finding if that is nothing that can be compared."""
    try:
        page = hub.connector(connection).read_one(SHIPMENTS, row.wms_id)
    except RecordRejected:
        return _missing(connection, row)
    if told := _understood(hub, connection, page).get(row.reference):
        return told
    return Finding(
        "shipment_unreadable",
        f"{connection} {row.reference}",
        f"the warehouse has it under its id {row.wms_id}, and says of it what makes no sense, or another"
        f" reference; the hub has it as {row.state}",
        "read it, so that it stands in quarantine with its reason; then mend it at the warehouse",
        partial(_read_again, connection=connection, page=page),
    )


def _missing(connection: str, row: Any) -> Finding:  # noqa: ANN401 -- a row
    ended = row.state in ENDED
    return Finding(
        "shipment_missing",
        f"{connection} {row.reference}",
        f"the hub has it as {row.state} under the warehouse's id {row.wms_id}, and the warehouse does not"
        " know it",
        "ask the warehouse what became of the goods"
        if ended
        else "look it up by reference, and send it again",
        None if ended else partial(send_picklist_again, picklist_id=row.id),
    )


def _is_fresh(row: Any, told: WmsShipment, now: datetime) -> bool:  # noqa: ANN401 -- a row
    """Whether the change, or the hub's own word to the WMS, is so young that the next round will read it."""
    try:
        changed = datetime.fromisoformat(told.version.revision)
    except ValueError:
        changed = EPOCH
    accepted = row.accepted_at or EPOCH
    return max(changed, accepted) > now - GRACE


def _differences(hub: Hub, connection: str, row: Any, found: Told) -> Iterator[Finding]:  # noqa: ANN401 -- a row
    """None of what the hub is about to change at the WMS."""
    page, told = found
    if told.state is WmsState.UNKNOWN or row.state in (State.CANCELLING, State.EXCEPTION):
        return
    left = [
        one
        for one in (() if told.parcels is UNSET else told.parcels)
        if told.state is WmsState.SHIPPED or one.shipped_at is not None
    ]
    with hub.store.read() as tx:
        numbers: set[str | None] = set(
            tx.scalars(select(parcels.c.tracking_number).where(parcels.c.picklist_id == row.id))
        )
        sent = _sent(tx, row.id)
    words = []
    if told.state.value != row.state:
        words.append(f"the warehouse says {told.state.value}, the hub {row.state}")
    if len(left) > row.parcels:
        words.append(f"the warehouse names {len(left)} parcels, the hub {row.parcels}")
    if unknown := {one.tracking_number for one in left if one.tracking_number} - numbers:
        known = ", ".join(sorted(filter(None, numbers))) or "none"
        words.append(f"the warehouse's tracking number is {', '.join(sorted(unknown))}, the hub's {known}")
    if words:
        yield Finding(
            "shipment_differs",
            f"{connection} {row.reference}",
            "; ".join(words),
            "read the shipment again; parcels that come to light are told to the channel",
            partial(_read_again, connection=connection, page=page),
        )
    elif units := _other_units(left, sent):
        yield Finding(
            "shipment_units",
            f"{connection} {row.reference}",
            units,
            "ask the warehouse what was in its parcels: what has left is fixed in the hub. What is lacking is"
            " sent by an order of its own, what is too much comes back as a return",
        )


def _sent(tx: Transaction, picklist_id: int) -> Counter[str]:
    """Units by SKU in the parcels of a picklist."""
    item = parcel_items.c
    query = (
        select(item.sku, func.sum(item.quantity).label("units"))
        .join(parcels, parcels.c.id == item.parcel_id)
        .where(parcels.c.picklist_id == picklist_id)
        .group_by(item.sku)
    )
    return Counter({row.sku: int(row.units) for row in tx.execute(query)})


def _other_units(left: Sequence[WmsParcel], sent: Mapping[str, int]) -> str:
    """Where a WMS says of all its parcels what is in them, and that is not what the hub says."""
    if not left or not all(one.lines for one in left):
        return ""
    told: Counter[str] = Counter()
    for one in left:
        for line in one.lines:
            told[line.sku] += line.quantity
    return "; ".join(
        f"the warehouse has sent {told[sku]} of {sku}, the hub says {sent.get(sku, 0)}"
        for sku in sorted(told.keys() | sent.keys())
        if told[sku] != sent.get(sku, 0)
    )


def _stock(hub: Hub, connection: str) -> Iterator[Finding]:
    """Positions whose figure is another than the WMS's now, and not for what the hub's own orders took."""
    theirs = _levels(hub, connection)
    codes = [one.code for one in hub.config.warehouses if one.wms.connection == connection]
    with hub.store.read() as tx:
        moved = _moved(tx, codes)
        rows = tx.execute(select(stock_positions).where(stock_positions.c.warehouse.in_(codes))).all()
    ours = {(row.warehouse, row.sku): row.on_hand for row in rows}
    if not ours:
        return
    if not theirs and any(here > moved.get(place, 0) for place, here in ours.items()):
        yield Finding(
            "stock_differs",
            f"stock {connection}",
            f"the warehouse shows no stock at all, the hub {sum(ours.values())} units",
            "look into the WMS first: its user may have lost its rights; then the stock is read again",
            partial(read_stock_again, connection=connection),
        )
        return
    for place in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(place, 0), theirs.get(place, 0)
        if not here - moved.get(place, 0) <= there <= here:
            yield Finding(
                "stock_differs",
                f"stock {place[0]} {place[1]}",
                f"the warehouse says {there}, the hub {here}: sold, received or counted since the last read,"
                " or the hub's figure is wrong",
                "read the stock again",
                partial(read_stock_again, connection=connection),
            )


def _levels(hub: Hub, connection: str) -> dict[tuple[str, str], int]:
    configured = hub.config.connection(connection)
    mapping = registry.wms(configured.connector)
    sites = {one.wms.site: one.code for one in hub.config.warehouses if one.wms.connection == connection}
    now = hub.clock.now()
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for page in hub.connector(connection).read(STOCK, Window(now, now)):
        context = Context(connection, page.observed_at, configured.settings)
        for record in page.records:
            for level in _of(mapping, record, context):
                if level.site in sites:
                    totals[sites[level.site], level.sku] += level.on_hand
    return totals


def _of(mapping: registry.WmsMapping, record: RawRecord, context: Context) -> Sequence[Any]:
    try:
        return mapping.stock(record.payload, context)
    except NormalizationError:
        return ()


def _moved(tx: Transaction, codes: Sequence[str]) -> dict[tuple[str, str], int]:
    """Units that the hub's orders may have taken since each position's snapshot: picked, accepted."""
    one = allocations.c
    query = (
        select(one.warehouse, one.sku, func.sum(one.units).label("units"))
        .where(one.warehouse.in_(codes), one.settled_at.is_(None))
        .group_by(one.warehouse, one.sku)
    )
    return {(row.warehouse, row.sku): int(row.units) for row in tx.execute(query)}


def _read_again(hub: Hub, connection: str, page: Page) -> None:
    store_shipments(hub, connection, page)


def _adopt(hub: Hub, connection: str, page: Page) -> None:
    adopt_unknown(hub, connection, page)
    store_shipments(hub, connection, page)
