"""What buyers order, as the channels know it. Amounts are integer minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with an address. `region` is the code that the country's post uses, if any."""

    name: str
    email: str
    phone: str
    street: tuple[str, ...]
    city: str
    region: str | None
    region_name: str | None
    postal_code: str
    country_code: str
    country_name: str
    company: str | None = None


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line's money for its current quantity, in minor units; see OrderLine in docs/canonical-order.md."""

    gross: int
    discount: int
    net: int
    tax: int
    total: int


@dataclass(slots=True)
class SoldLine:
    """A line of an order. `unit_price` has tax inside where the order's prices do.

    `discount_rate` is the fraction taken off the line, order-level discounts included.
    `requires_shipping` is False for downloads, which no warehouse ever sees.
    """

    line_id: str
    channel_sku: str
    title: str
    quantity: int
    unit_price: int
    tax_rate: Decimal
    removed: int = 0
    discount_rate: Decimal = Decimal(0)
    refunded: int = 0
    returned: int = 0
    requires_shipping: bool = True

    @property
    def current(self) -> int:
        """Units that the buyer still wants or has got."""
        return self.quantity - self.removed

    def amounts(self, taxes_included: bool) -> LineAmounts:
        """The line's money, rounded half up once per line."""
        gross = self.unit_price * self.current
        discount = half_up(gross * self.discount_rate)
        paid = gross - discount
        if taxes_included:
            tax = half_up(paid * self.tax_rate / (1 + self.tax_rate))
            return LineAmounts(gross, discount, paid - tax, tax, paid)
        tax = half_up(paid * self.tax_rate)
        return LineAmounts(gross, discount, paid, tax, paid + tax)


@dataclass(frozen=True, slots=True)
class ToldFulfilment:
    """A fulfilment that the hub (or somebody else) told the channel of."""

    fulfilment_id: str
    lines: Mapping[str, int]
    carrier: str | None
    tracking_number: str | None
    told_at: datetime
    by_hub: bool = True


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money given back, with line id to units; `restock` says whether the goods come back.

    `reason` is a word of normalization's ReturnReason, as plain text. `cancelled` are those of the units that
    were never sent and are not wanted any more, worth `cancelled_amount`.
    """

    refund_id: str
    lines: Mapping[str, int]
    amount: int
    shipping: int
    reason: str
    refunded_at: datetime
    restock: bool = False
    cancelled: Mapping[str, int] = field(default_factory=dict)
    cancelled_amount: int = 0

    def came_back(self) -> dict[str, int]:
        """Units that were sent and came back, by line id."""
        left = {line_id: units - self.cancelled.get(line_id, 0) for line_id, units in self.lines.items()}
        return {line_id: units for line_id, units in left.items() if units} if self.restock else {}


@dataclass(frozen=True, slots=True)
class AskedBack:
    """A return that the buyer asked for and that never came about, by line id and units.

    Attributes:
        status: REQUESTED, DECLINED or CANCELED, as Shopify words it.
        reason: As in Refunded.
    """

    return_id: str
    lines: Mapping[str, int]
    status: str
    reason: str
    asked_at: datetime


@dataclass(slots=True)
class ShopOrder:
    """An order as its channel knows it. `serial` numbers a channel's orders from 1001.

    `payment` is pending, authorized, captured or refunded; `payment_mode` is card, bank_transfer,
    cash_on_delivery or marketplace; `revision` counts changes; `visible_at` is when lists begin to show
    the newest change; `by_channel` orders are shipped by the channel itself (FBA);
    `buyer_rate` is units of the buyer's currency for one unit of `currency`, both major units.
    """

    channel: str
    serial: int
    external_id: str
    number: str
    placed_at: datetime
    updated_at: datetime
    visible_at: datetime
    buyer: Person
    ship_to: Person
    currency: str
    taxes_included: bool
    lines: list[SoldLine]
    shipping: int
    shipping_tax_rate: Decimal
    shipping_title: str = "Standard"
    payment: str = "captured"
    payment_mode: str = "card"
    buyer_currency: str | None = None
    buyer_rate: Decimal = Decimal(1)
    discount_code: str | None = None
    note: str | None = None
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    cancelled_at: datetime | None = None
    paid_at: datetime | None = None
    by_channel: bool = False
    revision: int = 1
    told: list[ToldFulfilment] = field(default_factory=list)
    refunds: list[Refunded] = field(default_factory=list)
    asked_back: list[AskedBack] = field(default_factory=list)
    notes_added: list[str] = field(default_factory=list)
    moved_from: list[Person] = field(default_factory=list)

    def line(self, line_id: str) -> SoldLine:
        """A line by id. Raises KeyError."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise KeyError(line_id)

    @property
    def cancels_unsent(self) -> bool:
        """Whether restocking units that were not sent cancels them; only Shopify tells the two apart."""
        return self.external_id.startswith("gid://shopify/")

    def told_units(self, line_id: str) -> int:
        """Units of a line that the channel was told are fulfilled."""
        return sum(told.lines.get(line_id, 0) for told in self.told)

    def shipping_amounts(self) -> LineAmounts:
        """What delivery costs the buyer."""
        if self.cancelled_at:
            return LineAmounts(0, 0, 0, 0, 0)
        if self.taxes_included:
            tax = half_up(self.shipping * self.shipping_tax_rate / (1 + self.shipping_tax_rate))
            return LineAmounts(self.shipping, 0, self.shipping - tax, tax, self.shipping)
        tax = half_up(self.shipping * self.shipping_tax_rate)
        return LineAmounts(self.shipping, 0, self.shipping, tax, self.shipping + tax)

    def total(self) -> int:
        """The order's current total: lines and shipping, with tax."""
        return (
            sum(line.amounts(self.taxes_included).total for line in self.lines)
            + self.shipping_amounts().total
        )


EXPONENTS = {"CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0, "BHD": 3, "KWD": 3, "TND": 3}
"""Decimals of currencies that don't have two (ISO 4217)."""


def half_up(amount: Decimal) -> int:
    """Round to a whole minor unit, halves away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
