"""Minor units by ISO 4217, not by what people write."""

from datetime import date

import pytest
from babel.core import get_global
from babel.numbers import get_territory_currencies

from normalization.money import InexactAmountError, Money, UnknownCurrencyError, exponent, parse_minor

NOT_TWO = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""ISO 4217, list one of 2026-01-01: every active code whose minor unit is not 2."""


def in_use() -> set[str]:
    """Every currency that is money somewhere today, as CLDR knows it."""
    today = date(2026, 11, 22)
    return {
        code
        for territory in get_global("territory_currencies")
        for code in get_territory_currencies(territory, today, today)
    }


def test_every_currency_in_use_has_the_exponent_of_iso_4217() -> None:
    codes = in_use() | NOT_TWO.keys()
    assert len(codes) > 150
    assert {code: exponent(code) for code in codes} == {code: NOT_TWO.get(code, 2) for code in codes}


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("199.17", "RSD", 19917), ("12.5", "ALL", 1250), ("1.234", "IQD", 1234), ("1299.00", "JPY", 1299)],
)
def test_an_amount_in_major_units_becomes_minor_units(amount: str, currency: str, minor: int) -> None:
    assert parse_minor(amount, currency) == minor


def test_an_amount_finer_than_the_minor_unit_is_refused() -> None:
    for amount, currency in (("199.175", "RSD"), ("12.5", "JPY")):
        with pytest.raises(InexactAmountError):
            parse_minor(amount, currency)


def test_money_is_shown_in_major_units() -> None:
    assert [str(Money(19917, code)) for code in ("RSD", "JPY", "IQD")] == [
        "199.17 RSD",
        "19917 JPY",
        "19.917 IQD",
    ]


def test_what_is_no_currency_is_refused() -> None:
    with pytest.raises(UnknownCurrencyError):
        exponent("XYZ")
