"""The parts of ShipBob's answers that the mapping reads (openapi-2026-01.json), and their decoding."""

from typing import TypeVar

import msgspec

from normalization.errors import NormalizationError, Reason
from normalization.limits import UNREADABLE, Number, Units


class Level(msgspec.Struct, frozen=True):
    """Quantities at one location."""

    location_id: Number
    fulfillable_quantity: Units


class Lot(msgspec.Struct, frozen=True):
    """One lot of an inventory item."""

    lot_number: str | None = None
    locations: tuple[Level, ...] | None = None


class Item(msgspec.Struct, frozen=True):
    """One inventory item: with `locations` in one answer, with `lots` in the other."""

    inventory_id: Number
    sku: str | None = None
    locations: tuple[Level, ...] | None = None
    lots: tuple[Lot, ...] | None = None


class StockRecord(msgspec.Struct, frozen=True):
    """What the connector lands for one inventory item: both answers' parts of it."""

    levels: Item
    lots: Item | None = None


class Channel(msgspec.Struct, frozen=True):
    """Where an order came from."""

    id: Number


class Place(msgspec.Struct, frozen=True):
    """A fulfilment centre."""

    id: Number | None = None


class StatusDetail(msgspec.Struct, frozen=True):
    """Why a shipment is where it is."""

    id: Number | None = None
    name: str | None = None


class Tracking(msgspec.Struct, frozen=True):
    """The carrier's part of a shipment; `pro_number` is freight's tracking number."""

    carrier: str | None = None
    carrier_service: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    pro_number: str | None = None


class InventoryItem(msgspec.Struct, frozen=True):
    """Units of one lot in a shipment; committed are those that are set aside for it."""

    quantity: Units = 0
    quantity_committed: Units = 0
    lot: str | None = None


class Product(msgspec.Struct, frozen=True):
    """A product of a shipment."""

    reference_id: str | None = None
    sku: str | None = None
    inventory_items: tuple[InventoryItem, ...] | None = None


class Shipment(msgspec.Struct, frozen=True):
    """A part of an order that goes out in one parcel."""

    id: Number
    status: str | None = None
    status_details: tuple[StatusDetail, ...] | None = None
    location: Place | None = None
    products: tuple[Product, ...] | None = None
    tracking: Tracking | None = None
    created_date: str | None = None
    last_update_at: str | None = None
    last_tracking_update_at: str | None = None
    actual_fulfillment_date: str | None = None


class Order(msgspec.Struct, frozen=True):
    """An order as ShipBob shows it."""

    id: Number
    status: str | None = None
    reference_id: str | None = None
    channel: Channel | None = None
    created_date: str | None = None
    shipments: tuple[Shipment, ...] | None = None


Answer = TypeVar("Answer", StockRecord, Order)


def decode(raw: bytes, shape: type[Answer]) -> Answer:
    """A raw record in its shape. Raises NormalizationError, naming the field but never its value."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        reason = Reason.MISSING_FIELD if missing else Reason.UNDECODABLE
        raise NormalizationError(reason, str(error)) from error
    except UNREADABLE as error:
        raise NormalizationError(Reason.UNDECODABLE, "the record is no JSON") from error
