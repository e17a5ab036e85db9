from datetime import timedelta

import pytest

from order_store.engine import Store
from order_store.reading import abandon_window, begin_window, complete_window, move_bookmark, read_marks
from tests.order_store.conftest import NOW

HOUR = timedelta(hours=1)


def test_a_stream_that_was_never_read_has_no_marks(store: Store, shop: int) -> None:
    with store.read() as tx:
        marks = read_marks(tx, shop, "orders")
    assert (marks.watermark, marks.bookmark, marks.in_window) == (None, None, False)


def test_pages_move_the_bookmark_and_only_the_end_moves_the_watermark(store: Store, shop: int) -> None:
    with store.begin() as tx:
        begin_window(tx, shop, "orders", NOW - HOUR, NOW, NOW + HOUR)
        move_bookmark(tx, shop, "orders", "page-2", records=100, now=NOW + HOUR)
        marks = read_marks(tx, shop, "orders")
        assert (marks.watermark, marks.bookmark, marks.in_window) == (None, "page-2", True)
        assert (marks.window_since, marks.window_until) == (NOW - HOUR, NOW)
        move_bookmark(tx, shop, "orders", None, records=20, now=NOW + HOUR)
        marks = read_marks(tx, shop, "orders")
        assert (marks.window_pages, marks.window_records) == (2, 120)
        assert complete_window(tx, shop, "orders", NOW + HOUR) == NOW
        marks = read_marks(tx, shop, "orders")
        assert (marks.watermark, marks.bookmark, marks.in_window) == (NOW, None, False)


@pytest.mark.parametrize(
    ("started", "vendor", "reached"),
    [(HOUR, HOUR, timedelta()), (-HOUR, HOUR, -HOUR), (HOUR, -HOUR, -HOUR), (HOUR, None, timedelta())],
)
def test_the_watermark_is_the_earliest_of_window_hub_and_vendor(
    store: Store, shop: int, started: timedelta, vendor: timedelta | None, reached: timedelta
) -> None:
    with store.begin() as tx:
        begin_window(tx, shop, "orders", NOW - 9 * HOUR, NOW, NOW + started)
        move_bookmark(
            tx,
            shop,
            "orders",
            None,
            records=1,
            now=NOW,
            vendor_time=None if vendor is None else NOW + vendor,
        )
        move_bookmark(tx, shop, "orders", None, records=1, now=NOW, vendor_time=NOW - 5 * HOUR)
        assert complete_window(tx, shop, "orders", NOW, HOUR) == NOW + reached - HOUR


def test_the_watermark_never_goes_back(store: Store, shop: int) -> None:
    with store.begin() as tx:
        begin_window(tx, shop, "orders", NOW - HOUR, NOW, NOW)
        complete_window(tx, shop, "orders", NOW)
        begin_window(tx, shop, "orders", NOW - 3 * HOUR, NOW - 2 * HOUR, NOW)
        assert complete_window(tx, shop, "orders", NOW) == NOW


def test_an_abandoned_window_leaves_the_watermark(store: Store, shop: int) -> None:
    with store.begin() as tx:
        begin_window(tx, shop, "orders", NOW - HOUR, NOW, NOW)
        complete_window(tx, shop, "orders", NOW)
        begin_window(tx, shop, "orders", NOW, NOW + HOUR, NOW)
        move_bookmark(tx, shop, "orders", "dead", records=1, now=NOW)
        abandon_window(tx, shop, "orders", NOW)
        marks = read_marks(tx, shop, "orders")
        assert (marks.watermark, marks.bookmark, marks.in_window) == (NOW, None, False)
        with pytest.raises(ValueError, match="no window"):
            complete_window(tx, shop, "orders", NOW)
