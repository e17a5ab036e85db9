import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.contract import Page, RawRecord
from connectors.errors import StreamBroken
from connectors.excerpts import excerpt
from connectors.pagination import guarded

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def page(bookmark: str | None, *ids: str) -> Page:
    return Page("orders", tuple(RawRecord(i, i.encode()) for i in ids), NOW, bookmark=bookmark)


def test_different_pages_pass_in_order() -> None:
    pages = [page("2", "a", "b"), page("3", "c"), page(None)]
    assert list(guarded(iter(pages), "shop")) == pages


def test_s08_the_same_page_under_a_new_marker_stops_the_stream() -> None:
    def endless() -> Iterator[Page]:
        number = 0
        while True:
            number += 1
            yield page(str(number), "a", "b")

    read = guarded(endless(), "shop")
    next(read)
    with pytest.raises(StreamBroken, match="repeats a page of 2 records"):
        next(read)


def test_s08_a_marker_that_was_seen_already_stops_the_stream() -> None:
    read = guarded(iter([page("2", "a"), page("3", "b"), page("2", "c")]), "shop")
    next(read)
    next(read)
    with pytest.raises(StreamBroken, match="would not end"):
        next(read)


def test_a_changed_record_on_an_otherwise_equal_page_is_no_repeat() -> None:
    changed = Page("orders", (RawRecord("a", b"newer"),), NOW, bookmark=None)
    assert len(list(guarded(iter([page("2", "a"), changed]), "shop"))) == 2


def test_empty_pages_are_no_repeats_of_each_other() -> None:
    assert len(list(guarded(iter([page("2"), page("3"), page(None)]), "shop"))) == 3


def test_a_marker_that_cannot_be_read_stops_the_stream() -> None:
    """A word of ours in its place would be asked for as if it were the vendor's."""
    unreadable = excerpt(b'["\\ud83d"]')
    assert unreadable is not None
    marker = json.loads(unreadable.body)[0]
    with pytest.raises(StreamBroken, match="unreadable"):
        next(guarded(iter([page(marker, "a")]), "shop"))
