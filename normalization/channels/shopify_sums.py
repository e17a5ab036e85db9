"""The sums of a Shopify order: shipping, charges and totals, checked against the header.

The header to compare with. `totalPriceSet` is the total before refunds, removals included;
`currentTotalPriceSet` is what is left after edits, cancellations and refunds alike. The hub's total stands
for ordered - cancelled units: refunded goods that had been shipped stay in it, and `totals.refunded` tells
what went back. So:

* nothing cancelled: the total is `totalPriceSet`, whatever was refunded since;
* something cancelled: it is `currentTotalPriceSet` plus the refunds of units that are not cancelled and of
  shipping.

Where only a part of a line's units is cancelled, Shopify doesn't tell the rest's tax; the share that is
computed can differ from Shopify's by a minor unit a line and tax, and then the header is right. Any other
difference is `sums_differ`.

An order that was cancelled and not refunded keeps its header: it is compared as it stands, and then the units
that nobody will ship are taken off, with delivery and charges where nothing is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import UNSET

from normalization.channels.shopify_lines import (
    Amounts,
    Units,
    amounts_of,
    booked,
    canonical_line,
    share,
    shown,
    units_of,
)
from normalization.channels.shopify_wire import Delivery, Line, Order
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import Charge, Discount, OrderLine, ShippingLine, Totals


@dataclass(slots=True)
class Sums:
    """Everything in an order that has to do with its total."""

    lines: tuple[OrderLine, ...]
    shipping: tuple[ShippingLine, ...]
    charges: tuple[Charge, ...]
    discounts: tuple[Discount, ...]
    totals: Totals


@dataclass(slots=True)
class _Bill:
    """The work on one order's sums."""

    order: Order
    currency: str
    lines: list[Line]
    units: Mapping[str, Units]
    amounts: list[Amounts] = field(default_factory=list)
    shipping: list[ShippingLine] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)

    def charge(self, kind: str, title: str, net: int, tax: int = 0) -> None:
        self.charges.append(
            Charge(
                kind=kind,
                title=title,
                net=Money(net, self.currency),
                tax=Money(tax, self.currency),
                total=Money(net + tax, self.currency),
            )
        )

    def total(self) -> int:
        found = 0
        for amounts in self.amounts:
            found += amounts.total
        for entry in self.shipping:
            found += entry.total.minor
        for charge in self.charges:
            found += charge.total.minor
        return found

    def tax(self) -> int:
        found = 0
        for amounts in self.amounts:
            found += amounts.tax
        for entry in self.shipping:
            found += entry.tax.minor
        for charge in self.charges:
            found += charge.tax.minor
        return found


def sums_of(order: Order, currency: str, warnings: list[str]) -> Sums:
    """The order's lines, shipping, charges and totals.

    Raises:
        NormalizationError: SUMS_DIFFER if they do not add up to the header, OUT_OF_SCOPE if the answer
            selects no lines, prices or total.
    """
    if order.line_items is UNSET:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no lineItems")
    if order.line_items.page_info is not None and order.line_items.page_info.has_next_page:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "lineItems are cut: there are further pages of them")
    lines = list(order.line_items.all())
    bill = _Bill(order, currency, lines, units_of(order, warnings))
    for line, discount in zip(lines, _line_discounts(order, lines, currency), strict=True):
        bill.amounts.append(amounts_of(line, bill.units[line.id], discount, currency, order.taxes_included))
    if order.shipping_lines is not UNSET:
        bill.shipping = [_shipping(entry, order, currency) for entry in order.shipping_lines.all()]
    whole = order.cancelled_at is None
    for units in bill.units.values():
        whole = whole and not units.cancelled
    _add_charges(bill, whole)
    if whole:
        _check_tax(bill, warnings)
    header = _settle(bill, whole)
    if order.cancelled_at is not None and order.fulfillments is not UNSET:
        _take_off_unfulfilled(bill)
    return Sums(
        lines=tuple(
            canonical_line(line, bill.units[line.id], amounts, order, currency)
            for line, amounts in zip(lines, bill.amounts, strict=True)
        ),
        shipping=tuple(bill.shipping),
        charges=tuple(bill.charges),
        discounts=_order_discounts(order, lines, currency),
        totals=_totals(bill, header, whole),
    )


def _line_discounts(order: Order, lines: list[Line], currency: str) -> list[int]:
    """Each line's discount for its ordered units; the header's, spread by price, if lines have none."""
    found: list[int] = []
    for line in lines:
        if line.discount_allocations is UNSET:
            break
        amount = 0
        for entry in line.discount_allocations:
            amount += booked(entry.allocated_amount_set, currency)
        found.append(amount)
    else:
        return found
    left = booked(order.total_discounts_set, currency)
    gross = [booked(line.original_unit_price_set or None, currency) * (line.quantity or 0) for line in lines]
    whole = sum(gross)
    found = []
    for amount in gross:
        part = share(left, amount, whole) if whole else 0
        found.append(part)
        left, whole = left - part, whole - amount
    return found


def _shipping(entry: Delivery, order: Order, currency: str) -> ShippingLine:
    before = booked(entry.discounted_price_set or entry.original_price_set, currency)
    price = before
    if order.cancelled_at is not None and entry.current_discounted_price_set is not None:
        price = booked(entry.current_discounted_price_set, currency)
    tax = 0
    for part in entry.tax_lines:
        tax += booked(part.price_set, currency)
    if price != before:
        tax = share(tax, price, before) if before else 0
    net = price - tax if order.taxes_included else price
    return ShippingLine(
        title=entry.title,
        code=entry.code,
        net=Money(net, currency),
        tax=Money(tax, currency),
        total=Money(net + tax, currency),
    )


def _add_charges(bill: _Bill, whole: bool) -> None:
    order = bill.order
    duties = order.original_total_duties_set if whole else order.current_total_duties_set
    duty = 0 if order.duties_included else booked(duties, bill.currency)
    if duty:
        bill.charge("duty", "Duties", duty)
    for fee in order.additional_fees:
        tax = sum(booked(entry.price_set, bill.currency) for entry in fee.tax_lines)
        bill.charge("fee", fee.name, booked(fee.price, bill.currency), tax)


def _check_tax(bill: _Bill, warnings: list[str]) -> None:
    """Compare the tax with the header's.

    Orders made through the API can carry tax on the order alone (orderCreate's `taxLines`): it stands as a
    charge if there is a line without tax lines. Tax of duties and fees isn't told apart by Shopify, so
    orders with such charges are compared by their total only.
    """
    order = bill.order
    if order.total_tax_set is None or bill.charges:
        return
    missing = booked(order.total_tax_set, bill.currency) - bill.tax()
    if missing == 0:
        return
    if missing < 0 or all(line.tax_lines for line in bill.lines):
        raise NormalizationError(
            Reason.SUMS_DIFFER,
            f"the taxes of lines and shipping differ from the header's by {-missing} minor units",
        )
    bill.charge("adjustment", "Tax on no line", -missing if order.taxes_included else 0, missing)
    warnings.append("a part of the header's tax is on no line")


def _settle(bill: _Bill, whole: bool) -> int:
    """Find the header's total and make the parts add up to it, if rounding or a tip explains the rest."""
    targets = _header_totals(bill, whole)
    found = bill.total()
    if found in targets:
        return found
    tip = booked(bill.order.total_tip_received_set, bill.currency)
    if tip and found + tip in targets:
        bill.charge("tip", "Tip", tip)
        return found + tip
    estimated = [amounts for amounts in bill.amounts if amounts.estimated]
    allowed = sum(1 + len(line.tax_lines) for line in bill.lines) if estimated else 0
    nearest = min(targets, key=lambda target: abs(target - found))
    difference = nearest - found
    if abs(difference) <= min(allowed, 2 * len(estimated)):
        step = 1 if difference > 0 else -1
        for turn in range(abs(difference)):
            estimated[turn % len(estimated)].shift(step, taxes_included=bill.order.taxes_included)
        return nearest
    raise NormalizationError(
        Reason.SUMS_DIFFER,
        f"lines, shipping and charges give {Money(found, bill.currency)},"
        f" the header says {Money(nearest, bill.currency)}",
    )


def _header_totals(bill: _Bill, whole: bool) -> tuple[int, ...]:
    """The totals that the header allows, likeliest first.

    There are two where a refund has an adjustment beside its lines and shipping, because Shopify doesn't
    document whether `currentTotalPriceSet` counts it.
    """
    order, currency = bill.order, bill.currency
    if whole and order.total_price_set is not None:
        return (booked(order.total_price_set, currency),)
    if order.current_total_price_set is None:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no currentTotalPriceSet")
    total = booked(order.current_total_price_set, currency)
    adjustments = 0
    for refund in order.refunds or ():
        for line in refund.refund_line_items.all():
            value = booked(line.subtotal_set, currency)
            if not order.taxes_included:
                value += booked(line.total_tax_set, currency)
            units = bill.units.get(line.line_item.id)
            if line.restock_type == "RETURN":
                total += value
            elif line.restock_type != "CANCEL" and units and units.unclear:
                total += share(value, units.unclear_kept, units.unclear)
        if order.cancelled_at is None:
            for entry in refund.refund_shipping_lines.all():
                total += booked(entry.subtotal_amount_set, currency)
                if not order.taxes_included:
                    total += booked(entry.tax_amount_set, currency)
        for adjustment in refund.order_adjustments.all():
            adjustments += booked(adjustment.amount_set, currency)
    return (total, total - adjustments) if adjustments else (total,)


def _order_discounts(order: Order, lines: list[Line], currency: str) -> tuple[Discount, ...]:
    found: dict[tuple[str | None, str | None], int] = {}
    for line in lines:
        for entry in line.discount_allocations or ():
            source = entry.discount_application
            key = (source.code, source.title) if source else (None, None)
            found[key] = found.get(key, 0) + booked(entry.allocated_amount_set, currency)
    if not found and order.discount_codes:
        found[order.discount_codes[0], None] = booked(order.total_discounts_set, currency)
    if not found:
        return ()
    return tuple(
        Discount(amount=Money(amount, currency), code=code, title=title)
        for (code, title), amount in found.items()
        if amount
    )


def _totals(bill: _Bill, header: int, whole: bool) -> Totals:
    """The header's sums, less what was taken off since it was compared (of the buyer's total, its share)."""
    order, currency, total = bill.order, bill.currency, bill.total()
    buyer = order.presentment_currency_code
    bag = order.total_price_set if whole else order.current_total_price_set
    part = share(shown(bag, buyer), total, header) if header else 0
    refunded = booked(order.total_refunded_set, currency)
    if order.total_refunded_set is None:
        refunded = sum(booked(refund.total_refunded_set, currency) for refund in order.refunds or ())
    discount = shipping = 0
    for amounts in bill.amounts:
        discount += amounts.discount
    for entry in bill.shipping:
        shipping += entry.total.minor
    return Totals(
        total=Money(total, currency),
        tax=Money(bill.tax(), currency),
        discount=Money(discount, currency),
        shipping=Money(shipping, currency),
        refunded=Money(refunded, currency),
        buyer_total=Money(part, buyer) if bag and buyer and buyer != currency else None,
    )


def _take_off_unfulfilled(bill: _Bill) -> None:
    """Count the unfulfilled units of a cancelled order as cancelled."""
    discounts = _line_discounts(bill.order, bill.lines, bill.currency)
    for number, line in enumerate(bill.lines):
        units = bill.units[line.id]
        if units.kept > units.fulfilled:
            units.cancelled = units.ordered - units.fulfilled
            bill.amounts[number] = amounts_of(
                line, units, discounts[number], bill.currency, bill.order.taxes_included
            )
    if not any(units.kept for units in bill.units.values()):
        nothing = Money(0, bill.currency)
        bill.shipping = [
            ShippingLine(title=entry.title, code=entry.code, net=nothing, tax=nothing, total=nothing)
            for entry in bill.shipping
        ]
        bill.charges.clear()
