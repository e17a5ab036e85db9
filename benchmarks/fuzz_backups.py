"""The files of a backup, mutated: what can be read is read, and what cannot is refused by name."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.fuzz_checks import Parser, Record
from benchmarks.fuzz_corpus import Corpus, Seed
from benchmarks.fuzz_mutations import paths_of
from pipelines.problems import ProblemError
from pipelines.services.backup_files import (
    MANIFEST,
    LandingCopy,
    Manifest,
    TableFile,
    landing_list,
    read_landing_list,
    read_manifest,
    read_rows,
    table_path,
    write_landing_list,
    write_manifest,
    write_rows,
)

TABLE = "orders"
LANDED = "shop/orders/2026-11-02/{:017d}-00000000.land"
SHA = "0" * 64


def backup_parsers(home: Path) -> Mapping[str, tuple[Parser, Corpus]]:
    """A parser for each kind of file in a backup, and what it begins with.

    Args:
        home: A folder for the files.
    """
    folder = Path(tempfile.mkdtemp(dir=home))  # several processes may do so at once
    (folder / "store").mkdir()
    rows = table_path(folder, TABLE)
    write_rows(rows, [(number, f"shop-{number}", None, b"body") for number in range(30)])
    copies = [LandingCopy(LANDED.format(number), 40 * number, SHA) for number in range(5)]
    listed = write_landing_list(folder, copies)
    tables = {TABLE: TableFile(("id", "external_id", "cancelled_at", "body"), 30, SHA)}
    taken = datetime(2026, 11, 2, 12, tzinfo=UTC)
    write_manifest(folder, Manifest("0.1.0", "r0001", taken, tables, len(copies), 400, listed, ("gone",)))
    return {
        "file.backup_manifest": _file(
            "file.backup_manifest", folder / MANIFEST, lambda: read_manifest(folder)
        ),
        "file.backup_list": _file(
            "file.backup_list", landing_list(folder), lambda: list(read_landing_list(folder))
        ),
        "file.backup_rows": _file("file.backup_rows", rows, lambda: list(read_rows(rows))),
    }


def _file(name: str, path: Path, read: Callable[[], object]) -> tuple[Parser, Corpus]:
    """A file's parser, and its bytes to begin with; where they are one JSON text, its values too."""

    def parse(raw: bytes) -> list[Record]:
        path.write_bytes(raw)
        read()
        return []

    raw = path.read_bytes()
    seeds = [Seed("bytes", raw, msgspec.Raw(raw), ())]
    if path.suffix == ".json":
        values = msgspec.json.decode(raw)
        seeds.append(Seed("values", raw, values, paths_of(values)))
    return Parser(name, "none", parse, None, (ProblemError,)), Corpus(seeds, ())
