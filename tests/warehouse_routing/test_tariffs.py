"""What a parcel costs, row by row; and that the estimates are never above it."""

from decimal import Decimal
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse_routing.objective import pieces
from warehouse_routing.pricing import Services
from warehouse_routing.tariff import Rate, Tariff
from warehouse_routing.tariff_file import TariffError, read_tariff

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


@settings(max_examples=200)
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


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("service,price\nparcel,6,40\n", "rates.csv:2: has more cells than the heading"),
        ("service,price,price\nparcel,6.40,7\n", "rates.csv:1: column price stands there twice"),
        (
            "service,price,up_to_km,up_to_g\nparcel,5.40,300,2000\nparcel,9.00,300,2000\n",
            "rates.csv:3: line 2 has a price for the same",
        ),
        ("service,price\nparcel,1e30\n", "rates.csv:2: 1e30 is no amount"),
        (
            "service,price,up_to_g,transit_days\nparcel,5,2000,1\nparcel,9,30000,5\n",
            "rates.csv: parcel, any distance: transit_days differ between weights",
        ),
        (
            "service,price,up_to_km,up_to_g\nparcel,5,300,2000\nparcel,8,,30000\n",
            "rates.csv: parcel, up to 300 km: the heaviest parcel has 2000 g",
        ),
    ],
)
def test_a_table_that_would_be_read_wrongly_is_refused(tmp_path: Path, table: str, told: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(TariffError) as caught:
        read_tariff(path, "EUR")
    assert [problem.startswith(told) for problem in caught.value.problems] == [True], caught.value.problems


def test_the_tariff_of_the_documentation_is_a_tariff(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")
    table = next(part for part in page.split("```") if part.startswith("text\nservice,price"))
    path = tmp_path / "rates.csv"
    path.write_text(table.removeprefix("text\n"), encoding="utf-8")
    services = Services(read_tariff(path, "EUR"))
    zone = services.zone("parcel", "LYON", "FR", "69001")
    assert zone
    near, far = zone.band(100.0), zone.band(400.0)
    assert near
    assert far
    assert [near.price(100.0, grams) for grams in (1_000, 3_000, 10_000)] == [540, 700, 700]
    assert [far.price(400.0, grams) for grams in (1_000, 3_000, 10_000)] == [690, 820, 820]
