"""Two small merchants whose days are the crash tests' play. Nothing in it is left to chance.

Each has two channels, a WMS with two warehouses, and two carriers. In each stage something happens in the
world (the deed), then the hub works until nothing is left to do. Time goes by between the stages, and while
the hub sleeps only the clock moves: so a hub that was killed and comes back a quarter of an hour later finds
the same world as one that never was.
"""

import copyreg
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from pipelines.sandbox_secrets import sandbox_environ
from sandbox.buyers import Wish, move_house, place_order
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.registry import open_vendors
from sandbox.simulation import Simulation
from sandbox.vendor import Vendor
from sandbox.world import BinStock, ShopOrder, World
from tests.faults.crash.databases import Urls

CONFIG = Path(__file__).resolve().parents[3] / "hub.sandbox.yaml"
SEED = 11
LATE = timedelta(minutes=5)
"""Lists show one order only so much after it was placed: the round that is killed cannot see it."""
LATE_SKU = "SCALE-POCKET"
KEYS = "CRASH_KEYS"
"""Names the key store."""
BEFORE_LATE, BEFORE_ROUND = timedelta(minutes=18), timedelta(minutes=2)
"""Between a deed and the hub's round: longer than most channels are read back. What a mark skips is lost."""
PAGE_SIZE = "2"
"""Of the channel that lets it be set: so its windows have several pages."""


@dataclass(frozen=True)
class Merchant:
    """One merchant: its connections, and what is scarce at its two warehouses.

    Attributes:
        gives_up: Whether it sells what never comes, and has its channels cancel that. Such a merchant's play
            depends on what time it is at the hub.
    """

    name: str
    channels: tuple[str, str]
    countries: tuple[str, str]
    wms: str
    sites: tuple[str, str]
    gives_up: bool = False

    @property
    def connections(self) -> tuple[str, ...]:
        return (*self.channels, self.wms, "ups", "easypost")


WEST = Merchant("west", ("shopify-eu", "amazon-uk"), ("DE", "GB"), "tryton-lyon", ("LYS", "BER"))
EAST = Merchant("east", ("woo-de", "vendure-us"), ("DE", "US"), "shipbob-us", ("ORD", "LAX"))
SHORT = ("POT-CLAY-04", "KETTLE-ENAMEL-20")
"""Of these there is one unit for the order of two, at each merchant's first and second channel."""
NEVER, PATIENCE = "STRAINER-MESH", 3
"""Of this there is none; after so many days the channel is asked to cancel it."""
AT_FIRST, AT_SECOND = "TRAY-OAK-40", "JUG-MILK-03"
"""Each lies at one warehouse only, so that an order of both is split."""
BASKETS: Mapping[str, list[tuple[str, int]]] = {
    "kit": [("KIT-BREAKFAST", 1), ("TIMER-SAND-3", 2)],
    "split": [(AT_FIRST, 1), (AT_SECOND, 1)],
    "gone": [("SPOON-BRASS", 1)],
    "moved": [("CANDLE-WAX-BEE", 1)],
}


class HeldSimulation(Simulation):
    """Moves only the clock while the hub sleeps; `live` lets the world go on."""

    def advance(self, delta: timedelta) -> Counter[str]:
        with self.world.lock:
            self.world.now += delta
        return Counter()

    def live(self, span: timedelta) -> None:
        """Let everything happen that happens in a span of time."""
        super().advance(span)


@dataclass
class Play:
    """A merchant's world at some moment, with the imitated vendors' own memory."""

    merchant: Merchant
    simulation: HeldSimulation
    vendors: dict[str, Vendor]
    orders: dict[str, ShopOrder]

    @property
    def world(self) -> World:
        return self.simulation.world

    def saved(self) -> bytes:
        """Everything, to be continued from as often as wanted."""
        return pickle.dumps(self)

    def place(self, number: int, name: str, basket: list[tuple[str, int]], late: timedelta) -> None:
        """An order at the merchant's first or second channel."""
        wish = Wish(
            lines=basket,
            country=self.merchant.countries[number],
            payment="captured",
            discount_rate=None,
            by_channel=False,
            late=late,
        )
        self.orders[f"{name} {number}"] = place_order(self.world, self.merchant.channels[number], wish)


copyreg.pickle(type(threading.RLock()), lambda _lock: (threading.RLock, ()))


def begin(merchant: Merchant, catalogue: Path) -> Play:
    """A new world, and the merchant's catalogue in a folder."""
    world = build_world(SEED, plenty=True)
    sold = {sku for basket in BASKETS.values() for sku, _ in basket} | {*SHORT, LATE_SKU}
    _keep_only(world, sold | {NEVER} if merchant.gives_up else sold)
    write_catalogue(world, catalogue)
    _stock(world, merchant, {AT_FIRST: (9, 0), AT_SECOND: (0, 9), SHORT[0]: (1, 0), SHORT[1]: (0, 1)})
    _have_none(world, merchant)
    vendors = open_vendors(world, merchant.connections)
    return Play(merchant, HeldSimulation(world, fickle=False), vendors, {})


def _keep_only(world: World, sold: set[str]) -> None:
    """Leave out what nobody orders: reading the stock of it would be most of a round's work."""
    world.kits = {code: kit for code, kit in world.kits.items() if code in sold}
    wanted = sold | {sku for kit in world.kits.values() for sku in kit.components}
    world.skus = {code: sku for code, sku in world.skus.items() if code in wanted}
    world.aliases = {name: code for name, code in world.aliases.items() if code in wanted}
    for site in world.sites.values():
        site.stock = {code: places for code, places in site.stock.items() if code in wanted}


def _stock(world: World, merchant: Merchant, units: Mapping[str, tuple[int, int]]) -> None:
    for sku, counts in units.items():
        for site, count in zip(merchant.sites, counts, strict=True):
            world.sites[site].stock[sku] = [BinStock("A-01", None, count)]


def _have_none(world: World, merchant: Merchant) -> None:
    if merchant.gives_up:
        _stock(world, merchant, {NEVER: (0, 0)})


def config_of(merchant: Merchant) -> str:
    """The sandbox's hub.yaml with this merchant's connections and warehouses only."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["connections"] = [one for one in config["connections"] if one["name"] in merchant.connections]
    for one in config["connections"]:
        if one["connector"] == "shopify":
            one["settings"]["page_size"] = PAGE_SIZE
    config["warehouses"] = [one for one in config["warehouses"] if one["code"] in merchant.sites]
    if merchant.gives_up:
        config["routing"]["cancel_after_days"] = {"default": PATIENCE, "at_channel": True}
    config["keys"] = {"url": f"${{{KEYS}}}"}
    return yaml.safe_dump(config, sort_keys=False)


def environ_of(url: str, home: Path, urls: Urls) -> dict[str, str]:
    """The environment of a hub in a folder, for the sandbox at `url`."""
    return sandbox_environ(url) | {
        "ORDERHUB_CONFIG": str(home / "hub.yaml"),
        "ORDERHUB_STORE": urls.orders,
        KEYS: urls.keys,
        "ORDERHUB_LANDING": str(home / "landing"),
        "ORDERHUB_CATALOGUE": str(home / "catalogue"),
        "ORDERHUB_STATE": str(home / "state"),
    }


@dataclass(frozen=True)
class Stage:
    """The world lives for a while, then something happens, then the hub works."""

    name: str
    lives: timedelta
    deed: Callable[[Play], None]


def _placed(play: Play) -> None:
    for number in (0, 1):
        for name, basket in BASKETS.items():
            play.place(number, name, basket, timedelta())
        play.place(number, "short", [(SHORT[number], 2)], timedelta())
        if play.merchant.gives_up:
            play.place(number, "never", [(NEVER, 1)], timedelta())


def _changed(play: Play) -> None:
    for number in (0, 1):
        kit = play.orders[f"kit {number}"]
        play.world.remove_units(kit, kit.lines[1].line_id, 1)
        play.world.cancel(play.orders[f"gone {number}"])
        move_house(play.world, play.orders[f"moved {number}"])


def _shipped(play: Play) -> None:
    _stock(play.world, play.merchant, {SHORT[0]: (5, 0), SHORT[1]: (0, 5)})
    _have_none(play.world, play.merchant)


def _refunded(play: Play) -> None:
    for name in ("kit 0", "split 0", "moved 0", "split 1"):
        order = play.orders[name]
        play.world.refund(order, {order.lines[0].line_id: 1}, "damaged", restock=True)


STAGES = (
    Stage("placed", timedelta(), _placed),
    Stage("changed", timedelta(), _changed),
    Stage("shipped", timedelta(days=1), _shipped),
    Stage("delivered", timedelta(days=6), lambda _play: None),
    Stage("refunded", timedelta(), _refunded),
)
PUBLISHED = Stage("published", timedelta(), lambda _play: None)
"""The KPI tables are built once more, over older ones."""
AGED = Stage("aged", timedelta(days=31), lambda _play: None)
"""After the last stage: Amazon's people may no longer be kept."""
ERASED = Stage("erased", timedelta(), lambda _play: None)
"""One person asks to be forgotten, and others' time has run out."""


def act(play: Play, stage: Stage) -> None:
    """Let a stage's time go by, and then its deed happen."""
    play.simulation.live(stage.lives)
    stage.deed(play)
    play.simulation.advance(BEFORE_LATE)
    if stage.deed is _changed:
        for number in (0, 1):
            play.place(number, "late", [(LATE_SKU, 1)], LATE)
    play.simulation.advance(BEFORE_ROUND)
