"""What parcels cost by a tariff: for one parcel exactly, and for many orders and sites at once.

The estimates for many are never above what any parcel with at least the lightest line costs, so that a bound
on a plan made with them holds for the exact sums too.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from warehouse_routing.batch import Floats, Ints
from warehouse_routing.tariff import Rate, Tariff

UNKNOWN_TRANSIT = -1


@dataclass(frozen=True)
class Band:
    """The weight breaks of one distance band, lightest first."""

    breaks: tuple[Rate, ...]

    @cached_property
    def limits(self) -> tuple[float, ...]:
        """Up to how many grams each break goes."""
        return tuple(math.inf if rate.up_to_g is None else float(rate.up_to_g) for rate in self.breaks)

    @cached_property
    def transit_days(self) -> int:
        """Those of the lightest break."""
        days = self.breaks[0].transit_days
        return UNKNOWN_TRANSIT if days is None else days

    @cached_property
    def least_per_kg(self) -> float:
        """The least that a kilogram adds."""
        return float(min(rate.per_kg for rate in self.breaks))

    def price(self, km: float, grams: int) -> int:
        """Of one parcel, in minor units; several boxes if it is heavier than the last break."""
        full, heaviest = 0, self.limits[-1]
        if grams > heaviest:
            full = (grams - 1) // int(heaviest)
            grams -= full * int(heaviest)
        total = _box(self.breaks[bisect_left(self.limits, grams)], km, grams)
        return total + full * _box(self.breaks[-1], km, int(heaviest)) if full else total

    def least(self, km: float, grams: int) -> int:
        """No parcel of so much or more costs less, kilograms left out."""
        start = min(bisect_left(self.limits, grams), len(self.breaks) - 1)
        return min(_box(rate, km, 0) for rate in self.breaks[start:])


def _box(rate: Rate, km: float, grams: int) -> int:
    """Kilometres round to the nearest minor unit, kilograms up."""
    total = rate.price
    if rate.per_km:
        total += math.floor(float(rate.per_km) * km + 0.5)
    if rate.per_kg:
        total += math.ceil(float(rate.per_kg) * grams / 1000 - 1e-9)
    return total


@dataclass(frozen=True)
class Zone:
    """Where some rates hold, with their bands, nearest first."""

    site: str
    postal_codes: tuple[str, ...]
    countries: frozenset[str] | None
    bands: tuple[Band, ...]
    limits: tuple[float, ...]

    def fit(self, country_code: str, postal_code: str) -> int:
        """How exactly it names a place; -1 if it does not hold there."""
        if self.countries is not None and country_code not in self.countries:
            return -1
        length = max((len(code) for code in self.postal_codes if postal_code.startswith(code)), default=-1)
        if self.postal_codes and length < 0:
            return -1
        return 1000 * (self.site != "*") + 10 * max(length, 0) + (self.countries is not None)

    def band(self, km: float) -> Band | None:
        """The band of a distance, or None beyond the last."""
        found = bisect_left(self.limits, km)
        return self.bands[found] if found < len(self.bands) else None


class Services:
    """A tariff, ready for looking up."""

    def __init__(self, tariff: Tariff) -> None:
        self.names = sorted({rate.service for rate in tariff.rates})
        self._zones: dict[str, list[Zone]] = {name: _zones(tariff, name) for name in self.names}
        self._found: dict[tuple[str, str, str, str], Zone | None] = {}

    def zone(self, service: str, site: str, country_code: str, postal_code: str) -> Zone | None:
        """The most exact zone of a service for a way, or None if it does not go there."""
        key = (service, site, country_code, postal_code)
        if key not in self._found:
            fitting = [
                (fit, zone)
                for zone in self._zones[service]
                if zone.site in ("*", site) and (fit := zone.fit(country_code, postal_code)) >= 0
            ]
            self._found[key] = max(fitting, key=lambda pair: pair[0])[1] if fitting else None
        return self._found[key]


def _zones(tariff: Tariff, service: str) -> list[Zone]:
    grouped: dict[tuple[str, tuple[str, ...], frozenset[str] | None], dict[float, list[Rate]]] = {}
    for rate in tariff.rates:
        if rate.service == service:
            place = (rate.site, tuple(sorted(rate.postal_codes)), rate.countries)
            km = math.inf if rate.up_to_km is None else rate.up_to_km
            grouped.setdefault(place, {}).setdefault(km, []).append(rate)
    zones = []
    for (site, codes, countries), by_km in grouped.items():
        limits = tuple(sorted(by_km))
        bands = tuple(
            Band(tuple(sorted(by_km[km], key=lambda rate: rate.up_to_g or math.inf))) for km in limits
        )
        zones.append(Zone(site, codes, countries, bands, limits))
    return sorted(zones, key=lambda zone: (zone.site, zone.postal_codes, sorted(zone.countries or ())))


@dataclass(frozen=True, slots=True)
class Ways:
    """One service between N orders and W sites.

    Attributes:
        least: [N, W] no parcel with any line of the order costs less, kilograms left out; inf for no way.
        whole: [N, W] exact price of a parcel with all lines; inf for no way.
        per_kg: [N, W] the least that a kilogram adds.
        transit_days: [N, W] working days on the way, or UNKNOWN_TRANSIT.
    """

    least: Floats
    whole: Floats
    per_kg: Floats
    transit_days: Ints


def ways_of(
    services: Services,
    service: str,
    sites: Sequence[str],
    places: Sequence[tuple[str, str]],
    km: Floats,
    lightest_g: Sequence[int],
    whole_g: Sequence[int],
) -> Ways:
    """Price one service for all orders and sites.

    Args:
        services: The tariff.
        service: Its name.
        sites: [W] codes.
        places: [N] country and postal code.
        km: [N, W].
        lightest_g: [N] weight of the lightest line that could go alone.
        whole_g: [N] weight of all lines.
    """
    shape = km.shape
    least, whole = np.full(shape, np.inf), np.full(shape, np.inf)
    per_kg, transit = np.zeros(shape), np.full(shape, UNKNOWN_TRANSIT, np.int64)
    priced: dict[tuple[int, int, int, int], tuple[int, int]] = {}
    for n, (country_code, postal_code) in enumerate(places):
        for w, site in enumerate(sites):
            zone = services.zone(service, site, country_code, postal_code)
            band = zone.band(km[n, w]) if zone else None
            if band is None:
                continue
            distance = float(km[n, w]) if any(rate.per_km for rate in band.breaks) else 0.0
            key = (id(band), lightest_g[n], whole_g[n], int(distance * 1e6))
            if key not in priced:
                priced[key] = (band.least(distance, lightest_g[n]), band.price(distance, whole_g[n]))
            least[n, w], whole[n, w] = priced[key]
            per_kg[n, w], transit[n, w] = band.least_per_kg, band.transit_days
    return Ways(least, whole, per_kg, transit)
