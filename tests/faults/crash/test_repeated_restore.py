"""Guards of a store that comes back from a backup: as test_repeated.

The vendors know more than it does, and nothing of that may be done a second time.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from connectors.wms.tryton_picklists import Picklists
from order_store.outbox import State
from order_store.schema.fulfilment import outbox
from pipelines.services import cycle, recover, restore
from pipelines.services.backup import make_backup
from pipelines.services.dispatch import dispatch
from pipelines.services.route import route_orders
from tests.faults.conftest import RecordFault
from tests.faults.crash.guards import GUARDS, PUSHES_BLINDLY
from tests.faults.crash.plays import OpenStage, Stage, both_ways, small_stage
from tests.scenarios.test_backup import lose_everything, put_back
from tests.scenarios.test_stock_and_routing import SPOON, ready

Given = Any
"""What is handed through as it came."""


def restored(stage: Stage, folder: Path) -> None:
    """All is lost, and comes back from the backup."""
    lose_everything(stage)
    put_back(stage, folder)
    shutil.rmtree(folder)


def rounds(stage: Stage, times: int) -> None:
    for _ in range(times):
        stage.cycle()
        stage.wait(minutes=10)


def test_what_waits_in_a_restored_store_may_have_been_sent(
    open_stage: OpenStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """It was. Tryton's push would look itself whether it was, and alone suffice."""
    monkeypatch.setattr(Picklists, "push", Picklists.push)  # is put back at the end
    GUARDS[PUSHES_BLINDLY].take_away()

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", "tryton-lyon")
        ready(stage, {"LYS": 5}, [[(SPOON, 1)]])
        assert route_orders(stage.hub).picklists == 1
        make_backup(stage.hub, tmp_path / "backup")
        assert dispatch(stage.hub, "tryton-lyon").applied == 1
        restored(stage, tmp_path / "backup")
        rounds(stage, 2)
        return len(stage.world.shipments) == 1

    mark = restore.mark_restored

    def as_it_was(tx: Connection, *given: Given) -> int:
        mark(tx, *given)
        doubtful = outbox.c.state == State.IN_DOUBT
        return tx.execute(update(outbox).where(doubtful).values(state=State.PENDING, sent_at=None)).rowcount

    both_ways(holds, lambda: monkeypatch.setattr(restore, "mark_restored", as_it_was), record_fault)


def sent_after_backup(stage: Stage, folder: Path, before: dict[str, int], after: dict[str, int]) -> None:
    """The backup was taken while stock lay in one place; the order went out when it lay in another."""
    stage.set_stock(SPOON, before)
    stage.cycle()
    make_backup(stage.hub, folder)
    stage.set_stock(SPOON, after)
    stage.place("shopify-eu", lines=[(SPOON, 1)], country="FR")
    stage.wait(minutes=15)
    stage.cycle()
    assert [shipment.site for shipment in stage.world.shipments.values()] == list(after)


def test_what_a_warehouse_has_in_the_hubs_name_is_taken_over(
    open_stage: OpenStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The restored store never heard of it, and would have another warehouse ship it."""

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", "tryton-lyon")
        sent_after_backup(stage, tmp_path / "backup", {}, {"LYS": 5})
        stage.set_stock(SPOON, {"BER": 5})
        restored(stage, tmp_path / "backup")
        rounds(stage, 2)
        return len(stage.world.shipments) == 1

    both_ways(holds, lambda: monkeypatch.setattr(recover, "adopt_unknown", lambda *_given: 0), record_fault)


def test_nothing_is_decided_before_every_warehouse_was_asked(
    open_stage: OpenStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The WMS that has the picklist does not answer when the store is back."""

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", "tryton-lyon", "shipbob-us")
        sent_after_backup(stage, tmp_path / "backup", {"ORD": 5}, {"LYS": 5})
        restored(stage, tmp_path / "backup")
        stage.set_stock(SPOON, {"ORD": 5})
        stage.sandbox.fault("tryton-lyon", "server_error", 999)
        rounds(stage, 1)
        stage.sandbox.vendors["tryton-lyon"].faults.switch_off("server_error")
        rounds(stage, 2)
        return len(stage.world.shipments) == 1

    both_ways(holds, lambda: monkeypatch.setattr(cycle, "is_pending", lambda _hub: False), record_fault)
