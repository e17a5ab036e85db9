"""Where a postal address lies, from data that ships with the package (data/ATTRIBUTION.md).

The ladder: the whole code, its beginning, city (with region), region, country. What was found says how
exact it is. In Brazil the city goes before the beginning of the code, which can be 200 km off.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from warehouse_routing.problem import Location, Precision

PLACES = Path(__file__).with_name("data") / "places.npz"
EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""

_KEPT = {"GB": 4, "CA": 3, "IE": 3}
"""Countries whose codes hold letters, with the length of the part that the data has."""
_KEPT_DIGITS = {"NL": 4, "US": 5}
_SHORTEST_PREFIX = {"US": 3, "BR": 3}
_CITY_FIRST = frozenset({"BR"})

Bytes = npt.NDArray[np.bytes_]
Milli = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Table:
    """Points by key, keys ascending; `lat` and `lon` in thousandths of a degree."""

    keys: Bytes
    lat: Milli
    lon: Milli

    def among(self, start: str, end: str) -> slice:
        """The rows with start <= key < end."""
        low = int(np.searchsorted(self.keys, np.bytes_(start.encode()), side="left"))
        return slice(low, int(np.searchsorted(self.keys, np.bytes_(end.encode()), side="left")))

    def first(self, key: str) -> tuple[float, float] | None:
        """The first point of exactly this key."""
        low = int(np.searchsorted(self.keys, np.bytes_(key.encode()), side="left"))
        if low == len(self.keys) or self.keys[low] != key.encode():
            return None
        return float(self.lat[low]) / 1000, float(self.lon[low]) / 1000

    def middle(self, rows: slice) -> tuple[float, float]:
        """The median point of some rows."""
        return float(np.median(self.lat[rows])) / 1000, float(np.median(self.lon[rows])) / 1000


def distance_km(a: Location, b: Location) -> float:
    """Great-circle distance (haversine formula)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians(b.lon - a.lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def folded(text: str) -> str:
    """Letters and digits only, without case and accents, so that spellings compare."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def code_key(country_code: str, postal_code: str) -> str:
    """A postal code in the form of the data: GB outward code, CA first three, elsewhere mostly digits."""
    compact = re.sub(r"[^A-Z0-9]", "", unicodedata.normalize("NFKC", postal_code).upper())
    if country_code not in _KEPT:
        digits = re.sub(r"\D", "", compact)
        return digits[: _KEPT_DIGITS.get(country_code)]
    if country_code == "GB" and re.fullmatch(r"[A-Z0-9]{2,4}\d[A-Z]{2}", compact):
        compact = compact[:-3]
    return compact[: _KEPT[country_code]]


@lru_cache(maxsize=1 << 16)
def locate(
    country_code: str | None, postal_code: str | None, city: str | None = None, region: str | None = None
) -> Location:
    """The best known point for an address.

    Never fails: what is not known falls to the next step, at last to `Precision.UNKNOWN` at 0, 0.
    """
    country = (country_code or "").upper()
    code = code_key(country, postal_code) if postal_code else ""
    if code and (point := _exact(country, code)):
        return Location(*point, Precision.EXACT)
    steps = [(_prefix(country, code), Precision.PREFIX), (_city(country, city, region), Precision.CITY)]
    if country in _CITY_FIRST:
        steps.reverse()
    steps.append((_region(country, region), Precision.REGION))
    steps.append((_table("country").first(country), Precision.COUNTRY))
    for point, precision in steps:
        if point:
            return Location(*point, precision)
    return Location(0.0, 0.0, Precision.UNKNOWN)


def _exact(country: str, code: str) -> tuple[float, float] | None:
    table = _codes(country)
    return table.first(code) if table else None


def _prefix(country: str, code: str) -> tuple[float, float] | None:
    table = _codes(country)
    if table is None:
        return None
    for length in range(len(code), _SHORTEST_PREFIX.get(country, 2) - 1, -1):
        rows = table.among(code[:length], code[:length] + "~")
        if rows.stop > rows.start:
            return table.middle(rows)
    return None


def _city(country: str, city: str | None, region: str | None) -> tuple[float, float] | None:
    """The biggest city of that name, or the one nearest to the region's middle if that is known."""
    if not city:
        return None
    table = _table("city")
    # "Shibuya-ku", "Paris (3e)", "Houten, Utrecht": what stands before the mark names the city.
    for name in dict.fromkeys((folded(city), folded(re.split(r"[-,(/]", city)[0]))):
        rows = table.among(f"{country}/{name}", f"{country}/{name}\x01")
        if name and rows.stop > rows.start:
            break
    else:
        return None
    points = [
        (float(table.lat[at]) / 1000, float(table.lon[at]) / 1000) for at in range(rows.start, rows.stop)
    ]
    middle = _region(country, region)
    if middle is None:
        return points[0]
    centre = Location(*middle, Precision.REGION)
    return min(points, key=lambda point: distance_km(Location(*point, Precision.CITY), centre))


def _region(country: str, region: str | None) -> tuple[float, float] | None:
    if not region:
        return None
    word = folded(region)
    table = _table("region")
    return table.first(f"{country}/{word}") or table.first(f"{country}/{word.removeprefix(country.lower())}")


@lru_cache(maxsize=1)
def _countries_with_codes() -> frozenset[str]:
    with np.load(PLACES, allow_pickle=False) as places:
        return frozenset(name[5:7] for name in places.files if name.startswith("code."))


def _codes(country: str) -> Table | None:
    return _table(f"code.{country}") if country in _countries_with_codes() else None


@lru_cache(maxsize=64)
def _table(name: str) -> Table:
    with np.load(PLACES, allow_pickle=False) as places:
        return Table(places[f"{name}.keys"], places[f"{name}.lat"], places[f"{name}.lon"])
