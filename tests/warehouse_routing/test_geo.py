"""From an address to a point, step by step down the ladder."""

import math

import pytest

from warehouse_routing.geo import PLACES, code_key, distance_km, locate
from warehouse_routing.problem import Location, Precision


def near(found: Location, lat: float, lon: float, km: float) -> bool:
    return distance_km(found, Location(lat, lon, Precision.EXACT)) <= km


@pytest.mark.parametrize(
    ("country", "code", "lat", "lon"),
    [
        ("DE", "10115", 52.53, 13.39),
        ("DE", "D-10115", 52.53, 13.39),
        ("FR", "69003", 45.755, 4.85),
        ("GB", "SW1A 1AA", 51.50, -0.14),
        ("GB", "m11ae", 53.48, -2.23),
        ("IE", "D02 AF30", 53.34, -6.25),
        ("NL", "1012 AB", 52.37, 4.90),
        ("SE", "43185", 57.65, 12.01),
        ("PL", "81033", 54.54, 18.47),
        ("PT", "4705-819", 41.55, -8.42),
        ("LU", "L-1234", 49.60, 6.14),
        ("US", "94105-1234", 37.79, -122.39),
        ("CA", "M5V 3L9", 43.64, -79.40),
        ("BR", "99525-000", -28.39, -52.67),
        ("AU", "2000", -33.86, 151.21),
    ],
)
def test_a_known_code_is_exact_however_it_is_written(country: str, code: str, lat: float, lon: float) -> None:
    found = locate(country, code)
    assert found.precision is Precision.EXACT
    assert near(found, lat, lon, 5)


@pytest.mark.parametrize(
    ("country", "code", "key"),
    [
        ("GB", "SW1A 1AA", "SW1A"),
        ("GB", "SW1A", "SW1A"),
        ("GB", "EC1Y8SY", "EC1Y"),
        ("CA", "m5v 3l9", "M5V"),
        ("IE", "D02AF30", "D02"),
        ("NL", "1012 AB", "1012"),
        ("US", "94105-1234", "94105"),
        ("PT", "4705-819", "4705819"),
        ("BR", "99525-000", "99525000"),
        ("CH", "CH-8001", "8001"),
    ],
)
def test_codes_are_cut_to_what_the_data_has(country: str, code: str, key: str) -> None:
    assert code_key(country, code) == key


def test_an_unknown_code_falls_to_its_beginning() -> None:
    found = locate("DE", "10199", "nowhere")
    assert found.precision is Precision.PREFIX
    assert near(found, 52.52, 13.4, 15)


def test_without_a_code_the_city_counts_and_its_region_tells_namesakes_apart() -> None:
    assert near(locate("US", None, "Springfield", "IL"), 39.80, -89.64, 10)
    assert near(locate("US", None, "Springfield", "Massachusetts"), 42.10, -72.59, 10)
    biggest = locate("US", None, "Springfield")
    assert biggest.precision is Precision.CITY
    assert near(biggest, 37.21, -93.30, 10)
    assert near(locate("FR", "", "besancon"), 47.25, 6.02, 10)
    assert near(locate("JP", "150-0001", "Osaka-shi"), 34.69, 135.50, 10)


def test_in_brazil_the_municipality_goes_before_the_beginning_of_the_code() -> None:
    found = locate("BR", "99599-999", "Passo Fundo", "RS")
    assert found.precision is Precision.CITY
    assert near(found, -28.26, -52.41, 5)
    assert locate("BR", "99599-999", "no such place").precision is Precision.PREFIX
    paulista, paraense = locate("BR", None, "Bonito", "MS"), locate("BR", None, "Bonito", "PA")
    assert distance_km(paulista, paraense) > 1000


def test_then_the_region_then_the_country_then_nothing() -> None:
    california = locate("US", None, "no such place", "CA")
    assert california.precision is Precision.REGION
    assert near(california, 36.8, -119.4, 200)
    assert locate("JP", "616-8442", "no such place").precision is Precision.COUNTRY
    assert locate("XX", "1").precision is Precision.UNKNOWN
    assert locate(None, None).precision is Precision.UNKNOWN


@pytest.mark.parametrize("code", ["09123", "96201"])
def test_us_bases_abroad_have_no_code_of_their_own(code: str) -> None:
    assert locate("US", code, None, "AE").precision not in (Precision.EXACT, Precision.PREFIX)


def test_distances_follow_the_haversine_formula() -> None:
    quarter = distance_km(Location(0, 0, Precision.EXACT), Location(0, 90, Precision.EXACT))
    assert quarter == pytest.approx(6371.0088 * math.pi / 2)
    poles = distance_km(Location(90, 0, Precision.EXACT), Location(-90, 45, Precision.EXACT))
    assert poles == pytest.approx(6371.0088 * math.pi)
    here = Location(52.5, 13.4, Precision.EXACT)
    assert distance_km(here, here) == 0


def test_the_data_is_small_and_says_where_it_comes_from() -> None:
    assert PLACES.stat().st_size < 3_000_000
    words = PLACES.with_name("ATTRIBUTION.md").read_text()
    assert "GeoNames" in words
    assert "creativecommons.org/licenses/by/4.0" in words
