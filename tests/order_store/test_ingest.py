import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from order_store.connections import connection_id
from order_store.engine import Store, open_store
from order_store.landing import Landing
from order_store.orders import find_order
from order_store.quarantine import list_quarantine
from order_store.reading import begin_window, move_bookmark, read_marks
from order_store.schema.orders import order_events, orders
from order_store.schema.reading import landing_files
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import Channel, adopt_unrecorded, ingest_page
from tests.order_store.conftest import NOW
from tests.order_store.raw import KillingMapping, PlainMapping, Wire, later, page

SHOP = Channel("shop", PlainMapping())


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


def stored(store: Store) -> dict[str, int]:
    """Revisions by external id."""
    with store.read() as tx:
        return {row.external_id: row.revision for row in tx.execute(select(orders))}


@pytest.mark.usefixtures("shop")
def test_a_page_is_landed_and_stored(store: Store, landing: Landing) -> None:
    counts = ingest_page(store, landing, SHOP, page(Wire(1), Wire(2)), now=NOW)
    assert counts == PageCounts(records=2, created=2)
    assert stored(store) == {"1": 1, "2": 1}
    (path,) = landing.paths("shop", "orders")
    assert [one.external_id for one in landing.read(path)] == ["1", "2"]
    counts = ingest_page(store, landing, SHOP, page(Wire(1), Wire(2, 2, 5), Wire(3), at=later(5)), now=NOW)
    assert counts == PageCounts(records=3, created=1, updated=1, unchanged=1)


@pytest.mark.usefixtures("shop")
def test_an_empty_page_moves_the_bookmark_and_lands_nothing(store: Store, landing: Landing) -> None:
    seen = []
    assert ingest_page(store, landing, SHOP, page(), now=NOW, also=seen.append) == PageCounts()
    assert len(seen) == 1
    assert landing.paths() == []


@pytest.mark.usefixtures("shop")
def test_s13_one_bad_order_does_not_hold_up_the_others(store: Store, landing: Landing) -> None:
    bad = page(Wire(1), Wire(2, quantity=0), b"<html>", Wire(4, quantity=-1, note="Ada"), Wire(5))
    counts = ingest_page(store, landing, SHOP, bad, now=NOW)
    assert (counts.created, counts.quarantined, counts.vanished) == (2, 3, 0)
    with store.read() as tx:
        rows = {row.failure.external_id: row.failure for row in list_quarantine(tx)}
    assert {key: row.reason for key, row in rows.items()} == {
        "2": "sums_differ",
        "broken": "undecodable",
        "4": "mapping_failed",
    }
    assert "Ada" not in str(rows)
    assert landing.read_one(rows["broken"].path, rows["broken"].offset).payload == b"<html>"


@pytest.mark.usefixtures("shop")
def test_a_later_good_version_ends_the_quarantine(store: Store, landing: Landing) -> None:
    ingest_page(store, landing, SHOP, page(Wire(1, quantity=0), at=later(2)), now=NOW)
    ingest_page(store, landing, SHOP, page(Wire(1, quantity=1), at=later(1)), now=NOW)
    with store.read() as tx:
        assert len(list_quarantine(tx)) == 1  # the good version is the older one
    ingest_page(store, landing, SHOP, page(Wire(1, 2), at=later(3)), now=NOW)
    with store.read() as tx:
        assert list_quarantine(tx) == []


@pytest.mark.usefixtures("shop")
def test_a_bad_version_older_than_a_good_one_asks_for_nothing(store: Store, landing: Landing) -> None:
    ingest_page(store, landing, SHOP, page(Wire(1, 2), at=later(3)), now=NOW)
    ingest_page(store, landing, SHOP, page(Wire(1, quantity=0), at=later(1)), now=NOW)
    with store.read() as tx:
        assert list_quarantine(tx) == []
        assert [row.resolution for row in list_quarantine(tx, resolved=True)] == ["normalized"]


@pytest.mark.usefixtures("shop")
def test_what_the_database_cannot_hold_is_quarantined_alone(store: Store, landing: Landing) -> None:
    huge = page(Wire(1), Wire(2, quantity=2**60), Wire(3))
    counts = ingest_page(store, landing, SHOP, huge, now=NOW)
    assert (counts.created, counts.quarantined) == (2, 1)
    with store.read() as tx:
        (row,) = list_quarantine(tx)
    assert (row.failure.external_id, row.failure.reason) == ("2", "store_refused")
    assert stored(store) == {"1": 1, "3": 1}


def _killed(url: str, folder: Path, point: str) -> None:
    store, landing = open_store(url), Landing(folder)
    channel = Channel("shop", KillingMapping(3) if point == "before the transaction" else PlainMapping())

    def also(tx: Connection) -> None:
        _move(tx)
        if point == "inside the transaction":
            os.kill(os.getpid(), signal.SIGKILL)

    ingest_page(store, landing, channel, page(Wire(1), Wire(2), Wire(3)), now=NOW, also=also)
    os.kill(os.getpid(), signal.SIGKILL)  # after the transaction, before anybody is told


def _move(tx: Connection) -> None:
    move_bookmark(tx, connection_id(tx, "shop"), "orders", "page-2", records=3, now=NOW)


@pytest.mark.parametrize("point", ["before the transaction", "inside the transaction", "after it"])
@pytest.mark.parametrize("read_again", [True, False], ids=["read again", "never shown again"])
def test_s44_killed_while_ingesting(
    store: Store, store_url: str, shop: int, landing: Landing, tmp_path: Path, point: str, read_again: bool
) -> None:
    with store.begin() as tx:
        begin_window(tx, shop, "orders", later(-60), later(0), NOW)
    process = multiprocessing.get_context("spawn").Process(
        target=_killed, args=(store_url, tmp_path / "landing", point)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with store.read() as tx:
        bookmark = read_marks(tx, shop, "orders").bookmark
        applied = tx.scalar(select(func.count()).select_from(orders))
    assert (bookmark, applied) == (("page-2", 3) if point == "after it" else (None, 0))
    # the next run
    adopted = adopt_unrecorded(store, landing, SHOP, now=NOW)
    assert adopted.created == (0 if point == "after it" else 3)
    if read_again:
        again = page(Wire(1), Wire(2), Wire(3), at=later(1))
        assert ingest_page(store, landing, SHOP, again, now=NOW, also=_move).unchanged == 3
    assert adopt_unrecorded(store, landing, SHOP, now=NOW) == PageCounts()
    assert stored(store) == {"1": 1, "2": 1, "3": 1}
    with store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(order_events)) == 3
        assert set(tx.scalars(select(landing_files.c.path))) == set(landing.paths())


@pytest.mark.usefixtures("shop")
def test_a_file_that_is_cut_off_gives_what_it_holds(store: Store, landing: Landing, tmp_path: Path) -> None:
    records = [(record.external_id, record.payload) for record in page(Wire(1), Wire(2)).records]
    file = landing.land("shop", "orders", later(0), records)
    path = tmp_path / "landing" / file.path
    path.write_bytes(path.read_bytes()[:-12])
    assert adopt_unrecorded(store, landing, SHOP, now=NOW).created == 1
    assert adopt_unrecorded(store, landing, SHOP, now=NOW) == PageCounts()


@pytest.mark.usefixtures("shop")
def test_s16_reading_the_same_again_makes_no_change(store: Store, landing: Landing) -> None:
    ingest_page(store, landing, SHOP, page(Wire(1)), now=NOW)
    for minute in range(1, 4):
        counts = ingest_page(store, landing, SHOP, page(Wire(1), at=later(minute)), now=NOW)
        assert counts == PageCounts(records=1, unchanged=1)
    with store.read() as tx:
        found = find_order(tx, "shop", "1")
    assert found is not None
    assert found.row["revision"] == 1
