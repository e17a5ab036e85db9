"""How WooCommerce shows an order: the world's facts in the words of REST v3."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from sandbox.orders import LineAmounts, Person, Refunded, ShopOrder, SoldLine, half_up

REMOVED_AT_ONCE = 900_000_000
"""Added to an order's id: the id of the refund by which the merchant took units off it."""

GATEWAYS = {
    "card": ("stripe", "Credit Card (Stripe)"),
    "bank_transfer": ("bacs", "Direct bank transfer"),
    "cash_on_delivery": ("cod", "Cash on delivery"),
    "wallet": ("paypal", "PayPal"),
    "marketplace": ("stripe", "Credit Card (Stripe)"),
}


def status_of(order: ShopOrder) -> str:
    """The order's status."""
    if order.cancelled_at:
        return "cancelled"
    if order.payment == "refunded" or (
        order.refunds and sum(one.amount for one in order.refunds) >= order.total()
    ):
        return "refunded"
    if completed_at(order):
        return "completed"
    if order.payment == "pending" and order.payment_mode != "cash_on_delivery":
        return "on-hold" if order.payment_mode == "bank_transfer" else "pending"
    return "processing"


def completed_at(order: ShopOrder) -> datetime | None:
    """When everything that is left of the order had been shipped."""
    if any(order.told_units(line.line_id) < line.current for line in order.lines):
        return None
    return max((told.told_at for told in order.told), default=None)


def render(
    order: ShopOrder, zone: tzinfo, trackings: Sequence[Mapping[str, Any]] | None, *, rounds_late: bool
) -> dict[str, Any]:
    """The order as GET /orders/{id} shows it.

    Args:
        order: The order.
        zone: The shop's time zone.
        trackings: What the Shipment Tracking plugin was told; None without the plugin.
        rounds_late: The shop rounds tax at subtotal level: net and tax of a line are rounded each by itself.
    """
    included, currency = order.taxes_included, order.currency
    lines = [_line(order, line, rounds_late) for line in order.lines]
    first = [(line, full_amounts(order, line)) for line in order.lines]
    shipping = full_shipping(order)
    tax = sum(amounts.tax for _, amounts in first)
    total = sum(amounts.total for _, amounts in first) + shipping.total
    gateway, title = GATEWAYS[order.payment_mode]
    discount = sum(_discount(order, line) for line in order.lines)
    meta: list[dict[str, Any]] = []
    if trackings:
        meta.append({"id": 1, "key": "_wc_shipment_tracking_items", "value": list(trackings)})
    return {
        "id": int(order.external_id),
        "parent_id": 0,
        "number": order.number,
        "order_key": f"wc_order_{order.serial}",
        "created_via": "checkout",
        "version": "10.3.0",
        "status": status_of(order),
        "currency": currency,
        **_dates("created", order.placed_at, zone),
        **_dates("modified", order.updated_at, zone),
        "discount_total": _amount(discount),
        "discount_tax": _amount(sum(_discount_tax(order, line) for line in order.lines)),
        "shipping_total": _amount(shipping.net),
        "shipping_tax": _amount(shipping.tax),
        "cart_tax": _amount(tax),
        "total": _amount(total),
        "total_tax": _amount(tax + shipping.tax),
        "prices_include_tax": included,
        "customer_id": 0,
        "customer_note": order.note or "",
        "billing": {**_address(order.buyer), "email": order.buyer.email, "phone": order.buyer.phone},
        "shipping": _address(order.ship_to),
        "payment_method": gateway,
        "payment_method_title": title,
        "transaction_id": "",
        **_dates("paid", order.paid_at, zone),
        **_dates("completed", completed_at(order), zone),
        "cart_hash": "",
        "meta_data": meta,
        "line_items": lines,
        "tax_lines": _tax_lines(order),
        "shipping_lines": [
            {
                "id": 10 * order.serial + 1,
                "method_title": order.shipping_title,
                "method_id": "flat_rate",
                "total": _amount(shipping.net),
                "total_tax": _amount(shipping.tax),
                "taxes": [],
                "meta_data": [],
            }
        ],
        "fee_lines": [],
        "coupon_lines": _coupons(order, discount),
        "refunds": [
            {"id": one["id"], "reason": one["reason"], "total": f"-{one['amount']}"}
            for one in refunds_of(order, zone)
        ],
    }


def full_amounts(order: ShopOrder, line: SoldLine) -> LineAmounts:
    """A line's money before anything was taken off it: WooCommerce keeps lines as they were ordered."""
    original = SoldLine(
        line.line_id,
        line.channel_sku,
        line.title,
        line.quantity,
        line.unit_price,
        line.tax_rate,
        discount_rate=line.discount_rate,
    )
    return original.amounts(order.taxes_included)


def full_shipping(order: ShopOrder) -> LineAmounts:
    """What delivery cost before a cancellation."""
    if not order.taxes_included:
        tax = half_up(order.shipping * order.shipping_tax_rate)
        return LineAmounts(order.shipping, 0, order.shipping, tax, order.shipping + tax)
    tax = half_up(order.shipping * order.shipping_tax_rate / (1 + order.shipping_tax_rate))
    return LineAmounts(order.shipping, 0, order.shipping - tax, tax, order.shipping)


def refunds_of(order: ShopOrder, zone: tzinfo) -> list[dict[str, Any]]:
    """The order's refunds as /orders/{id}/refunds shows them, units taken off before shipping first."""
    shown = []
    taken = [line for line in order.lines if line.removed]
    if taken and not order.cancelled_at:
        lines, amount = [], 0
        for line in taken:
            full, left = full_amounts(order, line), line.amounts(order.taxes_included)
            lines.append(_refund_line(line, line.removed, full.net - left.net, full.tax - left.tax))
            amount += full.total - left.total
        shown.append(
            _refund(
                REMOVED_AT_ONCE + int(order.external_id),
                order.placed_at,
                zone,
                amount,
                "Units removed",
                lines,
            )
        )
    before: dict[str, int] = {}
    for refund in order.refunds:
        shown.append(_later_refund(order, refund, before, zone))
        for line_id, units in refund.lines.items():
            before[line_id] = before.get(line_id, 0) + units
    return shown


def _later_refund(
    order: ShopOrder, refund: Refunded, before: Mapping[str, int], zone: tzinfo
) -> dict[str, Any]:
    lines = []
    for line_id, units in refund.lines.items():
        line = order.line(line_id)
        amounts, earlier = line.amounts(order.taxes_included), before.get(line_id, 0)
        part = amounts.total * (earlier + units) // line.current - amounts.total * earlier // line.current
        tax = half_up(Decimal(part) * amounts.tax / amounts.total) if amounts.total else 0
        lines.append(_refund_line(line, units, part - tax, tax))
    return _refund(int(refund.refund_id), refund.refunded_at, zone, refund.amount, refund.reason, lines)


def _refund(
    refund_id: int, made_at: datetime, zone: tzinfo, amount: int, reason: str, lines: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": refund_id,
        **_dates("created", made_at, zone),
        "amount": _amount(amount),
        "reason": reason,
        "refunded_by": 1,
        "refunded_payment": True,
        "meta_data": [],
        "line_items": lines,
    }


def _refund_line(line: SoldLine, units: int, net: int, tax: int) -> dict[str, Any]:
    return {
        "id": int(line.line_id) + REMOVED_AT_ONCE,
        "name": line.title,
        "product_id": _product(line),
        "variation_id": 0,
        "quantity": -units,
        "tax_class": "",
        "subtotal": _amount(-net),
        "subtotal_tax": _amount(-tax),
        "total": _amount(-net),
        "total_tax": _amount(-tax),
        "taxes": [],
        "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": line.line_id}],
        "sku": line.channel_sku,
        "price": float(Decimal(net) / 100 / units) if units else 0,
    }


def _line(order: ShopOrder, line: SoldLine, rounds_late: bool) -> dict[str, Any]:
    amounts = full_amounts(order, line)
    net, tax = amounts.net, amounts.tax
    exact_tax = Decimal(amounts.tax)
    if rounds_late and order.taxes_included:
        exact_tax = amounts.total * line.tax_rate / (1 + line.tax_rate)
        net, tax = half_up(amounts.total - exact_tax), half_up(exact_tax)
    subtotal, subtotal_tax = amounts.gross, half_up(amounts.gross * line.tax_rate)
    if order.taxes_included:
        subtotal_tax = half_up(amounts.gross * line.tax_rate / (1 + line.tax_rate))
        subtotal = amounts.gross - subtotal_tax
    meta = [{"id": 2, "key": "_reduced_stock", "value": str(line.quantity)}]
    if line.returned:
        meta.append({"id": 3, "key": "_restock_refunded_items", "value": str(line.returned)})
    return {
        "id": int(line.line_id),
        "name": line.title,
        "product_id": _product(line),
        "variation_id": 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": _amount(subtotal),
        "subtotal_tax": _amount(subtotal_tax),
        "total": _amount(net),
        "total_tax": _amount(tax),
        "taxes": [
            {"id": _rate(line), "total": str(exact_tax / 100), "subtotal": str(Decimal(subtotal_tax) / 100)}
        ]
        if line.tax_rate
        else [],
        "meta_data": meta,
        "sku": line.channel_sku,
        "price": float(round(Decimal(net) / 100 / line.quantity, 6)),
        "parent_name": None,
    }


def _discount(order: ShopOrder, line: SoldLine) -> int:
    """The line's discount without tax."""
    amounts = full_amounts(order, line)
    if not order.taxes_included:
        return amounts.discount
    tax = half_up(amounts.gross * line.tax_rate / (1 + line.tax_rate))
    return amounts.gross - tax - amounts.net


def _discount_tax(order: ShopOrder, line: SoldLine) -> int:
    amounts = full_amounts(order, line)
    share = line.tax_rate / (1 + line.tax_rate) if order.taxes_included else line.tax_rate
    return half_up(amounts.gross * share) - amounts.tax


def _coupons(order: ShopOrder, discount: int) -> list[dict[str, Any]]:
    if not discount or not order.discount_code:
        return []
    tax = sum(_discount_tax(order, line) for line in order.lines)
    return [
        {
            "id": 10 * order.serial + 2,
            "code": order.discount_code.lower(),
            "discount": _amount(discount),
            "discount_tax": _amount(tax),
            "meta_data": [],
        }
    ]


def _tax_lines(order: ShopOrder) -> list[dict[str, Any]]:
    sums: dict[Decimal, int] = {}
    for line in order.lines:
        if line.tax_rate:
            tax = full_amounts(order, line).tax
            sums[line.tax_rate] = sums.get(line.tax_rate, 0) + tax
    shipping = full_shipping(order).tax
    if shipping:
        sums.setdefault(order.shipping_tax_rate, 0)
    return [
        {
            "id": 10 * order.serial + 3 + number,
            "rate_code": f"{order.ship_to.country_code}-VAT-{number + 1}",
            "rate_id": int(rate * 10000),
            "label": "VAT",
            "compound": False,
            "tax_total": _amount(tax),
            "shipping_tax_total": _amount(shipping if rate == order.shipping_tax_rate else 0),
            "rate_percent": float(rate * 100),
            "meta_data": [],
        }
        for number, (rate, tax) in enumerate(sums.items())
    ]


def _rate(line: SoldLine) -> int:
    return int(line.tax_rate * 10000)


def _product(line: SoldLine) -> int:
    return 1000 + sum(place * ord(letter) for place, letter in enumerate(line.channel_sku, 1))


def _address(person: Person) -> dict[str, str]:
    first, _, last = person.name.partition(" ")
    street = (*person.street, "", "")
    return {
        "first_name": first,
        "last_name": last,
        "company": person.company or "",
        "address_1": street[0],
        "address_2": street[1],
        "city": person.city,
        "state": person.region or "",
        "postcode": person.postal_code,
        "country": person.country_code,
    }


def _dates(name: str, moment: datetime | None, zone: tzinfo) -> dict[str, str | None]:
    """A moment twice: in the shop's own time, and as GMT. Neither says which it is."""
    if moment is None:
        return {f"date_{name}": None, f"date_{name}_gmt": None}
    local, gmt = moment.astimezone(zone), moment.astimezone(UTC)
    return {f"date_{name}": f"{local:%Y-%m-%dT%H:%M:%S}", f"date_{name}_gmt": f"{gmt:%Y-%m-%dT%H:%M:%S}"}


def _amount(minor: int) -> str:
    """The shop's currencies here have two decimals."""
    return f"{Decimal(minor).scaleb(-2):.2f}"
