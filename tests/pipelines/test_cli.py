"""The command line, against a whole sandbox: what people and machines get to see."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from order_store.engine import open_store
from order_store.schema.fulfilment import stock_bins
from pipelines.cli.app import app
from pipelines.sandbox_secrets import hub_environ
from sandbox.buyers import Wish, place_order
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.server import Sandbox
from sandbox.simulation import Simulation

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "woocommerce-order.json"


class Desk:
    """A hub's command line over a small world with one order on each of two channels, and a broken one."""

    def __init__(self, sandbox: Sandbox, environ: dict[str, str]) -> None:
        self.sandbox = sandbox
        self._environ = environ
        self.store = environ["ORDERHUB_STORE"]

    def run(self, *arguments: str) -> Result:
        config = ["--config", self._environ["ORDERHUB_CONFIG"]] if arguments[0] != "normalize" else []
        return CliRunner().invoke(app, [*arguments, *config], env=self._environ)

    def json(self, *arguments: str) -> dict[str, object]:
        result = self.run(*arguments, "--json")
        found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    world = build_world(1, plenty=True)
    plain = Wish(payment="captured", by_channel=False)
    for channel in ("shopify-eu", "woo-de"):
        place_order(world, channel, plain)
    simulation = Simulation(world, fickle=False)
    simulation.advance(timedelta(hours=1))
    write_catalogue(world, home / "catalogue")
    with Sandbox(world=world, simulation=simulation) as sandbox:
        sandbox.fault("woo-de", "broken_record")
        place_order(world, "woo-de", plain)
        simulation.advance(timedelta(minutes=5))
        yield Desk(sandbox, hub_environ(sandbox.url, home))


def test_sync_reads_routes_and_sends(desk: Desk) -> None:
    found = desk.json("sync")
    assert found["failures"] == {}
    steps = found["steps"]
    assert isinstance(steps, dict)
    assert steps["read shopify-eu"]["created"] == 1
    assert steps["route"]["picklists"] >= 2


def test_a_channel_that_is_not_configured_is_named_with_those_that_are(desk: Desk) -> None:
    result = desk.run("sync", "ebay-fr")
    assert result.exit_code == 1
    assert "no connection 'ebay-fr' in hub.yaml; there are: shopify-eu" in str(result.exception)


def test_status_says_that_everything_adds_up(desk: Desk) -> None:
    desk.run("sync")
    found = desk.json("status")
    assert found["violations"] == {}
    orders = found["orders"]
    assert isinstance(orders, dict)
    assert sum(orders.values()) >= 2


def test_explain_tells_candidates_reasons_and_events(desk: Desk) -> None:
    desk.run("sync")
    (order,) = desk.sandbox.world.orders_of("shopify-eu")
    story = desk.json("explain", order.number)
    assert story["external_id"] == order.external_id
    (decision,) = story["routing"]  # type: ignore[misc]
    assert {one["site"] for one in decision["candidates"]} == {"LYS", "BER", "ORD", "LAX"}
    assert decision["reasons"]
    kinds = [event["kind"] for event in story["events"]]  # type: ignore[attr-defined]
    assert kinds[0] == "created"
    assert "allocated" in kinds
    assert order.buyer.email not in json.dumps(story)
    assert "Candidates" in desk.run("explain", order.number).stdout


def test_an_unknown_order_is_a_sentence_with_the_remedy(desk: Desk) -> None:
    result = desk.run("explain", "#0")
    assert result.exit_code == 1
    assert "`orderhub sync` reads the channels" in str(result.exception)


def test_quarantine_lists_shows_and_tries_again(desk: Desk) -> None:
    desk.run("sync")
    records = desk.json("quarantine", "list", "--resolved")["records"]
    assert isinstance(records, list)
    (record,) = records
    assert record["connection"] == "woo-de"
    shown = desk.json("quarantine", "show", str(record["number"]))
    assert shown["reason"] == record["reason"]
    assert json.loads(str(shown["raw"]))
    result = desk.run("quarantine", "retry", str(record["number"]))
    assert result.exit_code == 1, "the raw body is as broken as before"
    assert desk.run("quarantine", "retry").exit_code == 1


def stock_of(url: str) -> list[tuple[object, ...]]:
    """What every bin of every warehouse holds."""
    store = open_store(url)
    try:
        with store.read() as tx:
            columns = (stock_bins.c[name] for name in ("warehouse", "sku", "bin", "lot", "on_hand"))
            return sorted(tuple(row) for row in tx.execute(select(*columns)))
    finally:
        store.close()


def test_replay_fills_an_empty_store_and_refuses_a_full_one(desk: Desk, tmp_path: Path) -> None:
    desk.run("sync")
    into = f"sqlite:///{tmp_path}/replayed.db"
    found = desk.json("replay", "--into", into)
    assert (found["damaged"], found["unknown"]) == ([], [])
    assert stock_of(into) == stock_of(desk.store) != []
    assert found["created"] == sum(desk.json("status")["orders"].values())  # type: ignore[attr-defined]
    result = desk.run("replay", "--into", into)
    assert "name an empty one" in str(result.exception)


def test_normalize_prints_one_canonical_order_a_line(desk: Desk) -> None:
    result = desk.run("normalize", "woocommerce", str(EXAMPLE))
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["currency"] == "EUR"


def test_normalize_says_on_standard_error_what_failed_and_goes_on(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"id": 7, "date_created_gmt": "2026-02-30T00:00:00"}')
    result = desk.run("normalize", "woocommerce", str(broken), str(EXAMPLE))
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 1
    assert str(broken) in result.stderr


def test_normalize_goes_on_after_a_file_that_is_not_there_and_a_fault_of_the_mapping(
    desk: Desk, tmp_path: Path
) -> None:
    order = json.loads(EXAMPLE.read_text())
    local = tmp_path / "local.json"
    local.write_text(json.dumps(order | {"date_created_gmt": None, "date_created": "2026-11-02T10:30:00"}))
    files = [str(tmp_path / "missing.json"), str(tmp_path), str(local), str(EXAMPLE)]
    result = desk.run("normalize", "woocommerce", "--time-zone", "No/Where", *files)
    assert result.exit_code == 1
    assert [json.loads(line)["external_id"] for line in result.stdout.splitlines()] == ["963"]
    missing, folder, fault = result.stderr.splitlines()
    assert missing.endswith("missing.json: No such file or directory")
    assert folder == f"{tmp_path}: Is a directory"
    assert fault.startswith(f"{local}: record 1: mapping_failed: ")


def test_every_command_explains_itself() -> None:
    for command in app.registered_commands:
        result = CliRunner().invoke(app, [str(command.name), "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.stdout
