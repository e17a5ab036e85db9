"""The parts of Vendure's answers that the mapping reads, as the Admin API's schema types them.

Money is an integer in the decimals of the shop's MoneyStrategy (the schema's scalar Money); ids are text.
"""

from decimal import Decimal

import msgspec

from normalization.errors import NormalizationError, Reason
from normalization.limits import UNREADABLE, Minor, Number, Units
from normalization.records import Moment


class Channel(msgspec.Struct, frozen=True):
    """A Vendure channel that the order belongs to."""

    code: str
    pricesIncludeTax: bool


class Customer(msgspec.Struct, frozen=True):
    """Who ordered."""

    id: str
    firstName: str
    lastName: str
    emailAddress: str
    phoneNumber: str | None = None


class Address(msgspec.Struct, frozen=True):
    """OrderAddress; every part may be absent."""

    fullName: str | None = None
    company: str | None = None
    streetLine1: str | None = None
    streetLine2: str | None = None
    city: str | None = None
    province: str | None = None
    postalCode: str | None = None
    countryCode: str | None = None
    phoneNumber: str | None = None


class TaxLine(msgspec.Struct, frozen=True):
    """A tax; `taxRate` in percent."""

    description: str
    taxRate: Decimal


class Discount(msgspec.Struct, frozen=True):
    """A promotion's effect, negative."""

    adjustmentSource: str
    description: str
    amount: Minor
    amountWithTax: Minor


class Variant(msgspec.Struct, frozen=True):
    """The sold thing."""

    id: str
    sku: str
    name: str


class Line(msgspec.Struct, frozen=True):
    """OrderLine. `quantity` is what is left of `orderPlacedQuantity` and later additions.

    `proratedUnitPriceWithTax` serves as a weight only; it is rounded for itself, and no amount of the order.
    """

    id: str
    quantity: Units
    orderPlacedQuantity: Units
    unitPrice: Minor
    unitPriceWithTax: Minor
    linePrice: Minor
    linePriceWithTax: Minor
    proratedUnitPriceWithTax: Number
    proratedLinePrice: Minor
    proratedLinePriceWithTax: Minor
    productVariant: Variant
    taxLines: tuple[TaxLine, ...] = ()
    discounts: tuple[Discount, ...] = ()


class Surcharge(msgspec.Struct, frozen=True):
    """Something extra in the total."""

    description: str
    price: Minor
    priceWithTax: Minor


class Promotion(msgspec.Struct, frozen=True):
    """A promotion that was applied."""

    id: str
    couponCode: str | None = None


class ShippingMethod(msgspec.Struct, frozen=True):
    """How the buyer wants it sent."""

    code: str
    name: str


class ShippingLine(msgspec.Struct, frozen=True):
    """What delivery costs."""

    discountedPrice: Minor
    discountedPriceWithTax: Minor
    shippingMethod: ShippingMethod


class UnitsOfLine(msgspec.Struct, frozen=True):
    """So many units of an order line."""

    orderLineId: str
    quantity: Units


class Refund(msgspec.Struct, frozen=True):
    """Money that goes back: `total` = items + shipping + adjustment."""

    id: str
    shipping: Minor
    total: Minor
    state: str
    createdAt: Moment
    reason: str | None = None
    lines: tuple[UnitsOfLine, ...] = ()


class Payment(msgspec.Struct, frozen=True):
    """A payment."""

    id: str
    method: str
    amount: Minor
    state: str
    createdAt: Moment
    refunds: tuple[Refund, ...] = ()


class Fulfillment(msgspec.Struct, frozen=True):
    """A shipped (or about to be shipped) parcel."""

    id: str
    state: str
    method: str
    createdAt: Moment
    trackingCode: str | None = None
    lines: tuple[UnitsOfLine, ...] = ()


class Order(msgspec.Struct, frozen=True):
    """The order, as the connector asks for it."""

    id: str
    code: str
    state: str
    updatedAt: Moment
    currencyCode: str
    total: Minor
    totalWithTax: Minor
    shippingWithTax: Minor
    channels: tuple[Channel, ...]
    lines: tuple[Line, ...]
    surcharges: tuple[Surcharge, ...]
    discounts: tuple[Discount, ...]
    promotions: tuple[Promotion, ...]
    shippingLines: tuple[ShippingLine, ...]
    orderPlacedAt: Moment | None = None
    customer: Customer | None = None
    shippingAddress: Address | None = None
    billingAddress: Address | None = None
    payments: tuple[Payment, ...] | None = None
    fulfillments: tuple[Fulfillment, ...] | None = None


_DECODER = msgspec.json.Decoder(Order, strict=True)


def decode(raw: bytes) -> Order:
    """The order in a raw record.

    Raises:
        NormalizationError: UNDECODABLE, MISSING_FIELD or IMPOSSIBLE_DATE, naming the field.
    """
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        if "missing required field" in text:
            raise NormalizationError(Reason.MISSING_FIELD, text) from error
        if "datetime" in text or "RFC3339" in text:
            raise NormalizationError(Reason.IMPOSSIBLE_DATE, text) from error
        raise NormalizationError(Reason.UNDECODABLE, text) from error
    except UNREADABLE as error:
        raise NormalizationError(Reason.UNDECODABLE, "the record is no JSON") from error
