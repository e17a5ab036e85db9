"""What a record may hold at most, whoever sent it: beyond it a person looks, and nothing downstream breaks.

A vendor's numbers and times are the vendor's to choose, or those of whoever stands between. What lies
outside of these limits is no order that a merchant got, overflows a database's or a calendar's range, or
takes hours to compute; such a record goes to quarantine.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from normalization.errors import NormalizationError, Reason
from normalization.money import LARGEST_MINOR, Money, UnknownCurrencyError, exponent
from normalization.records import CanonicalOrder, Charge, OrderLine, ShippingLine

YEARS = range(1990, 2200)
"""Years in which an order, a parcel or a promise can lie. Vendors write 0001, 1970 or 9999 for "none"."""
MOST_UNITS = 10**9
"""Units of one line, or of one SKU in one place."""

Units = Annotated[int, msgspec.Meta(ge=-MOST_UNITS, le=MOST_UNITS)]
"""A count of units on the wire."""
Minor = Annotated[int, msgspec.Meta(ge=-LARGEST_MINOR, le=LARGEST_MINOR)]
"""An amount in minor units on the wire."""
Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Any other whole number on the wire: an id."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON; RecursionError where brackets nest without end."""

_PLAIN = re.compile(r"[0-9+\-.,:TZe ]{1,40}|[A-Z]{1,4}|(?=[^0-9]{0,60}[0-9])[A-Za-z0-9:/._+-]{1,60}")
"""Numbers, times, codes of a currency or country, and ids: words with a digit in them."""


def named(value: object) -> str:
    """A vendor's word for an error message: numbers, codes and ids; anything else may be somebody's name."""
    text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "a huge number"
    return text if _PLAIN.fullmatch(text) else "(not shown)"


def quoted(value: object) -> str:
    """As `named`, in quotes."""
    return repr(named(value))


def utc(moment: datetime, field: str) -> datetime:
    """A moment in UTC; one without a zone is UTC already.

    Raises:
        NormalizationError: IMPOSSIBLE_DATE if it lies outside of `YEARS`.
    """
    if moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError as error:
            raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} lies outside of time") from error
    if moment.year not in YEARS:
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} is in the year {moment.year}")
    return moment


def utc_or_none(moment: datetime | None, field: str) -> datetime | None:
    """As `utc`, where there may be none."""
    return None if moment is None else utc(moment, field)


def whole_units(quantity: Decimal, field: str) -> int:
    """Whole units, rounded down: a part of a unit cannot be sent.

    Raises:
        NormalizationError: UNDECODABLE if there are more than `MOST_UNITS`, or it is no number.
    """
    if not quantity.is_finite() or quantity.adjusted() > 9 or abs(quantity) > MOST_UNITS:
        raise NormalizationError(Reason.UNDECODABLE, f"{field} is no number of units")
    return int(quantity // 1)


def within_limits(order: CanonicalOrder) -> CanonicalOrder:
    """The order itself, if it is one that the hub can keep and reckon with.

    Raises:
        NormalizationError: If it has no id or a currency that there is not, or a line's units or money make
            no sense, or parts do not add up.
    """
    _check_currency(order.currency)
    if not order.external_id or not order.number:
        raise NormalizationError(Reason.MISSING_FIELD, "the order has no id or no number")
    lines = order.lines or ()
    for line in lines:
        _check_line(line)
    if order.totals is not UNSET:
        total = order.totals.total
        _check_amounts((total, order.totals.tax, order.totals.discount, order.totals.shipping))
        _check_amounts((order.totals.refunded, order.totals.buyer_total or total))
        if order.lines is not UNSET and order.shipping is not UNSET and order.charges is not UNSET:
            _check_sum(total.minor, lines, order.shipping, order.charges)
    return order


def _check_currency(code: str) -> None:
    """Where an order names no amount, nothing else has looked at its currency."""
    try:
        exponent(code)
    except UnknownCurrencyError as error:
        raise NormalizationError(Reason.UNKNOWN_CURRENCY, str(error)) from error


def _check_line(line: OrderLine) -> None:
    ordered, cancelled = line.ordered, line.cancelled
    if not (0 <= cancelled <= ordered <= MOST_UNITS and 0 <= line.fulfilled <= MOST_UNITS):
        raise NormalizationError(Reason.UNDECODABLE, f"line {named(line.line_id)}: its units make no sense")
    if not 0 <= line.returned <= MOST_UNITS:
        message = f"line {named(line.line_id)}: its returned units make no sense"
        raise NormalizationError(Reason.UNDECODABLE, message)
    _check_amounts((line.gross, line.discount, line.net, line.tax, line.unit_price))
    _check_amounts([tax.amount for tax in line.taxes])
    _check_amounts([discount.amount for discount in line.discounts])


def _check_amounts(amounts: Iterable[Money]) -> None:
    for amount in amounts:
        if not -LARGEST_MINOR <= amount.minor <= LARGEST_MINOR:
            raise NormalizationError(Reason.INEXACT_AMOUNT, "an amount is larger than any order's")


def _check_sum(total: int, *groups: Iterable[OrderLine | ShippingLine | Charge]) -> None:
    together = 0
    for group in groups:
        for row in group:
            together += row.total.minor
    if together != total:
        raise NormalizationError(
            Reason.SUMS_DIFFER,
            f"lines, shipping and charges add up to {together} minor units, total is {total}",
        )


def exact_number(text: str) -> Decimal:
    """A number with a fraction as it stands, for a decoder's `float_hook`.

    Raises:
        ValueError: If its exponent is beyond any reckoning; msgspec adds the place to it.
    """
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("A number's exponent is out of range") from error


def json_value(raw: bytes, what: str) -> Any:  # noqa: ANN401 -- a vendor's JSON can be anything
    """The decoded bytes. Raises NormalizationError(UNDECODABLE)."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE as error:
        raise NormalizationError(Reason.UNDECODABLE, f"{what} is no JSON") from error
