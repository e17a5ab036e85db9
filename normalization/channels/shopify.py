"""Shopify orders (Admin GraphQL API 2026-10) to canonical orders.

`shopify_wire` has the vendor's shapes, `shopify_lines` the units and money of lines, `shopify_sums` the
totals and their check, `shopify_payments` payments, refunds and returns.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from normalization.channels.shopify_payments import payment_state, payments, refunds, returns
from normalization.channels.shopify_sums import sums_of
from normalization.channels.shopify_wire import ORDER, Customer, MailingAddress, Order, Shipped
from normalization.errors import NormalizationError, Reason
from normalization.limits import json_value, utc, utc_or_none, within_limits
from normalization.money import InexactAmountError, UnknownCurrencyError, exponent
from normalization.records import (
    Address,
    Buyer,
    Cancellation,
    CanonicalOrder,
    ChannelFulfilment,
    LineQuantity,
    Payment,
    ShipmentConfirmation,
    Version,
)
from normalization.registry import Context, Json
from normalization.statuses import ChannelState, PaymentMode, PaymentState

_DATES = ("At`", "Time`", "By`")
_STATES: Mapping[str, ChannelState] = {
    "FULFILLED": ChannelState.OPEN,
    "FULFILLMENT_NOT_REQUIRED": ChannelState.OPEN,
    "IN_PROGRESS": ChannelState.OPEN,
    "ON_HOLD": ChannelState.PENDING,
    "OPEN": ChannelState.OPEN,
    "PARTIALLY_FULFILLED": ChannelState.OPEN,
    "PENDING_FULFILLMENT": ChannelState.OPEN,
    "REQUEST_DECLINED": ChannelState.OPEN,
    "RESTOCKED": ChannelState.OPEN,
    "SCHEDULED": ChannelState.PENDING,
    "UNFULFILLED": ChannelState.OPEN,
}
"""OrderDisplayFulfillmentStatus of an order that is neither cancelled nor closed."""
_CANCELLED_WORK = frozenset({"CANCELLED", "CLOSED"})


def order(raw: bytes, context: Context) -> CanonicalOrder:
    """One order.

    Raises:
        NormalizationError: With the field that is at fault, never its content.
    """
    try:
        wire = ORDER.decode(raw)
        return _canonical(wire, context)
    except msgspec.ValidationError as error:
        raise NormalizationError(_reason(str(error)), str(error)) from None
    except msgspec.DecodeError as error:
        raise NormalizationError(Reason.UNDECODABLE, f"no JSON: {error}") from None
    except UnicodeDecodeError:
        raise NormalizationError(Reason.UNDECODABLE, "not UTF-8") from None
    except RecursionError:
        raise NormalizationError(Reason.UNDECODABLE, "its brackets nest without end") from None
    except UnknownCurrencyError as error:
        raise NormalizationError(Reason.UNKNOWN_CURRENCY, str(error)) from None
    except InexactAmountError as error:
        raise NormalizationError(Reason.INEXACT_AMOUNT, str(error)) from None


def orders_in(answer: bytes) -> Iterable[bytes]:
    """The raw orders in one answer.

    Takes a page of `orders` with nodes or edges, an `order` or a mutation's order, a bare order, and any of
    these inside {"request", "response"}. Orders that another record refers to (a fulfilment order's
    `order`) are not meant.

    Raises:
        NormalizationError: OUT_OF_SCOPE if there is none, UNDECODABLE if it is no JSON.
    """
    value = json_value(answer, "the answer")
    if _is_order(value):
        return [answer]
    if isinstance(value, dict) and "response" in value:
        value = value["response"]
    found = list(_orders_under(value))
    if not found:
        told = "only errors" if isinstance(value, dict) and value.get("errors") else "no order"
        raise NormalizationError(Reason.OUT_OF_SCOPE, f"the answer holds {told}")
    return [msgspec.json.encode(entry) for entry in found]


def confirm_shipment(confirmation: ShipmentConfirmation) -> Json:
    """The body of `confirm_shipment`: the connector finds the fulfilment orders itself."""
    return {
        "order_id": confirmation.external_id,
        "lines": [{"line_id": line.line_id, "quantity": line.quantity} for line in confirmation.lines],
        "tracking": {
            "number": confirmation.tracking_number,
            "company": confirmation.carrier,
            "url": confirmation.tracking_url,
        },
    }


def cancel_lines(cancellation: Cancellation) -> Json:
    """The body of `cancel_lines`: what is to remain of each line."""
    return {
        "order_id": cancellation.external_id,
        "lines": [{"line_id": line.line_id, "remaining": line.remaining} for line in cancellation.lines],
        "whole": cancellation.whole,
        "reason": cancellation.reason,
    }


def _is_order(value: Json) -> bool:
    found = value.get("id") if isinstance(value, dict) else None
    return isinstance(found, str) and found.startswith("gid://shopify/Order/")


def _orders_under(answer: Json) -> Iterable[Json]:
    if _is_order(answer):
        yield answer
        return
    data = answer.get("data") if isinstance(answer, dict) else None
    for value in data.values() if isinstance(data, dict) else ():
        if _is_order(value):
            yield value
        elif isinstance(value, dict):
            edges = (edge for edge in _listed(value.get("edges")) if isinstance(edge, dict))
            entries = _listed(value.get("nodes")) or [edge.get("node") for edge in edges]
            made = () if "id" in value else (value.get("order"),)
            yield from (entry for entry in (*entries, *made) if _is_order(entry))


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _reason(message: str) -> Reason:
    if "missing required field" in message:
        return Reason.MISSING_FIELD
    if "RFC3339" in message or message.endswith(_DATES):
        return Reason.IMPOSSIBLE_DATE
    return Reason.UNDECODABLE


def _canonical(wire: Order, context: Context) -> CanonicalOrder:
    if wire.created_at is UNSET:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no createdAt")
    if wire.name is UNSET:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no name")
    warnings: list[str] = ["Shopify marks it as a test order"] if wire.test else []
    currency = _currency(wire)
    buyer_currency = wire.presentment_currency_code
    if buyer_currency is not None:
        exponent(buyer_currency)
    sums = sums_of(wire, currency, warnings)
    paid = payments(wire, currency, warnings) if wire.transactions is not UNSET else UNSET
    ship_by, deliver_by = _promises(wire)
    status = (wire.display_financial_status or "none", wire.display_fulfillment_status or "none")
    updated_at = utc_or_none(wire.updated_at, "updatedAt")
    made = CanonicalOrder(
        connection=context.connection,
        external_id=wire.id,
        number=wire.name,
        version=Version(
            observed_at=context.observed_at,
            revision=updated_at.isoformat() if updated_at else "",
        ),
        placed_at=utc(wire.created_at, "createdAt"),
        updated_at=updated_at,
        cancelled_at=utc_or_none(wire.cancelled_at, "cancelledAt"),
        cancel_reason=wire.cancel_reason.lower() if wire.cancel_reason else None,
        state=_state(wire, warnings),
        channel_status=" / ".join((*status, "test order") if wire.test else status),
        currency=currency,
        buyer_currency=buyer_currency,
        taxes_included=wire.taxes_included,
        payment_mode=_mode(paid),
        payment_state=_payment_state(wire, sums.totals.total.minor, warnings),
        requested_service=sums.shipping[0].title if sums.shipping else None,
        ship_by=utc_or_none(ship_by, "fulfillBy"),
        deliver_by=utc_or_none(deliver_by, "maxDeliveryDateTime"),
        tags=tuple(wire.tags),
        totals=sums.totals,
        buyer=_buyer(wire),
        ship_to=_address(wire.shipping_address),
        bill_to=_address(wire.billing_address),
        lines=sums.lines,
        shipping=sums.shipping if wire.shipping_lines is not UNSET else UNSET,
        charges=sums.charges,
        discounts=sums.discounts,
        payments=paid,
        fulfilments=_fulfilments(wire.fulfillments),
        refunds=refunds(wire, currency, warnings) if wire.refunds is not UNSET else UNSET,
        returns=returns(wire, warnings) if wire.returns is not UNSET else UNSET,
        notes=wire.note,
        warnings=tuple(dict.fromkeys(warnings)) if warnings else (),
    )
    return within_limits(made)


def _promises(wire: Order) -> tuple[datetime | None, datetime | None]:
    """The earliest ship-by and deliver-by of what is still to be fulfilled, else of all."""
    if wire.fulfillment_orders is UNSET:
        return None, None
    ship_by = deliver_by = None
    works = wire.fulfillment_orders.all()
    for work in [work for work in works if work.status not in _CANCELLED_WORK] or works:
        if work.fulfill_by and (ship_by is None or work.fulfill_by < ship_by):
            ship_by = work.fulfill_by
        promised = work.delivery_method.max_delivery_date_time if work.delivery_method else None
        if promised and (deliver_by is None or promised < deliver_by):
            deliver_by = promised
    return ship_by, deliver_by


def _currency(wire: Order) -> str:
    currency = wire.currency_code
    if currency is None:
        bag = wire.current_total_price_set or wire.total_price_set
        if bag is None:
            raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no currencyCode and no total")
        currency = bag.shop_money.currency_code
    exponent(currency)
    return currency


def _state(wire: Order, warnings: list[str]) -> ChannelState:
    if wire.cancelled_at is not None:
        return ChannelState.CANCELLED
    if wire.closed:
        return ChannelState.CLOSED
    if wire.test or not wire.confirmed:
        return ChannelState.PENDING  # nobody pays for a test order: it is held, and never shipped
    status = wire.display_fulfillment_status
    state = _STATES.get(status) if status else None
    if state is None:
        if status:
            warnings.append(f"unknown fulfillment status {status!r}")
        return ChannelState.UNKNOWN
    return state


def _payment_state(wire: Order, total: int, warnings: list[str]) -> PaymentState:
    """The payment as a whole; an order that costs nothing has no financial status and is paid."""
    if wire.display_financial_status is None and total == 0:
        return PaymentState.CAPTURED
    return payment_state(wire, warnings)


def _mode(paid: tuple[Payment, ...] | UnsetType) -> PaymentMode:
    if paid and len(paid) == 1:
        return paid[0].mode
    modes = {payment.mode for payment in paid or ()}
    if len(modes) > 1:
        modes -= {PaymentMode.GIFT_CARD}
    return modes.pop() if len(modes) == 1 else PaymentMode.UNKNOWN


def _buyer(wire: Order) -> Buyer | UnsetType | None:
    if wire.customer is UNSET and wire.email is None and wire.phone is None:
        return UNSET
    customer = wire.customer or Customer()
    email = customer.default_email_address
    phone = customer.default_phone_number
    return Buyer(
        name=customer.display_name,
        email=wire.email or customer.email or (email.email_address if email else None),
        phone=wire.phone or (phone.phone_number if phone else None),
        channel_customer_id=customer.id,
    )


def _address(wire: MailingAddress | UnsetType | None) -> Address | UnsetType | None:
    if wire is None or wire is UNSET:
        return wire
    name = wire.name or " ".join(part for part in (wire.first_name, wire.last_name) if part)
    street = (wire.address1, wire.address2) if wire.address2 else (wire.address1,)
    return Address(
        name=name or None,
        company=wire.company or None,
        street=tuple(filter(None, street)),
        city=wire.city or None,
        region=wire.province_code or wire.province or None,
        postal_code=wire.zip or None,
        country_code=wire.country_code_v2,
        phone=wire.phone or None,
    )


def _fulfilments(wire: list[Shipped] | UnsetType) -> tuple[ChannelFulfilment, ...] | UnsetType:
    if not wire:
        return UNSET if wire is UNSET else ()
    return tuple(
        ChannelFulfilment(
            fulfilment_id=made.id,
            lines=tuple(
                LineQuantity(line_id=line.line_item.id, quantity=line.quantity or 0)
                for line in made.fulfillment_line_items.all()
            ),
            state=made.status.lower(),
            carrier=next((info.company for info in made.tracking_info if info.company), None),
            tracking_numbers=tuple(info.number for info in made.tracking_info if info.number),
            created_at=utc_or_none(made.created_at, "fulfillments.createdAt"),
        )
        for made in wire
    )
