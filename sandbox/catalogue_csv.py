"""The merchant's catalogue in the CSV form that the hub loads."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.world import World

SKUS = (
    *("sku", "title", "weight_g", "length_mm", "width_mm", "height_mm"),
    *("lot_tracked", "hazardous", "oversize", "valid_from", "valid_to"),
)
ALIASES = ("connection", "channel_sku", "sku", "valid_from", "valid_to")
KITS = ("kit", "sku", "units", "valid_from", "valid_to")


def write_catalogue(world: World, folder: Path) -> None:
    """Write skus.csv, aliases.csv and kits.csv; everything is valid from the beginning, without an end."""
    folder.mkdir(parents=True, exist_ok=True)
    skus = (
        (
            *(sku.code, sku.title, sku.weight_g or "", *(side or "" for side in sku.size_mm)),
            *(_yes(sku.lot_tracked), _yes(sku.hazardous), _yes(max(sku.size_mm) > 600)),
            *("", ""),
        )
        for sku in world.skus.values()
    )
    aliases = ((channel, name, sku, "", "") for (channel, name), sku in world.aliases.items())
    kits = (
        (kit.code, sku, units, "", "") for kit in world.kits.values() for sku, units in kit.components.items()
    )
    _write(folder / "skus.csv", SKUS, skus)
    _write(folder / "aliases.csv", ALIASES, aliases)
    _write(folder / "kits.csv", KITS, kits)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(rows)


def _yes(value: bool) -> str:
    return "true" if value else "false"
