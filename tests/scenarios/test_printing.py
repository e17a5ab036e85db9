"""Picklists on paper: once for each that is ready, again when bins or lots change, whoever else prints."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlalchemy import update

from order_store.schema.fulfilment import picks
from pipelines.prune import DRAFTS_KEPT
from pipelines.services.dispatch import dispatch
from pipelines.services.printing import PrintResult, print_picklists, remove_drafts
from pipelines.services.route import route_orders
from pipelines.services.warehouse import sync_shipments
from tests.scenarios.test_stock_and_routing import SPOON, ready

OpenStage = Callable[..., Any]
ORDERS = 12


def to_print(open_stage: OpenStage, orders: int) -> Any:  # noqa: ANN401
    """A stage whose WMS has so many picklists and has told bins and lots."""
    stage = open_stage("shopify-eu", "tryton-lyon")
    ready(stage, {"LYS": orders}, [[(SPOON, 1)]] * orders)
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stage.wait(minutes=15)
    sync_shipments(stage.hub, "tryton-lyon")
    return stage


def papers(stage: Any) -> list[Path]:  # noqa: ANN401
    return sorted(path for path in (stage.hub.state.parent / "picklists").rglob("*") if path.is_file())


def test_a_picklist_is_printed_once_and_again_when_its_places_change(open_stage: OpenStage) -> None:
    stage = to_print(open_stage, 1)
    assert print_picklists(stage.hub, "tryton-lyon") == PrintResult(ready=1, printed=1)
    assert print_picklists(stage.hub, "tryton-lyon") == PrintResult(ready=1, printed=0)
    (first,) = papers(stage)
    assert first.read_bytes().startswith(b"%PDF")
    with stage.hub.store.begin() as tx:
        tx.execute(update(picks).values(bin="ELSEWHERE"))
    assert print_picklists(stage.hub, "tryton-lyon") == PrintResult(ready=1, printed=1)
    (second,) = papers(stage)
    assert second != first


def test_several_may_print_the_same_at_once(open_stage: OpenStage) -> None:
    stage = to_print(open_stage, ORDERS)
    barrier = Barrier(4)

    def print_all(_: int) -> PrintResult:
        barrier.wait()
        return print_picklists(stage.hub, "tryton-lyon")

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(print_all, range(4)))
    assert {one.ready for one in results} == {ORDERS}
    found = papers(stage)
    assert len(found) == ORDERS
    assert all(path.read_bytes().rstrip().endswith(b"%%EOF") for path in found)


def test_the_draft_of_a_killed_print_is_deleted_and_one_that_is_being_written_is_not(
    open_stage: OpenStage,
) -> None:
    stage = to_print(open_stage, 1)
    print_picklists(stage.hub, "tryton-lyon")
    (paper,) = papers(stage)
    killed, written = (paper.with_suffix(f".{name}.part") for name in ("killed", "written"))
    hours = timedelta(hours=7).total_seconds()
    for draft, age in ((killed, hours), (written, 0), (paper, hours)):
        draft.touch()
        os.utime(draft, (time.time() - age, time.time() - age))
    before = datetime.now(UTC) - DRAFTS_KEPT
    assert remove_drafts(stage.hub, before) == 1
    assert papers(stage) == sorted((paper, written))
    assert remove_drafts(stage.hub, before) == 0
