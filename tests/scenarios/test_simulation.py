"""A past window of the sandbox's merchant, played again: as it was, without a site, with more stock."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from order_store.landing import Landing
from order_store.schema import metadata
from pipelines.cli.app import app
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.sandbox_secrets import hub_environ
from pipelines.services.cycle import run_cycle
from pipelines.simulation.answer import answer_of
from pipelines.simulation.figures import Figures, what_happened
from pipelines.simulation.page import page_of
from pipelines.simulation.play import Request, Simulation, simulate
from pipelines.simulation.scenario import Changes, as_configured
from pipelines.simulation.shelves import rebuild_stock
from pipelines.simulation.window import read_window
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.server import Sandbox
from sandbox.simulation import Simulation as Merchant
from tests.scenarios.conftest import WorldClock, hub_of

SECONDS = 0.5


@dataclass
class Past:
    """A day and a half of a merchant's trade, that a hub has served."""

    sandbox: Sandbox
    hub: Hub
    environ: dict[str, str]
    home: Path

    def play(self, **changes: Any) -> Simulation:  # noqa: ANN401 -- as Changes takes them
        return simulate(self.hub, Request(None, None, Changes(**changes), seconds=SECONDS))

    def run(self, *arguments: str) -> Result:
        config = ["--config", self.environ["ORDERHUB_CONFIG"], "--time-limit", str(SECONDS)]
        return CliRunner().invoke(app, ["simulate", *arguments, *config], env=self.environ)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the store holds, but for the hub's knowledge of its own keys' use."""
        with self.hub.store.read() as tx:
            return {
                table.name: sorted(map(tuple, tx.execute(table.select()).all()), key=repr)
                for table in metadata.sorted_tables
            }


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    home = tmp_path_factory.mktemp("past")
    world = build_world(3)
    merchant = Merchant(world, orders_per_day=40)
    write_catalogue(world, home / "catalogue")
    with Sandbox(world=world, simulation=merchant) as sandbox:
        environ = hub_environ(sandbox.url, home)
        hub = hub_of(environ, WorldClock(merchant))
        for _ in range(6):
            merchant.advance(timedelta(hours=4))
            run_cycle(hub)
        yield Past(sandbox, hub, environ, home)
        hub.close()


@pytest.fixture(scope="module")
def as_it_was(past: Past) -> Simulation:
    return past.play()


@pytest.fixture(scope="module")
def without_lyon(past: Past) -> Simulation:
    return past.play(close=("LYS",))


def test_the_same_policy_and_stock_come_near_what_happened(as_it_was: Simulation) -> None:
    happened, replayed = as_it_was.happened, as_it_was.replayed.figures
    assert happened.orders >= 20
    assert happened.unpriced == 0
    assert replayed.orders == happened.orders
    # The hub routed with what it knew at each moment, cancelled orders among them: so near, not the same.
    assert replayed.parcels == pytest.approx(happened.parcels, rel=0.1)
    assert replayed.cost_minor == pytest.approx(happened.cost_minor, rel=0.1)
    assert replayed.units_waiting == pytest.approx(happened.units_waiting, abs=3)


def test_what_left_on_time_is_told_of_what_happened(past: Past, as_it_was: Simulation) -> None:
    """However it was planned. A replay hands nothing over."""
    with past.hub.store.read() as tx:
        window = read_window(tx, as_it_was.since, as_it_was.until)

    def figures(delay: timedelta) -> Figures:
        left = [replace(one, handed_over=one.due_at + delay) for one in window.parcels if one.due_at]
        return what_happened(replace(window, parcels=tuple(left)), as_configured(past.hub.config))[0]

    assert figures(timedelta()).left_on_time == figures(timedelta()).left > 0
    assert figures(timedelta(days=3)).left_on_time_percent == 0
    assert figures(timedelta(days=3)).on_time == figures(timedelta()).on_time
    assert as_it_was.replayed.figures.left_on_time_percent is None


def test_no_plan_costs_less_than_the_bound(as_it_was: Simulation, without_lyon: Simulation) -> None:
    for found in (as_it_was, without_lyon):
        plan = answer_of(found)["scenario"] or answer_of(found)["replayed"]
        assert plan["total_minor"] >= plan["lower_bound_minor"] > 0
        assert plan["best_minor"] >= plan["lower_bound_minor"]


def test_closing_a_warehouse_never_lowers_the_bound(as_it_was: Simulation, without_lyon: Simulation) -> None:
    assert without_lyon.scenario is not None
    closed, before = without_lyon.scenario, as_it_was.replayed
    assert closed.hindsight.lower_bound_minor >= before.hindsight.lower_bound_minor
    assert "LYS" not in closed.figures.by_site
    assert closed.figures.distance_km > before.figures.distance_km


def test_more_stock_never_costs_more_at_best(past: Past, as_it_was: Simulation) -> None:
    (first, *_) = as_it_was.replayed.hindsight.worth
    table = past.home / "more.csv"
    table.write_text(f"warehouse,sku,units\n{first.site},{first.sku},+40\n")
    more = past.play(stock=table)
    assert more.scenario is not None
    assert first.checked_minor is not None
    assert more.scenario.hindsight.lower_bound_minor <= as_it_was.replayed.hindsight.cost_minor
    assert more.scenario.figures.units_waiting <= as_it_was.replayed.figures.units_waiting


def test_an_added_warehouse_ships_what_it_is_given(past: Past, as_it_was: Simulation) -> None:
    skus = sorted(
        {
            part.sku
            for one in as_it_was.happened_parcels
            for line in one.assignment.lines
            for part in line.components
        }
    )
    (past.home / "madrid.yaml").write_text(
        "code: MAD\ncoordinates: {lat: 40.4, lon: -3.7}\ntime_zone: Europe/Madrid\ncut_off: '16:00'\n"
    )
    table = past.home / "madrid.csv"
    table.write_text("warehouse,sku,units\n" + "".join(f"MAD,{sku},200\n" for sku in skus))
    found = past.play(policy="cheapest", add=past.home / "madrid.yaml", stock=table)
    assert found.scenario is not None
    assert found.scenario.figures.by_site.get("MAD", 0) > 0
    assert found.scenario.figures.name == "policy cheapest, stock madrid.csv, with MAD"


def test_nothing_is_written_and_nothing_is_sent(past: Past) -> None:
    before, asked = past.rows(), len(past.sandbox.world.orders)
    past.play(policy="nearest")
    assert past.rows() == before
    assert len(past.sandbox.world.orders) == asked


def test_the_page_loads_nothing_and_names_nobody(past: Past, without_lyon: Simulation) -> None:
    page = page_of(without_lyon)
    assert not re.search(r"https?:|//|url\(|<script|<link|<img|@import|src=", page)
    assert page.count("<svg") == 4
    told = page + json.dumps(answer_of(without_lyon), default=str)
    for order in past.sandbox.world.orders.values():
        buyer = order.buyer
        for word in personal_words(buyer):
            assert not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", told), word


def personal_words(buyer: Any) -> set[str]:  # noqa: ANN401 -- the sandbox's buyer
    """Every text of a buyer that is long enough to be told apart from a figure."""
    found: set[str] = set()
    todo = [buyer]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            found.add(value)
        elif hasattr(value, "__dataclass_fields__"):
            todo += [getattr(value, name) for name in value.__dataclass_fields__]
    return {word for word in found if len(word) > 3}


def test_the_command_prints_one_json_object_and_writes_one_file(past: Past) -> None:
    page = past.home / "simulation.html"
    result = past.run("--policy", "cheapest", "--html", str(page), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["scenario"]["name"] == "policy cheapest"
    assert {"cost_minor", "parcels", "distance_km", "on_time_percent", "orders_waited"} <= found[
        "happened"
    ].keys()
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_where_substitutes_may_go_no_least_cost_is_told(past: Past) -> None:
    skus = sorted(past.sandbox.world.skus)
    pairs = "".join(f"  {one}: [{other}]\n" for one, other in pairwise(skus))
    policy = past.home / "substitutes.yaml"
    policy.write_text(f"strategy: cheapest\nsubstitutes:\n{pairs}")
    played = past.play(policy=str(policy))
    answer = answer_of(played)
    assert (answer["scenario"]["lower_bound_minor"], answer["scenario"]["above_bound_percent"]) == (
        None,
        None,
    )
    assert answer["replayed"]["lower_bound_minor"] > 0
    assert any(note.startswith("The least possible cost is not known") for note in answer["notes"])
    assert "<td>not known</td>" in page_of(played)
    assert "not known" in past.run("--policy", str(policy)).stdout


def test_the_command_shows_tables_to_people(past: Past) -> None:
    result = past.run("--hold", "120")
    assert result.exit_code == 0, result.output
    assert "units waiting at the end" in result.stdout
    assert "Parcels are priced by today's tariff" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--close", "NIX"], "no warehouse 'NIX' to close; there are: BER, LAX, LYS, ORD"),
        (["--policy", "dearest"], "neither a file nor a strategy; there are: cheapest"),
        (["--since", "soon"], "is no date; write 2026-11-02"),
        (["--since", "2030-01-01"], "no order was routed in that window; there are some from 2026-11-0"),
        (["--html", "/nowhere/at/all.html"], "cannot be written"),
        (["--stock", "nowhere.csv"], "cannot be read"),
        ([f"--close={code}" for code in ("BER", "LAX", "LYS", "ORD")], "every warehouse is closed"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(past: Past, arguments: list[str], words: str) -> None:
    result = past.run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, ProblemError)
    assert words in str(result.exception)


def test_the_rebuilt_stock_makes_every_later_snapshot_no_surprise(past: Past, as_it_was: Simulation) -> None:
    """Nothing came in within that day, so all that changed was what the hub itself had given away."""
    since, until = as_it_was.since, as_it_was.until
    with past.hub.store.read() as tx:
        window = {one.to_route.order_id for one in read_window(tx, since, until).orders}
        stock = rebuild_stock(past.hub, tx, since, until, window, lambda done, total: None)
    assert set(stock.basis.values()) == {"landed"}
    assert stock.unread == 0
    assert {key: dict(units) for key, units in stock.changes.items() if any(units.values())} == {}
    assert min(stock.free.values()) >= 0


def test_without_landed_snapshots_the_present_stock_stands_in_and_it_is_said(past: Past) -> None:
    hub = replace(past.hub, landing=Landing(past.home / "elsewhere"))
    found = simulate(hub, Request(None, None, Changes(), seconds=SECONDS))
    assert any("from the newest stock that the store knows" in note for note in found.notes)
    assert any("landed stock snapshots could not be read" in note for note in found.notes)
    assert found.replayed.figures.parcels == pytest.approx(found.happened.parcels, rel=0.1)
