"""What a parcel costs: carriers' services with zones, distance bands and weight breaks.

A parcel belongs to the most exact zone of a service that fits it: one that names the site before one for
every site, then the longest beginning of the postal code, then one that names the country. In that zone the
narrowest distance band holds, and in it the smallest weight break. What is heavier than a band's last break
travels in several boxes: as many full ones as it takes, and the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of a tariff. Money is in minor units.

    Attributes:
        service: The carrier's service, as people call it.
        price: Of a parcel.
        site: The site that it holds for, or "*" for all.
        countries: Destinations, or None for all.
        postal_codes: Beginnings of postal codes, or none for all.
        up_to_km: The band: distances up to this one; None for any.
        up_to_g: The weight break: parcels up to this weight; None for any.
        per_km: Added for each kilometre.
        per_kg: Added for each kilogram; this part is rounded up to a whole minor unit.
        transit_days: Working days (Monday to Friday) from handing over to arrival; None if unknown.
    """

    service: str
    price: int
    site: str = "*"
    countries: frozenset[str] | None = None
    postal_codes: tuple[str, ...] = ()
    up_to_km: float | None = None
    up_to_g: int | None = None
    per_km: Decimal = Decimal(0)
    per_kg: Decimal = Decimal(0)
    transit_days: int | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """All rates, in one currency."""

    rates: tuple[Rate, ...]
    currency: str = "EUR"


def linear_tariff(parcel: int, per_km: Decimal, currency: str = "EUR") -> Tariff:
    """A tariff that is linear in distance: the routing benchmark's."""
    return Tariff((Rate("standard", parcel, per_km=per_km),), currency)


def banded(bands: Sequence[tuple[float | None, int, int]], per_kg: Decimal, service: str) -> tuple[Rate, ...]:
    """Rates of one service for all sites and places, from (up to km, price, transit days)."""
    return tuple(
        Rate(service, price, up_to_km=km, per_kg=per_kg, transit_days=days) for km, price, days in bands
    )


DEFAULT_TARIFF = Tariff(
    banded(
        (
            (100, 490, 1),
            (300, 540, 1),
            (700, 620, 2),
            (1500, 890, 3),
            (4000, 1490, 5),
            (None, 2900, 7),
        ),
        Decimal(40),
        "standard",
    )
)
"""Serves until the merchant gives a tariff: six bands whose relations are those of parcel services in Europe
and North America, so that decisions are sensible, not so that the sums are right."""
