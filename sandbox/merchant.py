"""The merchant itself: what it sells, where it keeps it, how much of it there is."""

import csv
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files

from sandbox.world import START, BinStock, Kit, Site, Sku, World

EUROPE = ("LYS", "BER")
AMERICA = ("ORD", "LAX")
SITES = (
    ("LYS", "tryton-lyon", "LYS", "Lyon Gerland", "FR", "69007", "Lyon", "12 rue de l'Entrepôt", None),
    ("BER", "tryton-lyon", "BER", "Berlin Westhafen", "DE", "13353", "Berlin", "Kaistraße 4", None),
    ("ORD", "shipbob-us", "201", "Chicago West", "US", "60608", "Chicago", "2200 Freight Road", "IL"),
    ("LAX", "shipbob-us", "202", "Los Angeles South", "US", "90058", "Vernon", "3100 Depot Avenue", "CA"),
)
"""Code, WMS connection, that WMS's id of the site, name and address."""
SCARCE_UNITS = 3


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """The rows of one of the merchant's own tables in sandbox/data."""
    with files("sandbox").joinpath("data", f"{name}.csv").open(encoding="utf-8") as text:
        yield from csv.DictReader(text)


def build_world(seed: int = 1, *, start: datetime = START, plenty: bool = False) -> World:
    """A merchant's world before its first order.

    Args:
        seed: Worlds of one seed are equal.
        start: The world's first moment, aware UTC.
        plenty: Leave nothing scarce, so that no order is split or waits for goods.
    """
    world = World(seed, start)
    stocked = {}
    for row in rows_of("skus"):
        size = (int(row["length_mm"]), int(row["width_mm"]), int(row["height_mm"]))
        world.skus[row["sku"]] = Sku(
            row["sku"],
            row["title"],
            int(row["price"]),
            int(row["weight_g"]),
            size,
            lot_tracked=row["lot_tracked"] == "yes",
            downloadable=row["downloadable"] == "yes",
            hazardous=row["hazardous"] == "yes",
        )
        stocked[row["sku"]] = "plenty" if plenty and row["stocked"] != "none" else row["stocked"]
    for row in rows_of("kits"):
        parts = (part.split(":") for part in row["components"].split())
        components = {sku: int(units) for sku, units in parts}
        world.kits[row["kit"]] = Kit(row["kit"], row["title"], int(row["price"]), components)
    for row in rows_of("aliases"):
        world.aliases[row["channel"], row["channel_sku"]] = row["sku"]
    for site in SITES:
        world.sites[site[0]] = Site(*site)
    for sku, how in stocked.items():
        for code in world.sites:
            _put(world, code, sku, how)
    return world


def _put(world: World, site: str, sku: str, how: str) -> None:
    """Fill one site's shelves with a SKU: in one to three bins, in two lots where it has lots."""
    random = world.draw("stock", site, sku)
    homes = {"europe": EUROPE, "america": AMERICA, "none": ()}.get(how, EUROPE + AMERICA)
    if site not in homes:
        return
    if how == "scarce":
        units = SCARCE_UNITS
    elif how != "plenty" and site in ("BER", "LAX") and random.random() < 0.4:
        return  # the second site of a continent does not keep everything
    else:
        units = random.randint(60, 160) if how != "plenty" else 10_000
    lots: list[str | None] = [None]
    if world.skus[sku].lot_tracked:
        lots = [f"L26{random.randint(10, 52)}-{letter}" for letter in "AB"]
    places = max(len(lots), min(random.randint(1, 3), units))
    aisle, shelves = random.choice("ABCDEF"), random.sample(range(1, 40), places)
    world.sites[site].stock[sku] = [
        BinStock(f"{aisle}-{shelf:02d}", lots[index % len(lots)], units // places + (index < units % places))
        for index, shelf in enumerate(shelves)
    ]
