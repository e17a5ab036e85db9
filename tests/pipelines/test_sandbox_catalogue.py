"""The sandbox's merchant, as the hub knows it: the same components, and buyers whom parcels reach."""

from pathlib import Path

from normalization.addresses import is_postal_code, is_region
from order_store.catalogue import catalogue_view, load_catalogue
from order_store.engine import open_store
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world, rows_of
from sandbox.world import START
from warehouse_routing.geo import locate
from warehouse_routing.problem import Precision


def test_the_hub_picks_what_the_world_says_for_everything_that_is_sold(tmp_path: Path) -> None:
    world = build_world()
    write_catalogue(world, tmp_path / "catalogue")
    store = open_store(f"sqlite:///{tmp_path}/orders.db")
    store.create_all()
    with store.begin() as tx:
        assert load_catalogue(tx, tmp_path / "catalogue").bad == []
    with store.read() as tx:
        catalogue = catalogue_view(tx)
    store.close()
    sold = [("shopify-eu", code) for code in (*world.skus, *world.kits)] + list(world.aliases)
    assert len(world.aliases) > 0
    for channel, sku in sold:
        resolved = catalogue.resolve(channel, sku, START)
        assert resolved is not None, sku
        assert dict(resolved.components) == world.components(channel, sku)
        assert (resolved.kit is not None) == (world.aliases.get((channel, sku), sku) in world.kits)


def test_every_place_of_the_sandboxs_buyers_is_good_and_can_be_found() -> None:
    for place in rows_of("places"):
        country, code = place["country_code"], place["postal_code"]
        assert not code or is_postal_code(country, code), place
        assert not place["region"] or is_region(country, place["region"]), place
        found = locate(country, code, place["city"], place["region"] or None)
        assert found.precision in (Precision.EXACT, Precision.PREFIX, Precision.CITY), place
