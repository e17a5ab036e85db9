"""Loads the catalogue from a folder of CSV files: skus.csv, aliases.csv, kits.csv.

A bad row is reported with its file, line and reason, and does not stop the others. The files are the whole
truth: rows that are gone from a file leave the store, unless that file has a bad row, which might be one
of them.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from order_store.dialects import lock_names
from order_store.schema.base import EPOCH
from order_store.schema.catalogue import kit_components, sku_aliases, skus

Row = dict[str, Any]
LONGEST_NUMBER = 9
"""Digits of a size or a count; PostgreSQL's whole numbers end soon after."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not loaded. `line` counts from 1, the heading included; 0 is the file as a whole."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(slots=True)
class CatalogueCounts:
    """What loading did: good rows by file, changes by kind, and the rows that were refused."""

    rows: dict[str, int] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    removed: int = 0
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    table: Table
    key: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[Mapping[str, str]], Row]


def load_catalogue(tx: Connection, folder: Path) -> CatalogueCounts:
    """Bring the store's catalogue to what the folder says. Processes that do so at once take turns.

    Args:
        tx: A write transaction.
        folder: skus.csv must be there; aliases.csv and kits.csv may be absent, which means none.
    """
    lock_names(tx, ["catalogue"])
    counts = CatalogueCounts()
    known_skus: set[str] = set()
    known_kits: set[str] = set()
    for file in _FILES:
        good: dict[tuple[Any, ...], Row] = {}
        namesakes: dict[tuple[Any, ...], list[Row]] = {}
        bad_before = len(counts.bad)
        for line, row in _rows(folder, file, counts.bad):
            same = namesakes.setdefault(tuple(row[name] for name in file.key[:-1]), [])
            reason = _refused(row, file, same, known_skus, known_kits)
            if reason:
                counts.bad.append(BadRow(file.name, line, reason))
            else:
                good[tuple(row[name] for name in file.key)] = row
                same.append(row)
        counts.rows[file.name] = len(good)
        _apply(tx, file, good, counts, remove=len(counts.bad) == bad_before)
        if file.table is skus:
            known_skus = set(tx.scalars(select(skus.c.sku)))
        elif file.table is kit_components:
            known_kits = set(tx.scalars(select(kit_components.c.kit)))
    return counts


def _rows(folder: Path, file: _File, bad: list[BadRow]) -> Iterator[tuple[int, Row]]:
    path = folder / file.name
    if not path.exists():
        if file.table is skus:
            bad.append(BadRow(file.name, 0, f"there is no such file in {folder.name}"))
        return
    with path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        try:
            if wrong := _wrong_heading(reader.fieldnames or (), file):
                bad.append(BadRow(file.name, 1, wrong))
                return
            for raw in reader:
                try:
                    yield reader.line_num, _read(raw, file)
                except ValueError as error:
                    bad.append(BadRow(file.name, reader.line_num, str(error)))
        except (csv.Error, UnicodeDecodeError) as error:
            bad.append(BadRow(file.name, reader.line_num + 1, f"cannot be read from here on: {error}"))


def _wrong_heading(columns: Sequence[str], file: _File) -> str:
    words = [f"column {name} is missing" for name in file.required if name not in columns]
    known = (*file.required, *file.optional)
    words += [f"column {name} is not known" for name in columns if name not in known]
    return "; ".join(words)


def _read(raw: Mapping[str | None, Any], file: _File) -> Row:
    if None in raw or None in raw.values():
        raise ValueError("it has another number of columns than the heading")
    text = {str(name): value.strip() for name, value in raw.items()}
    for name, value in text.items():
        if "\0" in value:
            raise ValueError(f"{name} holds a NUL character, which no database takes")
    for name in file.required:
        if not text[name]:
            raise ValueError(f"{name} is empty")
    row = file.read(text)
    row["valid_from"] = _moment(text.get("valid_from", "")) or EPOCH
    row["valid_to"] = _moment(text.get("valid_to", ""))
    if row["valid_to"] and row["valid_to"] <= row["valid_from"]:
        raise ValueError("valid_to is not after valid_from")
    return row


def _moment(text: str) -> datetime | None:
    """A day means its first moment, UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date; write it as 2026-11-01") from None


def _whole(text: Mapping[str, str], name: str) -> int | None:
    given = text.get(name, "")
    if not given:
        return None
    if len(given) > LONGEST_NUMBER:
        raise ValueError(
            f"{name} has {len(given)} characters; write a whole number of {LONGEST_NUMBER} digits at most"
        )
    if not given.isascii() or not given.isdigit() or int(given) == 0:
        raise ValueError(f"{name} is {given!r}; write a whole number above 0")
    return int(given)


def _flag(text: Mapping[str, str], name: str) -> int:
    given = text.get(name, "").lower()
    if given not in ("", "0", "1", "true", "false", "yes", "no"):
        raise ValueError(f"{name} is {given!r}; write true or false")
    return int(given in ("1", "true", "yes"))


def _sku(text: Mapping[str, str]) -> Row:
    sizes = {name: _whole(text, name) for name in ("weight_g", "length_mm", "width_mm", "height_mm")}
    flags = {name: _flag(text, name) for name in ("hazardous", "oversize", "lot_tracked")}
    return {"sku": text["sku"], "title": text.get("title", ""), **sizes, **flags}


def _alias(text: Mapping[str, str]) -> Row:
    return {name: text[name] for name in ("connection", "channel_sku", "sku")}


def _component(text: Mapping[str, str]) -> Row:
    return {"kit": text["kit"], "sku": text["sku"], "units": _whole(text, "units")}


_DATES = ("valid_from", "valid_to")
_FILES = (
    _File(
        "skus.csv",
        skus,
        ("sku", "valid_from"),
        ("sku",),
        (
            "title",
            "weight_g",
            "length_mm",
            "width_mm",
            "height_mm",
            "hazardous",
            "oversize",
            "lot_tracked",
            *_DATES,
        ),
        _sku,
    ),
    _File(
        "kits.csv",
        kit_components,
        ("kit", "sku", "valid_from"),
        ("kit", "sku", "units"),
        _DATES,
        _component,
    ),
    _File(
        "aliases.csv",
        sku_aliases,
        ("connection", "channel_sku", "valid_from"),
        ("connection", "channel_sku", "sku"),
        _DATES,
        _alias,
    ),
)


def _refused(
    row: Row, file: _File, namesakes: list[Row], known_skus: set[str], known_kits: set[str]
) -> str | None:
    """Why a row cannot stand beside the others, if so."""
    if any(_overlap(row, other) for other in namesakes):
        return f"{' '.join(str(row[part]) for part in file.key[:-1])} stands twice for the same time"
    if file.table is kit_components:
        if row["kit"] in known_skus:
            return f"{row['kit']} is a SKU; give the kit another code"
        if row["sku"] not in known_skus:
            return f"component {row['sku']} is not in skus.csv"
    if file.table is sku_aliases and row["sku"] not in known_skus | known_kits:
        return f"{row['sku']} is neither in skus.csv nor in kits.csv"
    return None


def _overlap(one: Row, other: Row) -> bool:
    starts_before_end = other["valid_to"] is None or one["valid_from"] < other["valid_to"]
    return bool(starts_before_end and (one["valid_to"] is None or other["valid_from"] < one["valid_to"]))


def _apply(
    tx: Connection, file: _File, good: Mapping[tuple[Any, ...], Row], counts: CatalogueCounts, *, remove: bool
) -> None:
    table = file.table
    stored: dict[tuple[Any, ...], tuple[int, Row]] = {}
    for found in tx.execute(select(table)).mappings():
        row = {name: value for name, value in found.items() if name != "id"}
        stored[tuple(row[name] for name in file.key)] = (found["id"], row)
    added = [row for key, row in good.items() if key not in stored]
    if added:
        tx.execute(insert(table), added)
    for key, row in good.items():
        if key in stored and stored[key][1] != row:
            tx.execute(update(table).where(table.c.id == stored[key][0]).values(row))
            counts.changed += 1
    gone = [number for key, (number, _) in stored.items() if key not in good] if remove else []
    for number in gone:
        tx.execute(delete(table).where(table.c.id == number))
    counts.added += len(added)
    counts.removed += len(gone)
