"""A person in a record of which no order could be made can be told what is kept, and erased."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from typer.testing import CliRunner

from order_store.quarantine import list_quarantine
from pipelines.cli.app import app
from pipelines.problems import ProblemError
from pipelines.services.erase import erase_due
from sandbox.world import ShopOrder
from tests.scenarios.conftest import hub_of

OpenStage = Callable[..., Any]
CANARY = "Zilpzalp"
NEVER = "\nprivacy: { erase_after_delivery_days: null }\n"


@pytest.fixture
def unread(open_stage: OpenStage) -> tuple[Any, ShopOrder]:
    """A hub that erases on request only, and an order that it could not understand."""
    stage = open_stage("woo-de", config=lambda text: text + NEVER)
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.sandbox.fault("woo-de", "broken_record", 9)
    stage.read("woo-de")
    assert len(stage.quarantined()) == 1
    return stage, order


def landed(stage: Any) -> bytes:  # noqa: ANN401
    """Everything that landing gives away."""
    paths = stage.hub.landing.paths()
    return b"".join(record.payload for path in paths for record in stage.hub.landing.read(path))


def test_it_is_exported_and_erased_by_command(
    unread: tuple[Any, ShopOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, order = unread
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)
    who = f"woo-de/{order.external_id}"

    def run(*arguments: str) -> Any:  # noqa: ANN401
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    told = run("export", who, "--raw")
    assert told["orders"] == []
    (record,) = told["quarantined"]
    assert CANARY in record["payload"]
    assert record["payload"] in [one["payload"] for one in told["records"]]

    assert run("erase", who, "--yes", "--json") == {"orders": 0, "keys": 0, "unclaimed": 1}
    stage.hub.close()  # it remembers keys for a while
    stage.hub = hub_of(stage.environ, stage.clock)
    assert CANARY.encode() not in landed(stage)
    assert stage.quarantined() == []
    assert run("export", who)["quarantined"][0]["payload"] is None
    assert isinstance(CliRunner().invoke(app, ["export", "woo-de/0"]).exception, ProblemError)
    log = {row["purpose"]: row["order_ids"] for row in run("keys", "log", "--json")["reads"]}
    assert log["export of quarantined records"] == "1"


def test_who_was_erased_is_not_landed_again_by_the_next_read(unread: tuple[Any, ShopOrder]) -> None:
    stage, order = unread
    stage.hub.keys.destroy([("woo-de", order.external_id)])
    stage.world.touch(order)
    stage.wait(minutes=15)
    stage.read("woo-de")
    assert CANARY.encode() not in landed(stage)


def test_it_is_erased_in_time_where_orders_are_erased_on_request_only(
    unread: tuple[Any, ShopOrder],
) -> None:
    stage, _order = unread

    def aged(days: int) -> int:
        file = stage.hub.state.parent / "keys" / "keys.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute(
                "UPDATE data_keys SET created_at = created_at - ? WHERE connection <> ''",
                (days * 86_400_000_000,),
            )
        return int(erase_due(stage.hub).unclaimed)

    assert aged(179) == 0
    assert CANARY.encode() in landed(stage)
    assert aged(2) == 1
    assert CANARY.encode() not in landed(stage)
    assert stage.quarantined() == []


def test_who_looks_at_a_record_is_written_to_the_access_log(
    unread: tuple[Any, ShopOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, order = unread
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)
    with stage.hub.store.read() as tx:
        (record,) = list_quarantine(tx)
    shown = CliRunner().invoke(app, ["quarantine", "show", str(record.id)])
    assert CANARY in shown.stdout
    purposes = {one.purpose: one.order_ids for one in stage.hub.keys.log.newest()}
    assert purposes["show a quarantined record"] == str(record.id)

    stage.hub.keys.destroy([("woo-de", order.external_id)])
    again = CliRunner().invoke(app, ["quarantine", "show", str(record.id)])
    assert isinstance(again.exception, ProblemError)
