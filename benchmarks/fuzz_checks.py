"""What may come out of a mapping: a record that keeps its promises, or the mapping's own refusal."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import FrameType, NoneType
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from benchmarks.fuzz_mutations import settings_of
from normalization import registry
from normalization.errors import NormalizationError
from normalization.money import Money, exponent
from normalization.records import CanonicalOrder, StockLevel, Tracking, WmsShipment
from normalization.registry import Context

LONGEST = 5.0
"""Seconds after which an input counts as one that hangs."""
LARGEST = 2**63
OBSERVED = datetime(2026, 11, 2, 12, tzinfo=UTC)
Record = CanonicalOrder | WmsShipment | Tracking | tuple[StockLevel, ...]


class Verdict(StrEnum):
    """What became of an input."""

    NORMALIZED = "normalized"
    QUARANTINED = "quarantined"


class BrokenPromiseError(AssertionError):
    """A record was made that is not what its definition says."""


@dataclass(frozen=True)
class Parser:
    """One way from bytes to canonical records.

    Attributes:
        vendor: The folder of the vendor's public payloads.
        shape: What its records are.
        refuses: What it may raise.
    """

    name: str
    vendor: str
    parse: Callable[[bytes], list[Record]] = field(repr=False)
    shape: Any = field(repr=False)
    refuses: tuple[type[Exception], ...] = (NormalizationError,)


def parsers() -> Mapping[str, Parser]:
    """Every mapping's entries, by name."""
    found: list[Parser] = []
    for name in registry.CHANNELS:
        vendor = "amazon_sp_api" if name == "amazon" else name
        found.append(Parser(f"{name}.orders_in", vendor, _answers(name), CanonicalOrder))
        found.append(
            Parser(f"{name}.order", vendor, _one(registry.channel(name).order, name), CanonicalOrder)
        )
    for name in registry.WMSS:
        mapping = registry.wms(name)
        found.append(Parser(f"{name}.stock", name, _one(mapping.stock, name), tuple[StockLevel, ...]))
        found.append(Parser(f"{name}.shipment", name, _one(mapping.shipment, name), WmsShipment))
    found.extend(
        Parser(f"{name}.tracking", name, _one(registry.carrier(name).tracking, name), Tracking)
        for name in registry.CARRIERS
    )
    return {parser.name: parser for parser in found}


def _one(parse: Callable[[bytes, Context], Any], name: str) -> Callable[[bytes], list[Record]]:
    context = Context(name, OBSERVED, settings_of(name))
    return lambda raw: [parse(raw, context)]


def _answers(name: str) -> Callable[[bytes], list[Record]]:
    mapping, context = registry.channel(name), Context(name, OBSERVED, settings_of(name))

    def parse(raw: bytes) -> list[Record]:
        made: list[Record] = []
        refused: NormalizationError | None = None
        for one in mapping.orders_in(raw):
            try:
                made.append(mapping.order(one, context))
            except NormalizationError as error:
                refused = error
        if refused is not None and not made:
            raise refused
        return made

    return parse


def judge(parser: Parser, raw: bytes) -> Verdict:
    """Parse one input and hold the result against its promises.

    Raises:
        Exception: Whatever the parser raises besides what it refuses with, TimeoutError if it does
            not end, and BrokenPromiseError: each is a fault of the parser.
    """
    try:
        with _limited():
            records = parser.parse(raw)
    except parser.refuses as error:
        told = error.message if isinstance(error, NormalizationError) else str(error)
        promise(bool(told), "a refusal says why")
        told.encode()
        return Verdict.QUARANTINED
    for record in records:
        check(record, parser.shape)
    return Verdict.NORMALIZED


@contextmanager
def _limited() -> Iterator[None]:
    def over(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("the parser does not end")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(record: Record, shape: Any) -> None:  # noqa: ANN401 -- a type of any form
    """Hold a record against its definition: types, round trip, UTC, whole amounts that add up."""
    again = msgspec.json.decode(msgspec.json.encode(record), type=shape)
    promise(again == record, "encoded and decoded it is the same")
    _plain(record)
    if isinstance(record, CanonicalOrder):
        _order(record)
    elif isinstance(record, tuple):
        for level in record:
            promise(bool(level.site) and bool(level.sku), "a level names its site and SKU")
    elif isinstance(record, WmsShipment):
        promise(bool(record.wms_id), "a shipment has an id")
    else:
        moments = [event.occurred_at for event in record.events]
        promise(moments == sorted(moments), "events are in order")


def _plain(value: Any) -> None:  # noqa: ANN401 -- a record's part of any type
    """Times are UTC, numbers fit 64 bit, money is in a currency that there is."""
    kind = value.__class__
    if kind in (str, bool, NoneType, UnsetType):
        return
    if kind is int:
        promise(-LARGEST <= value < LARGEST, "a number fits 64 bit")
    elif kind is tuple:
        for part in value:
            _plain(part)
    elif kind is datetime:
        promise(value.utcoffset() == timedelta(), "a time is UTC")
    elif kind is Money:
        promise(value.minor.__class__ is int and -LARGEST <= value.minor < LARGEST, "money is a whole number")
        exponent(value.currency)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _plain(getattr(value, name))
    else:
        promise(isinstance(value, StrEnum), f"{kind.__name__} has no place in a record")


def _order(order: CanonicalOrder) -> None:
    promise(bool(order.external_id) and bool(order.number), "an order has an id and a number")
    for line in order.lines or ():
        promise(
            min(line.ordered, line.cancelled, line.fulfilled, line.returned) >= 0, "units are not negative"
        )
        promise(line.cancelled <= line.ordered, "no more is cancelled than was ordered")
        promise(line.total == line.net + line.tax, "a line's total is net and tax")
        sold = line.total if order.taxes_included else line.net
        promise(line.gross - line.discount == sold, "gross less discount is what was sold for")
    parts = (order.lines, order.shipping, order.charges)
    rows = [row for part in parts for row in part or ()]
    for row in rows:
        promise(row.total == row.net + row.tax, "a row's total is net and tax")
        promise(row.total.currency == order.currency, "a row is in the order's currency")
    if order.totals is not UNSET and UNSET not in parts:
        together = sum(row.total.minor for row in rows)
        promise(together == order.totals.total.minor, "the rows add up to the total")


def promise(kept: bool, told: str) -> None:
    """Raise BrokenPromiseError if a promise is not kept."""
    if not kept:
        raise BrokenPromiseError(told)
