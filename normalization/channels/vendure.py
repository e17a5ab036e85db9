"""Vendure orders in the hub's words, and the hub's confirmations in Vendure's.

Vendure rounds each line once, before and after tax (`proratedLinePrice`, `proratedLinePriceWithTax`, both
with the order's promotions spread over the lines); lines, surcharges and shipping then add up to
`totalWithTax` to the minor unit (seen at a running 3.7.3, with order promotions, cancelled units and edits).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from normalization.channels.vendure_answers import (
    Address as VendureAddress,
)
from normalization.channels.vendure_answers import (
    Customer,
    Fulfillment,
    Order,
    Payment,
    Refund,
    decode,
)
from normalization.channels.vendure_money import Amounts, in_minor_units
from normalization.channels.vendure_states import channel_state, mode_of, order_payment, payment_state
from normalization.errors import NormalizationError, Reason
from normalization.limits import json_value, named, utc, within_limits
from normalization.money import Money, UnknownCurrencyError
from normalization.records import (
    Address,
    Buyer,
    Cancellation,
    CanonicalOrder,
    ChannelFulfilment,
    LineQuantity,
    RefundLine,
    ShipmentConfirmation,
    Totals,
    Version,
)
from normalization.records import (
    Payment as PaymentRecord,
)
from normalization.records import (
    Refund as RefundRecord,
)
from normalization.registry import Context
from normalization.statuses import PaymentMode

Json = Any

REFUNDED = "Settled"
"""The state of a refund whose money has gone: a Pending one waits for the payment provider."""


def order(raw: bytes, context: Context) -> CanonicalOrder:
    """One order. Raises NormalizationError.

    The setting `payment_modes` ("code=mode, code=mode") names the modes of the shop's own payment methods;
    `money_precision` the decimals in which it counts money.
    """
    source = decode(raw)
    placed_at = source.orderPlacedAt
    if placed_at is None:
        raise NormalizationError(
            Reason.OUT_OF_SCOPE, f"order {named(source.id)} is a cart: it was never placed"
        )
    try:
        source = in_minor_units(source, context.settings)
    except UnknownCurrencyError as error:
        raise NormalizationError(Reason.UNKNOWN_CURRENCY, str(error)) from error
    amounts = Amounts(source)
    warnings: list[str] = []
    payments = tuple(_payment(payment, source, context, warnings) for payment in source.payments or ())
    refunds = tuple(
        _refund(refund, source)
        for payment in source.payments or ()
        for refund in payment.refunds
        if refund.state == REFUNDED
    )
    methods = [line.shippingMethod.code for line in source.shippingLines]
    made = CanonicalOrder(
        connection=context.connection,
        external_id=source.id,
        number=source.code,
        version=Version(observed_at=context.observed_at),
        placed_at=utc(placed_at, "orderPlacedAt"),
        updated_at=utc(source.updatedAt, "updatedAt"),
        state=channel_state(source.state, warnings),
        channel_status=source.state,
        currency=source.currencyCode,
        taxes_included=amounts.taxes_included,
        payment_mode=payments[0].mode if payments else PaymentMode.UNKNOWN,
        payment_state=order_payment(source, sum(refund.amount.minor for refund in refunds)),
        requested_service=methods[0] if methods else None,
        totals=_totals(source, amounts, refunds),
        buyer=_buyer(source.customer, source.shippingAddress),
        ship_to=_address(source.shippingAddress),
        bill_to=_address(source.billingAddress),
        lines=amounts.lines(),
        shipping=amounts.shipping(),
        charges=amounts.charges(),
        discounts=amounts.discounts(),
        payments=payments,
        fulfilments=tuple(_fulfilment(fulfilment) for fulfilment in source.fulfillments or ()),
        refunds=refunds,
        returns=(),
        notes=None,
        warnings=tuple(warnings),
    )
    return within_limits(made)


def orders_in(answer: bytes) -> Iterable[bytes]:
    """The raw orders in an answer of the Admin API, a bare order, or a recorded exchange.

    Raises NormalizationError(OUT_OF_SCOPE) if it holds none.
    """
    found = json_value(answer, "the answer")
    for wrapper in ("response", "data"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if isinstance(found, dict) and "orders" in found:
        found = found["orders"]
    if isinstance(found, dict) and isinstance(found.get("order"), dict):
        found = found["order"]
    orders = found.get("items") if isinstance(found, dict) and "items" in found else [found]
    if not isinstance(orders, list) or not all(isinstance(item, dict) and "code" in item for item in orders):
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer holds no order")
    return [msgspec.json.encode(item) for item in orders]


def confirm_shipment(confirmation: ShipmentConfirmation) -> Json:
    """The body of the operation `confirm_shipment`: the order's id and a FulfillOrderInput.

    The handler `manual-fulfillment` is the core's own; it takes a carrier's name and a tracking code.
    """
    arguments = [{"name": "method", "value": confirmation.carrier or ""}]
    if confirmation.tracking_number:
        arguments.append({"name": "trackingCode", "value": confirmation.tracking_number})
    return {
        "order_id": confirmation.external_id,
        "input": {
            "lines": [
                {"orderLineId": line.line_id, "quantity": line.quantity} for line in confirmation.lines
            ],
            "handler": {"code": "manual-fulfillment", "arguments": arguments},
        },
    }


def cancel_lines(cancellation: Cancellation) -> Json:
    """The body of `cancel_lines`: what is to remain of each line."""
    return {
        "order_id": cancellation.external_id,
        "lines": [{"line_id": line.line_id, "remaining": line.remaining} for line in cancellation.lines],
        "reason": cancellation.reason,
    }


def _totals(source: Order, amounts: Amounts, refunds: tuple[RefundRecord, ...]) -> Totals:
    currency = source.currencyCode
    return Totals(
        total=Money(source.totalWithTax, currency),
        tax=Money(source.totalWithTax - source.total, currency),
        discount=Money(sum(discount.amount.minor for discount in amounts.discounts()), currency),
        shipping=Money(source.shippingWithTax, currency),
        refunded=Money(sum(refund.amount.minor for refund in refunds), currency),
    )


def _buyer(customer: Customer | None, ship_to: VendureAddress | None) -> Buyer | None:
    if customer is None:
        return None
    return Buyer(
        name=f"{customer.firstName} {customer.lastName}".strip() or None,
        email=customer.emailAddress or None,
        phone=customer.phoneNumber or (ship_to.phoneNumber if ship_to else None) or None,
        channel_customer_id=customer.id,
    )


def _address(source: VendureAddress | None) -> Address | None:
    """An address; Vendure keeps an empty object where none was given."""
    if source is None or not any(msgspec.structs.astuple(source)):
        return None
    return Address(
        name=source.fullName or None,
        company=source.company or None,
        street=tuple(line for line in (source.streetLine1, source.streetLine2) if line),
        city=source.city or None,
        region=source.province or None,
        postal_code=source.postalCode or None,
        country_code=source.countryCode.upper() if source.countryCode else None,
        phone=source.phoneNumber or None,
    )


def _payment(source: Payment, order_: Order, context: Context, warnings: list[str]) -> PaymentRecord:
    refunded = sum(refund.total for refund in source.refunds if refund.state == REFUNDED)
    return PaymentRecord(
        payment_id=source.id,
        mode=mode_of(source.method, context.settings.get("payment_modes", ""), warnings),
        state=payment_state(source.state, source.amount, refunded, warnings),
        amount=Money(source.amount, order_.currencyCode),
        gateway=source.method,
        paid_at=utc(source.createdAt, "payments.createdAt"),
    )


def _refund(source: Refund, order_: Order) -> RefundRecord:
    currency = order_.currencyCode
    return RefundRecord(
        refund_id=source.id,
        amount=Money(source.total, currency),
        lines=_refund_lines(source, order_),
        shipping=Money(source.shipping, currency) if source.shipping else None,
        reason_text=source.reason or None,
        created_at=utc(source.createdAt, "refunds.createdAt"),
    )


def _refund_lines(source: Refund, order_: Order) -> tuple[RefundLine, ...]:
    """What the refund gives back for goods, spread over its lines by their prices.

    Vendure keeps only sums: `items` for the lines, and an `adjustment` of the whole.
    """
    prices = {line.id: line.proratedUnitPriceWithTax for line in order_.lines}
    weights = [prices.get(line.orderLineId, 0) * line.quantity for line in source.lines]
    if not sum(weights):
        weights = [line.quantity for line in source.lines]
    goods, whole, given, weighed = source.total - source.shipping, sum(weights) or 1, 0, 0
    lines = []
    for line, weight in zip(source.lines, weights, strict=True):
        weighed += weight
        upto = goods * weighed // whole
        lines.append(
            RefundLine(
                line_id=line.orderLineId,
                quantity=line.quantity,
                amount=Money(upto - given, order_.currencyCode),
            )
        )
        given = upto
    return tuple(lines)


def _fulfilment(source: Fulfillment) -> ChannelFulfilment:
    return ChannelFulfilment(
        fulfilment_id=source.id,
        lines=tuple(LineQuantity(line_id=line.orderLineId, quantity=line.quantity) for line in source.lines),
        state=source.state,
        carrier=source.method or None,
        tracking_numbers=(source.trackingCode,) if source.trackingCode else (),
        created_at=utc(source.createdAt, "fulfillments.createdAt"),
    )
