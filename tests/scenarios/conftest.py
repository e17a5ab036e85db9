"""A stage for the scenarios: the sandbox's vendors on a socket, and a hub that goes by their time."""

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.contract import Page
from connectors.errors import RateLimited
from connectors.pacing import SharedPacer
from order_store.catalogue import load_catalogue
from order_store.orders import StoredOrder, find_order
from order_store.schema.reading import quarantine
from order_store.verdicts import StoredHold, holds_of
from pipelines.config import load_config
from pipelines.hub import Hub, assemble
from pipelines.sandbox_secrets import sandbox_environ
from pipelines.services.cycle import CycleResult, run_cycle
from pipelines.services.ingest import ingest_page
from pipelines.services.orders import channel_of, sync_orders
from pipelines.services.reading import InTransaction, PageCounts, ReadResult, read_stream
from pipelines.services.verify import verify_orders
from pipelines.services.warehouse import sync_stock
from sandbox.buyers import Wish, place_order
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.registry import open_vendors
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.world import START, BinStock, ShopOrder, World

CONFIG = Path(__file__).resolve().parents[2] / "hub.sandbox.yaml"


class WorldClock:
    """The world's time; whoever sleeps lets the world go on."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.slept = timedelta()

    def now(self) -> datetime:
        return self._simulation.world.now

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept += timedelta(seconds=seconds)
        self._simulation.advance(timedelta(seconds=seconds))


@dataclass
class Stage:
    """One merchant's world and the hub that serves it. `results` are those of the newest read."""

    sandbox: Sandbox
    hub: Hub
    clock: WorldClock
    environ: dict[str, str]
    results: list[ReadResult] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.sandbox.world

    def wait(self, **units: float) -> None:
        """Let time go by: minutes=, hours= or days=."""
        self.sandbox.simulation.advance(timedelta(**units))

    def place(self, channel: str, wish: Wish | None = None, **wishes: object) -> ShopOrder:
        """An order that is paid, shipped by the merchant and complete, unless the wish says otherwise."""
        plain = {"payment": "captured", "by_channel": False} | wishes
        return place_order(self.world, channel, wish or Wish(**plain))  # type: ignore[arg-type]

    def stored(self, order: ShopOrder) -> StoredOrder:
        """What the hub knows of an order. Fails if it knows none."""
        with self.hub.store.read() as tx:
            found = find_order(tx, order.channel, order.external_id)
        assert found is not None, f"the hub does not know {order.external_id}"
        return found

    def knows(self, order: ShopOrder) -> bool:
        with self.hub.store.read() as tx:
            return find_order(tx, order.channel, order.external_id) is not None

    def fetch(self, order: ShopOrder) -> Page:
        """What the channel answers if asked for one order now."""
        return self.hub.connector(order.channel).read_one("orders", order.external_id)

    def ingest(self, page: Page, also: InTransaction | None = None) -> PageCounts:
        """Let a page arrive at the hub, whenever it was read."""
        channel = channel_of(self.hub, next(iter(self.sandbox.vendors)))
        return ingest_page(self.hub.store, self.hub.landing, channel, page, now=self.clock.now(), also=also)

    def read(self, connection: str) -> PageCounts:
        """Read a channel as the hub's own job does."""
        self.results = sync_orders(self.hub, connection)
        return sum((result.counts for result in self.results), PageCounts())

    def read_changes(self, connection: str) -> PageCounts:
        """Read only the stream of changes."""
        return read_stream(self.hub, connection, "orders", self.ingest).counts

    @contextlib.contextmanager
    def empty_hub(self) -> Iterator[Hub]:
        """Another hub: over the same landing, with a store in which nothing is."""
        hub = hub_of(self.environ | {"ORDERHUB_STORE": self.environ["ORDERHUB_STORE"] + ".new"}, self.clock)
        try:
            yield hub
        finally:
            hub.close()

    def try_to_read(self, connection: str) -> None:
        """Read a channel if it lets us."""
        with contextlib.suppress(RateLimited):
            self.read(connection)

    def quarantined(self) -> list[tuple[str, str]]:
        """Reason and detail of every record that is in quarantine now."""
        with self.hub.store.read() as tx:
            found = tx.execute(select(quarantine).where(quarantine.c.resolved_at.is_(None)))
            return [(row.reason, row.detail) for row in found]

    def add_alias(self, connection: str, channel_sku: str, sku: str) -> None:
        """Somebody maps a channel's SKU in the catalogue; the hub loads it."""
        with (self.hub.config.catalogue / "aliases.csv").open("a", encoding="utf-8") as text:
            text.write(f"{connection},{channel_sku},{sku},,\n")
        with self.hub.store.begin() as tx:
            assert load_catalogue(tx, self.hub.config.catalogue).bad == []
        verify_orders(self.hub)

    def cycle(self) -> CycleResult:
        """One round of everything, as the schedules do in turn."""
        return run_cycle(self.hub)

    def set_stock(self, sku: str, units: Mapping[str, int]) -> None:
        """So many units of a SKU lie at these sites, and none elsewhere."""
        for code, site in self.world.sites.items():
            site.stock[sku] = [BinStock("A-01", None, units.get(code, 0))]

    def read_stock(self, wms: str) -> None:
        """Read the stock of a WMS as the hub's own job does."""
        sync_stock(self.hub, wms)

    def holds(self, order: ShopOrder) -> list[StoredHold]:
        """The reasons for which an order waits now."""
        stored = self.stored(order)
        with self.hub.store.read() as tx:
            return [hold for hold in holds_of(tx, stored.row["id"]) if hold.released_at is None]

    def known(self) -> set[tuple[str, str]]:
        """Every order of the store, by connection and external id."""
        with self.hub.store.read() as tx:
            return set(map(tuple, tx.exec_driver_sql(ALL_ORDERS)))  # type: ignore[arg-type]


def hub_of(environ: Mapping[str, str], clock: WorldClock) -> Hub:
    """A hub whose pacing, too, goes by the world's time."""
    state = Path(environ["ORDERHUB_STATE"])
    hub = assemble(load_config(environ["ORDERHUB_CONFIG"], environ), state, clock)
    pacing = partial(SharedPacer, state / "pacing.db", now=clock.monotonic, sleep=clock.sleep)
    return replace(hub, runtime=replace(hub.runtime, pacer_for=pacing))


ALL_ORDERS = "SELECT c.name, o.external_id FROM orders o JOIN connections c ON c.id = o.connection_id"
OpenStage = Callable[..., Stage]


@pytest.fixture
def open_stage(tmp_path: Path, migrated_file: Path) -> Iterator[OpenStage]:
    """Opens a stage with some of the sandbox's connections; the rest says what its world is like."""
    with ExitStack() as stack:

        def opened(
            *connections: str,
            seed: int = 3,
            plenty: bool = True,
            fickle: bool = False,
            stocked: Collection[str] | None = None,
            start: datetime = START,
            config: Callable[[str], str] = str,
        ) -> Stage:
            world = build_world(seed, start=start, plenty=plenty)
            if stocked is not None:  # the shelves are read in no time
                for site in world.sites.values():
                    site.stock = {sku: bins for sku, bins in site.stock.items() if sku in stocked}
            simulation = Simulation(world, fickle=fickle)
            vendors = open_vendors(world, connections)
            sandbox = stack.enter_context(Sandbox(world=world, vendors=vendors, simulation=simulation))
            folder = tmp_path / f"hub-{sandbox.port}"
            write_catalogue(world, folder / "catalogue")
            shutil.copy(migrated_file, folder / "orders.db")
            environ = sandbox_environ(sandbox.url) | {
                "ORDERHUB_STORE": f"sqlite:///{folder}/orders.db",
                "ORDERHUB_LANDING": str(folder / "landing"),
                "ORDERHUB_CATALOGUE": str(folder / "catalogue"),
                "ORDERHUB_STATE": str(folder / "state"),
            }
            clock = WorldClock(simulation)
            (folder / "hub.yaml").write_text(config(CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
            environ["ORDERHUB_CONFIG"] = str(folder / "hub.yaml")
            stage = Stage(sandbox, hub_of(environ, clock), clock, environ)
            stack.callback(lambda: stage.hub.close())  # the one that it has in the end
            return stage

        yield opened
