"""Guards against what happens twice, or late, that need a hub and vendors to be seen: as test_repeated."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import responses
from sqlalchemy import Connection, select

from analytics.publish import taken_at
from connectors.contract import Json, Outcome, Page, WriteResult
from connectors.errors import AnswerLost
from connectors.http import Answer, Request, Transport
from connectors.wms.shipbob import ShipBob
from order_store.leases import Lease
from order_store.outbox import State
from order_store.schema.fulfilment import outbox
from pipelines.problems import ProblemError
from pipelines.services import ingest, kpis, orders, reading
from pipelines.services.counts import PageCounts
from pipelines.services.dispatch import dispatch
from pipelines.services.printing import print_picklists
from pipelines.services.reading import LEASE, InTransaction, read_stream
from pipelines.services.route import route_orders
from tests.connectors.woocommerce_shop import Shop
from tests.faults.conftest import RecordFault
from tests.faults.crash.plays import Killed, OpenStage, both_ways, small_stage
from tests.scenarios.test_printing import papers, to_print
from tests.scenarios.test_stock_and_routing import OTHER, SPOON

Given = Any
"""What is handed through as it came."""
SHOP = "woo-de"


# --- reading


def test_a_reader_that_was_away_completes_no_window_of_another(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Another has read that window, and the first page of a newer one, and was killed."""

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu")
        placed = [stage.place("shopify-eu")]
        stage.wait(hours=1)
        pages: list[Page] = []

        def killed_at_the_third(page: Page, also: InTransaction) -> PageCounts:
            pages.append(page)
            if len(pages) > 2:
                raise Killed
            return stage.ingest(page, also)  # type: ignore[no-any-return]

        def away(page: Page, also: InTransaction) -> PageCounts:
            stage.wait(seconds=LEASE.total_seconds())
            placed.extend(stage.place("shopify-eu") for _ in range(3))
            stage.wait(minutes=20)
            with pytest.raises(Killed):
                read_stream(stage.hub, "shopify-eu", "orders", killed_at_the_third)
            return stage.ingest(page, also)  # type: ignore[no-any-return]

        read_stream(stage.hub, "shopify-eu", "orders", away)
        stage.wait(minutes=1)
        stage.read_changes("shopify-eu")
        return all(stage.knows(order) for order in placed)

    def as_if_held(_tx: Connection, lease: Given, *_given: Given) -> Given:
        return lease

    both_ways(holds, lambda: monkeypatch.setattr(reading, "renew_lease", as_if_held), record_fault)


def test_what_was_landed_and_not_applied_is_applied_before_what_is_read_then(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The reader was killed in between; then somebody deleted a line, of which the shop says nothing more."""

    def killed(*_given: Given) -> PageCounts:
        raise Killed

    def holds() -> bool:
        stage = small_stage(open_stage, SHOP)
        order = stage.place(SHOP, lines=[(SPOON, 2), (OTHER, 1)])
        stage.wait(hours=1)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(ingest, "_store", killed)
            stage.read_changes(SHOP)
        order.lines.pop()
        stage.world.touch(order)
        stage.wait(minutes=20)
        stage.read(SHOP)
        return [(line["ordered"], line["cancelled"]) for line in stage.stored(order).lines] == [
            (2, 0),
            (1, 1),
        ]

    def nothing(*_given: Given, **_named: Given) -> PageCounts:
        return PageCounts()

    both_ways(holds, lambda: monkeypatch.setattr(orders, "adopt_unrecorded", nothing), record_fault)


# --- sending


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mounted:
        yield mounted


def test_a_write_is_not_repeated_where_its_answer_was_lost(
    mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """It is in doubt, and looked up, instead of being sent again at once."""
    shop = Shop(mock)

    def holds() -> bool:
        (order,) = shop.place(1)
        shop.vendor.faults.switch_on("lost_answer")
        try:
            shop.tell(order)
        except AnswerLost:
            shop.tell(order)
        return [told.tracking_number for told in order.told] == ["1Z999AA10123456784"]

    send = Transport._send_once

    def repeatable(transport: Transport, request: Request, _repeatable: bool) -> Answer:
        return send(transport, request, True)

    both_ways(holds, lambda: monkeypatch.setattr(Transport, "_send_once", repeatable), record_fault)


def test_a_note_is_looked_for_where_a_shop_shows_no_tracking(
    mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The answer to the note was lost."""
    shop = Shop(mock, shipment_tracking=False)

    def holds() -> bool:
        (order,) = shop.place(1)
        shop.vendor.faults.switch_on("lost_answer")
        with pytest.raises(AnswerLost):
            shop.tell(order)
        return (shop.tell(order), len(order.notes_added)) == (Outcome.APPLIED, 1)

    def take_away() -> None:
        monkeypatch.setattr(type(shop.connector), "_note_id", lambda *_given: None)

    both_ways(holds, take_away, record_fault)


def test_a_push_that_shipbob_knows_and_does_not_show_yet_stays_in_doubt(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Its list is late: what counts as refused would be taken elsewhere, and shipped twice."""

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", "shipbob-us")
        stage.set_stock(SPOON, {"ORD": 5})
        stage.place("shopify-eu", lines=[(SPOON, 1)])
        stage.wait(minutes=15)
        stage.read("shopify-eu")
        stage.read_stock("shipbob-us")
        assert route_orders(stage.hub).picklists == 1
        stage.sandbox.fault("shipbob-us", "lost_answer")
        stage.sandbox.fault("shipbob-us", "late_visibility", 9)
        for _ in range(2):
            dispatch(stage.hub, "shipbob-us")
            stage.wait(minutes=2)
        stage.sandbox.vendors["shipbob-us"].faults.switch_off("late_visibility")
        dispatch(stage.hub, "shipbob-us")
        with stage.hub.store.read() as tx:
            return bool(tx.scalar(select(outbox.c.state)) == State.APPLIED)

    push = ShipBob._push

    def refused(shipbob: ShipBob, body: Json, reference: str) -> WriteResult:
        try:
            return push(shipbob, body, reference)
        except AnswerLost as error:
            if "does not list it" not in str(error):
                raise
            return WriteResult(Outcome.REJECTED, reason="the reference exists")

    both_ways(holds, lambda: monkeypatch.setattr(ShipBob, "_push", refused), record_fault)


def test_a_picklist_on_paper_has_its_name_only_when_it_is_whole(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Whoever prints is killed when half of the paper is written."""
    write_bytes = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        write_bytes(path, content[: len(content) // 2])
        raise Killed

    def holds() -> bool:
        stage = to_print(open_stage, 1)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Path, "write_bytes", half)
            print_picklists(stage.hub, "tryton-lyon")
        print_picklists(stage.hub, "tryton-lyon")
        printed = [path for path in papers(stage) if path.suffix == ".pdf"]
        return [path.read_bytes().rstrip().endswith(b"%%EOF") for path in printed] == [True]

    def itself(path: Path, _suffix: str) -> Path:
        return path

    both_ways(holds, lambda: monkeypatch.setattr(Path, "with_suffix", itself), record_fault)


def test_of_two_that_publish_at_once_the_newer_stays(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The newer is published between the older one's look and its rename; whoever is refused comes again."""

    def holds() -> bool:
        hub = small_stage(open_stage, SHOP).hub
        now = hub.clock.now()
        runs = {"older": now - timedelta(hours=1), "newer": now}
        for run, taken in runs.items():
            folder = kpis.run_folder(hub, run)
            folder.mkdir(parents=True)
            duckdb.connect(str(folder / "kpi.duckdb")).close()
            (folder / "taken_at").write_text(taken.isoformat())
        refused: list[str] = []

        def overtaken(_descriptor: int) -> None:
            patch.undo()
            try:
                kpis.publish_kpis(hub, "newer")
            except ProblemError:
                refused.append("newer")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", overtaken)
            kpis.publish_kpis(hub, "older")
        for run in refused:
            kpis.publish_kpis(hub, run)
        return taken_at(kpis.kpi_file(hub)) == now

    def whoever_asks(_tx: Connection, name: str, owner: str, now: datetime, _for: timedelta) -> Lease:
        return Lease(name, owner, 0, now)

    both_ways(holds, lambda: monkeypatch.setattr(kpis, "acquire_lease", whoever_asks), record_fault)
