"""The words that the hub uses for states, each with one meaning (docs/definitions.md)."""

from enum import StrEnum


class ChannelState(StrEnum):
    """What the channel says of an order as a whole, in four words.

    The order's status in the hub is derived from quantities, never from this alone.
    """

    PENDING = "pending"  # the channel has not released it yet (payment or fraud review pending)
    OPEN = "open"  # released: the merchant may fulfil it
    CLOSED = "closed"  # the channel regards it as finished
    CANCELLED = "cancelled"  # cancelled as a whole
    UNKNOWN = "unknown"


class FulfilledBy(StrEnum):
    """Who ships the order: only `MERCHANT` orders are ever routed."""

    MERCHANT = "merchant"
    CHANNEL = "channel"  # for example FBA
    OTHER = "other"


class PaymentState(StrEnum):
    """The state of an order's payment as a whole, or of one payment."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class PaymentMode(StrEnum):
    """How the buyer pays."""

    CARD = "card"
    WALLET = "wallet"
    BANK_TRANSFER = "bank_transfer"
    INVOICE = "invoice"
    CASH_ON_DELIVERY = "cash_on_delivery"
    GIFT_CARD = "gift_card"
    MARKETPLACE = "marketplace"  # the channel collects and pays out
    MANUAL = "manual"
    OTHER = "other"
    UNKNOWN = "unknown"


class OrderStatus(StrEnum):
    """An order's status in the hub, derived from its line quantities (docs/definitions.md)."""

    HELD = "held"
    OPEN = "open"
    BACKORDERED = "backordered"
    PARTIALLY_ALLOCATED = "partially_allocated"
    ALLOCATED = "allocated"
    PICKING = "picking"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class TrackingStatus(StrEnum):
    """What a carrier says of a parcel: the eleven words of karrio's normalized table, plus unknown."""

    PENDING = "pending"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERY_DELAYED = "delivery_delayed"
    ON_HOLD = "on_hold"
    DELIVERY_FAILED = "delivery_failed"
    RETURN_TO_SENDER = "return_to_sender"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class WmsState(StrEnum):
    """How far a warehouse has come with a picklist."""

    ACCEPTED = "accepted"  # it is in the WMS; nothing is picked
    WAITING = "waiting"  # accepted, but the WMS itself is short of stock
    PICKING = "picking"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    EXCEPTION = "exception"  # a person at the warehouse has to act
    UNKNOWN = "unknown"


class StockBasis(StrEnum):
    """What a stock figure of a WMS means."""

    PHYSICAL = "physical"  # units on the shelf, whatever is promised of them
    NET_OF_ACCEPTED = "net_of_accepted"  # shelf less the units of orders that this WMS has accepted


class ReturnReason(StrEnum):
    """Why a buyer sends something back."""

    WRONG_ITEM = "wrong_item"
    DAMAGED = "damaged"
    DEFECTIVE = "defective"
    NOT_AS_DESCRIBED = "not_as_described"
    LATE = "late"
    UNWANTED = "unwanted"
    WRONG_SIZE = "wrong_size"
    OTHER = "other"
    UNKNOWN = "unknown"
