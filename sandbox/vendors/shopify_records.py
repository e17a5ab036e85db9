"""The world's orders as records of Shopify's Admin API 2026-10, every field that can be selected."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.orders import EXPONENTS, AskedBack
from sandbox.selection import Connection
from sandbox.vendors.shopify_work import Work
from sandbox.world import LineAmounts, Person, ShopOrder, SoldLine, half_up

Record = dict[str, Any]

GATEWAYS = {
    "bank_transfer": "bank_deposit",
    "card": "shopify_payments",
    "cash_on_delivery": "Cash on Delivery (COD)",
    "invoice": "klarna",
    "wallet": "paypal",
}
HANDLES = {"wrong_size": "size-too-small"}
"""Return reasons that Shopify has another word for."""


def moment(at: datetime) -> str:
    """A time as Shopify writes it: whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bag(minor: int, order: ShopOrder) -> Record:
    """A MoneyBag: the order's currency and the buyer's."""
    currency = order.currency
    buyer = order.buyer_currency or currency
    major = Decimal(minor).scaleb(-EXPONENTS.get(currency, 2))
    exponent = EXPONENTS.get(buyer, 2)
    shown = Decimal(half_up((major * order.buyer_rate).scaleb(exponent))).scaleb(-exponent)
    return {
        "shopMoney": {"amount": _amount(major), "currencyCode": currency},
        "presentmentMoney": {"amount": _amount(shown), "currencyCode": buyer},
    }


def _amount(major: Decimal) -> str:
    """Decimal text with one digit at least after the point, not padded ("20.0", "12.45")."""
    text = f"{major:f}"
    if "." not in text:
        return f"{text}.0"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def order_record(order: ShopOrder, works: list[Work]) -> Record:
    """An order."""
    full = [replace(line, removed=0).amounts(order.taxes_included) for line in order.lines]
    shipping = _shipping_full(order)
    refunded = sum(refund.amount for refund in order.refunds)
    for_current = refunded - sum(refund.cancelled_amount for refund in order.refunds)
    paid = sum(amounts.total for amounts in full) + shipping.total
    return {
        "__typename": "Order",
        "id": order.external_id,
        "name": order.number,
        "createdAt": moment(order.placed_at),
        "updatedAt": moment(order.updated_at),
        "cancelledAt": moment(order.cancelled_at) if order.cancelled_at else None,
        "cancelReason": "CUSTOMER" if order.cancelled_at else None,
        "closed": False,
        "confirmed": True,
        "test": False,
        "email": order.buyer.email,
        "phone": None,
        "note": order.note,
        "tags": ["sandbox"],
        "taxesIncluded": order.taxes_included,
        "dutiesIncluded": False,
        "currencyCode": order.currency,
        "presentmentCurrencyCode": order.buyer_currency or order.currency,
        "displayFinancialStatus": _financial_status(order, refunded, for_current),
        "displayFulfillmentStatus": _fulfillment_status(order, works),
        "totalPriceSet": bag(paid, order),
        "currentTotalPriceSet": bag(order.total() - for_current, order),
        "totalTaxSet": bag(sum(amounts.tax for amounts in full) + shipping.tax, order),
        "totalDiscountsSet": bag(sum(amounts.discount for amounts in full), order),
        "totalRefundedSet": bag(refunded, order),
        "totalTipReceivedSet": bag(0, order),
        "originalTotalDutiesSet": None,
        "currentTotalDutiesSet": None,
        "additionalFees": [],
        "discountCodes": [order.discount_code] if order.discount_code else [],
        "customer": {
            "id": f"gid://shopify/Customer/{order.serial}",
            "displayName": order.buyer.name,
            "defaultEmailAddress": {"emailAddress": order.buyer.email},
            "defaultPhoneNumber": {"phoneNumber": order.buyer.phone},
        },
        "shippingAddress": _address(order.ship_to),
        "billingAddress": _address(order.buyer),
        "lineItems": Connection(
            _line(order, line, amounts) for line, amounts in zip(order.lines, full, strict=True)
        ),
        "shippingLines": Connection([_shipping_line(order, shipping)]),
        "fulfillmentOrders": Connection(work_record(order, work) for work in works),
        "fulfillments": _fulfillments(order),
        "transactions": _transactions(order, paid),
        "refunds": _refunds(order),
        "returns": Connection(_returns(order)),
    }


def _line(order: ShopOrder, line: SoldLine, full: LineAmounts) -> Record:
    """A line; discounts and taxes are of all units that were ever ordered."""
    current = replace(line, removed=min(line.removed + line.refunded, line.quantity))
    allocations = []
    if full.discount:
        source = (
            {"__typename": "DiscountCodeApplication", "code": order.discount_code}
            if order.discount_code
            else {"__typename": "ManualDiscountApplication", "title": "Discount"}
        )
        allocations = [{"allocatedAmountSet": bag(full.discount, order), "discountApplication": source}]
    number = line.line_id.rsplit("/", 1)[-1]
    return {
        "id": line.line_id,
        "sku": line.channel_sku,
        "title": line.title,
        "variantTitle": None,
        "quantity": line.quantity,
        "currentQuantity": current.current,
        "unfulfilledQuantity": max(line.current - order.told_units(line.line_id), 0),
        "requiresShipping": line.requires_shipping,
        "isGiftCard": False,
        "variant": {"id": f"gid://shopify/ProductVariant/{number}"},
        "lineItemGroup": None,
        "originalUnitPriceSet": bag(line.unit_price, order),
        "priceAfterAllDiscountsBeforeTaxesSet": bag(current.amounts(order.taxes_included).net, order),
        "discountAllocations": allocations,
        "taxLines": _tax_lines(order, full.tax, line.tax_rate),
    }


def _tax_lines(order: ShopOrder, tax: int, rate: Decimal) -> list[Record]:
    if not rate:
        return []
    return [{"title": "VAT", "rate": float(rate), "priceSet": bag(tax, order)}]


def _shipping_full(order: ShopOrder) -> LineAmounts:
    return replace(order, cancelled_at=None).shipping_amounts()


def _shipping_line(order: ShopOrder, full: LineAmounts) -> Record:
    refunded = sum(refund.shipping for refund in order.refunds)
    tax_part = _tax_inside(refunded, order.shipping_tax_rate)
    left = 0 if order.cancelled_at else full.gross - refunded + (0 if order.taxes_included else tax_part)
    return {
        "id": f"gid://shopify/ShippingLine/{order.serial}",
        "title": order.shipping_title,
        "code": order.shipping_title.upper(),
        "discountedPriceSet": bag(full.gross, order),
        "currentDiscountedPriceSet": bag(left, order),
        "taxLines": _tax_lines(order, full.tax, order.shipping_tax_rate),
    }


def _tax_inside(amount: int, rate: Decimal) -> int:
    return half_up(amount * rate / (1 + rate))


def _address(person: Person) -> Record:
    first, _, last = person.name.rpartition(" ")
    return {
        "firstName": first or None,
        "lastName": last,
        "name": person.name or None,
        "company": person.company,
        "address1": person.street[0] if person.street else None,
        "address2": person.street[1] if len(person.street) > 1 else None,
        "city": person.city,
        "province": person.region_name,
        "provinceCode": person.region,
        "zip": person.postal_code,
        "countryCodeV2": person.country_code,
        "phone": person.phone or None,
    }


def work_record(order: ShopOrder, work: Work) -> Record:
    """A fulfilment order."""
    return {
        "__typename": "FulfillmentOrder",
        "id": work.id,
        "status": work.status,
        "fulfillBy": moment(order.ship_by) if order.ship_by else None,
        "deliveryMethod": {
            "methodType": "SHIPPING",
            "presentedName": order.shipping_title,
            "maxDeliveryDateTime": moment(order.deliver_by) if order.deliver_by else None,
        },
        "assignedLocation": {"name": f"Location {work.location}", "location": {"id": work.location_id}},
        "lineItems": Connection(
            {"id": work.line_ids[line], "remainingQuantity": units, "lineItem": {"id": line}}
            for line, units in work.remaining.items()
        ),
    }


def _fulfillments(order: ShopOrder) -> list[Record]:
    return [
        {
            "__typename": "Fulfillment",
            "id": f"gid://shopify/Fulfillment/{told.fulfilment_id}",
            "status": "SUCCESS",
            "createdAt": moment(told.told_at),
            "trackingInfo": [{"number": told.tracking_number, "company": told.carrier, "url": None}]
            if told.tracking_number or told.carrier
            else [],
            "fulfillmentLineItems": Connection(
                {
                    "id": _shipped_line(order, line_id),
                    "quantity": units,
                    "lineItem": {"id": line_id},
                }
                for line_id, units in told.lines.items()
            ),
        }
        for told in order.told
    ]


def _shipped_line(order: ShopOrder, line_id: str) -> str:
    return f"gid://shopify/FulfillmentLineItem/{order.serial}{line_id.rsplit('/', 1)[-1]}"


def _transactions(order: ShopOrder, paid: int) -> list[Record]:
    first = f"gid://shopify/OrderTransaction/{order.serial}00"
    authorized = order.payment == "authorized"

    def transaction(number: str, kind: str, amount: int, at: datetime, parent: str | None) -> Record:
        return {
            "id": number,
            "kind": kind,
            "status": "PENDING" if order.payment == "pending" and not parent else "SUCCESS",
            "gateway": GATEWAYS.get(order.payment_mode, "manual"),
            "manualPaymentGateway": order.payment_mode in ("bank_transfer", "cash_on_delivery"),
            "createdAt": moment(at),
            "processedAt": moment(at),
            "amountSet": bag(amount, order),
            "parentTransaction": {"id": parent} if parent else None,
        }

    made = [
        transaction(
            first, "AUTHORIZATION" if authorized else "SALE", paid, order.paid_at or order.placed_at, None
        )
    ]
    for number, refund in enumerate(order.refunds, start=1):
        made.append(
            transaction(f"{first[:-2]}{number:02d}", "REFUND", refund.amount, refund.refunded_at, first)
        )
    return made


def _refunds(order: ShopOrder) -> list[Record]:
    before: dict[str, int] = {}
    return [_refund(order, at, before) for at in range(len(order.refunds))]


def _refund(order: ShopOrder, at: int, before: dict[str, int]) -> Record:
    refund = order.refunds[at]
    lines: list[Record] = []
    for line_id, units in refund.lines.items():
        line = order.line(line_id)
        since = sum(one.cancelled.get(line_id, 0) for one in order.refunds[at:])
        line = replace(line, removed=line.removed - since)
        amounts = line.amounts(order.taxes_included)
        unsent = refund.cancelled.get(line_id, 0)
        start = before.get(line_id, 0)
        for kind, part in (
            ("CANCEL", unsent),
            ("RETURN" if refund.restock else "NO_RESTOCK", units - unsent),
        ):
            if not part:
                continue
            total, tax = (
                amount * (start + part) // line.current - amount * start // line.current
                for amount in (amounts.total, amounts.tax)
            )
            start += part
            lines.append(
                {
                    "id": f"gid://shopify/RefundLineItem/{refund.refund_id}{len(lines):02d}",
                    "quantity": part,
                    "restockType": kind,
                    "restocked": refund.restock,
                    "subtotalSet": bag(total if order.taxes_included else total - tax, order),
                    "totalTaxSet": bag(tax, order),
                    "lineItem": {"id": line_id},
                }
            )
        before[line_id] = start - unsent
    tax = _tax_inside(refund.shipping, order.shipping_tax_rate)
    shipping = {
        "id": f"gid://shopify/RefundShippingLine/{refund.refund_id}",
        "subtotalAmountSet": bag(refund.shipping - (0 if order.taxes_included else tax), order),
        "taxAmountSet": bag(tax, order),
    }
    return {
        "__typename": "Refund",
        "id": f"gid://shopify/Refund/{refund.refund_id}",
        "note": refund.reason,
        "createdAt": moment(refund.refunded_at),
        "totalRefundedSet": bag(refund.amount, order),
        "return": {"id": f"gid://shopify/Return/{refund.refund_id}"} if refund.came_back() else None,
        "refundLineItems": Connection(lines),
        "refundShippingLines": Connection([shipping] if refund.shipping else []),
        "orderAdjustments": Connection(),
    }


def _returns(order: ShopOrder) -> list[Record]:
    came_back = [
        _return(order, AskedBack(refund.refund_id, lines, "CLOSED", refund.reason, refund.refunded_at))
        for refund in order.refunds
        if (lines := refund.came_back())
    ]
    return came_back + [_return(order, asked) for asked in order.asked_back]


def _return(order: ShopOrder, asked: AskedBack) -> Record:
    return {
        "__typename": "Return",
        "id": f"gid://shopify/Return/{asked.return_id}",
        "status": asked.status,
        "createdAt": moment(asked.asked_at),
        "returnLineItems": Connection(
            {
                "__typename": "ReturnLineItem",
                "id": f"gid://shopify/ReturnLineItem/{asked.return_id}{position:02d}",
                "quantity": units,
                "processedQuantity": units if asked.status == "CLOSED" else 0,
                "returnReasonNote": "",
                "returnReasonDefinition": {
                    "handle": HANDLES.get(asked.reason, asked.reason).replace("_", "-"),
                    "name": asked.reason.replace("_", " ").capitalize(),
                },
                "fulfillmentLineItem": {
                    "id": _shipped_line(order, line_id),
                    "lineItem": {"id": line_id},
                },
            }
            for position, (line_id, units) in enumerate(asked.lines.items())
        ),
    }


def _financial_status(order: ShopOrder, refunded: int, for_current: int) -> str:
    if order.payment == "refunded" or (refunded and for_current >= order.total()):
        return "REFUNDED"
    if refunded:
        return "PARTIALLY_REFUNDED"
    if order.cancelled_at and order.payment in ("pending", "authorized"):
        return "VOIDED"
    return {"pending": "PENDING", "authorized": "AUTHORIZED"}.get(order.payment, "PAID")


def _fulfillment_status(order: ShopOrder, works: list[Work]) -> str:
    wanted = {line.line_id: line.current for line in order.lines if line.requires_shipping}
    told = {line_id: order.told_units(line_id) for line_id in wanted}
    if any(wanted.values()) and all(told[line_id] >= units for line_id, units in wanted.items()):
        return "FULFILLED"
    if any(told.values()):
        return "PARTIALLY_FULFILLED"
    if works and all(work.status == "ON_HOLD" for work in works):
        return "ON_HOLD"
    return "UNFULFILLED"
