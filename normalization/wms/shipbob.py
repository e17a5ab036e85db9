"""ShipBob 2026-01 in the hub's words, and the hub's picklists in ShipBob's."""

from datetime import UTC, datetime
from typing import Any

from normalization.errors import NormalizationError, Reason
from normalization.limits import utc
from normalization.records import PickedLine, Picklist, StockLevel, Version, WmsParcel, WmsShipment
from normalization.registry import Context
from normalization.statuses import StockBasis
from normalization.wms.shipbob_answers import Item, Order, Shipment, StockRecord, decode
from normalization.wms.shipbob_states import reason_of, state_of

Json = Any

DEFAULT_METHOD = "Standard"
"""The shipping method of a picklist that asks for none; the merchant maps methods to services at ShipBob."""


def stock(raw: bytes, context: Context) -> tuple[StockLevel, ...]:
    """The levels of one inventory item: by lot where ShipBob knows lots, the rest without.

    The figure is `fulfillable_quantity`, "on hand minus committed", so orders that other applications
    gave to ShipBob are taken off too. Raises NormalizationError.
    """
    record = decode(raw, StockRecord)
    sku = record.levels.sku
    if not sku:
        raise NormalizationError(Reason.MISSING_FIELD, f"inventory {record.levels.inventory_id} has no sku")

    def level(site: int, units: int, lot: str | None) -> StockLevel:
        return StockLevel(
            site=str(site),
            sku=sku,
            on_hand=units,
            basis=StockBasis.NET_OF_ACCEPTED,
            observed_at=context.observed_at,
            lot=lot,
        )

    found: list[StockLevel] = []
    for place in record.levels.locations or ():
        lots = _lots_at(record.lots, place.location_id)
        rest = place.fulfillable_quantity - sum(lots.values())
        if rest < 0:
            # Units left between the two reads; what the location says of all lots together is the truth.
            lots, rest = {}, place.fulfillable_quantity
        found += [level(place.location_id, units, lot) for lot, units in lots.items()]
        if rest or not lots:
            found.append(level(place.location_id, rest, None))
    return tuple(found)


def _lots_at(item: Item | None, location_id: int) -> dict[str, int]:
    lots: dict[str, int] = {}
    for lot in (item.lots if item else None) or ():
        for place in lot.locations or ():
            if lot.lot_number and place.location_id == location_id and place.fulfillable_quantity > 0:
                lots[lot.lot_number] = lots.get(lot.lot_number, 0) + place.fulfillable_quantity
    return lots


def shipment(raw: bytes, context: Context) -> WmsShipment:
    """How far ShipBob is with one order. Raises NormalizationError.

    Only orders of the hub's own channel carry the hub's references.
    """
    order = decode(raw, Order)
    live = [part for part in order.shipments or () if part.status != "Cancelled"]
    own = context.settings.get("channel_id")
    foreign = own is not None and order.channel is not None and str(order.channel.id) != own
    return WmsShipment(
        connection=context.connection,
        reference="" if foreign else order.reference_id or "",
        wms_id=str(order.id),
        state=state_of(order),
        wms_status=order.status or "",
        site=next((str(part.location.id) for part in live if part.location and part.location.id), None),
        version=Version(observed_at=context.observed_at, revision=_revision(order)),
        picks=tuple(line for part in live for line in _lines(part, committed=True)),
        parcels=tuple(parcel for part in live if (parcel := _parcel(part)) is not None),
        reason=reason_of(order),
    )


def asked(raw: bytes, context: Context) -> tuple[PickedLine, ...]:
    """What the order was to ship when it was made. Raises NormalizationError."""
    order = decode(raw, Order)
    live = [part for part in order.shipments or () if part.status != "Cancelled"]
    return tuple(line for part in live or order.shipments or () for line in _lines(part, committed=False))


def _lines(part: Shipment, *, committed: bool) -> tuple[PickedLine, ...]:
    """What is in a shipment; with `committed`, what ShipBob has set aside for it so far."""
    return tuple(
        PickedLine(sku=product.reference_id or product.sku or "", quantity=units, lot=item.lot or None)
        for product in part.products or ()
        for item in product.inventory_items or ()
        if (units := min(item.quantity, item.quantity_committed) if committed else item.quantity) > 0
    )


def _parcel(part: Shipment) -> WmsParcel | None:
    """The shipment as a parcel, once it has a tracking number or has left."""
    tracking = part.tracking
    number = (tracking.tracking_number or tracking.pro_number) if tracking else None
    left = part.status == "Completed"
    if not number and not left:
        return None
    return WmsParcel(
        parcel_id=str(part.id),
        tracking_number=number or None,
        carrier=(tracking.carrier if tracking else None) or None,
        service=(tracking.carrier_service if tracking else None) or None,
        tracking_url=(tracking.tracking_url if tracking else None) or None,
        shipped_at=_moment(part.actual_fulfillment_date or part.last_update_at) if left else None,
        lines=_lines(part, committed=False),
    )


def _revision(order: Order) -> str:
    """The latest time that anything in the order changed, in a form that sorts as text."""
    stamps = [order.created_date]
    for part in order.shipments or ():
        stamps += [part.created_date, part.last_update_at, part.last_tracking_update_at]
    moments = [moment for stamp in stamps if (moment := _moment(stamp)) is not None]
    return max(moments).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moments else ""


def _moment(stamp: str | None) -> datetime | None:
    if stamp is None:
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, "a date of the order is none") from error
    return utc(moment, "a date of the order")


def push_picklist(picklist: Picklist) -> Json:
    """An order for one fulfilment centre (`location_id`), its products by SKU.

    Lines of one SKU are one product: ShipBob picks units, and matches products by `reference_id`.
    Raises NormalizationError if the address lacks what ShipBob requires.
    """
    if not picklist.site.isdecimal():
        raise NormalizationError(Reason.MISSING_FIELD, "the site is no ShipBob location id")
    titles = {line.sku: line.title for line in reversed(picklist.lines)}
    address = picklist.ship_to
    return {
        "reference_id": picklist.reference,
        "order_number": picklist.order_number,
        "type": "DTC",
        "shipping_method": picklist.service or DEFAULT_METHOD,
        "location_id": int(picklist.site),
        "purchase_date": picklist.placed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "recipient": _without_none(
            {
                "name": _required(address.name or address.company, "name"),
                "email": picklist.email,
                "phone_number": address.phone,
                "address": _without_none(
                    {
                        "address1": _required(next(iter(address.street), None), "street"),
                        "address2": ", ".join(address.street[1:]) or None,
                        "company_name": address.company,
                        "city": _required(address.city, "city"),
                        "state": address.region,
                        "zip_code": address.postal_code,
                        "country": _required(address.country_code, "country"),
                    }
                ),
            }
        ),
        "products": [
            {"reference_id": sku, "name": titles[sku] or sku, "quantity": units}
            for sku, units in _quantities(picklist).items()
        ],
    }


def amend_picklist(picklist: Picklist, wms_id: str) -> Json:
    """The quantities and the address that the order shall have; see the connector for what it can change."""
    address = picklist.ship_to
    return {
        "order_id": wms_id,
        "reference_id": picklist.reference,
        "quantities": _quantities(picklist),
        "address": {
            "recipient_name": _required(address.name or address.company, "name"),
            "company_name": address.company,
            "street_address1": _required(next(iter(address.street), None), "street"),
            "street_address2": ", ".join(address.street[1:]),
            "city": _required(address.city, "city"),
            "state": address.region,
            "zip_code": address.postal_code,
            "country_code": _required(address.country_code, "country"),
            "email": picklist.email,
            "phone_number": address.phone,
        },
    }


def cancel_picklist(reference: str, wms_id: str) -> Json:
    """The order to cancel, by ShipBob's id, or by the reference while that is not known."""
    return {"order_id": wms_id, "reference_id": reference}


def _quantities(picklist: Picklist) -> dict[str, int]:
    quantities: dict[str, int] = {}
    for line in picklist.lines:
        quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
    return quantities


def _required(value: str | None, field: str) -> str:
    if not value:
        raise NormalizationError(Reason.MISSING_FIELD, f"the address has no {field}, which ShipBob requires")
    return value


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
