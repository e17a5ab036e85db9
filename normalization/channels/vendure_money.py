"""An order's amounts, split into the canonical lines, shipping, charges and discounts."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

import msgspec

from normalization.channels.vendure_answers import Discount as VendureDiscount
from normalization.channels.vendure_answers import Line, Order
from normalization.channels.vendure_answers import TaxLine as VendureTaxLine
from normalization.errors import NormalizationError, Reason
from normalization.limits import Minor
from normalization.money import Money, exponent
from normalization.records import Charge, Discount, OrderLine, ShippingLine, TaxLine

PRECISIONS = tuple("0123456789")
_POWERS: tuple[int, ...] = tuple(10**power for power in range(10))
DEFAULT_CHANNEL = "__default_channel__"
"""Every order also belongs to this one, whichever channel it was placed in."""
Part = TypeVar("Part", bound=msgspec.Struct)


def in_minor_units(order: Order, settings: Mapping[str, str]) -> Order:
    """The order with its amounts in its currency's minor units.

    Vendure counts every currency in the decimals of the shop's MoneyStrategy (`precision`), by default 2, yen
    too (vendurehq/vendure issue 1630). The setting `money_precision` names a shop's own.

    Raises:
        UnknownCurrencyError: If the currency is unknown.
        NormalizationError: INEXACT_AMOUNT if an amount is no whole number of minor units.
    """
    precision = settings.get("money_precision", "2")
    if precision not in PRECISIONS:
        raise NormalizationError(
            Reason.INEXACT_AMOUNT, "the connection's setting money_precision must be a number from 0 to 9"
        )
    shift = exponent(order.currencyCode) - int(precision)
    return _shifted(order, shift) if shift else order


def _shifted(part: Part, shift: int) -> Part:
    changed: dict[str, Any] = {}
    for field in msgspec.structs.fields(part):
        found = getattr(part, field.name)
        if field.type == Minor:
            changed[field.name] = _shifted_amount(found, shift, field.name)
        elif isinstance(found, msgspec.Struct):
            changed[field.name] = _shifted(found, shift)
        elif isinstance(found, tuple):
            changed[field.name] = tuple(_shifted(one, shift) for one in found)
    return msgspec.structs.replace(part, **changed)


def _shifted_amount(amount: int, shift: int, name: str) -> int:
    whole, rest = divmod(amount * _POWERS[max(shift, 0)], _POWERS[max(-shift, 0)])
    if rest:
        raise NormalizationError(
            Reason.INEXACT_AMOUNT,
            f"{name} is finer than the currency's minor unit; round in the shop's MoneyStrategy, or set"
            " money_precision to its precision",
        )
    return whole


class Amounts:
    """The money of one order. `taxes_included` is how its channel lists prices."""

    def __init__(self, order: Order) -> None:
        self._order = order
        own = [channel for channel in order.channels if channel.code != DEFAULT_CHANNEL]
        self.taxes_included = any(channel.pricesIncludeTax for channel in own or order.channels)
        self._fulfilled: dict[str, int] = {}
        for fulfilment in order.fulfillments or ():
            if fulfilment.state != "Cancelled":
                for units in fulfilment.lines:
                    held = self._fulfilled.get(units.orderLineId, 0)
                    self._fulfilled[units.orderLineId] = held + units.quantity
        self._coupons = {promotion.id: promotion.couponCode for promotion in order.promotions}

    def lines(self) -> tuple[OrderLine, ...]:
        """The lines. What was placed less what is left was cancelled; what is more was added later."""
        return tuple(self._line(line) for line in self._order.lines)

    def shipping(self) -> tuple[ShippingLine, ...]:
        """Delivery, after shipping promotions."""
        return tuple(
            ShippingLine(
                title=line.shippingMethod.name,
                code=line.shippingMethod.code,
                net=self._money(line.discountedPrice),
                tax=self._money(line.discountedPriceWithTax - line.discountedPrice),
                total=self._money(line.discountedPriceWithTax),
            )
            for line in self._order.shippingLines
        )

    def charges(self) -> tuple[Charge, ...]:
        """Surcharges, which also carry differences of edits."""
        return tuple(
            Charge(
                kind="surcharge",
                title=surcharge.description,
                net=self._money(surcharge.price),
                tax=self._money(surcharge.priceWithTax - surcharge.price),
                total=self._money(surcharge.priceWithTax),
            )
            for surcharge in self._order.surcharges
        )

    def discounts(self) -> tuple[Discount, ...]:
        """The order's promotions, whose money already stands in lines and shipping."""
        return tuple(self._discount(discount) for discount in self._order.discounts)

    def _line(self, line: Line) -> OrderLine:
        ordered = max(line.orderPlacedQuantity, line.quantity)
        gross = line.linePriceWithTax if self.taxes_included else line.linePrice
        paid = line.proratedLinePriceWithTax if self.taxes_included else line.proratedLinePrice
        tax = line.proratedLinePriceWithTax - line.proratedLinePrice
        return OrderLine(
            line_id=line.id,
            sku=line.productVariant.sku or None,
            ordered=ordered,
            cancelled=ordered - line.quantity,
            fulfilled=self._fulfilled.get(line.id, 0),
            title=line.productVariant.name,
            unit_price=self._money(line.unitPriceWithTax if self.taxes_included else line.unitPrice),
            gross=self._money(gross),
            discount=self._money(gross - paid),
            net=self._money(line.proratedLinePrice),
            tax=self._money(tax),
            total=self._money(line.proratedLinePriceWithTax),
            taxes=self._taxes(line.taxLines, tax),
            discounts=tuple(self._discount(discount) for discount in line.discounts),
            channel_product_id=line.productVariant.id,
        )

    def _taxes(self, taxes: tuple[VendureTaxLine, ...], amount: int) -> tuple[TaxLine, ...]:
        """Vendure gives a line's tax as one sum; several taxes share it by their rates."""
        if not all(_is_rate(tax.taxRate) for tax in taxes):
            raise NormalizationError(Reason.UNDECODABLE, "a tax rate is no percentage")
        whole, given, counted = sum(tax.taxRate for tax in taxes), 0, Decimal(0)
        split = []
        for tax in taxes:
            counted += tax.taxRate
            share = amount * counted / whole if whole else Decimal(0)
            upto = int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP))
            rate = format((tax.taxRate / 100).normalize(), "f")
            split.append(TaxLine(title=tax.description, amount=self._money(upto - given), rate=rate))
            given = upto
        return tuple(split)

    def _discount(self, discount: VendureDiscount) -> Discount:
        kind, _, promotion = discount.adjustmentSource.partition(":")
        return Discount(
            amount=self._money(-(discount.amountWithTax if self.taxes_included else discount.amount)),
            code=self._coupons.get(promotion) if kind == "PROMOTION" else None,
            title=discount.description,
        )

    def _money(self, minor: int) -> Money:
        return Money(minor, self._order.currencyCode)


def _is_rate(percent: Decimal) -> bool:
    """Whether it can be a tax's: some authority's percentage, not a number of a thousand digits."""
    return percent.is_finite() and -12 < percent.adjusted() < 4 and percent >= 0
