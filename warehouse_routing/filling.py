"""How much of an order some sites can ship together."""

from collections.abc import Iterable, Mapping, Sequence

from warehouse_routing.problem import OpenLine

Stock = dict[str, dict[str, int]]
"""Units that may still be promised, by site code and SKU. Routing takes from it as it goes."""

Filled = dict[str, dict[str, int]]
"""Units of lines (as the channel counts them) by site code and line id; no zeroes."""


def needs(lines: Iterable[OpenLine]) -> dict[str, int]:
    """Units of each SKU that all lines need together."""
    total: dict[str, int] = {}
    for line in lines:
        for component in line.components:
            total[component.sku] = total.get(component.sku, 0) + component.units * line.units
    return total


def shortage(needed: Mapping[str, int], shelf: Mapping[str, int]) -> dict[str, int]:
    """Units of each SKU that a site lacks; empty if it holds everything."""
    return {sku: units - shelf.get(sku, 0) for sku, units in needed.items() if shelf.get(sku, 0) < units}


def fill(sites: Sequence[str], lines: Sequence[OpenLine], stock: Stock) -> Filled:
    """Give each site in turn as many units as it can ship. Changes nothing in `stock`.

    The parts of one unit come from one site; a line may be divided between sites in whole units. A SKU
    stands at most once among a line's components (`OpenLine` sees to that).
    """
    filled: Filled = {}
    left = {line.line_id: line.units for line in lines}
    for site in sites:
        shelf = {
            component.sku: stock[site].get(component.sku, 0)
            for line in lines
            for component in line.components
        }
        for line in lines:
            units = left[line.line_id]
            for component in line.components:
                units = min(units, shelf[component.sku] // component.units)
            if units <= 0:
                continue
            left[line.line_id] -= units
            filled.setdefault(site, {})[line.line_id] = units
            for component in line.components:
                shelf[component.sku] -= component.units * units
    return filled


def covered(filled: Filled) -> int:
    """Units of lines in all."""
    return sum(sum(lines.values()) for lines in filled.values())


def remaining(lines: Iterable[OpenLine], filled: Filled) -> dict[str, int]:
    """Units of each line that were not given to any site."""
    left = {line.line_id: line.units for line in lines}
    for given in filled.values():
        for line_id, units in given.items():
            left[line_id] -= units
    return left


def take(filled: Filled, lines: Iterable[OpenLine], stock: Stock) -> None:
    """Take what was given off the shelves."""
    by_id = {line.line_id: line for line in lines}
    for site, given in filled.items():
        shelf = stock[site]
        for line_id, units in given.items():
            for component in by_id[line_id].components:
                shelf[component.sku] -= component.units * units
