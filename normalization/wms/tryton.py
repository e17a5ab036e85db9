"""Tryton 8.2 in the hub's words, and the hub's picklists in Tryton's."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from normalization.errors import NormalizationError, Reason
from normalization.limits import whole_units
from normalization.money import Money, exponent
from normalization.records import (
    Address,
    PickedLine,
    Picklist,
    PicklistLine,
    StockLevel,
    Version,
    WmsParcel,
    WmsShipment,
)
from normalization.registry import Context
from normalization.statuses import StockBasis, WmsState
from normalization.wms.tryton_answers import Bin, Move, Package, Shipment, decode

Json = Any

STATES = {
    "draft": WmsState.ACCEPTED,
    "waiting": WmsState.WAITING,
    "assigned": WmsState.PICKING,
    "picked": WmsState.PICKED,
    "packed": WmsState.PACKED,
    "shipped": WmsState.SHIPPED,
    "done": WmsState.SHIPPED,
    "cancelled": WmsState.CANCELLED,
}
PLANNED = ("assigned", "done")
"""States of an inventory move whose bin and lot are chosen."""


def stock(raw: bytes, context: Context) -> tuple[StockLevel, ...]:
    """The levels of one bin: by lot where the product has lots, the rest without.

    Physical: what the bin holds now, promised or not. A negative figure (Tryton lets people take what it
    does not know of) is passed on as it is. Products without a code are not the hub's. Raises
    NormalizationError.
    """
    place = decode(raw, Bin)
    if not place.warehouse.code:
        raise NormalizationError(Reason.MISSING_FIELD, f"bin {place.id}: its warehouse has no code")
    lots: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for lot in place.lots:
        if lot.product.code:
            lots[lot.product.code][lot.number] = whole_units(lot.quantity, "quantity")

    def level(sku: str, units: int, lot: str | None) -> StockLevel:
        return StockLevel(
            site=place.warehouse.code,
            sku=sku,
            on_hand=units,
            basis=StockBasis.PHYSICAL,
            observed_at=context.observed_at,
            bin=place.code or place.name,
            lot=lot,
        )

    found: list[StockLevel] = []
    for product in place.products:
        if not product.code:
            continue
        named = lots[product.code]
        found += [level(product.code, units, lot) for lot, units in named.items()]
        if rest := whole_units(product.quantity, "quantity") - sum(named.values()):
            found.append(level(product.code, rest, None))
    return tuple(found)


def shipment(raw: bytes, context: Context) -> WmsShipment:
    """How far Tryton is with one customer shipment. Raises NormalizationError."""
    source = decode(raw, Shipment)
    state = STATES.get(source.state, WmsState.UNKNOWN)
    return WmsShipment(
        connection=context.connection,
        reference=source.reference or "",
        wms_id=str(source.id),
        state=state,
        wms_status=source.state,
        site=source.warehouse.code if source.warehouse else None,
        version=Version(observed_at=context.observed_at, revision=_revision(source)),
        picks=tuple(_pick(move) for move in source.inventory_moves if move.state in PLANNED and move.units),
        parcels=_parcels(source, state),
        reason=_reason(source, state),
    )


def asked(raw: bytes, context: Context) -> tuple[PickedLine, ...]:
    """What the shipment was to hand over when it was made. Raises NormalizationError."""
    source = decode(raw, Shipment)
    stands = source.state == "cancelled"
    return _units(move for move in source.outgoing_moves if stands or move.state != "cancelled")


def push_picklist(picklist: Picklist) -> Json:
    """The body of `push_picklist`: a customer shipment, with codes where Tryton has ids.

    The connector finds the ids. Tryton's addresses know no phone and no e-mail of their own.
    """
    return {
        "reference": picklist.reference,
        "warehouse": picklist.site,
        "planned_date": _date(picklist.dispatch_date) if picklist.dispatch_date else None,
        "delivery_address": _address(picklist.ship_to),
        "lines": [_line(line) for line in picklist.lines],
    }


def amend_picklist(picklist: Picklist, wms_id: str) -> Json:
    """The body of `amend_picklist`: the whole picklist as it shall be."""
    return push_picklist(picklist) | {"id": wms_id}


def cancel_picklist(reference: str, wms_id: str) -> Json:
    """The body of `cancel_picklist`."""
    return {"reference": reference, "id": wms_id}


def _line(line: PicklistLine) -> Json:
    price = line.unit_price
    return {
        "product": line.sku,
        "quantity": line.quantity,
        "unit_price": _decimal(price) if price else None,
        "currency": price.currency if price else None,
    }


def _decimal(price: Money) -> Json:
    amount = Decimal(price.minor).scaleb(-exponent(price.currency))
    return {"__class__": "Decimal", "decimal": str(amount)}


def _date(day: date) -> Json:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _address(address: Address) -> Json:
    """A party.address: the company stands before the person where there is one."""
    return {
        "party_name": address.company or address.name,
        "attn": address.name if address.company else None,
        "street": "\n".join(address.street) or None,
        "postal_code": address.postal_code,
        "city": address.city,
        "region": address.region,
        "country": address.country_code,
    }


def _pick(move: Move) -> PickedLine:
    return PickedLine(
        sku=move.product.code or "",
        quantity=move.units,
        bin=move.from_location.code if move.from_location else None,
        lot=move.lot.number if move.lot else None,
    )


def _parcels(source: Shipment, state: WmsState) -> tuple[WmsParcel, ...]:
    """The outermost packages; without packages the shipment is one parcel, once it has a number or left."""
    carrier = source.carrier.party.name if source.carrier else None
    left = state is WmsState.SHIPPED
    shipped_at = _left_at(source) if left else None
    roots = [package for package in source.packages if package.parent is None]
    if roots:
        return tuple(
            WmsParcel(
                parcel_id=package.number,
                tracking_number=package.shipping_reference or _single(source, roots),
                carrier=carrier,
                lines=_units(package.moves + _inner(package, source.packages)),
                shipped_at=shipped_at,
                tracking_url=package.shipping_tracking_url or None,
            )
            for package in roots
        )
    if not left and not source.shipping_reference:
        return ()
    return (
        WmsParcel(
            parcel_id=str(source.id),
            tracking_number=source.shipping_reference or None,
            carrier=carrier,
            lines=_units(move for move in source.outgoing_moves if move.state != "cancelled"),
            shipped_at=shipped_at,
        ),
    )


def _single(source: Shipment, roots: list[Package]) -> str | None:
    """The shipment's own number, where its one package has none."""
    return source.shipping_reference or None if len(roots) == 1 else None


def _inner(package: Package, packages: tuple[Package, ...]) -> tuple[Move, ...]:
    """The moves of the packages inside a package, all the way down."""
    inside = [inner for inner in packages if inner.parent == package.id]
    return sum((inner.moves + _inner(inner, packages) for inner in inside), ())


def _units(moves: Iterable[Move]) -> tuple[PickedLine, ...]:
    return tuple(
        PickedLine(
            sku=move.product.code or "", quantity=move.units, lot=move.lot.number if move.lot else None
        )
        for move in moves
        if move.units
    )


def _left_at(source: Shipment) -> datetime | None:
    """When it left. Tryton keeps only the day, its own local one; its last change is the time, if near it.

    A local day and the day in UTC are one apart at most.
    """
    changed = source.write_date.moment() if source.write_date else None
    if source.effective_date is None:
        return changed
    day = source.effective_date.day_of()
    if changed and abs(changed.date() - day) <= timedelta(days=1):
        return changed
    return datetime.combine(day, time(), tzinfo=UTC)


def _revision(source: Shipment) -> str:
    """The latest change of the shipment, its moves and its packages, in a form that sorts as text."""
    parts: tuple[Shipment | Move | Package, ...] = (
        source,
        *source.inventory_moves,
        *source.outgoing_moves,
        *source.packages,
    )
    stamps = [
        stamp.moment() for part in parts for stamp in (part.create_date, part.write_date) if stamp is not None
    ]
    if not stamps:
        raise NormalizationError(Reason.MISSING_FIELD, f"shipment {source.id} has no dates")
    return max(stamps).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _reason(source: Shipment, state: WmsState) -> str | None:
    """What a waiting shipment waits for."""
    if state is WmsState.UNKNOWN:
        return f"state {source.state!r} is not known"
    short: defaultdict[str, int] = defaultdict(int)
    for move in source.inventory_moves:
        if state is WmsState.WAITING and move.state == "draft":
            short[move.product.code or "?"] += move.units
    if not short:
        return None
    return "short of " + ", ".join(f"{units} {sku}" for sku, units in sorted(short.items()) if units)
