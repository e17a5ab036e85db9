"""ShipBob's inventory levels, by location and by lot."""

from typing import Any
from urllib.parse import urlencode

from sandbox.vendor import VendorAnswer, VendorRequest, json_answer
from sandbox.vendors.shipbob_orders import inventory_id
from sandbox.world import Site, World

Counts = dict[str | None, tuple[int, int]]
"""On hand and committed, by lot."""


class ShipBobStock:
    """The stock of the sites that one connection runs."""

    def __init__(self, world: World, connection: str) -> None:
        self._world = world
        self._connection = connection

    def levels(self, request: VendorRequest, by: str) -> VendorAnswer:
        """One page of levels; `by` is "locations" or "lots". `next` carries the place to go on from."""
        size = int(request.param("PageSize", "50"))
        start = int(request.param("cursor", "0"))
        wanted = {int(number) for number in request.param("InventoryIds").split(",") if number}
        skus = [
            sku for sku in sorted(self._world.skus) if not wanted or inventory_id(self._world, sku) in wanted
        ]
        if by == "lots":
            skus = [sku for sku in skus if self._world.skus[sku].lot_tracked]
        query = {name: values[0] for name, values in request.query.items()}
        following = query | {"cursor": str(start + size)}
        return json_answer(
            {
                "first": None,
                "last": None,
                "prev": None,
                "next": f"{request.path}?{urlencode(following)}" if start + size < len(skus) else None,
                "items": [self._item(sku, by) for sku in skus[start : start + size]],
            }
        )

    def _item(self, sku: str, by: str) -> dict[str, Any]:
        counts = {site.code: self._counts(site, sku) for site in self._sites()}
        item: dict[str, Any] = {
            "inventory_id": inventory_id(self._world, sku),
            "name": self._world.skus[sku].title,
            "sku": sku,
        }
        if by == "locations":
            item["locations"] = [self._place(site, *_sum(counts[site.code])) for site in self._sites()]
            return item
        lots = sorted({lot for by_lot in counts.values() for lot in by_lot if lot})
        item["lots"] = [
            {
                "lot_number": lot,
                "lot_date": None,
                **_quantities(*_sum({code: by_lot.get(lot, (0, 0)) for code, by_lot in counts.items()})),
                "locations": [
                    self._place(site, *counts[site.code][lot])
                    for site in self._sites()
                    if lot in counts[site.code]
                ],
            }
            for lot in lots
        ]
        return item

    def _sites(self) -> list[Site]:
        return self._world.sites_of(self._connection)

    def _counts(self, site: Site, sku: str) -> Counts:
        counts: Counts = {}
        for place in site.stock.get(sku, ()):
            on_hand, committed = counts.get(place.lot, (0, 0))
            counts[place.lot] = (on_hand + place.on_hand, committed)
        for shipment in self._world.shipments.values():
            if shipment.site == site.code and shipment.state in ("assigned", "picked", "packed"):
                for pick in shipment.picks:
                    if pick.sku == sku:
                        on_hand, committed = counts.get(pick.lot, (0, 0))
                        counts[pick.lot] = (on_hand, committed + pick.quantity)
        return counts

    def _place(self, site: Site, on_hand: int, committed: int) -> dict[str, Any]:
        return {
            "location_id": int(site.wms_site),
            "name": f"{site.city} ({site.region or site.country_code})",
            **_quantities(on_hand, committed),
        }


def _sum(counts: dict[Any, tuple[int, int]]) -> tuple[int, int]:
    return sum(on_hand for on_hand, _ in counts.values()), sum(units for _, units in counts.values())


def _quantities(on_hand: int, committed: int) -> dict[str, int]:
    return {
        "on_hand_quantity": on_hand,
        "committed_quantity": committed,
        "fulfillable_quantity": on_hand - committed,
        "awaiting_quantity": 0,
        "internal_transfer_quantity": 0,
    }
