"""Who is to be erased: found by name or by policy in time, never a stranger, and missed if it was undone."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from order_store.schema.orders import orders
from pipelines.problems import ProblemError
from pipelines.services.doctor import examine, repair
from pipelines.services.erase import REQUEST, erase_due, erase_orders
from pipelines.services.privacy import find_orders, find_person
from sandbox.registry import CONNECTIONS
from tests.scenarios.conftest import hub_of
from tests.scenarios.test_privacy import CANARY, delivered_orders, ids_of

OpenStage = Callable[..., Any]


def test_policy_erases_amazons_people_within_thirty_days_of_delivery(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=11)
    placed = delivered_orders(stage)
    erase_due(stage.hub)
    assert all(stage.stored(order).order.buyer for order in placed), "nobody's time has run out"
    stage.wait(days=30)
    overdue = [one for one in examine(stage.hub, vendors=False) if one.check == "erasure_overdue"]
    assert [one.record for one in overdue] == ["amazon-uk"]
    assert [one.error for one in repair(stage.hub, overdue)] == [None]
    assert [one for one in examine(stage.hub, vendors=False) if one.check.startswith("erasure")] == []
    for order in placed:
        erased = stage.stored(order).order.buyer is None
        assert erased == (order.channel == "amazon-uk"), order.channel
    stage.wait(days=160)
    erase_due(stage.hub)
    assert not any(stage.stored(order).order.buyer for order in placed)
    assert erase_due(stage.hub).orders == 0


def test_a_number_that_several_people_have_is_refused(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "woo-de")
    placed = [stage.place(channel, canary=CANARY) for channel in ("shopify-eu", "woo-de")]
    stage.wait(minutes=15)
    for order in placed:
        stage.read(order.channel)
    ids = ids_of(stage, placed)
    with stage.hub.store.begin() as tx:
        tx.execute(update(orders).values(number="1001"))
    with stage.hub.store.read() as tx:
        with pytest.raises(ProblemError) as told:
            find_person(tx, "1001")
        for order, order_id in zip(placed, ids, strict=True):
            name = f"{order.channel}/{order.external_id}"
            assert name in str(told.value)
            assert find_orders(tx, name) == [order_id]
            assert order_id in find_orders(tx, order.buyer.email)


def test_amazons_clock_runs_for_an_order_of_which_only_a_part_has_left(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=11)
    placed = delivered_orders(stage)
    with stage.hub.store.begin() as tx:
        tx.execute(update(orders).values(status="held"))
    stage.wait(days=190)
    erase_due(stage.hub)
    for order in placed:
        assert (stage.stored(order).order.buyer is None) == (order.channel == "amazon-uk"), order.channel


def test_erased_people_whose_keys_are_back_are_found_and_erased_again(open_stage: OpenStage) -> None:
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    folder = stage.hub.state.parent / "keys"
    stage.hub.close()
    shutil.copy(folder / "keys.db", folder.parent / "older.db")
    stage.hub = hub_of(stage.environ, stage.clock)
    erase_orders(stage.hub, ids_of(stage, [order]), REQUEST)
    stage.hub.close()
    (folder / "erasures").rename(folder / "away")
    with pytest.raises(ProblemError, match=r"keys\.erasures"):
        hub_of(stage.environ, stage.clock)
    for file in folder.glob("keys.db*"):
        file.unlink()
    shutil.copy(folder.parent / "older.db", folder / "keys.db")
    stage.hub = hub_of(stage.environ, stage.clock)
    found = [one for one in examine(stage.hub, vendors=False) if one.check == "erasure_undone"]
    assert len(found) == 1
    assert [one.error for one in repair(stage.hub, found)] == [None]
    assert [one for one in examine(stage.hub, vendors=False) if one.check == "erasure_undone"] == []
