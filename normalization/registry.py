"""Which mappings there are. Every connector in connectors/registry.py has one here of the same name.

A mapping is a module of pure functions. Raw bytes come in, canonical records go out; canonical records
come in, the vendor's request bodies go out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from normalization.records import (
    Cancellation,
    CanonicalOrder,
    PickedLine,
    Picklist,
    ShipmentConfirmation,
    StockLevel,
    Tracking,
    WmsShipment,
)

Json = Any


@dataclass(frozen=True, slots=True)
class Context:
    """What a mapping may know besides the record itself.

    Attributes:
        connection: The configured connection's name.
        observed_at: When the request that brought the record was sent, aware UTC.
        settings: The connection's settings (a shop's time zone, say).
    """

    connection: str
    observed_at: datetime
    settings: Mapping[str, str] = field(default_factory=dict)


class ChannelMapping(Protocol):
    """A sales channel's words."""

    def order(self, raw: bytes, context: Context) -> CanonicalOrder:
        """One order. Raises NormalizationError."""
        ...

    def orders_in(self, answer: bytes) -> Iterable[bytes]:
        """The raw orders in one vendor answer.

        `answer` is a list page, a single-order answer, a bare order, or a recorded
        {"request", "response"} exchange. Raises NormalizationError(OUT_OF_SCOPE) if it holds none.
        """
        ...

    def confirm_shipment(self, confirmation: ShipmentConfirmation) -> Json:
        """The body that the connector's operation `confirm_shipment` takes."""
        ...


class CancellingMapping(ChannelMapping, Protocol):
    """The words of a channel that lets the merchant cancel units."""

    def cancel_lines(self, cancellation: Cancellation) -> Json:
        """The body that the operation `cancel_lines` takes."""
        ...


class WmsMapping(Protocol):
    """A warehouse's words."""

    def stock(self, raw: bytes, context: Context) -> tuple[StockLevel, ...]:
        """The stock levels in one raw stock record. Raises NormalizationError."""
        ...

    def shipment(self, raw: bytes, context: Context) -> WmsShipment:
        """How far the WMS is with one shipment. Raises NormalizationError."""
        ...

    def asked(self, raw: bytes, context: Context) -> tuple[PickedLine, ...]:
        """What a shipment was to hold when it was made, by SKU. Raises NormalizationError."""
        ...

    def push_picklist(self, picklist: Picklist) -> Json:
        """The body that the operation `push_picklist` takes."""
        ...

    def amend_picklist(self, picklist: Picklist, wms_id: str) -> Json:
        """The body that the operation `amend_picklist` takes."""
        ...

    def cancel_picklist(self, reference: str, wms_id: str) -> Json:
        """The body that the operation `cancel_picklist` takes."""
        ...


class CarrierMapping(Protocol):
    """A carrier's words."""

    def tracking(self, raw: bytes, context: Context) -> Tracking:
        """Everything that the carrier says of one parcel. Raises NormalizationError."""
        ...


CHANNELS: Mapping[str, str] = {
    name: f"normalization.channels.{name}" for name in ("amazon", "shopify", "vendure", "woocommerce")
}
WMSS: Mapping[str, str] = {name: f"normalization.wms.{name}" for name in ("shipbob", "tryton")}
CARRIERS: Mapping[str, str] = {name: f"normalization.carriers.{name}" for name in ("easypost", "ups")}


def channel(connector: str) -> ChannelMapping:
    """The mapping of a channel. Raises KeyError if there is none of that name."""
    return cast("ChannelMapping", import_module(CHANNELS[connector]))


def cancelling(connector: str) -> CancellingMapping:
    """The mapping of a channel whose connector offers `cancel_lines`. Raises KeyError as `channel` does."""
    return cast("CancellingMapping", channel(connector))


def wms(connector: str) -> WmsMapping:
    """The mapping of a WMS. Raises KeyError if there is none of that name."""
    return cast("WmsMapping", import_module(WMSS[connector]))


def carrier(connector: str) -> CarrierMapping:
    """The mapping of a carrier. Raises KeyError if there is none of that name."""
    return cast("CarrierMapping", import_module(CARRIERS[connector]))
