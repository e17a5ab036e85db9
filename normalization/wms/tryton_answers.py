"""The parts of Tryton's answers that the mapping reads.

Times and dates are objects with `__class__`; times are UTC. Quantities are floats on the wire.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from normalization.errors import NormalizationError, Reason
from normalization.limits import UNREADABLE, Number, utc, whole_units


class Timestamp(msgspec.Struct, frozen=True):
    """A time, UTC."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0

    def moment(self) -> datetime:
        """The time. Raises NormalizationError(IMPOSSIBLE_DATE)."""
        try:
            moment = datetime(
                self.year,
                self.month,
                self.day,
                self.hour,
                self.minute,
                self.second,
                self.microsecond,
                tzinfo=UTC,
            )
        except (ValueError, OverflowError) as error:
            raise NormalizationError(Reason.IMPOSSIBLE_DATE, str(error)) from error
        return utc(moment, "a date")

    def day_of(self) -> date:
        """The day alone."""
        return self.moment().date()


class Product(msgspec.Struct, frozen=True):
    """A product; its code may be absent."""

    code: str | None = None


class StockedProduct(msgspec.Struct, frozen=True):
    """A product with the units in one bin."""

    quantity: Decimal
    code: str | None = None


class Lot(msgspec.Struct, frozen=True):
    """A lot."""

    number: str


class StockedLot(msgspec.Struct, frozen=True):
    """A lot with its units in one bin."""

    number: str
    product: Product
    quantity: Decimal


class Location(msgspec.Struct, frozen=True):
    """A place."""

    code: str | None = None


class Warehouse(msgspec.Struct, frozen=True):
    """A warehouse, which the hub knows by its code."""

    code: str


class Bin(msgspec.Struct, frozen=True):
    """One bin with what it holds, as the connector puts it together."""

    id: Number
    warehouse: Warehouse
    products: tuple[StockedProduct, ...]
    lots: tuple[StockedLot, ...]
    code: str | None = None
    name: str | None = None


class Party(msgspec.Struct, frozen=True):
    """A party's name."""

    name: str | None = None


class Carrier(msgspec.Struct, frozen=True):
    """Who carries a shipment."""

    party: Party


class Move(msgspec.Struct, frozen=True):
    """Units of one product from one place to another."""

    product: Product
    internal_quantity: Decimal
    state: str = ""
    lot: Lot | None = None
    from_location: Location | None = None
    create_date: Timestamp | None = None
    write_date: Timestamp | None = None

    @property
    def units(self) -> int:
        """Units in the product's own unit of measure."""
        return whole_units(self.internal_quantity, "internal_quantity")


class Package(msgspec.Struct, frozen=True):
    """A package; `parent` is the package that it lies in."""

    id: Number
    number: str
    moves: tuple[Move, ...] = ()
    parent: Number | None = None
    shipping_reference: str | None = None
    shipping_tracking_url: str | None = None
    create_date: Timestamp | None = None
    write_date: Timestamp | None = None


class Shipment(msgspec.Struct, frozen=True):
    """A customer shipment: inventory moves take from bins, outgoing moves hand over."""

    id: Number
    state: str
    inventory_moves: tuple[Move, ...]
    outgoing_moves: tuple[Move, ...]
    packages: tuple[Package, ...] = ()
    reference: str | None = None
    warehouse: Warehouse | None = None
    carrier: Carrier | None = None
    shipping_reference: str | None = None
    effective_date: Timestamp | None = None
    create_date: Timestamp | None = None
    write_date: Timestamp | None = None


Record = TypeVar("Record", Bin, Shipment)


def decode(raw: bytes, kind: type[Record]) -> Record:
    """A raw record of a kind.

    Raises:
        NormalizationError: UNDECODABLE or MISSING_FIELD, naming the field.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        reason = Reason.MISSING_FIELD if "missing required field" in text else Reason.UNDECODABLE
        raise NormalizationError(reason, text) from error
    except UNREADABLE as error:
        raise NormalizationError(Reason.UNDECODABLE, "the record is no JSON") from error
