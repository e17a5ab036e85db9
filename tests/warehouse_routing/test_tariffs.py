"""What a parcel costs, row by row; and that the estimates are never above it."""

from decimal import Decimal
from itertools import combinations_with_replacement

from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse_routing.objective import pieces
from warehouse_routing.pricing import Services
from warehouse_routing.tariff import Rate, Tariff

CORSICA = Rate("parcel", 1500, countries=frozenset({"FR"}), postal_codes=("20",))
FRANCE = Rate("parcel", 500, countries=frozenset({"FR"}), up_to_km=300)
FRANCE_FAR = Rate("parcel", 700, countries=frozenset({"FR"}))
WORLD = tuple(
    Rate("parcel", price, up_to_g=grams, per_kg=Decimal(10)) for grams, price in ((1000, 900), (5000, 1400))
)
LYON = Rate("parcel", 450, site="LYON", countries=frozenset({"FR"}), up_to_km=100)


def price(tariff: Tariff, site: str, place: tuple[str, str], km: float, grams: int) -> int | None:
    zone = Services(tariff).zone("parcel", site, *place)
    band = zone.band(km) if zone else None
    return band.price(km, grams) if band else None


def test_the_most_exact_zone_holds_then_the_band_then_the_weight() -> None:
    tariff = Tariff((*WORLD, FRANCE_FAR, FRANCE, CORSICA, LYON))
    assert price(tariff, "BER", ("FR", "75001"), 200, 500) == 500
    assert price(tariff, "BER", ("FR", "75001"), 301, 500) == 700
    assert price(tariff, "BER", ("FR", "20090"), 200, 500) == 1500
    assert price(tariff, "LYON", ("FR", "69001"), 50, 500) == 450
    assert price(tariff, "LYON", ("FR", "75001"), 400, 500) is None, "its own zone goes to 100 km only"
    assert price(tariff, "BER", ("US", "60601"), 7000, 1000) == 900 + 10
    assert price(tariff, "BER", ("US", "60601"), 7000, 1001) == 1400 + 11


def test_what_is_too_heavy_for_one_box_travels_in_several() -> None:
    tariff = Tariff(WORLD)
    assert price(tariff, "BER", ("US", ""), 1, 5000) == 1450
    assert price(tariff, "BER", ("US", ""), 1, 5500) == 1450 + 905
    assert price(tariff, "BER", ("US", ""), 1, 15000) == 3 * 1450


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3000), st.integers(0, 90)), min_size=1, max_size=5),
    st.integers(1, 20000),
    st.integers(0, 20000),
)
def test_an_estimate_is_never_above_a_parcel_with_more_in_it(
    rows: list[tuple[int, int, int]], lightest: int, more: int
) -> None:
    rates = {thousands: (cents, per_kg) for thousands, cents, per_kg in rows}
    tariff = Tariff(
        tuple(
            Rate("parcel", cents, up_to_g=thousands * 1000, per_kg=Decimal(per_kg))
            for thousands, (cents, per_kg) in rates.items()
        )
    )
    zone = Services(tariff).zone("parcel", "A", "FR", "")
    assert zone
    band = zone.band(5)
    assert band
    grams = lightest + more
    assert band.least(5, lightest) + band.least_per_kg * grams / 1000 <= band.price(5, grams) + 1e-6


def test_pieces_of_a_line_make_up_any_division_between_three_sites() -> None:
    for units in range(1, 41):
        sizes = pieces(units)
        assert sum(sizes) == units
        reached = {(0, 0)}
        for size in sizes:
            reached |= {(a + size, b) for a, b in reached} | {(a, b + size) for a, b in reached}
        wanted = {(a, b - a) for a, b in combinations_with_replacement(range(units + 1), 2) if b - a <= units}
        assert wanted <= reached, units
