"""Which order line the units of a parcel belong to, which bins they came from, which kits they complete."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from normalization.records import PickedLine

LineSku = tuple[int, str]
"""(line_no, warehouse SKU)."""
Place = tuple[str, str | None, str | None]
"""(SKU, bin, lot)."""


@dataclass(frozen=True, slots=True)
class Item:
    """Units in a parcel; `line_no` is None for what no line of the picklist asked for."""

    line_no: int | None
    sku: str
    quantity: int
    bin: str | None
    lot: str | None


def unpack(
    lines: Iterable[PickedLine], wanted: dict[LineSku, int], places: dict[Place, int]
) -> tuple[Item, ...]:
    """What is in a parcel, by order line, bin and lot.

    Lines that share a SKU are filled in the order's own sequence. A WMS that names bins only where it
    picks gets them from there.

    Args:
        lines: What the WMS says is in it.
        wanted: Units that the picklist still waits for; those found are taken off.
        places: Units that were picked and not yet seen in a parcel; those found are taken off.
    """
    found: dict[tuple[int | None, Place], int] = {}
    for line in lines:
        for place, quantity in _from_places(line, places):
            for line_no, units in _for_lines(line.sku, quantity, wanted):
                found[line_no, place] = found.get((line_no, place), 0) + units
    return tuple(
        Item(line_no, sku, units, shelf, lot) for (line_no, (sku, shelf, lot)), units in found.items()
    )


def whole_units(
    sent: Mapping[LineSku, int], components: Mapping[int, Mapping[str, int]], line_no: int
) -> int:
    """Units of a line that are complete with what was sent: whole kits only."""
    parts = components.get(line_no, {})
    return min((sent.get((line_no, sku), 0) // each for sku, each in parts.items()), default=0)


def _from_places(line: PickedLine, places: dict[Place, int]) -> Iterator[tuple[Place, int]]:
    rest = line.quantity
    for place in sorted(places, key=lambda place: (place[1] or "", place[2] or "")):
        sku, shelf, lot = place
        if sku != line.sku or line.bin not in (None, shelf) or line.lot not in (None, lot):
            continue
        taken = min(rest, places[place])
        if taken > 0:
            places[place] -= taken
            rest -= taken
            yield place, taken
    if rest > 0:
        yield (line.sku, line.bin, line.lot), rest


def _for_lines(sku: str, quantity: int, wanted: dict[LineSku, int]) -> Iterator[tuple[int | None, int]]:
    for line_no, wanted_sku in sorted(wanted):
        taken = min(quantity, wanted[line_no, wanted_sku]) if wanted_sku == sku else 0
        if taken > 0:
            wanted[line_no, sku] -= taken
            quantity -= taken
            yield line_no, taken
    if quantity > 0:
        yield None, quantity
