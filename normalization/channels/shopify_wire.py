"""An order as Shopify's Admin GraphQL API 2026-10 sends it: only what the mapping reads, typed.

Every field that a query may leave out has a default; UNSET tells "not selected" from null. Connections come
as `nodes` or as `edges`, as the query chose.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from normalization.limits import Units

T = TypeVar("T")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Wire(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base: Shopify writes camelCase."""


class MoneyV2(Wire, frozen=True):
    """An amount in major units as text, not padded ("20.0")."""

    amount: str
    currency_code: str


class Bag(Wire, frozen=True):
    """The same money in the shop's and in the buyer's currency."""

    shop_money: MoneyV2
    presentment_money: MoneyV2 | None = None


class Edge(Wire, Generic[T], frozen=True):
    """The older form of a connection's entry."""

    node: T


class PageInfo(Wire, frozen=True):
    """Whether the connection was cut."""

    has_next_page: bool = False


class Connection(Wire, Generic[T], frozen=True):
    """A paged list inside a record."""

    nodes: list[T] | None = None
    edges: list[Edge[T]] | None = None
    page_info: PageInfo | None = None

    def all(self) -> Sequence[T]:
        """The entries that came."""
        if self.nodes is not None:
            return self.nodes
        return [edge.node for edge in self.edges or ()]


class Ref(Wire, frozen=True):
    """A reference to another record."""

    id: str


class Tax(Wire, frozen=True):
    """A tax line. `rate` keeps the digits that were sent."""

    price_set: Bag | None = None
    title: str = ""
    rate: float | None = None


class Application(Wire, frozen=True):
    """Where a discount comes from."""

    code: str | None = None
    title: str | None = None


class Allocation(Wire, frozen=True):
    """The part of a discount that falls on a line."""

    allocated_amount_set: Bag
    discount_application: Application | None = None


class Line(Wire, frozen=True):
    """A line. Discounts and taxes are of `quantity`, removed and refunded units included."""

    id: str
    quantity: Units | UnsetType = UNSET
    current_quantity: Units | None = None
    unfulfilled_quantity: Units | None = None
    sku: str | None = None
    title: str = ""
    variant_title: str | None = None
    requires_shipping: bool = True
    is_gift_card: bool = False
    variant: Ref | None = None
    line_item_group: Ref | None = None
    original_unit_price_set: Bag | UnsetType = UNSET
    price_after_all_discounts_before_taxes_set: Bag | None = None
    discount_allocations: list[Allocation] | UnsetType = UNSET
    tax_lines: list[Tax] = []


class Delivery(Wire, frozen=True):
    """A shipping line."""

    title: str = ""
    code: str | None = None
    original_price_set: Bag | None = None
    discounted_price_set: Bag | None = None
    current_discounted_price_set: Bag | None = None
    tax_lines: list[Tax] = []


class Method(Wire, frozen=True):
    """How a fulfilment order is to be delivered."""

    presented_name: str | None = None
    max_delivery_date_time: Moment | None = None


class Work(Wire, frozen=True):
    """A fulfilment order."""

    status: str = ""
    fulfill_by: Moment | None = None
    delivery_method: Method | None = None


class TrackingInfo(Wire, frozen=True):
    """One parcel of a fulfilment."""

    number: str | None = None
    company: str | None = None


class ShippedLine(Wire, frozen=True):
    """Units of a line in a fulfilment."""

    line_item: Ref
    quantity: Units | None = None


class Shipped(Wire, frozen=True):
    """A fulfilment."""

    id: str
    status: str = ""
    created_at: Moment | None = None
    tracking_info: list[TrackingInfo] = []
    fulfillment_line_items: Connection[ShippedLine] = Connection()


class Transaction(Wire, frozen=True):
    """A movement of money."""

    id: str
    kind: str = ""
    status: str = ""
    gateway: str | None = None
    manual_payment_gateway: bool = False
    created_at: Moment | None = None
    processed_at: Moment | None = None
    amount_set: Bag | None = None
    parent_transaction: Ref | None = None


class RefundedLine(Wire, frozen=True):
    """Units of a line in a refund; `subtotal_set` has tax inside where the order's prices do."""

    line_item: Ref
    quantity: Units
    restock_type: str = ""
    restocked: bool | None = None
    subtotal_set: Bag | None = None
    total_tax_set: Bag | None = None


class RefundedDelivery(Wire, frozen=True):
    """Shipping in a refund."""

    subtotal_amount_set: Bag
    tax_amount_set: Bag | None = None


class Adjustment(Wire, frozen=True):
    """What a refund gave beyond or short of its lines and shipping."""

    amount_set: Bag
    tax_amount_set: Bag | None = None


class Refunded(Wire, frozen=True):
    """A refund."""

    id: str
    note: str | None = None
    created_at: Moment | None = None
    total_refunded_set: Bag | None = None
    return_: Ref | None = msgspec.field(name="return", default=None)
    refund_line_items: Connection[RefundedLine] = Connection()
    refund_shipping_lines: Connection[RefundedDelivery] = Connection()
    order_adjustments: Connection[Adjustment] = Connection()


class ReasonDefinition(Wire, frozen=True):
    """A reason for a return, from the merchant's list."""

    handle: str = ""
    name: str = ""


class ShippedLineRef(Wire, frozen=True):
    """The line that a fulfilment's line belongs to."""

    line_item: Ref | None = None


class ReturnedLine(Wire, frozen=True):
    """Units of a line in a return. `processed_quantity` of them have arrived and been dealt with."""

    quantity: Units = 0
    processed_quantity: Units = 0
    return_reason_note: str = ""
    return_reason_definition: ReasonDefinition | None = None
    fulfillment_line_item: ShippedLineRef | None = None


class Returned(Wire, frozen=True):
    """A return."""

    id: str
    status: str = ""
    created_at: Moment | None = None
    return_line_items: Connection[ReturnedLine] = Connection()


class MailingAddress(Wire, frozen=True):
    """An address."""

    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    zip: str | None = None
    country_code_v2: str | None = msgspec.field(name="countryCodeV2", default=None)
    phone: str | None = None


class EmailAddress(Wire, frozen=True):
    """A customer's e-mail."""

    email_address: str | None = None


class PhoneNumber(Wire, frozen=True):
    """A customer's phone."""

    phone_number: str | None = None


class Customer(Wire, frozen=True):
    """Who ordered."""

    id: str | None = None
    display_name: str | None = None
    email: str | None = None
    default_email_address: EmailAddress | None = None
    default_phone_number: PhoneNumber | None = None


class Fee(Wire, frozen=True):
    """An additional fee."""

    name: str = ""
    price: Bag | None = None
    tax_lines: list[Tax] = []


class Order(Wire, frozen=True):
    """An order."""

    id: str
    name: str | UnsetType = UNSET
    created_at: Moment | UnsetType = UNSET
    line_items: Connection[Line] | UnsetType = UNSET
    currency_code: str | None = None
    presentment_currency_code: str | None = None
    updated_at: Moment | None = None
    cancelled_at: Moment | None = None
    cancel_reason: str | None = None
    closed: bool = False
    confirmed: bool = True
    test: bool = False
    email: str | None = None
    phone: str | None = None
    note: str | UnsetType | None = UNSET
    tags: list[str] = []
    taxes_included: bool = False
    duties_included: bool = False
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    total_price_set: Bag | None = None
    current_total_price_set: Bag | None = None
    total_tax_set: Bag | None = None
    total_discounts_set: Bag | None = None
    total_refunded_set: Bag | None = None
    total_tip_received_set: Bag | None = None
    original_total_duties_set: Bag | None = None
    current_total_duties_set: Bag | None = None
    additional_fees: list[Fee] = []
    discount_codes: list[str] = []
    customer: Customer | UnsetType | None = UNSET
    shipping_address: MailingAddress | UnsetType | None = UNSET
    billing_address: MailingAddress | UnsetType | None = UNSET
    shipping_lines: Connection[Delivery] | UnsetType = UNSET
    fulfillment_orders: Connection[Work] | UnsetType = UNSET
    fulfillments: list[Shipped] | UnsetType = UNSET
    transactions: list[Transaction] | UnsetType = UNSET
    refunds: list[Refunded] | UnsetType = UNSET
    returns: Connection[Returned] | UnsetType = UNSET


ORDER = msgspec.json.Decoder(Order)
