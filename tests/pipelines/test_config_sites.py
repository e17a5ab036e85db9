"""From hub.yaml's warehouses to routing's sites."""

from datetime import date, time
from pathlib import Path

from pipelines.config import load_config
from pipelines.config_sites import routing_sites
from warehouse_routing.problem import Location, Precision

ROOT = Path(__file__).resolve().parents[2]


def test_a_site_has_all_that_its_warehouse_says() -> None:
    config = load_config(ROOT / "hub.example.yaml", {}, with_secrets=False)
    lyon, jersey = routing_sites(config, {"NJ": {date(2026, 11, 2): 7}})
    assert (lyon.location.precision, round(lyon.location.lat, 1)) == (Precision.EXACT, 45.7)
    assert (lyon.cut_off, lyon.holidays, lyon.parcels_per_day) == (time(15), "FR", 800)
    assert lyon.countries is not None
    assert "GB" in lyon.countries
    assert lyon.parcels_planned == {}
    assert jersey.location == Location(40.61, -74.26, Precision.EXACT)
    assert jersey.working_days == {0, 1, 2, 3, 4, 5}
    assert jersey.parcels_per_day is None
    assert jersey.parcels_planned == {date(2026, 11, 2): 7}
