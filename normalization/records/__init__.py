"""The canonical records: what every vendor's words are turned into.

They are frozen and say nothing of HTTP, databases or Dagster. `UNSET` means that the answer which was
read did not carry the dataset; `None` means that it did, and there is none. Only a dataset that is
present may overwrite what the store holds.

The JSON form (`msgspec.json.encode`) is described by the schema in docs/canonical-order.schema.json.
"""

from normalization.records.carriers import Tracking, TrackingEvent
from normalization.records.moments import Moment
from normalization.records.orders import (
    Address,
    Buyer,
    Cancellation,
    CanonicalOrder,
    ChannelFulfilment,
    Charge,
    Discount,
    LineCancellation,
    LineQuantity,
    OrderLine,
    Payment,
    Refund,
    RefundLine,
    Return,
    ShipmentConfirmation,
    ShippingLine,
    TaxLine,
    Totals,
    Version,
)
from normalization.records.warehouse import (
    PickedLine,
    Picklist,
    PicklistLine,
    ResolvedSku,
    StockLevel,
    WmsParcel,
    WmsShipment,
)

__all__ = [
    "Address",
    "Buyer",
    "Cancellation",
    "CanonicalOrder",
    "ChannelFulfilment",
    "Charge",
    "Discount",
    "LineCancellation",
    "LineQuantity",
    "Moment",
    "OrderLine",
    "Payment",
    "PickedLine",
    "Picklist",
    "PicklistLine",
    "Refund",
    "RefundLine",
    "ResolvedSku",
    "Return",
    "ShipmentConfirmation",
    "ShippingLine",
    "StockLevel",
    "TaxLine",
    "Totals",
    "Tracking",
    "TrackingEvent",
    "Version",
    "WmsParcel",
    "WmsShipment",
]
