"""A tiny channel for the store's tests: raw JSON that says what its canonical order holds."""

import os
import signal
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from connectors.contract import Page, RawRecord
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder, ShipmentConfirmation, Version
from normalization.registry import Context, Json
from tests.order_store.samples import START, line, order


class Wire(msgspec.Struct):
    id: int
    revision: int = 1
    quantity: int = 1
    note: str = ""


class PlainMapping:
    """Understands `Wire`; a quantity of 0 is beyond it, and -1 a fault in its own code."""

    def order(self, raw: bytes, context: Context) -> CanonicalOrder:
        try:
            wire = msgspec.json.decode(raw, type=Wire)
        except msgspec.DecodeError as error:
            raise NormalizationError(Reason.UNDECODABLE, "no order") from error
        if wire.quantity == 0:
            raise NormalizationError(Reason.SUMS_DIFFER, "quantity is zero")
        if wire.quantity == -1:
            raise ZeroDivisionError(wire.note)
        return order(
            str(wire.id),
            lines=(line("1", wire.quantity),),
            version=Version(revision=f"{wire.revision:08d}", observed_at=context.observed_at),
            notes=wire.note,
        )

    def orders_in(self, answer: bytes) -> Iterable[bytes]:
        return [answer]

    def confirm_shipment(self, confirmation: ShipmentConfirmation) -> Json:
        return {"id": confirmation.external_id}


class KillingMapping(PlainMapping):
    """Ends its process with SIGKILL at the so-many-th order."""

    def __init__(self, at: int) -> None:
        self.left = at

    def order(self, raw: bytes, context: Context) -> CanonicalOrder:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().order(raw, context)


def page(*wires: Wire | bytes, at: datetime = START, bookmark: str | None = None) -> Page:
    """A page as a connector would give it; bytes stand for an answer that is no order."""
    records = [
        RawRecord("broken", wire)
        if isinstance(wire, bytes)
        else RawRecord(str(wire.id), msgspec.json.encode(wire))
        for wire in wires
    ]
    return Page("orders", records, at, bookmark=bookmark)


def later(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)
