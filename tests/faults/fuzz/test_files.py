"""The hub's own files, mutated: what can be read is read, the rest refused by the format's own error."""

import time
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from benchmarks.fuzz import fuzz
from benchmarks.fuzz_files import file_parsers
from order_store.catalogue_files import load_catalogue
from order_store.engine import open_store
from order_store.schema.catalogue import kit_components, sku_aliases, skus
from tests.faults.conftest import RecordFault

PAYLOADS = [b'{"id":%d,"lines":[{"sku":"TEA-1","quantity":%d}]}' % (number, number) for number in range(20)]
INPUTS = {
    "file.landing": 2_000,
    "file.landing_sealed": 1_000,
    "file.catalogue": 200,
    "file.hub_yaml": 30,
    "file.backup_manifest": 1_000,
    "file.backup_list": 1_000,
    "file.backup_rows": 1_000,
}
ALL = 100
"""Times as many with ALL=1."""


@pytest.mark.parametrize("name", INPUTS)
def test_every_mutated_file_is_read_or_refused(
    name: str, tmp_path: Path, everything: bool, record_fault: RecordFault
) -> None:
    inputs = INPUTS[name] * (ALL if everything else 1)
    parser, corpus = file_parsers(PAYLOADS, tmp_path)[name]
    seed = time.time_ns() if everything else 1
    tally = fuzz(parser, corpus, inputs, Random(seed))
    crashed = tally.counts["crashed"]
    record_fault(f"mutated file: {name}", times=inputs - crashed)
    if crashed:
        record_fault(f"mutated file: {name}", survived=False, times=crashed)
    assert tally.faults == {}, f"seed {seed}"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"sku\xff,title\r\nTEA-1,Tea\r\n", "skus.csv:1: cannot be read from here on"),
        (b"sku,title\r\nTEA-1,T\x00a\r\nCUP-1,Cup\r\n", "skus.csv:2: title holds a NUL character"),
        (b"sku,weight_g\r\nTEA-1,3000000000\r\nCUP-1,1\r\n", "skus.csv:2: weight_g has 10 characters"),
        (
            b"sku,valid_from\r\nTEA-1,0001-01-01T00:00:00+14:00\r\nCUP-1,\r\n",
            "skus.csv:2: '0001-01-01T00:00:00+14:00' is no date",
        ),
    ],
)
def test_what_no_database_takes_is_reported_and_the_rest_is_loaded(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "skus.csv").write_bytes(content)
    store = open_store(f"sqlite:///{tmp_path}/orders.db")
    skus.metadata.create_all(store.engine, tables=[skus, kit_components, sku_aliases])
    with store.begin() as tx:
        counts = load_catalogue(tx, tmp_path)
        loaded: list[str] = list(tx.scalars(select(skus.c.sku)))
    store.close()
    assert [str(one)[: len(told)] for one in counts.bad] == [told]
    assert loaded == (["CUP-1"] if b"CUP-1" in content else [])
