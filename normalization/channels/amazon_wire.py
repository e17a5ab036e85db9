"""The parts of Amazon's Orders 2026-01-01 that the hub reads, as they stand on the wire."""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from normalization.errors import NormalizationError, Reason
from normalization.limits import UNREADABLE, Units, exact_number


class Wire(msgspec.Struct, rename="camel", gc=False):
    """Only what is read is declared, and little of it is demanded: Amazon's samples break its own schema."""


class Amount(Wire):
    """Money: a decimal string, or a number by mistake."""

    amount: Any
    currency_code: str


class Detail(Wire):
    """The part of TAX or DISCOUNT that belongs to another category."""

    subtype: str | None = None
    value: Amount | None = None


class Breakdown(Wire):
    """One category of proceeds."""

    type: str
    subtotal: Amount
    detailed_breakdowns: list[Detail] | None = None
    status: str | None = None


class OrderProceeds(Wire):
    """What the seller receives for the order."""

    grand_total: Amount | None = None
    breakdowns: list[Breakdown] | None = None


class ItemProceeds(Wire):
    """What the seller receives for an item."""

    proceeds_total: Amount | None = None
    breakdowns: list[Breakdown] | None = None


class Price(Wire):
    """The price of one unit."""

    unit_price: Amount | None = None


class Product(Wire):
    """What was ordered."""

    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    price: Price | None = None


class PromotionEntry(Wire):
    """One promotion."""

    promotion_id: str | None = None


class Promotion(Wire):
    """The promotions of an item."""

    breakdowns: list[PromotionEntry] | None = None


class CancelRequest(Wire):
    """A wish to cancel."""

    requester: str | None = None


class CancelExecution(Wire):
    """A cancellation."""

    cancelled_by: str | None = None
    cancel_reason: str | None = None


class Cancellation(Wire):
    """What is known of cancelling an item."""

    cancellation_request: CancelRequest | None = None
    cancellation_execution: CancelExecution | None = None


class ItemFulfillment(Wire):
    """How many units have gone out."""

    quantity_fulfilled: Units | None = None
    quantity_unfulfilled: Units | None = None


class Item(Wire):
    """One line."""

    order_item_id: str
    quantity_ordered: Units
    product: Product | None = None
    proceeds: ItemProceeds | None = None
    promotion: Promotion | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None


class Range(Wire):
    """A promised span of time."""

    latest_date_time: str | None = None


class Fulfillment(Wire):
    """Where the order stands."""

    fulfillment_status: str | None = None
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None
    ship_by_window: Range | None = None
    deliver_by_window: Range | None = None


class Address(Wire):
    """A buyer's address."""

    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    state_or_region: str | None = None
    municipality: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Preference(Wire):
    """What the buyer asks of the courier."""

    drop_off_location: str | None = None
    address_instruction: str | None = None


class Recipient(Wire):
    """Where the order goes."""

    delivery_address: Address | None = None
    delivery_preference: Preference | None = None


class Buyer(Wire):
    """Who ordered."""

    buyer_name: str | None = None
    buyer_email: str | None = None


class PackageItem(Wire):
    """Units of one line in a package."""

    order_item_id: str
    quantity: Units


class PackageStatus(Wire):
    """Where a package is."""

    status: str | None = None


class Package(Wire):
    """One package that the seller confirmed."""

    package_reference_id: str
    created_time: str | None = None
    package_status: PackageStatus | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    package_items: list[PackageItem] | None = None


class Execution(Wire):
    """One payment."""

    payment_method: str | None = None
    payment_amount: Amount | None = None


class OrderPayment(Wire):
    """How the order is paid."""

    payment_executions: list[Execution] | None = None


class Channel(Wire):
    """Where it was sold."""

    marketplace_id: str | None = None


class Associated(Wire):
    """Another order that this one belongs to."""

    association_type: str | None = None


class Order(Wire):
    """One order."""

    order_id: str
    created_time: str
    last_updated_time: str
    order_items: list[Item]
    sales_channel: Channel | None = None
    programs: list[str] | None = None
    associated_orders: list[Associated] | None = None
    buyer: Buyer | UnsetType | None = UNSET
    recipient: Recipient | UnsetType | None = UNSET
    proceeds: OrderProceeds | None = None
    payment: OrderPayment | None = None
    fulfillment: Fulfillment | None = None
    packages: list[Package] | UnsetType | None = UNSET


class Answer(Wire):
    """Any answer that may hold orders."""

    orders: list[msgspec.Raw] | UnsetType = UNSET
    order: msgspec.Raw | UnsetType = UNSET
    order_id: str | UnsetType = UNSET
    response: msgspec.Raw | UnsetType = UNSET


Shape = TypeVar("Shape")
ORDER = msgspec.json.Decoder(Order, strict=False, float_hook=exact_number)
ANSWER = msgspec.json.Decoder(Answer, strict=False)


def decode(raw: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """What the bytes say. Raises NormalizationError(UNDECODABLE or MISSING_FIELD)."""
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        missing = "missing required field" in str(error)
        raise NormalizationError(
            Reason.MISSING_FIELD if missing else Reason.UNDECODABLE, str(error)
        ) from error
