"""Buyers with a name that stands nowhere else are searched for in all that the hub writes: nobody is found.

The jobs run in Dagster with failures of every kind: records that cannot be understood, orders that are held,
messages that are refused in words that quote the buyer, a vendor that is down.
"""

import base64
import io
import logging
import re
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import zstandard
from pypdf import PdfReader
from sqlalchemy import select

from order_store.orders import load_orders
from order_store.outbox import messages
from order_store.schema.fulfilment import outbox
from order_store.schema.orders import orders
from order_store.schema.reading import quarantine
from sandbox.buyers import Wish, place_order
from sandbox.world import ShopOrder
from tests.pipelines.dagster_hub import CHANNELS, Works, opened_works

pytestmark = pytest.mark.filterwarnings(
    "ignore:AssetExecutionContext.op is deprecated:DeprecationWarning"  # dagster-dbt calls it
)
CANARY = "Zilpzalp"
JOBS = ("main", "fulfil", "sync_shipbob_us", "fulfil", "prune_history")


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    with opened_works(tmp_path, monkeypatch) as found:
        yield found


def canaries(works: Works, each: int = 4) -> list[ShopOrder]:
    placed = []
    for channel in CHANNELS:
        for number in range(each):
            wish = Wish(
                payment="captured", by_channel=False, canary=CANARY, country="US" if number % 2 else None
            )
            placed.append(place_order(works.sandbox.world, channel, wish))
    return placed


def words_of(placed: list[ShopOrder]) -> set[bytes]:
    """What of the buyers may stand nowhere."""
    people = [person for order in placed for person in (order.buyer, order.ship_to)]
    words = {CANARY} | {person.email for person in people}
    words |= {person.phone for person in people if person.phone}
    words |= {re.sub(r"\D", "", person.phone)[-9:] for person in people if person.phone}
    return {form.encode() for word in words for form in (word, word.lower(), word.upper())}


def readings(path: Path) -> Iterator[bytes]:
    """A file's bytes, and whatever can be unpacked of them."""
    content = path.read_bytes()
    yield content
    if path.suffix == ".pdf":
        yield "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as database:
            for schema, name in database.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
            ).fetchall():
                yield repr(database.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()).encode()
    if path.suffix == ".parquet":
        yield repr(duckdb.sql(f"SELECT * FROM '{path}'").fetchall()).encode()
    for match in re.finditer(re.escape(zstandard.FRAME_HEADER), content):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(content[match.start() :])
        except zstandard.ZstdError:
            continue
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content):
        try:
            yield zlib.decompressobj().decompress(content[match.start() :])
        except zlib.error:
            continue
    for match in re.finditer(rb"[A-Za-z0-9+/]{40,}={0,2}", content):
        try:
            yield base64.b64decode(match[0])
        except ValueError:
            continue


def found_in(folder: Path, words: set[bytes]) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): word
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for text in readings(path)
        for word in words
        if word in text
    }


def test_no_canary_is_found_anywhere(
    works: Works, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    placed = canaries(works)
    for channel, fault in zip(
        CHANNELS, ("broken_record", "missing_address", "server_error", "broken_record"), strict=True
    ):
        works.sandbox.fault(channel, fault, 3)
    works.sandbox.fault("shipbob-us", "quoting_refusal", 3)
    works.sandbox.fault("shipbob-us", "lost_answer", 2)
    works.sandbox.fault("tryton-lyon", "server_error", 2)
    for job in JOBS:
        works.run(job)
        works.sandbox.simulation.advance(timedelta(hours=20))

    with works.hub() as hub, hub.store.read() as tx:
        known = load_orders(tx, list(tx.scalars(select(orders.c.id))))
        told = [one.order.buyer.name or "" for one in known.values() if one.order.buyer]
        assert sum(CANARY in name for name in told) >= 8, "with the keys they are there"
        assert tx.scalar(select(quarantine.c.id).limit(1)), "some were not understood"
        reasons = " ".join(row.reason or "" for row in messages(tx))
        assert "no such address" in reasons, "and some were refused with the buyer's name"
        assert tx.scalar(select(outbox.c.id).limit(1))
    words = words_of(placed)
    assert found_in(works.home, words) == {}
    logged = (caplog.text + "".join(capfd.readouterr())).encode()
    assert len(logged) > 1_000
    assert [word for word in words if word in logged] == []


def test_the_search_would_find_them(works: Works, tmp_path: Path) -> None:
    """In a landing and a store without keys, and in what they are packed in."""
    placed = canaries(works, 1)
    words = words_of(placed)
    for number, content in enumerate(
        (
            repr(placed[0]).encode(),
            zlib.compress(repr(placed[0]).encode()),
            b"head" + zstandard.compress(repr(placed[0]).encode()),
            base64.b64encode(repr(placed[0]).encode()),
        )
    ):
        (tmp_path / f"planted-{number}").write_bytes(content)
        duckdb.sql(f"COPY (SELECT '{CANARY}' AS name) TO '{tmp_path}/planted.parquet'")
    assert {name for name in found_in(tmp_path, words) if name.startswith("planted")} == {
        "planted-0",
        "planted-1",
        "planted-2",
        "planted-3",
        "planted.parquet",
    }
