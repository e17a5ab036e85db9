"""An order of the world as Vendure's Admin API renders it: every field that the imitation knows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from sandbox.orders import EXPONENTS
from sandbox.world import Person, ShopOrder, SoldLine, ToldFulfilment, half_up

Record = dict[str, Any]

METHODS = {"bank_transfer": "bank-transfer", "cash_on_delivery": "cash-on-delivery"}
"""Codes of the payment methods; where a mode is not named here, the method has its name."""
PROMOTION = "1"
PRECISION = 2
"""Decimals in which Vendure's DefaultMoneyStrategy counts every currency: a yen is 100."""


def order_record(
    order: ShopOrder, updated_at: datetime, pending: Mapping[str, Record], names: Mapping[str, str]
) -> Record:
    """The order.

    Args:
        order: The world's order.
        updated_at: When Vendure believes that it last changed.
        pending: Fulfilments that are not shipped yet, by id.
        names: The ids under which shipped fulfilments were made, by the world's id.
    """
    unsent = [one["record"] for one in pending.values() if one["order"] is order]
    order = _counted(order)
    lines = [line_record(line, order) for line in order.lines]
    shipping = order.shipping_amounts()
    net = sum(line["proratedLinePrice"] for line in lines)
    total = sum(line["proratedLinePriceWithTax"] for line in lines)
    return {
        "__typename": "Order",
        "id": order.external_id,
        "code": order.number,
        "type": "Regular",
        "state": state_of(order),
        "active": False,
        "createdAt": iso(order.placed_at - timedelta(minutes=4)),
        "updatedAt": iso(updated_at),
        "orderPlacedAt": iso(order.placed_at),
        "currencyCode": order.currency,
        "couponCodes": [order.discount_code] if order.discount_code else [],
        "subTotal": net,
        "subTotalWithTax": total,
        "shipping": shipping.net,
        "shippingWithTax": shipping.total,
        "total": net + shipping.net,
        "totalWithTax": total + shipping.total,
        "channels": [
            {"id": "1", "code": "__default_channel__", "pricesIncludeTax": order.taxes_included},
        ],
        "customer": _customer(order.buyer),
        "shippingAddress": _address(order.ship_to),
        "billingAddress": dict.fromkeys(_address(order.ship_to)),
        "lines": lines,
        "surcharges": [],
        "discounts": _order_discounts(lines),
        "promotions": _promotions(order),
        "shippingLines": [
            {
                "id": str(order.serial),
                "discountedPrice": shipping.net,
                "discountedPriceWithTax": shipping.total,
                "shippingMethod": {
                    "id": "1",
                    "code": f"{order.shipping_title.lower()}-shipping",
                    "name": order.shipping_title,
                },
            }
        ],
        "payments": [_payment(order)],
        "fulfillments": [
            *(_fulfilment(told, names) for told in order.told),
            *unsent,
        ],
    }


def _counted(order: ShopOrder) -> ShopOrder:
    """The order with its amounts as Vendure counts them."""
    shift = PRECISION - EXPONENTS.get(order.currency, 2)

    def counted(minor: int) -> int:
        return half_up(Decimal(minor).scaleb(shift))

    return replace(
        order,
        shipping=counted(order.shipping),
        lines=[replace(line, unit_price=counted(line.unit_price)) for line in order.lines],
        refunds=[
            replace(one, amount=counted(one.amount), shipping=counted(one.shipping)) for one in order.refunds
        ],
    )


def line_record(line: SoldLine, order: ShopOrder) -> Record:
    """One line; Vendure states every amount with and without tax."""
    amounts, rate = line.amounts(order.taxes_included), line.tax_rate
    if order.taxes_included:
        gross, gross_net = amounts.gross, half_up(amounts.gross / (1 + rate))
        unit, unit_net = line.unit_price, half_up(line.unit_price / (1 + rate))
    else:
        gross, gross_net = half_up(amounts.gross * (1 + rate)), amounts.gross
        unit, unit_net = half_up(line.unit_price * (1 + rate)), line.unit_price
    percent = rate * 100
    off = {"amount": amounts.net - gross_net, "amountWithTax": amounts.total - gross}
    return {
        "id": line.line_id,
        "quantity": line.current,
        "orderPlacedQuantity": line.quantity,
        "taxRate": number(percent),
        "unitPrice": unit_net,
        "unitPriceWithTax": unit,
        "linePrice": gross_net,
        "linePriceWithTax": gross,
        "proratedUnitPriceWithTax": half_up(Decimal(amounts.total) / line.current) if line.current else 0,
        "proratedLinePrice": amounts.net,
        "proratedLinePriceWithTax": amounts.total,
        "taxLines": [{"description": "Sales tax", "taxRate": number(percent)}],
        "discounts": [_discount(off)] if amounts.discount else [],
        "productVariant": {
            "id": str(crc32(line.channel_sku.encode()) % 100_000),
            "sku": line.channel_sku,
            "name": line.title,
        },
    }


def state_of(order: ShopOrder) -> str:
    """The state that the default order process would be in: until it is paid, no fulfilment moves it.

    A shop whose OrderPlacedStrategy takes bank transfers before the money comes keeps those orders in
    ArrangingPayment.
    """
    if order.cancelled_at or not any(line.current for line in order.lines):
        return "Cancelled"
    if order.payment not in ("captured", "refunded"):
        on_delivery = order.payment_mode == "cash_on_delivery"
        return "PaymentAuthorized" if order.payment == "authorized" or on_delivery else "ArrangingPayment"
    units = [(line.current, order.told_units(line.line_id)) for line in order.lines]
    if order.told and all(told >= current for current, told in units):
        return "Shipped"
    return "PartiallyShipped" if order.told else "PaymentSettled"


def iso(moment: datetime) -> str:
    """A time as GraphQL's DateTime has it, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: Decimal) -> int | float:
    """A JSON number."""
    return int(value) if value == value.to_integral_value() else float(value)


def _customer(buyer: Person) -> Record:
    first, _, last = buyer.name.partition(" ")
    return {
        "id": str(crc32(buyer.email.encode()) % 100_000),
        "firstName": first,
        "lastName": last,
        "emailAddress": buyer.email,
        "phoneNumber": buyer.phone,
    }


def _address(person: Person) -> Record:
    return {
        "fullName": person.name,
        "company": person.company,
        "streetLine1": person.street[0],
        "streetLine2": ", ".join(person.street[1:]) or None,
        "city": person.city,
        "province": person.region,
        "postalCode": person.postal_code,
        "country": person.country_name,
        "countryCode": person.country_code,
        "phoneNumber": person.phone,
    }


def _discount(off: Mapping[str, int]) -> Record:
    return {
        "adjustmentSource": f"PROMOTION:{PROMOTION}",
        "type": "DISTRIBUTED_ORDER_PROMOTION",
        "description": "Promotion",
        **off,
    }


def _order_discounts(lines: list[Record]) -> list[Record]:
    """The promotion once, with what it took off all lines."""
    every = [discount for line in lines for discount in line["discounts"]]
    if not every:
        return []
    return [_discount({name: sum(one[name] for one in every) for name in ("amount", "amountWithTax")})]


def _promotions(order: ShopOrder) -> list[Record]:
    if not any(line.discount_rate for line in order.lines):
        return []
    return [{"id": PROMOTION, "couponCode": order.discount_code}]


def _payment(order: ShopOrder) -> Record:
    states = {"captured": "Settled", "refunded": "Settled", "authorized": "Authorized", "pending": "Created"}
    state = states[order.payment]
    if state == "Created" and order.payment_mode == "cash_on_delivery":
        state = "Authorized"
    first_total = sum(
        half_up((line.unit_price * line.quantity) * (1 - line.discount_rate))
        if order.taxes_included
        else half_up(
            half_up(line.unit_price * line.quantity * (1 - line.discount_rate)) * (1 + line.tax_rate)
        )
        for line in order.lines
    )
    shipping = (
        order.shipping if order.taxes_included else half_up(order.shipping * (1 + order.shipping_tax_rate))
    )
    return {
        "id": str(order.serial),
        "createdAt": iso(order.placed_at),
        "method": METHODS.get(order.payment_mode, order.payment_mode),
        "amount": first_total + shipping,
        "state": state,
        "transactionId": f"T{order.serial}",
        "refunds": [
            {
                "id": refund.refund_id,
                "createdAt": iso(refund.refunded_at),
                "items": refund.amount - refund.shipping,
                "shipping": refund.shipping,
                "adjustment": 0,
                "total": refund.amount,
                "state": "Settled",
                "reason": refund.reason,
                "lines": [
                    {"orderLineId": line_id, "quantity": units} for line_id, units in refund.lines.items()
                ],
            }
            for refund in order.refunds
        ],
    }


def _fulfilment(told: ToldFulfilment, names: Mapping[str, str]) -> Record:
    return fulfilment_record(
        names.get(told.fulfilment_id, told.fulfilment_id),
        "Shipped",
        told.lines,
        told.carrier,
        told.tracking_number,
        told.told_at,
    )


def fulfilment_record(
    fulfilment_id: str,
    state: str,
    lines: Mapping[str, int],
    method: str | None,
    tracking_code: str | None,
    created_at: datetime,
) -> Record:
    """A fulfilment."""
    return {
        "__typename": "Fulfillment",
        "id": fulfilment_id,
        "createdAt": iso(created_at),
        "state": state,
        "method": method or "",
        "trackingCode": tracking_code,
        "lines": [{"orderLineId": line_id, "quantity": units} for line_id, units in lines.items()],
    }
