"""An Amazon order's money: proceeds by category to minor units, by what they belong to.

An item's proceeds are a sum of categories (ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER), plus TAX, less
DISCOUNT. In all of Amazon's samples TAX comes on top; where a total comes out only without it, the prices
hold it already. TAX and DISCOUNT tell by `detailedBreakdowns` what they belong to, and belong to the item
itself otherwise. DELIVERY_TIP stands on the order alone. [spec orders_2026-01-01]
"""

from functools import lru_cache
from typing import Any

from normalization.channels.amazon_wire import Amount, Breakdown, Item, ItemProceeds, Order
from normalization.errors import NormalizationError, Reason
from normalization.limits import named
from normalization.money import InexactAmountError, Money, UnknownCurrencyError, parse_minor
from normalization.records import Charge, ShippingLine, Totals

CHARGES = {"GIFT_WRAP": "gift_wrap", "COD_FEE": "fee", "OTHER": "adjustment"}
APART = ("SHIPPING", *CHARGES)


def minor(amount: Amount, currency: str) -> int:
    """The minor units of an amount, which has to be in the order's currency. Raises NormalizationError."""
    if amount.currency_code != currency:
        raise NormalizationError(
            Reason.SUMS_DIFFER,
            f"amounts in {named(amount.currency_code)} and in {named(currency)} stand in one order",
        )
    try:
        return _parsed(amount.amount, currency)
    except UnknownCurrencyError as error:
        raise NormalizationError(Reason.UNKNOWN_CURRENCY, str(error)) from error
    except (InexactAmountError, TypeError) as error:
        raise NormalizationError(Reason.INEXACT_AMOUNT, str(error)) from error


@lru_cache(maxsize=65536)
def _parsed(amount: Any, currency: str) -> int:  # noqa: ANN401 -- text, or a number by mistake
    return parse_minor(amount, currency)


class ItemSums:
    """One item's proceeds in minor units; see OrderLine for gross, discount, net, tax and total.

    Attributes:
        apart: What does not belong to the item itself, category -> (net, tax).
        taxed: Whether there is any tax.
        included: Whether the prices hold the tax already.

    Raises:
        NormalizationError: If the categories do not add up to the item's total.
    """

    __slots__ = ("apart", "discount", "gross", "included", "net", "tax", "taxed", "total")

    def __init__(self, proceeds: ItemProceeds | None, item: Item, currency: str, warnings: list[str]) -> None:
        parts, taxes, discounts, tax, discount = _categories(proceeds, item, currency, warnings)
        stated = proceeds.proceeds_total if proceeds else None
        inside = sum(parts.values()) - discount
        total = inside + tax if stated is None else minor(stated, currency)
        if total not in (inside, inside + tax):
            raise NormalizationError(
                Reason.SUMS_DIFFER,
                f"item {named(item.order_item_id)}: breakdowns add up to {inside + tax},"
                f" proceedsTotal is {total}",
            )
        self.taxed = tax != 0
        self.included = tax != 0 and total == inside
        self.apart: dict[str, tuple[int, int]] = {}
        self.gross = parts.get("ITEM", 0)
        self.discount, self.tax = discount, tax
        for category in APART:
            if category in parts or category in taxes or category in discounts:
                own_discount, own_tax = discounts.get(category, 0), taxes.get(category, 0)
                own = parts.get(category, 0) - own_discount
                self.apart[category] = (own - own_tax if self.included else own, own_tax)
                self.discount -= own_discount
                self.tax -= own_tax
        paid = self.gross - self.discount
        self.net = paid - self.tax if self.included else paid
        self.total = self.net + self.tax


_Categories = tuple[dict[str, int], dict[str, int], dict[str, int], int, int]


def _categories(proceeds: ItemProceeds | None, item: Item, currency: str, warnings: list[str]) -> _Categories:
    """Sums by category, tax and discount by what they belong to, and all tax and all discount."""
    parts: dict[str, int] = {}
    taxes: dict[str, int] = {}
    discounts: dict[str, int] = {}
    tax = discount = 0
    breakdowns = proceeds.breakdowns if proceeds else None
    if proceeds and not breakdowns and proceeds.proceeds_total:
        parts["ITEM"] = minor(proceeds.proceeds_total, currency)
    for one in breakdowns or ():
        amount = minor(one.subtotal, currency)
        if one.type == "TAX":
            tax += amount
            _add_details(taxes, one, currency)
        elif one.type == "DISCOUNT":  # the specification leaves its sign open
            discount += abs(amount)
            _add_details(discounts, one, currency, positive=True)
        else:
            category = one.type
            if category != "ITEM" and category not in APART:
                warnings.append(f"item {item.order_item_id}: unknown proceeds category {category}")
                category = "OTHER"
            parts[category] = parts.get(category, 0) + amount
    return parts, taxes, discounts, tax, discount


def _add_details(sums: dict[str, int], one: Breakdown, currency: str, *, positive: bool = False) -> None:
    for detail in one.detailed_breakdowns or ():
        if detail.subtype in APART and detail.value is not None:
            amount = minor(detail.value, currency)
            sums[detail.subtype] = sums.get(detail.subtype, 0) + (abs(amount) if positive else amount)


def header(
    wire: Order, currency: str, sums: list[ItemSums], cancelled: bool
) -> tuple[tuple[ShippingLine, ...], tuple[Charge, ...], Totals]:
    """Shipping, charges and totals. Raises NormalizationError(SUMS_DIFFER)."""
    apart: dict[str, tuple[int, int]] = {}
    for one in sums:
        for category, (net, tax) in one.apart.items():
            before = apart.get(category, (0, 0))
            apart[category] = (before[0] + net, before[1] + tax)
    total = sum(one.total for one in sums) + sum(net + tax for net, tax in apart.values())
    charges = [
        _charge(CHARGES[category], category, net, tax, currency)
        for category, (net, tax) in apart.items()
        if category in CHARGES and (net or tax)
    ]
    proceeds = None if cancelled else wire.proceeds
    stated = minor(proceeds.grand_total, currency) if proceeds and proceeds.grand_total else None
    for entry in (proceeds.breakdowns if proceeds else None) or ():
        if entry.type == "DELIVERY_TIP":  # stands on the order alone [spec OrderProceedsBreakdown]
            tip = minor(entry.subtotal, currency)
            if stated is None or total != stated or entry.status == "FINALIZED":
                charges.append(_charge("tip", entry.type, tip, 0, currency))
                total += tip
    if stated is not None and stated != total:
        raise NormalizationError(
            Reason.SUMS_DIFFER, f"items add up to {total} minor units, grandTotal is {stated}"
        )
    net, tax = apart.get("SHIPPING", (0, 0))
    shipping: tuple[ShippingLine, ...] = ()
    if "SHIPPING" in apart:
        service = wire.fulfillment.fulfillment_service_level if wire.fulfillment else None
        shipping = (
            ShippingLine(
                title=service or "Shipping",
                code=service,
                net=Money(net, currency),
                tax=Money(tax, currency),
                total=Money(net + tax, currency),
            ),
        )
    taxes = sum(one.tax for one in sums) + sum(tax for _, tax in apart.values())
    totals = Totals(
        total=Money(total, currency),
        tax=Money(taxes, currency),
        discount=Money(sum(one.discount for one in sums), currency),
        shipping=Money(net + tax, currency),
        refunded=Money(0, currency),
    )
    return shipping, tuple(charges), totals


def _charge(kind: str, title: str, net: int, tax: int, currency: str) -> Charge:
    return Charge(
        kind=kind,
        title=title,
        net=Money(net, currency),
        tax=Money(tax, currency),
        total=Money(net + tax, currency),
    )


def taxes_included(sums: list[ItemSums], order_id: str) -> bool:
    """Whether the order's prices hold their tax. Raises NormalizationError if some do and some do not."""
    kinds = {one.included for one in sums if one.taxed}
    if len(kinds) > 1:
        raise NormalizationError(
            Reason.SUMS_DIFFER,
            f"order {named(order_id)}: tax is inside the prices of some items and on top of others",
        )
    return kinds == {True}
