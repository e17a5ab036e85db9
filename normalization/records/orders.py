"""An order as its channel tells it, and what the hub tells the channel of it."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from normalization.money import Money
from normalization.records.moments import Moment
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState, ReturnReason


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Orders two reads of the same record: by `revision`, then by `observed_at`.

    Attributes:
        revision: The vendor's revision or update time where it is known to move with every change,
            in a form that sorts as text; empty where the vendor has none that can be trusted.
        observed_at: When the request that brought this record was sent.
    """

    observed_at: Moment
    revision: str = ""

    def key(self) -> tuple[str, datetime]:
        """The value to compare versions by."""
        return (self.revision, self.observed_at)


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who ordered. Personal data."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    channel_customer_id: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address. Personal data, except city, region, postal_code and country_code.

    Attributes:
        street: Address lines in order, none of them empty.
        region: The vendor's region, state or province: code where it gives one, else its name.
        country_code: ISO 3166-1 alpha-2, upper case, or None if the vendor gave none.
    """

    name: str | None = None
    company: str | None = None
    street: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class TaxLine(msgspec.Struct, frozen=True, kw_only=True):
    """One tax on a line or on shipping. `rate` is a decimal fraction as text ("0.2"), if known."""

    title: str
    amount: Money
    rate: str | None = None


class Discount(msgspec.Struct, frozen=True, kw_only=True):
    """One discount, positive. On an order it is a description: its money already stands in the lines."""

    amount: Money
    code: str | None = None
    title: str | None = None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered of one sellable thing.

    Every amount stands for the current quantity (ordered - cancelled), so that
    `total = net + tax`, and `gross - discount` is `total` where `taxes_included`, else `net`.

    Attributes:
        line_id: The channel's id of the line, unique within the order.
        ordered: Units first ordered plus later additions.
        cancelled: Units taken away again by buyer, merchant or edit.
        fulfilled: Units that the channel itself says are fulfilled, by whomever.
        returned: Units that the channel says came back.
        unit_price: Price of a unit before discounts, as listed (with tax if `taxes_included`).
        gross: Unit price times current quantity.
        discount: What was taken off, line and share of order level together, positive.
        requires_shipping: False for downloads, services and gift cards: never routed.
        parent_line_id: The bundle line that this line is a part of, if any.
    """

    line_id: str
    sku: str | None
    ordered: int
    cancelled: int = 0
    fulfilled: int = 0
    returned: int = 0
    title: str = ""
    unit_price: Money
    gross: Money
    discount: Money
    net: Money
    tax: Money
    total: Money
    taxes: tuple[TaxLine, ...] = ()
    discounts: tuple[Discount, ...] = ()
    buyer_total: Money | None = None
    requires_shipping: bool = True
    parent_line_id: str | None = None
    channel_product_id: str | None = None


class ShippingLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer pays for delivery, after discounts; `total = net + tax`."""

    title: str
    code: str | None = None
    net: Money
    tax: Money
    total: Money


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Anything else in the order's total: a fee, a tip, a duty, rounding. May be negative.

    `kind` is one of fee, tip, duty, gift_wrap, rounding, surcharge, adjustment.
    """

    kind: str
    title: str = ""
    net: Money
    tax: Money
    total: Money


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The header's sums, as the channel states them.

    `total` must equal the lines', shipping's and charges' totals together, to the minor unit.
    `refunded` is what went back to the buyer so far, positive.
    """

    total: Money
    tax: Money
    discount: Money
    shipping: Money
    refunded: Money
    buyer_total: Money | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment or authorization. No card data, ever."""

    payment_id: str
    mode: PaymentMode
    state: PaymentState
    amount: Money
    gateway: str | None = None
    buyer_amount: Money | None = None
    paid_at: Moment | None = None


class LineQuantity(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of one order line."""

    line_id: str
    quantity: int


class ChannelFulfilment(msgspec.Struct, frozen=True, kw_only=True):
    """A fulfilment that the channel knows of, whoever made it."""

    fulfilment_id: str
    lines: tuple[LineQuantity, ...]
    state: str
    carrier: str | None = None
    tracking_numbers: tuple[str, ...] = ()
    created_at: Moment | None = None


class RefundLine(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a refund that belongs to one order line."""

    line_id: str
    quantity: int
    amount: Money
    restocked: bool = False


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money that went back to the buyer, positive."""

    refund_id: str
    amount: Money
    lines: tuple[RefundLine, ...] = ()
    shipping: Money | None = None
    buyer_amount: Money | None = None
    reason: ReturnReason = ReturnReason.UNKNOWN
    reason_text: str | None = None
    created_at: Moment | None = None


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that come back, as the channel reports them."""

    return_id: str
    lines: tuple[LineQuantity, ...]
    state: str
    reason: ReturnReason = ReturnReason.UNKNOWN
    reason_text: str | None = None
    created_at: Moment | None = None


class CanonicalOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order, as its channel tells it.

    Attributes:
        connection: The configured connection that it came through ("shopify-eu").
        external_id: The channel's immutable id; (connection, external_id) identifies the order.
        number: What the buyer and the merchant call it.
        confirmation_ref: What the channel's fulfilment call needs besides ids (Amazon: marketplaceId).
        channel_status: The channel's own words, for display.
        currency: The currency that the merchant books in.
        payment_state: The order's payment as a whole; `payments` has the single ones where known.
        notes: Personal data: buyers write names and phones there.
        warnings: What the mapping met that it does not know, for people to look at.
    """

    connection: str
    external_id: str
    number: str
    version: Version
    placed_at: Moment
    updated_at: Moment | None = None
    cancelled_at: Moment | None = None
    cancel_reason: str | None = None
    state: ChannelState
    channel_status: str
    confirmation_ref: str | None = None
    fulfilled_by: FulfilledBy = FulfilledBy.MERCHANT
    currency: str
    buyer_currency: str | None = None
    taxes_included: bool = False
    payment_mode: PaymentMode = PaymentMode.UNKNOWN
    payment_state: PaymentState = PaymentState.UNKNOWN
    requested_service: str | None = None
    ship_by: Moment | None = None
    deliver_by: Moment | None = None
    tags: tuple[str, ...] = ()
    totals: Totals | UnsetType = UNSET
    buyer: Buyer | UnsetType | None = UNSET
    ship_to: Address | UnsetType | None = UNSET
    bill_to: Address | UnsetType | None = UNSET
    lines: tuple[OrderLine, ...] | UnsetType = UNSET
    shipping: tuple[ShippingLine, ...] | UnsetType = UNSET
    charges: tuple[Charge, ...] | UnsetType = UNSET
    discounts: tuple[Discount, ...] | UnsetType = UNSET
    payments: tuple[Payment, ...] | UnsetType = UNSET
    fulfilments: tuple[ChannelFulfilment, ...] | UnsetType = UNSET
    refunds: tuple[Refund, ...] | UnsetType = UNSET
    returns: tuple[Return, ...] | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET
    warnings: tuple[str, ...] = ()


class ShipmentConfirmation(msgspec.Struct, frozen=True, kw_only=True):
    """One shipped parcel to be told to a channel, in the channel's own ids.

    Attributes:
        reference: The hub's reference of this message, stable over retries.
        sequence: 1 for the order's first parcel, then 2, and so on: unique per order.
        complete: True if with this parcel everything open of the order is shipped.
        confirmation_ref: See CanonicalOrder.
    """

    reference: str
    external_id: str
    number: str
    sequence: int
    lines: tuple[LineQuantity, ...]
    carrier: str | None
    tracking_number: str | None
    shipped_at: Moment
    complete: bool
    service: str | None = None
    tracking_url: str | None = None
    confirmation_ref: str | None = None


class LineCancellation(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line that the merchant will not deliver.

    Attributes:
        line_id: The channel's id of the line.
        units: How many units are taken off, at least one.
        remaining: What the line's current quantity is to be afterwards: units that were shipped or are
            still to be shipped.
    """

    line_id: str
    units: int
    remaining: int


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is asked to take off an order, in the channel's own ids. No money goes back by it.

    Attributes:
        reference: The hub's reference of this message, stable over retries.
        reason: Why, in the hub's words, for the merchant's staff. It names nobody.
        whole: True if nothing of the order remains.
    """

    reference: str
    external_id: str
    number: str
    lines: tuple[LineCancellation, ...]
    reason: str
    whole: bool
