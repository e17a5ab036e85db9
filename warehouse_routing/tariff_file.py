"""Reads a tariff from a CSV table: the merchant's own, or a carrier's contract in the same columns.

| column | meaning |
|---|---|
| service | the carrier's service, as people call it |
| price | of a parcel, in the tariff's currency: 6.40 |
| warehouse | the code of the warehouse that the row holds for; empty or * for all |
| countries | destinations: ISO codes with blanks between them; empty for all |
| postal_codes | beginnings of postal codes with blanks between them; empty for all |
| up_to_km | the distance band; empty for any distance |
| up_to_g | the weight break; empty for any weight |
| per_km, per_kg | added for each kilometre, each kilogram |
| transit_days | working days from handing over to arrival; empty if unknown |
"""

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from normalization.money import LARGEST_MINOR, exponent
from warehouse_routing.tariff import Rate, Tariff

REQUIRED = ("service", "price")
OPTIONAL = (
    "warehouse",
    "countries",
    "postal_codes",
    "up_to_km",
    "up_to_g",
    "per_km",
    "per_kg",
    "transit_days",
)


class TariffError(ValueError):
    """A tariff that cannot be used; `problems` has a line for each row that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def read_tariff(path: Path, currency: str) -> Tariff:
    """Read a tariff.

    Args:
        path: A CSV file with a heading.
        currency: ISO 4217; prices must be whole numbers of its minor unit.

    Raises:
        TariffError: With everything that is wrong, each with file, line and remedy.
    """
    problems: list[str] = []
    rates: list[Rate] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            columns = reader.fieldnames or []
            problems += [
                f"{path.name}:1: column {name} is missing" for name in REQUIRED if name not in columns
            ]
            unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
            problems += [
                f"{path.name}:1: column {name} is not known; there are: {', '.join((*REQUIRED, *OPTIONAL))}"
                for name in unknown
            ]
            problems += [
                f"{path.name}:1: column {name} stands there twice; keep one"
                for name, times in Counter(columns).items()
                if times > 1
            ]
            first: dict[tuple[object, ...], int] = {}
            for row in reader if not problems else ():
                try:
                    rate = _rate(row, currency)
                except ValueError as error:
                    problems.append(f"{path.name}:{reader.line_num}: {error}")
                    continue
                line = first.setdefault((*_zone_of(rate), rate.up_to_km, rate.up_to_g), reader.line_num)
                if line != reader.line_num:
                    problems.append(
                        f"{path.name}:{reader.line_num}: line {line} has a price for the same service,"
                        " place, distance and weight; keep one"
                    )
                rates.append(rate)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problems.append(f"{path.name}: cannot be read ({type(error).__name__}). Give a CSV file in UTF-8")
    problems += [f"{path.name}: {problem}" for problem in _band_problems(rates)]
    if not problems and not rates:
        problems.append(f"{path.name}: has no rates. Add a row with service and price")
    if problems:
        raise TariffError(problems)
    return Tariff(tuple(rates), currency)


def minor(text: str, currency: str) -> int:
    """An amount as people write it, in minor units.

    Raises:
        ValueError: If it is no amount of whole minor units, or below 0.
    """
    scaled = _minor_parts(text, currency)
    if scaled != int(scaled):
        raise ValueError(f"{text} has more decimals than {currency}")
    return int(scaled)


def _minor_parts(text: str, currency: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount; write it as 6.40") from None
    if not amount.is_finite() or not 0 <= amount <= LARGEST_MINOR:
        raise ValueError(f"{text} is no amount of 0 or more that a parcel may cost")
    return amount.scaleb(exponent(currency))


def _zone_of(rate: Rate) -> tuple[object, ...]:
    return rate.service, rate.site, rate.countries, tuple(sorted(rate.postal_codes))


def _band_problems(rates: Sequence[Rate]) -> list[str]:
    """What is surely a slip: days that differ inside a band, a near band that ends at a lighter weight."""
    zones: dict[tuple[object, ...], dict[float, list[Rate]]] = defaultdict(lambda: defaultdict(list))
    for rate in rates:
        zones[_zone_of(rate)][math.inf if rate.up_to_km is None else rate.up_to_km].append(rate)
    problems = []
    for (service, *_), bands in zones.items():
        farther = 0.0
        for km in sorted(bands, reverse=True):
            band = bands[km]
            where = f"{service}, " + ("any distance" if km == math.inf else f"up to {km:g} km")
            if len({rate.transit_days for rate in band}) > 1:
                problems.append(
                    f"{where}: transit_days differ between weights; give all rows of a distance the same, or"
                    " make the heavy goods a service of their own"
                )
            last = max(rate.up_to_g or math.inf for rate in band)
            if last < farther:
                problems.append(
                    f"{where}: the heaviest parcel has {last:g} g, but more may go farther; add a row for"
                    " heavier ones here too"
                )
            farther = max(farther, last)
    return problems


def _rate(row: Mapping[str, str | None], currency: str) -> Rate:
    if None in row:
        raise ValueError("has more cells than the heading; write decimals with a point, as 6.40")
    text = {name: (value or "").strip() for name, value in row.items()}
    if not text["service"] or not text["price"]:
        raise ValueError("service and price must be given")
    countries = text.get("countries", "").upper().split()
    if wrong := [code for code in countries if len(code) != 2]:
        raise ValueError(f"{wrong[0]!r} is no ISO country code; write codes with blanks between them")
    return Rate(
        service=text["service"],
        price=minor(text["price"], currency),
        site=text.get("warehouse") or "*",
        countries=frozenset(countries) or None,
        postal_codes=tuple(code.upper() for code in text.get("postal_codes", "").split()),
        up_to_km=_number(text, "up_to_km"),
        up_to_g=_whole(text, "up_to_g"),
        per_km=_minor_parts(text.get("per_km") or "0", currency),
        per_kg=_minor_parts(text.get("per_kg") or "0", currency),
        transit_days=_whole(text, "transit_days"),
    )


def _number(text: Mapping[str, str], name: str) -> float | None:
    given = text.get(name, "")
    try:
        number = float(given) if given else None
    except ValueError:
        raise ValueError(f"{name} is {given!r}; write a number") from None
    if number is not None and not 0 < number < 1e6:
        raise ValueError(f"{name} is {given}; write a number above 0")
    return number


def _whole(text: Mapping[str, str], name: str) -> int | None:
    given = text.get(name, "")
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or (name == "up_to_g" and int(given) == 0):
        raise ValueError(f"{name} is {given!r}; write a whole number")
    return int(given)
