"""A WooCommerce order's money beside its lines: delivery, fees, coupons, totals, and what rounding leaves."""

from msgspec import UNSET, UnsetType

from normalization.channels.woocommerce_lines import Refunds
from normalization.channels.woocommerce_wire import Extra, Order, minor, text
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import Charge, Discount, OrderLine, ShippingLine, Totals

Row = OrderLine | ShippingLine | Charge


def shipping_of(wire: Order, cancelled: bool) -> tuple[ShippingLine, ...] | UnsetType:
    """What delivery costs; nothing where the order is cancelled."""
    if wire.shipping_lines is UNSET:
        return UNSET
    shipping = []
    for one in wire.shipping_lines or ():
        net, tax, total = _sums(one, wire.currency, cancelled)
        title = text(one.method_title) or ""
        shipping.append(ShippingLine(title=title, code=text(one.method_id), net=net, tax=tax, total=total))
    return tuple(shipping)


def charges_of(wire: Order, cancelled: bool) -> tuple[Charge, ...] | UnsetType:
    """The fees, negative ones too; nothing where the order is cancelled."""
    if wire.fee_lines is UNSET:
        return UNSET
    charges = []
    for one in wire.fee_lines or ():
        net, tax, total = _sums(one, wire.currency, cancelled)
        charges.append(Charge(kind="fee", title=text(one.name) or "", net=net, tax=tax, total=total))
    return tuple(charges)


def _sums(one: Extra, currency: str, cancelled: bool) -> tuple[Money, Money, Money]:
    net, tax = (0, 0) if cancelled else (minor(one.total, currency), minor(one.total_tax, currency))
    return Money(net, currency), Money(tax, currency), Money(net + tax, currency)


def balanced(
    wire: Order,
    total: int,
    lines: tuple[OrderLine, ...] | UnsetType,
    shipping: tuple[ShippingLine, ...] | UnsetType,
    charges: tuple[Charge, ...] | UnsetType,
) -> tuple[Charge, ...] | UnsetType:
    """The charges, with what WooCommerce's rounding leaves over.

    A shop that rounds tax at subtotal level rounds each line's net and tax by themselves, and the header
    once more: at most one minor unit for each row that is taxed. (woocommerce 64668)

    Raises:
        NormalizationError: SUMS_DIFFER if more is missing; MISSING_FIELD if the answer has no lines.
    """
    if lines is UNSET:
        raise NormalizationError(Reason.MISSING_FIELD, "line_items is absent")
    rows: tuple[Row, ...] = (*lines, *(shipping or ()), *(charges or ()))
    left = total
    for row in rows:
        left -= row.total.minor
    if left == 0:
        return charges
    if abs(left) > sum(row.tax.minor != 0 for row in rows):
        raise NormalizationError(
            Reason.SUMS_DIFFER,
            f"lines, shipping and fees add up to {total - left} minor units, total is {total}",
        )
    rest, none = Money(left, wire.currency), Money(0, wire.currency)
    return (
        *(charges or ()),
        Charge(kind="rounding", title="Rounding of tax", net=none, tax=rest, total=rest),
    )


def totals_of(
    wire: Order,
    total: int,
    lines: tuple[OrderLine, ...] | UnsetType,
    shipping: tuple[ShippingLine, ...] | UnsetType,
    charges: tuple[Charge, ...] | UnsetType,
    refunds: Refunds,
) -> Totals:
    """The header's sums for what is left of the order."""
    currency = wire.currency
    tax = discount = delivery = 0
    for line in lines or ():
        tax += line.tax.minor
        discount += line.discount.minor
    for one in shipping or ():
        tax += one.tax.minor
        delivery += one.total.minor
    for charge in charges or ():
        tax += charge.tax.minor
    return Totals(
        total=Money(total, currency),
        tax=Money(tax, currency),
        discount=Money(discount, currency),
        shipping=Money(delivery, currency),
        refunded=Money(refunds.refunded, currency),
    )


def discounts_of(wire: Order, included: bool) -> tuple[Discount, ...]:
    """The coupons, with tax where the prices have it."""
    currency, discounts = wire.currency, []
    for one in wire.coupon_lines or ():
        amount = minor(one.discount, currency)
        if included:
            amount += minor(one.discount_tax, currency)
        discounts.append(Discount(amount=Money(amount, currency), code=text(one.code)))
    return tuple(discounts)
