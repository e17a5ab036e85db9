"""WooCommerce REST v3 orders to canonical orders, and shipments to what a shop can be told of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from normalization.channels.woocommerce_lines import Refunds, order_line, parent_of, read_refunds
from normalization.channels.woocommerce_payments import mode_of, payment_state_of, payments_of
from normalization.channels.woocommerce_sums import (
    balanced,
    charges_of,
    discounts_of,
    shipping_of,
    totals_of,
)
from normalization.channels.woocommerce_wire import (
    ENVELOPE,
    LIST,
    ORDER,
    Order,
    Place,
    decode,
    key,
    minor,
    text,
)
from normalization.errors import NormalizationError, Reason
from normalization.limits import quoted, utc, within_limits
from normalization.records import (
    Address,
    Buyer,
    Cancellation,
    CanonicalOrder,
    ChannelFulfilment,
    LineQuantity,
    OrderLine,
    Return,
    ShipmentConfirmation,
    Version,
)
from normalization.registry import Context, Json
from normalization.statuses import ChannelState

STATES = {
    "pending": ChannelState.PENDING,
    "checkout-draft": ChannelState.PENDING,
    "auto-draft": ChannelState.PENDING,
    "failed": ChannelState.PENDING,
    "on-hold": ChannelState.PENDING,  # awaiting payment
    "processing": ChannelState.OPEN,
    "completed": ChannelState.CLOSED,
    "refunded": ChannelState.CLOSED,
    "cancelled": ChannelState.CANCELLED,
    "trash": ChannelState.CANCELLED,
}
"""WooCommerce's own statuses; plugins add others."""

PROVIDERS = {
    "ups": "UPS", "usps": "USPS", "fedex": "Fedex", "dhl": "DHL", "ontrac": "OnTrac", "postnl": "PostNL",
    "royalmail": "Royal Mail", "parcelforce": "ParcelForce", "colissimo": "Colissimo", "hermes": "Hermes",
    "bpost": "bpost", "canadapost": "Canada Post", "australiapost": "Australia Post",
}  # fmt: skip
"""Our carriers' names, letters and digits only, to the Shipment Tracking plugin's providers [fixture]."""

_ENCODE = msgspec.json.Encoder().encode

TRACKINGS = "_wc_shipment_tracking_items"
"""The order's meta under which the Shipment Tracking plugin keeps what it was told."""


def order(raw: bytes, context: Context) -> CanonicalOrder:
    """One order, with `refunds_detail` if the connector added it. Raises NormalizationError."""
    wire = decode(raw, ORDER)
    warnings: list[str] = []
    zone = context.settings.get("timezone")
    placed_at = _moment(wire.date_created_gmt, wire.date_created, "date_created", zone, warnings)
    if placed_at is None:
        raise NormalizationError(Reason.MISSING_FIELD, "date_created_gmt is empty")
    updated_at = _moment(wire.date_modified_gmt, wire.date_modified, "date_modified", zone, warnings)
    paid_at = _moment(wire.date_paid_gmt, wire.date_paid, "date_paid", zone, warnings)
    completed_at = _moment(wire.date_completed_gmt, wire.date_completed, "date_completed", zone, warnings)
    status = wire.status.removeprefix("wc-")
    state = STATES.get(status, ChannelState.UNKNOWN)
    if state is ChannelState.UNKNOWN:
        warnings.append(f"unknown status {status}")
    cancelled = state is ChannelState.CANCELLED
    moments = {
        key(one.id): _moment(one.date_created_gmt, None, "refunds.date_created", None, warnings)
        for one in wire.refunds_detail or ()
    }
    refunds = read_refunds(wire, moments, completed_at, warnings)
    included = wire.prices_include_tax in (True, "true", 1, "1", "yes")
    completed = status == "completed" or (status == "refunded" and completed_at is not None)
    lines = _lines(wire, refunds, included, cancelled, completed)
    shipping = shipping_of(wire, cancelled)
    charges = charges_of(wire, cancelled)
    stated = minor(wire.total, wire.currency)
    total = 0
    if not cancelled:
        total = stated - sum([off.net + off.tax for off in refunds.taken_off.values()])
        charges = balanced(wire, total, lines, shipping, charges)
    gateway = text(wire.payment_method)
    mode = mode_of(gateway, warnings)
    payment_state = payment_state_of(status, state, mode, paid_at, stated, refunds)
    ship_to = _address(wire.shipping)
    # Most goods go where the bill goes; comparing two addresses is cheaper than reading the second.
    bill_to = ship_to if _is_same_address(wire.billing, wire.shipping) else _address(wire.billing)
    made = CanonicalOrder(
        connection=context.connection,
        external_id=key(wire.id),
        number=text(wire.number) or key(wire.id),
        version=Version(
            observed_at=context.observed_at,
            revision=_revision(updated_at) if updated_at else "",
        ),
        placed_at=placed_at,
        updated_at=updated_at,
        # WooCommerce keeps no time of cancellation; the last update is no earlier than it.
        cancelled_at=updated_at if cancelled else None,
        state=state,
        channel_status=wire.status,
        currency=wire.currency,
        taxes_included=included,
        payment_mode=mode,
        payment_state=payment_state,
        requested_service=text(wire.shipping_lines[0].method_title) if wire.shipping_lines else None,
        totals=totals_of(wire, total, lines, shipping, charges, refunds),
        buyer=_buyer(wire),
        ship_to=ship_to,
        bill_to=bill_to,
        lines=lines,
        shipping=shipping,
        charges=charges,
        discounts=discounts_of(wire, included),
        payments=payments_of(wire, gateway, stated, mode, payment_state, paid_at),
        fulfilments=_fulfilments(wire),
        refunds=UNSET if wire.refunds is UNSET and wire.refunds_detail is None else tuple(refunds.records),
        returns=_returns(refunds),
        notes=text(wire.customer_note),
        warnings=tuple(warnings),
    )
    return within_limits(made)


def orders_in(answer: bytes) -> Iterable[bytes]:
    """The orders of a list page, a bare order, or a recorded exchange."""
    if answer.lstrip()[:1] == b"[":
        orders = [bytes(one) for one in decode(answer, LIST)]
        if orders and not all(_is_order(one) for one in orders):
            raise NormalizationError(Reason.OUT_OF_SCOPE, "the list holds something other than orders")
        return orders
    found = decode(answer, ENVELOPE)
    for inner in (found.response, found.data):
        if inner is not UNSET and bytes(inner)[:1] in (b"[", b"{"):
            return orders_in(bytes(inner))
    if _is_order(answer):
        return [answer]
    raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer holds no order")


def _is_order(raw: bytes) -> bool:
    if raw.lstrip()[:1] != b"{":
        return False
    found = decode(raw, ENVELOPE)
    dated = found.date_created_gmt is not UNSET or found.date_created is not UNSET
    return found.id is not None and dated and (found.currency, found.line_items) != (UNSET, UNSET)


def confirm_shipment(confirmation: ShipmentConfirmation) -> Json:
    """What the connector tells the shop: a tracking, or a note, and the status when all is shipped."""
    shipped = confirmation.shipped_at.astimezone(UTC)
    name = "".join(letter for letter in (confirmation.carrier or "").lower() if letter.isalnum())
    tracking: dict[str, str] | None = None
    if confirmation.tracking_number:
        tracking = {"tracking_number": confirmation.tracking_number, "date_shipped": f"{shipped:%Y-%m-%d}"}
        if name in PROVIDERS:
            tracking["tracking_provider"] = PROVIDERS[name]
        else:
            tracking["custom_tracking_provider"] = confirmation.carrier or ""
            tracking["custom_tracking_link"] = confirmation.tracking_url or ""
    by = f" with {confirmation.carrier}" if confirmation.carrier else ""
    number = f", tracking number {confirmation.tracking_number}" if confirmation.tracking_number else ""
    return {
        "orderId": confirmation.external_id,
        "tracking": tracking,
        "note": f"Parcel {confirmation.sequence} shipped{by}{number}.",
        "complete": confirmation.complete,
    }


def cancel_lines(cancellation: Cancellation) -> Json:
    """The body of `cancel_lines`: an order is cancelled as a whole, or not at all."""
    return {"orderId": cancellation.external_id, "whole": cancellation.whole}


def _moment(
    gmt: str | None, local: str | None, field: str, zone: str | None, warnings: list[str]
) -> datetime | None:
    """A moment from its GMT form; where that is absent, from the shop's own time."""
    stamp = gmt or local
    if not stamp:
        return None
    try:
        # The usual form has no zone; parsing it as UTC at once spares a copy.
        moment = datetime.fromisoformat(f"{stamp}Z" if gmt and len(stamp) == 19 else stamp)
    except ValueError as error:
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} is {quoted(stamp)}") from error
    if moment.year < 1995:  # WordPress writes 0000 and 1970 where it has no date
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} is {quoted(stamp)}")
    if moment.tzinfo is not None or gmt:
        return utc(moment, field)
    if zone is None:
        warnings.append(f"{field}_gmt is absent and the shop's timezone is not configured: taken as UTC")
        return utc(moment, field)
    return utc(moment.replace(tzinfo=ZoneInfo(zone)), field)


def _revision(moment: datetime) -> str:
    """A UTC time in isoformat with microseconds, through msgspec, which takes a tenth of the time."""
    to_the_second = _ENCODE(moment)[1:20].decode()
    return f"{to_the_second}.{moment.microsecond:06}+00:00"


def _lines(
    wire: Order, refunds: Refunds, included: bool, cancelled: bool, completed: bool
) -> tuple[OrderLine, ...] | UnsetType:
    if wire.line_items is UNSET:
        return UNSET
    lines = wire.line_items or []
    parents = [parent_of(one) for one in lines]
    rates = {str(rate.rate_id): rate for rate in wire.tax_lines or ()}
    return tuple(
        order_line(
            one,
            wire,
            refunds,
            taxes_included=included,
            cancelled=cancelled,
            completed=completed,
            parent_line_id=parent,
            is_parent=key(one.id) in parents,
            rates=rates,
        )
        for one, parent in zip(lines, parents, strict=True)
    )


def _buyer(wire: Order) -> Buyer | UnsetType | None:
    if wire.billing is UNSET:
        return UNSET
    place = wire.billing
    if place is None:
        return None
    customer = text(wire.customer_id)
    return Buyer(
        name=_name(place),
        email=text(place.email),
        phone=text(place.phone),
        channel_customer_id=None if customer == "0" else customer,  # 0 is a guest [docs]
    )


def _address(place: Place | UnsetType | None) -> Address | UnsetType | None:
    """An address, or None where every field that finds a door is empty."""
    if place is UNSET or place is None:
        return place
    street = tuple([line for line in (text(place.address_1), text(place.address_2)) if line])
    city, postal_code, country = text(place.city), text(place.postcode), text(place.country)
    if not (street or city or postal_code or country):
        return None
    return Address(
        name=_name(place),
        company=text(place.company),
        street=street,
        city=city,
        region=text(place.state),
        postal_code=postal_code,
        country_code=country.upper() if country else None,
        phone=text(place.phone),
    )


def _is_same_address(one: Place | UnsetType | None, other: Place | UnsetType | None) -> bool:
    return isinstance(one, Place) and isinstance(other, Place) and astuple(one)[:-1] == astuple(other)[:-1]


def _name(place: Place) -> str | None:
    first, last = text(place.first_name), text(place.last_name)
    return f"{first} {last}" if first and last else first or last


def _fulfilments(wire: Order) -> tuple[ChannelFulfilment, ...]:
    """What the Shipment Tracking plugin was told. It knows parcels, not what is in them."""
    if not wire.meta_data:
        return ()
    told = next((meta.value for meta in wire.meta_data if meta.key == TRACKINGS), None)
    return tuple(
        ChannelFulfilment(
            fulfilment_id=str(one.get("tracking_id") or one.get("tracking_number") or number),
            lines=(),
            state="shipped",
            carrier=text(one.get("tracking_provider")) or text(one.get("custom_tracking_provider")),
            tracking_numbers=(str(one["tracking_number"]),) if one.get("tracking_number") else (),
        )
        for number, one in enumerate(told if isinstance(told, list) else (), 1)
        if isinstance(one, dict)
    )


def _returns(refunds: Refunds) -> tuple[Return, ...]:
    """Refunds after completion whose goods were put back on the shelf."""
    if not refunds.after_completion:
        return ()
    return tuple(
        Return(
            return_id=one.refund_id,
            lines=tuple(
                LineQuantity(line_id=line.line_id, quantity=line.quantity)
                for line in one.lines
                if line.restocked
            ),
            state="restocked",
            reason=one.reason,
            reason_text=one.reason_text,
            created_at=one.created_at,
        )
        for one in refunds.records
        if one.refund_id in refunds.after_completion and any(line.restocked for line in one.lines)
    )
