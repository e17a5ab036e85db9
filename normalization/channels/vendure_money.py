"""An order's amounts, split into the canonical lines, shipping, charges and discounts."""

from decimal import ROUND_HALF_UP, Decimal

from normalization.channels.vendure_answers import Discount as VendureDiscount
from normalization.channels.vendure_answers import Line, Order
from normalization.channels.vendure_answers import TaxLine as VendureTaxLine
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import Charge, Discount, OrderLine, ShippingLine, TaxLine

DEFAULT_CHANNEL = "__default_channel__"
"""Every order also belongs to this one, whichever channel it was placed in."""


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
