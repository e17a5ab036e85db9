"""The files that a hub reads, mutated: landing, sealed or not, the catalogue's CSV files, hub.yaml, backups.

What can be read is read, and what cannot is refused by each format's own error.
"""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec

from benchmarks.fuzz_backups import backup_parsers
from benchmarks.fuzz_checks import Parser, Record, promise
from benchmarks.fuzz_corpus import Corpus, Seed
from benchmarks.fuzz_mutations import paths_of
from benchmarks.keyed import keys_in
from order_store.catalogue_files import CatalogueCounts, load_catalogue
from order_store.engine import open_store
from order_store.keys import KeyStore
from order_store.landing import Landing, LandingDamaged
from order_store.schema.catalogue import kit_components, sku_aliases, skus
from pipelines.config import ConfigError, load_config
from pipelines.config_file import read_document
from pipelines.sandbox_secrets import SANDBOX_CONFIG, sandbox_environ

LANDED = "shop/orders/2026-11-02/00000000000000001-00000000.land"
LANDED_AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
CATALOGUE = ("skus.csv", "kits.csv", "aliases.csv")
CELLS: Mapping[str, Sequence[Sequence[str]]] = {
    "skus.csv": (
        ("sku", "title", "weight_g", "length_mm", "hazardous", "lot_tracked", "valid_from", "valid_to"),
        ("TEA-1", "Tea", "250", "120", "", "true", "2026-01-01", ""),
        ("CUP-1", 'A "large", blue cup', "400", "", "false", "0", "", "2027-01-01T00:00:00+01:00"),
        ("POT-1", "Pot", "1200", "300", "yes", "no", "", ""),
    ),
    "kits.csv": (
        ("kit", "sku", "units", "valid_from"),
        ("SET-1", "TEA-1", "2", ""),
        ("SET-1", "CUP-1", "1", "2026-06-01"),
    ),
    "aliases.csv": (
        ("connection", "channel_sku", "sku"),
        ("shopify-eu", "tea", "TEA-1"),
        ("shopify-eu", "set", "SET-1"),
    ),
}


def file_parsers(payloads: Sequence[bytes], home: Path) -> Mapping[str, tuple[Parser, Corpus]]:
    """A parser for each kind of file, and what it begins with.

    Args:
        payloads: Vendors' records, for landing files.
        home: A folder for the files, and for the store that the catalogue is loaded into.
    """
    folder = Path(tempfile.mkdtemp(dir=home))  # several processes may do so at once
    return {
        "file.landing": _landing("file.landing", payloads, None),
        "file.landing_sealed": _landing("file.landing_sealed", payloads, keys_in(folder, wanted=True)),
        "file.catalogue": (_catalogue(folder), Corpus(_csv_seeds(), ())),
        "file.hub_yaml": (_hub_yaml(folder), Corpus(_yaml_seeds(), ())),
        **backup_parsers(folder),
    }


# --- landing


def _landing(name: str, payloads: Sequence[bytes], keys: KeyStore | None) -> tuple[Parser, Corpus]:
    files: Any = fsspec.filesystem("memory")
    landing = Landing("memory://fuzzed", keys)

    def parse(raw: bytes) -> list[Record]:
        files.pipe_file(f"/fuzzed/{LANDED}", raw)
        records, whole = landing.salvage(LANDED)
        for record in records:
            promise(record.observed_at.utcoffset() is not None, "a record's time is aware")
            again = landing.read_one(LANDED, record.offset)
            promise(again.payload == record.payload, "a record read alone is the same")
        for offset in (0, len(raw) // 2, len(raw)):
            try:
                landing.read_one(LANDED, offset)
            except LandingDamaged:
                continue
        if not whole:
            raise LandingDamaged(f"{len(records)} records are whole")
        return []

    return Parser(name, "none", parse, None, (LandingDamaged,)), Corpus(_landed(payloads, keys), ())


def _landed(payloads: Sequence[bytes], keys: KeyStore | None) -> list[Seed]:
    """Landing files of one, three and twenty records."""
    files: Any = fsspec.filesystem("memory")
    seeds = []
    for count in (1, 3, 20):
        records = [(f"order-{number}", payload) for number, payload in enumerate(payloads[:count])]
        made = Landing("memory://seeds", keys).land("shop", "orders", LANDED_AT, records)
        raw = files.cat_file(f"/seeds/{made.path}")
        seeds.append(Seed(made.path, raw, msgspec.Raw(raw), ()))
    return seeds


# --- catalogue


def _catalogue(folder: Path) -> Parser:
    store = open_store(f"sqlite:///{folder}/orders.db")
    tables = [skus, kit_components, sku_aliases]
    skus.metadata.create_all(store.engine, tables=tables)

    def parse(raw: bytes) -> list[Record]:
        for name, content in _files_of(raw).items():
            (folder / name).write_bytes(content)
        with store.begin() as tx:
            inner = tx.begin_nested()
            counts = load_catalogue(tx, folder)
            for table in tables:
                tx.execute(table.select()).all()
            inner.rollback()
        for name in CATALOGUE:
            _none_vanished(folder / name, counts)
        return []

    return Parser("file.catalogue", "none", parse, None, ())


def _files_of(raw: bytes) -> dict[str, bytes]:
    """Each file's bytes: of mutated cells, or, where those are no JSON any more, the bytes as skus.csv."""
    try:
        cells = json.loads(raw)
    except (ValueError, RecursionError):
        return dict.fromkeys(CATALOGUE, b"") | {"skus.csv": raw}
    if not isinstance(cells, dict):
        return dict.fromkeys(CATALOGUE, b"") | {"skus.csv": raw}
    made = {}
    for name in CATALOGUE:
        text = io.StringIO()
        writer = csv.writer(text)
        rows = cells.get(name)
        for row in rows if isinstance(rows, list) else [rows]:
            writer.writerow(_cell(one) for one in (row if isinstance(row, list) else [row]))
        made[name] = text.getvalue().encode("utf-8", "surrogatepass")
    return made


def _cell(value: Any) -> str:  # noqa: ANN401 -- a mutated cell
    return value if isinstance(value, str) else json.dumps(value)


def _none_vanished(file: Path, counts: CatalogueCounts) -> None:
    """Each row of a file is loaded or reported, unless the file as a whole is."""
    bad = [one for one in counts.bad if one.file == file.name]
    if any(one.line <= 1 or "cannot be read" in one.reason for one in bad):
        return
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = sum(1 for row in csv.reader(text) if row)
    promise(rows - 1 == counts.rows[file.name] + len(bad), "a row is loaded or reported")


def _csv_seeds() -> list[Seed]:
    raw = json.dumps(CELLS).encode()
    cells = json.loads(raw)
    plain = _files_of(raw)["skus.csv"]
    return [Seed("cells", raw, cells, paths_of(cells)), Seed("skus.csv", plain, msgspec.Raw(plain), ())]


# --- hub.yaml


def _hub_yaml(folder: Path) -> Parser:
    file = folder / "hub.yaml"
    environ = sandbox_environ("http://127.0.0.1:1")

    def parse(raw: bytes) -> list[Record]:
        file.write_bytes(raw)
        load_config(file, environ)
        return []

    return Parser("file.hub_yaml", "none", parse, None, (ConfigError,))


def _yaml_seeds() -> list[Seed]:
    """The file's values as JSON, which is YAML too, and its text."""
    document, text = read_document(SANDBOX_CONFIG), SANDBOX_CONFIG.read_bytes()
    raw = json.dumps(document).encode()
    return [Seed("values", raw, document, paths_of(document)), Seed("text", text, msgspec.Raw(text), ())]
