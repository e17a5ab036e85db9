"""Money as integer minor units with its currency, by ISO 4217's exponents."""

from decimal import Decimal
from functools import cache

import msgspec
from babel.core import get_global

LARGEST_MINOR = 10**15
"""The largest amount in minor units, either way: sums of a thousand such fit the databases' 64 bits."""
_LONGEST = 40
"""Characters of the longest text that can be an amount."""
_NOT_AS_CLDR = {
    **dict.fromkeys(("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2),
    "IQD": 3,
}
"""Exponents of ISO 4217's list one (active codes, 2026-01-01) where CLDR, which babel carries, has others:
CLDR tells the decimals that people write, the standard those that shops and banks reckon with."""


class UnknownCurrencyError(ValueError):
    """The code is not an ISO 4217 currency."""


class InexactAmountError(ValueError):
    """The amount is no whole number of minor units, beyond `LARGEST_MINOR`, or no number at all."""


class Money(msgspec.Struct, frozen=True):
    """An amount of money.

    Attributes:
        minor: The amount in the currency's minor unit (cents for EUR, yen for JPY). May be negative.
        currency: ISO 4217 code in upper case.
    """

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, units: int) -> "Money":
        return Money(self.minor * units, self.currency)

    def __str__(self) -> str:
        return f"{Decimal(self.minor).scaleb(-exponent(self.currency))} {self.currency}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency} without a dated rate")
        return other


@cache
def exponent(currency: str) -> int:
    """Decimals of a currency's minor unit: 2 for EUR, 0 for ISK, 3 for KWD.

    Raises:
        UnknownCurrencyError: If CLDR does not know the code.
    """
    if currency in _NOT_AS_CLDR:
        return _NOT_AS_CLDR[currency]
    if currency not in get_global("all_currencies"):
        # What is longer than a code may be anything, a person's name too.
        told = repr(currency) if len(currency) <= 4 else "what stands for the currency"
        raise UnknownCurrencyError(f"{told} is not an ISO 4217 currency code")
    fractions = get_global("currency_fractions")
    return int(fractions.get(currency, fractions["DEFAULT"])[0])


@cache
def _scale(currency: str) -> Decimal:
    return Decimal(10) ** exponent(currency)


def parse_minor(amount: str | int | Decimal, currency: str) -> int:
    """Minor units of a vendor's decimal amount in major units, as a string, a Decimal or an int.

    Floats are refused: decode JSON numbers as Decimal first. Trailing zeros beyond the currency's
    exponent are accepted ("1299.00" JPY), a remainder is not.

    Raises:
        UnknownCurrencyError: If the currency is unknown.
        InexactAmountError: If the amount is no number or has a fraction of a minor unit.
    """
    if isinstance(amount, str):  # "12.90", as nearly all amounts are written, needs no Decimal
        whole, _, fraction = amount.partition(".")
        digits = whole + fraction
        if len(fraction) == exponent(currency) and len(digits) < 16 and digits.isdecimal():
            return int(digits)
        if len(amount) > _LONGEST:
            raise InexactAmountError(f"{len(amount)} characters are not an amount of money")
    scale = _scale(currency)
    try:
        scaled = Decimal(amount) * scale
    except (ArithmeticError, TypeError, ValueError) as error:
        raise InexactAmountError("an amount is no number, or larger than any order's") from error
    # "1e99999" is a number too, but not one to write out.
    if not scaled.is_finite() or scaled.adjusted() > 15 or abs(scaled) > LARGEST_MINOR:
        raise InexactAmountError("an amount is larger than any order's")
    minor = int(scaled)
    if minor != scaled:
        raise InexactAmountError(f"{amount} {currency} is finer than the currency's minor unit")
    return minor
