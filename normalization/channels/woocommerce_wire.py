"""The parts of WooCommerce REST v3 that the hub reads, as they stand on the wire.

Shops and their plugins send numbers as text, text as numbers, null for empty and leave arrays out. So
whatever may come in more than one type is `Any` here and read by one of the functions below.
"""

import html
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from normalization.errors import NormalizationError, Reason
from normalization.limits import MOST_UNITS, UNREADABLE, exact_number, named, quoted, whole_units
from normalization.money import InexactAmountError, UnknownCurrencyError, exponent, parse_minor


class Wire(msgspec.Struct, gc=False):
    """Only what is read is declared, and little of it is demanded."""


class Meta(Wire):
    """A plugin's or WooCommerce's own note on a record."""

    key: Any = None
    value: Any = None


class TaxPart(Wire):
    """What one tax rate adds to a line, unrounded."""

    id: Any = None
    total: Any = None


class Line(Wire):
    """One line; amounts are without tax. Of a refund: everything negative."""

    id: Any
    name: Any = None
    product_id: Any = None
    variation_id: Any = None
    quantity: Any = 1
    subtotal: Any = None
    subtotal_tax: Any = None
    total: Any = None
    total_tax: Any = None
    taxes: list[TaxPart] | None = None
    meta_data: list[Meta] | None = None
    sku: Any = None
    bundled_by: Any = None
    composite_parent: Any = None


class Extra(Wire):
    """A shipping or fee line."""

    id: Any = None
    name: Any = None
    method_title: Any = None
    method_id: Any = None
    total: Any = None
    total_tax: Any = None


class Coupon(Wire):
    """A coupon; its discount stands in the lines already."""

    code: Any = None
    discount: Any = None
    discount_tax: Any = None


class TaxRate(Wire):
    """One tax rate of the order."""

    rate_id: Any = None
    label: Any = None
    rate_percent: Any = None


class RefundSummary(Wire):
    """What the order says of a refund; the total is negative."""

    id: Any
    reason: Any = None
    total: Any = None


class RefundDetail(Wire):
    """A refund by itself, from /orders/{id}/refunds."""

    id: Any
    date_created_gmt: str | None = None
    amount: Any = None
    reason: Any = None
    line_items: list[Line] | None = None
    shipping_lines: list[Extra] | None = None


class Place(Wire):
    """A billing or shipping address; only billing has an e-mail address, so that stands last."""

    first_name: Any = None
    last_name: Any = None
    company: Any = None
    address_1: Any = None
    address_2: Any = None
    city: Any = None
    state: Any = None
    postcode: Any = None
    country: Any = None
    phone: Any = None
    email: Any = None


class Order(Wire):
    """One order, with `refunds_detail` where the connector asked for it."""

    id: Any
    currency: str
    total: Any
    status: str
    number: Any = None
    prices_include_tax: Any = None
    date_created_gmt: str | None = None
    date_created: str | None = None
    date_modified_gmt: str | None = None
    date_modified: str | None = None
    date_paid_gmt: str | None = None
    date_paid: str | None = None
    date_completed_gmt: str | None = None
    date_completed: str | None = None
    customer_id: Any = None
    customer_note: Any = None
    payment_method: Any = None
    payment_method_title: Any = None
    transaction_id: Any = None
    billing: Place | UnsetType | None = UNSET
    shipping: Place | UnsetType | None = UNSET
    line_items: list[Line] | UnsetType | None = UNSET
    shipping_lines: list[Extra] | UnsetType | None = UNSET
    fee_lines: list[Extra] | UnsetType | None = UNSET
    coupon_lines: list[Coupon] | None = None
    tax_lines: list[TaxRate] | None = None
    meta_data: list[Meta] | None = None
    refunds: list[RefundSummary] | UnsetType | None = UNSET
    refunds_detail: list[RefundDetail] | None = None


class Envelope(Wire):
    """Any single object that may be, or hold, an order."""

    id: Any = None
    response: msgspec.Raw | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET
    date_created_gmt: Any = UNSET
    date_created: Any = UNSET
    currency: Any = UNSET
    line_items: msgspec.Raw | UnsetType = UNSET


Shape = TypeVar("Shape")
ORDER = msgspec.json.Decoder(Order, strict=False, float_hook=exact_number)
ENVELOPE = msgspec.json.Decoder(Envelope, strict=False)
LIST = msgspec.json.Decoder(list[msgspec.Raw])


def decode(raw: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """What the bytes say. Raises NormalizationError(UNDECODABLE or MISSING_FIELD)."""
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        missing = "missing required field" in str(error)
        reason = Reason.MISSING_FIELD if missing else Reason.UNDECODABLE
        raise NormalizationError(reason, str(error)) from error


def minor(amount: Any, currency: str) -> int:  # noqa: ANN401 -- text or number
    """The minor units of an amount; what is empty or absent is nothing. Raises NormalizationError."""
    try:
        return _parsed(amount, currency)
    except UnknownCurrencyError as error:
        raise NormalizationError(Reason.UNKNOWN_CURRENCY, str(error)) from error
    except (InexactAmountError, TypeError) as error:
        raise NormalizationError(Reason.INEXACT_AMOUNT, str(error)) from error


@lru_cache(maxsize=65536)
def _parsed(amount: Any, currency: str) -> int:  # noqa: ANN401 -- text or number
    return 0 if amount is None or amount == "" else parse_minor(amount, currency)


def rounded(amount: Any, currency: str) -> int:  # noqa: ANN401 -- text or number
    """The minor units of an amount that WooCommerce gives unrounded, halves away from zero."""
    try:
        exact = Decimal(amount or 0).scaleb(exponent(currency))
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (ArithmeticError, ValueError, TypeError) as error:
        raise NormalizationError(Reason.INEXACT_AMOUNT, f"{quoted(amount)} is no amount of money") from error


def units(quantity: Any, kind: str, record_id: Any) -> int:  # noqa: ANN401 -- text or number
    """Whole units of a line or refund, positive. Raises NormalizationError for parts of a unit."""
    if isinstance(quantity, int) and -MOST_UNITS <= quantity <= MOST_UNITS:
        return abs(quantity)
    place = f"{kind} {named(record_id)}"  # only now: most quantities are in order
    try:
        exact = abs(Decimal(quantity or 0))
        whole = whole_units(exact, place)
    except NormalizationError:
        raise
    except (ArithmeticError, ValueError, TypeError) as error:
        raise NormalizationError(Reason.UNDECODABLE, f"{place}: quantity is no number") from error
    if whole != exact:
        raise NormalizationError(Reason.UNDECODABLE, f"{place}: {exact} is no whole number of units")
    return whole


def text(value: Any) -> str | None:  # noqa: ANN401 -- text or number
    """Text without HTML entities, or None where it is empty."""
    if value.__class__ is str:  # the ordinary case first: this is called dozens of times an order
        words: str = html.unescape(value) if "&" in value else value
        return words.strip() or None
    if (not value and value != 0) or value is False:
        return None
    return str(value)


def key(value: Any) -> str:  # noqa: ANN401 -- text or number
    """An id as text."""
    if value is None or value == "":
        raise NormalizationError(Reason.MISSING_FIELD, "an id is empty")
    return str(value)
