"""Guards of reading, printing and publishing against what is interrupted, or comes late: as test_repeated."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Connection

from analytics.publish import taken_at
from connectors.contract import Page
from order_store.leases import Lease
from pipelines.problems import ProblemError
from pipelines.services import ingest, kpis, orders, reading
from pipelines.services.counts import PageCounts
from pipelines.services.printing import print_picklists
from pipelines.services.reading import LEASE, InTransaction, read_stream
from tests.faults.conftest import RecordFault
from tests.faults.crash.plays import Killed, OpenStage, both_ways, small_stage
from tests.scenarios.test_printing import papers, to_print
from tests.scenarios.test_stock_and_routing import OTHER, SPOON

Given = Any
"""What is handed through as it came."""
SHOP, WMS = "woo-de", "tryton-lyon"


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
            print_picklists(stage.hub, WMS)
        print_picklists(stage.hub, WMS)
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
