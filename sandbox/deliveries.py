"""Which goods went to which order, as only the world can know it: by the address on the parcel.

No two orders of the world go to one address, so a parcel belongs to the order whose buyer lives where it
goes. What the hub wrote beside the goods (references, order numbers) is never asked.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from sandbox.world import Person, ShopOrder, WarehouseShipment, World


class AddressBook:
    """Finds the order that a parcel is for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._homes: dict[str, list[tuple[Person, ShopOrder]]] = {}
        self._known = 0

    def order_of(self, ship_to: Mapping[str, str | None]) -> ShopOrder | None:
        """The order whose name, street and postal code stand in an address of any form."""
        words = _words(value for value in ship_to.values() if value)
        return self._look_up(words) or (self._look_up(words) if self._read_news() else None)

    def _look_up(self, words: list[str]) -> ShopOrder | None:
        known, run_together = set(words), "".join(words)
        for word in words:
            for person, order in self._homes.get(word, ()):
                named = known.issuperset(_words((person.name, *person.street)))
                if named and "".join(_words([person.postal_code])) in run_together:
                    return order
        return None

    def _read_news(self) -> bool:
        """Enter the addresses that are new. False if there are none."""
        addresses = sum(1 + len(order.moved_from) for order in self._world.orders.values())
        if addresses == self._known:
            return False
        self._known = addresses
        self._homes.clear()
        for order in self._world.orders.values():
            for person in (order.ship_to, *order.moved_from):
                for word in _words(person.street):
                    if word.isdigit():
                        self._homes.setdefault(word, []).append((person, order))
        return True


def parcels_by_order(world: World) -> dict[tuple[str, str], list[WarehouseShipment]]:
    """The shipped parcels of each order, in the order in which they left; strays under ("", "")."""
    book = AddressBook(world)
    parcels: dict[tuple[str, str], list[WarehouseShipment]] = {}
    for shipment in world.shipments.values():
        if shipment.state == "shipped":
            order = book.order_of(shipment.ship_to)
            key = (order.channel, order.external_id) if order else ("", "")
            parcels.setdefault(key, []).append(shipment)
    return parcels


def units_by_line(
    world: World, order: ShopOrder, shipments: Iterable[WarehouseShipment]
) -> tuple[dict[str, int], dict[str, int]]:
    """What parcels hold of each line of an order, in whole sold units, and what is left over by SKU.

    A kit counts when all its components are there. Lines that share a component are filled in the
    order's own sequence; the sandbox's buyers place no such orders unless they are told to.
    """
    sent = Counter[str]()
    for shipment in shipments:
        for pick in shipment.picks:
            sent[pick.sku] += pick.quantity
    units = {}
    for line in order.lines:
        try:
            parts = world.components(order.channel, line.channel_sku)
        except KeyError:
            units[line.line_id] = 0  # the merchant knows no such thing, so nobody can have picked it
            continue
        whole = min(line.quantity, *(sent[sku] // each for sku, each in parts.items()))
        units[line.line_id] = whole
        for sku, each in parts.items():
            sent[sku] -= whole * each
    return units, {sku: count for sku, count in sorted(sent.items()) if count}


def _words(texts: Iterable[str]) -> list[str]:
    return [
        word for text in texts for word in re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())
    ]
