"""One order holds a value that no JSON decoder reads: it waits in quarantine, and the others go on."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from connectors.errors import StreamBroken
from order_store.connections import connection_id
from order_store.reading import read_marks
from order_store.schema.reading import quarantine
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest
from tests.scenarios.conftest import OpenStage, Stage

CHANNELS = ("amazon-uk", "shopify-eu", "woo-de", "vendure-us")
WORD = "spoilt"
VALUES = {
    "lists in lists": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "half a character": b'"\\ud83d"',
    "no number": b"NaN",
    "a control character": b'"a\x01"',
}
PAGE = 100


class SpoiltVendor:
    """A vendor of the sandbox, behind something that spoils what it answers."""

    def __init__(self, vendor: Vendor, spoil: Callable[[bytes], bytes]) -> None:
        self._vendor = vendor
        self._spoil = spoil

    def __getattr__(self, name: str) -> object:
        return getattr(self._vendor, name)

    def handle(self, request: VendorRequest) -> VendorAnswer:
        answer = self._vendor.handle(request)
        return replace(answer, body=self._spoil(answer.body))


def spoil(stage: Stage, channel: str, change: Callable[[bytes], bytes]) -> Vendor:
    """Spoil a channel's answers from now on; returns the vendor as it was."""
    vendor = stage.sandbox.vendors[channel]
    stage.sandbox.vendors[channel] = SpoiltVendor(vendor, change)  # type: ignore[assignment]
    return vendor


def instead_of_marked(value: bytes) -> Callable[[bytes], bytes]:
    """Puts a value in the place of every text that holds the marked buyer's word."""
    marked = re.compile(rb'"[^"]*' + WORD.encode() + rb'[^"]*"', re.IGNORECASE)
    return lambda body: marked.sub(lambda _: value, body)


def in_quarantine(stage: Stage) -> list[tuple[str, str]]:
    """Reason and id of what waits there."""
    with stage.hub.store.read() as tx:
        found = tx.execute(select(quarantine).where(quarantine.c.resolved_at.is_(None)))
        return [(row.reason, row.external_id) for row in found]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_record_is_quarantined_and_its_page_goes_on(
    open_stage: OpenStage, channel: str, value: bytes
) -> None:
    stage = open_stage(channel)
    before, bad, after = stage.place(channel), stage.place(channel, canary=WORD), stage.place(channel)
    healthy = spoil(stage, channel, instead_of_marked(value))
    stage.wait(minutes=15)
    counts = stage.read(channel)
    assert stage.knows(before)
    assert stage.knows(after)
    assert not stage.knows(bad)
    assert counts.quarantined >= 1
    assert in_quarantine(stage) == [("undecodable", bad.external_id)]
    landed = [record for path in stage.hub.landing.paths() for record in stage.hub.landing.read(path)]
    assert any(value in one.payload for one in landed if one.external_id == bad.external_id)
    assert not any(b"orderhub-unreadable" in one.payload for one in landed)

    stage.sandbox.vendors[channel] = healthy
    stage.wait(hours=2)
    stage.ingest(stage.fetch(bad))
    assert stage.knows(bad)
    assert in_quarantine(stage) == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_pages_behind_it_are_read(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    orders = [stage.place(channel, canary=WORD if number == 3 else None) for number in range(PAGE + 5)]
    spoil(stage, channel, instead_of_marked(VALUES["lists in lists"]))
    stage.wait(minutes=15)
    stage.read(channel)
    assert [number for number, order in enumerate(orders) if not stage.knows(order)] == [3]
    assert in_quarantine(stage) == [("undecodable", orders[3].external_id)]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    "change",
    [lambda body: body[:-10] if WORD.encode() in body else body, lambda body: body.replace(b":", b"=")],
    ids=["cut off", "no JSON at all"],
)
def test_a_page_that_cannot_be_divided_stops_the_stream_and_moves_nothing(
    open_stage: OpenStage, channel: str, change: Callable[[bytes], bytes]
) -> None:
    """Nobody can tell which orders such a page held: it is asked for again until it can be read."""
    stage = open_stage(channel)
    orders = [stage.place(channel, canary=WORD) for _ in range(3)]
    stage.wait(minutes=15)
    if channel != "woo-de":
        stage.fetch(orders[0])  # logs in while answers are whole
    healthy = spoil(stage, channel, change)
    for _ in range(2):
        with pytest.raises(StreamBroken):
            stage.read(channel)
        with stage.hub.store.begin() as tx:
            marks = read_marks(tx, connection_id(tx, channel), "orders")
        assert (marks.watermark, marks.bookmark) == (None, None)
        assert not any(map(stage.knows, orders))
    stage.sandbox.vendors[channel] = healthy
    stage.read(channel)
    assert all(map(stage.knows, orders))
    assert in_quarantine(stage) == []
