"""The lines of a Shopify order, and the money in them.

Which units count. Shopify's `currentQuantity` leaves out refunded units whether they were shipped or not,
and `lineItems` keep lines that were edited away. The hub keeps what was sold apart from what came back, so
the units that went (`quantity - currentQuantity`) are split by Shopify's restock type:

* removed by an edit, or refunded with CANCEL ("not yet fulfilled"): cancelled;
* refunded with RETURN ("already delivered"): returned, and still part of ordered - cancelled;
* refunded with NO_RESTOCK or LEGACY_RESTOCK, which says nothing about shipping: cancelled, except for units
  that were shipped or that Shopify still wants shipped (fulfilments and `unfulfilledQuantity` tell);
* of a cancelled order that was paid and not refunded, Shopify leaves the units as they were, so that they can
  be refunded later (recorded: PAID, `cancelledAt` set, fulfillable units): those not fulfilled are cancelled,
  see `shopify_sums`.

Which money counts. `discountAllocations` and `taxLines` are of `quantity`, so the line's amounts are exact
as long as nothing is cancelled. Otherwise `priceAfterAllDiscountsBeforeTaxesSet` gives the current net, and
discount and tax are the current units' share, rounded half up (2 x 48.00 less 20 %, one removed: 38.40,
BCApps 10462). Such a line is `estimated`: a rounding difference to the header is put into its tax or
discount, see `shopify_sums`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from msgspec import UNSET

from normalization.channels.shopify_wire import Bag, Line, Order, Tax
from normalization.errors import NormalizationError, Reason
from normalization.limits import named
from normalization.money import Money, parse_minor
from normalization.records import Discount, OrderLine, TaxLine

COUNTED = frozenset({"SUCCESS", "OPEN", "PENDING"})
"""States of a fulfilment whose units are fulfilled; CANCELLED, ERROR and FAILURE are not."""
UNCLEAR = frozenset({"NO_RESTOCK", "LEGACY_RESTOCK"})

minor_units = lru_cache(maxsize=1 << 14)(parse_minor)


def booked(bag: Bag | None, currency: str) -> int:
    """The shop's amount in minor units; 0 for none.

    Raises:
        NormalizationError: If it is in another currency than the order.
    """
    if bag is None:
        return 0
    money = bag.shop_money
    if money.currency_code != currency:
        raise NormalizationError(
            Reason.UNDECODABLE,
            f"an amount is in {named(money.currency_code)}, the order in {named(currency)}",
        )
    return minor_units(money.amount, currency)


def shown(bag: Bag | None, buyer_currency: str | None) -> int:
    """The buyer's amount in minor units; 0 for none."""
    if bag is None or bag.presentment_money is None or buyer_currency is None:
        return 0
    return minor_units(bag.presentment_money.amount, buyer_currency)


def share(amount: int, part: int, whole: int) -> int:
    """`amount * part / whole`, rounded half up; the sign of a negative amount is kept."""
    if part == whole:
        return amount
    if amount < 0:
        return -share(-amount, part, whole)
    return (2 * amount * part + whole) // (2 * whole)


@dataclass(slots=True)
class Units:
    """What became of a line's units."""

    ordered: int
    current: int
    cancelled: int = 0
    fulfilled: int = 0
    returned: int = 0
    unclear: int = 0
    unclear_kept: int = 0

    @property
    def kept(self) -> int:
        """Ordered - cancelled."""
        return self.ordered - self.cancelled


@dataclass(slots=True)
class Amounts:
    """A line's money for its kept units, in minor units."""

    gross: int
    discount: int
    net: int
    tax: int
    total: int
    estimated: bool = False

    def shift(self, difference: int, *, taxes_included: bool) -> None:
        """Put a rounding difference where the estimate was made: into tax, else into the discount."""
        self.total += difference
        if self.tax:
            self.tax += difference
        else:
            self.net += difference
        if taxes_included or not self.tax:
            self.discount -= difference


def units_of(order: Order, warnings: list[str]) -> dict[str, Units]:
    """What became of each line's units, by line id."""
    fulfilled: dict[str, int] = {}
    for made in order.fulfillments or ():
        if made.status in COUNTED:
            for shipped in made.fulfillment_line_items.all():
                line_id = shipped.line_item.id
                fulfilled[line_id] = fulfilled.get(line_id, 0) + (shipped.quantity or 0)
    gone: dict[str, dict[str, int]] = {}
    for refund in order.refunds or ():
        for refunded in refund.refund_line_items.all():
            kinds = gone.setdefault(refunded.line_item.id, {})
            kind = refunded.restock_type
            if kind not in UNCLEAR and kind not in ("CANCEL", "RETURN"):
                warnings.append(f"unknown restock type {kind!r}")
            kinds[kind] = kinds.get(kind, 0) + refunded.quantity
    returned = _processed_returns(order)
    units: dict[str, Units] = {}
    if order.line_items is UNSET:
        return units
    for line in order.line_items.all():
        if line.quantity is UNSET:
            raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no lineItems.quantity")
        counted = Units(line.quantity, line.quantity, 0, fulfilled.get(line.id, 0))
        kinds = gone.get(line.id, {})
        came_back = returned.get(line.id, 0)
        if kinds or came_back or line.current_quantity not in (None, line.quantity):
            _split(counted, line, kinds, came_back)
        units[line.id] = counted
    return units


def _processed_returns(order: Order) -> dict[str, int]:
    processed: dict[str, int] = {}
    if order.returns is UNSET:
        return processed
    for returned in order.returns.all():
        for line in returned.return_line_items.all():
            ref = line.fulfillment_line_item
            if line.processed_quantity and ref and ref.line_item:
                line_id = ref.line_item.id
                processed[line_id] = processed.get(line_id, 0) + line.processed_quantity
    return processed


def _split(units: Units, line: Line, kinds: Mapping[str, int], came_back: int) -> None:
    refunded_return = kinds.get("RETURN", 0)
    cancel = kinds.get("CANCEL", 0)
    units.unclear = sum(n for kind, n in kinds.items() if kind not in ("CANCEL", "RETURN"))
    refunded = refunded_return + cancel + units.unclear
    current = line.current_quantity
    units.current = max(units.ordered - refunded, 0) if current is None else current
    units.fulfilled = max(units.fulfilled, refunded_return)  # what was delivered had been shipped
    edited = max(units.ordered - units.current - refunded, 0)
    if units.unclear:
        shipped = units.fulfilled - refunded_return
        unfulfilled = line.unfulfilled_quantity
        shipped_current = min(shipped, units.current) if unfulfilled is None else units.current - unfulfilled
        units.unclear_kept = min(max(shipped - shipped_current, 0), units.unclear)
    units.cancelled = min(edited + cancel + units.unclear - units.unclear_kept, units.ordered)
    units.returned = max(refunded_return, came_back)


def amounts_of(line: Line, units: Units, discount: int, currency: str, taxes_included: bool) -> Amounts:
    """The money of a line's kept units.

    Args:
        line: The line.
        units: What became of its units.
        discount: All of the line's discount for its ordered units.
        currency: The shop's currency.
        taxes_included: Whether prices have tax inside.
    """
    if line.original_unit_price_set is UNSET:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer selects no lineItems.originalUnitPriceSet")
    ordered = units.ordered
    kept = ordered - units.cancelled
    if kept == 0:
        return Amounts(0, 0, 0, 0, 0)
    gross = booked(line.original_unit_price_set, currency) * kept
    tax = 0
    estimated = kept != ordered
    for entry in line.tax_lines:
        part = booked(entry.price_set, currency)
        tax += share(part, kept, ordered) if estimated else part
    exact_net = line.price_after_all_discounts_before_taxes_set
    if estimated and exact_net is not None and kept == units.current:
        net = booked(exact_net, currency)
        total = net + tax
        return Amounts(gross, gross - (total if taxes_included else net), net, tax, total, estimated)
    if estimated:
        discount = share(discount, kept, ordered)
    paid = gross - discount
    if taxes_included:
        return Amounts(gross, discount, paid - tax, tax, paid, estimated)
    return Amounts(gross, discount, paid, tax, paid + tax, estimated)


def canonical_line(line: Line, units: Units, money: Amounts, order: Order, currency: str) -> OrderLine:
    """The line as the hub keeps it."""
    unit_price = booked(line.original_unit_price_set or None, currency)
    return OrderLine(
        line_id=line.id,
        sku=line.sku or None,
        ordered=units.ordered,
        cancelled=units.cancelled,
        fulfilled=units.fulfilled,
        returned=units.returned,
        title=f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
        unit_price=Money(unit_price, currency),
        gross=Money(money.gross, currency),
        discount=Money(money.discount, currency),
        net=Money(money.net, currency),
        tax=Money(money.tax, currency),
        total=Money(money.total, currency),
        taxes=tax_lines(line.tax_lines, money.tax, units, currency) if money.tax else (),
        discounts=_discounts(line, units, currency) if money.discount else (),
        buyer_total=_buyer_total(line, units, order, currency),
        requires_shipping=line.requires_shipping and not line.is_gift_card,
        parent_line_id=line.line_item_group.id if line.line_item_group else None,
        channel_product_id=line.variant.id if line.variant else None,
    )


def tax_lines(taxes: list[Tax], tax: int, units: Units, currency: str) -> tuple[TaxLine, ...]:
    """The tax lines for the kept units; together they are `tax`, the first one takes the rounding."""
    if len(taxes) == 1:
        only = taxes[0]
        rate = None if only.rate is None else repr(only.rate)
        return (TaxLine(title=only.title, amount=Money(tax, currency), rate=rate),)
    parts = [share(booked(entry.price_set, currency), units.kept, units.ordered) for entry in taxes]
    if parts:
        parts[0] += tax - sum(parts)
    return tuple(
        TaxLine(
            title=entry.title,
            amount=Money(part, currency),
            rate=None if entry.rate is None else repr(entry.rate),
        )
        for entry, part in zip(taxes, parts, strict=True)
    )


def _discounts(line: Line, units: Units, currency: str) -> tuple[Discount, ...]:
    found = []
    for entry in line.discount_allocations or ():
        part = share(booked(entry.allocated_amount_set, currency), units.kept, units.ordered)
        if part:
            source = entry.discount_application
            code, title = (source.code, source.title) if source else (None, None)
            found.append(Discount(amount=Money(part, currency), code=code, title=title))
    return tuple(found)


def _buyer_total(line: Line, units: Units, order: Order, currency: str) -> Money | None:
    buyer = order.presentment_currency_code
    if buyer is None or buyer == currency:
        return None
    price = line.original_unit_price_set
    if not price or price.presentment_money is None:
        return None
    total = shown(price, buyer) * units.ordered
    for entry in line.discount_allocations or ():
        total -= shown(entry.allocated_amount_set, buyer)
    if not order.taxes_included:
        total += sum(shown(entry.price_set, buyer) for entry in line.tax_lines)
    return Money(share(total, units.kept, units.ordered), buyer) if units.ordered else None
