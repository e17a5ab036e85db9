"""Everything is lost, and comes back from a backup that was taken while the hub was at work (S35, S48)."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from order_store.outbox import State as Message
from order_store.schema.fulfilment import outbox, picklists
from pipelines.comparison import compare_with_truth
from pipelines.services.backup import make_backup
from pipelines.services.dispatch import dispatch
from pipelines.services.erase_again import erase_again
from pipelines.services.recover import is_pending
from pipelines.services.restore import restore_backup
from pipelines.services.route import route_orders
from pipelines.services.verify import verify_orders
from sandbox.ledger import ledger
from sandbox.registry import CHANNELS, CONNECTIONS, WMSS
from tests.scenarios.conftest import hub_of

OpenStage = Callable[..., Any]
SITES = {"tryton-lyon": "LYS", "shipbob-us": "ORD"}
SPOON = "SPOON-BRASS"


def lose_everything(stage: Any) -> None:  # noqa: ANN401
    """Store and landing are gone; keys and configuration lie elsewhere."""
    stage.hub.close()
    store = Path(stage.environ["ORDERHUB_STORE"].removeprefix("sqlite:///"))
    for file in store.parent.glob(f"{store.name}*"):
        file.unlink()
    shutil.rmtree(stage.environ["ORDERHUB_LANDING"])


def put_back(stage: Any, folder: Path) -> None:  # noqa: ANN401
    config, state, now = stage.hub.config, stage.hub.state, stage.clock.now()
    restore_backup(config, folder, state, now, also=erase_again(config, state, now))
    stage.hub = hub_of(stage.environ, stage.clock)


def place_some(stage: Any, count: int) -> None:  # noqa: ANN401
    for number in range(count):
        stage.place(list(CHANNELS)[number % 4])


def drain(stage: Any, rounds: int, **between: float) -> None:  # noqa: ANN401
    for _ in range(rounds):
        result = stage.cycle()
        assert result.failures == {}
        stage.wait(**between)


def test_all_is_lost_and_the_hub_agrees_with_its_vendors_again(open_stage: OpenStage, tmp_path: Path) -> None:
    """Orders are at every step when the backup is taken, and have gone on when everything is lost."""
    stage = open_stage(*CONNECTIONS, seed=11)
    place_some(stage, 6)
    stage.wait(minutes=15)
    drain(stage, 1, hours=5)
    place_some(stage, 4)
    stage.wait(minutes=15)
    drain(stage, 1, minutes=10)
    place_some(stage, 2)
    backup = make_backup(stage.hub, tmp_path / "backup")
    assert backup.missing == ()
    place_some(stage, 4)
    stage.wait(minutes=15)
    drain(stage, 3, hours=5)
    lose_everything(stage)
    put_back(stage, tmp_path / "backup")
    assert is_pending(stage.hub)
    verify_orders(stage.hub)
    assert dispatch(stage.hub, "tryton-lyon").sent == 0, "nothing goes out before the vendors were asked"
    drain(stage, 1, hours=1)
    assert not is_pending(stage.hub)
    drain(stage, 7, hours=15)
    stage.cycle()
    truth = ledger(stage.world)
    found = compare_with_truth(stage.hub.store, truth)
    assert [str(one) for one in found.divergences if "sum of" not in str(one)] == []
    assert truth["stray_parcels"] == []
    for order in truth["orders"]:
        told = Counter(order["told_tracking_numbers"])
        assert all(count == 1 for count in told.values()), order["external_id"]
    references = Counter(shipment.reference for shipment in stage.world.shipments.values())
    assert all(count == 1 for count in references.values())
    with stage.hub.store.read() as tx:
        assert tx.execute(select(outbox).where(outbox.c.settled_at.is_(None))).all() == []


@pytest.mark.parametrize("wms", WMSS)
def test_s35_s48_a_picklist_that_was_sent_after_the_backup_is_not_sent_twice(
    open_stage: OpenStage, wms: str, tmp_path: Path
) -> None:
    """The backup says that it waits; the WMS has it."""
    stage = open_stage(*CONNECTIONS, stocked={SPOON})
    stage.set_stock(SPOON, {SITES[wms]: 50})
    order = stage.place("shopify-eu", lines=[(SPOON, 2)], country="FR")
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    stage.read_stock(wms)
    verify_orders(stage.hub)
    assert route_orders(stage.hub).picklists == 1
    make_backup(stage.hub, tmp_path / "backup")
    assert dispatch(stage.hub, wms).applied == 1
    lose_everything(stage)
    put_back(stage, tmp_path / "backup")
    with stage.hub.store.read() as tx:
        (row,) = tx.execute(select(outbox)).all()
    assert row.state == Message.IN_DOUBT
    drain(stage, 3, minutes=10)
    assert len(stage.world.shipments_of(wms)) == 1
    drain(stage, 8, hours=5)
    assert len(stage.world.shipments_of(wms)) == 1
    assert order.told_units(order.lines[0].line_id) == 2


@pytest.mark.parametrize("wms", WMSS)
def test_a_picklist_that_the_backup_never_heard_of_is_taken_over(
    open_stage: OpenStage, wms: str, tmp_path: Path
) -> None:
    """It was routed, sent, shipped and confirmed after the backup; other stock would route it elsewhere."""
    stage = open_stage(*CONNECTIONS, stocked={SPOON})
    stage.set_stock(SPOON, {SITES[wms]: 50})
    stage.cycle()
    make_backup(stage.hub, tmp_path / "backup")
    order = stage.place("shopify-eu", lines=[(SPOON, 2)], country="FR")
    stage.wait(minutes=15)
    drain(stage, 6, hours=5)
    assert order.told_units(order.lines[0].line_id) == 2
    stage.set_stock(SPOON, {"BER": 50, "LAX": 50})
    lose_everything(stage)
    put_back(stage, tmp_path / "backup")
    drain(stage, 3, minutes=10)
    assert len(stage.world.shipments) == 1
    assert len(order.told) == 1
    stored = stage.stored(order)
    assert stored.row["status"] in ("shipped", "delivered")
    assert (stored.lines[0]["shipped"], stored.lines[0]["confirmed"]) == (2, 2)
    with stage.hub.store.read() as tx:
        (picklist,) = tx.execute(select(picklists)).all()
    assert (picklist.warehouse, picklist.state) == (SITES[wms], "shipped")
