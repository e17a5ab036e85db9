"""What Tryton knows of the world, as records of its models."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.vendors.tryton_records import Record, day, stamp
from sandbox.world import Picked, Site, WarehouseShipment, World

UNIT = 1
COMPANY = 1
CURRENCIES = ("EUR", "USD", "GBP")
_COUNTRY = re.compile(r"^[A-Z]{2}$")
FLOOR_STATES = {"shipped": "done"}
"""The world knows no state between "shipped" and "done"."""


class Models:
    """The records of one connection. Ids are given out as things are first met."""

    def __init__(self, world: World, connection: str) -> None:
        self._world = world
        self._connection = connection
        self._ids: dict[tuple[str, object], int] = {}
        self._counts: dict[str, int] = {}
        self.parties: list[Record] = []
        self.addresses: list[Record] = []

    def id_of(self, model: str, key: object) -> int:
        """The id of a thing of a model."""
        if (model, key) not in self._ids:
            self._counts[model] = self._counts.get(model, 0) + 1
            self._ids[model, key] = self._counts[model]
        return self._ids[model, key]

    def records(self, model: str, context: Mapping[str, Any], domain: Sequence[Any]) -> list[Record] | None:
        """All records of a model, or None if there is no such model."""
        match model:
            case "stock.shipment.out":
                return [self.shipment(one) for one in self._shipments(domain)]
            case "product.product":
                held = self._held(context)
                return [
                    self.product(sku) | {"quantity": float(held.get((sku, None), 0))} for sku in self._skus()
                ]
            case "stock.lot":
                return self._lots(context)
            case "stock.location":
                return self.locations()
            case "party.party":
                return self.parties
            case "party.address":
                return self.addresses
            case "country.country":
                return [_named(model, self.id_of(model, code), code) for code in _codes_in(domain)]
            case "country.subdivision":
                return []
            case "currency.currency":
                return [_named(model, self.id_of(model, code), code) for code in CURRENCIES]
            case "company.company":
                currency = _named("currency.currency", self.id_of("currency.currency", "EUR"), "EUR")
                return [{"__name__": model, "id": COMPANY, "currency": currency}]
        return None

    def _shipments(self, domain: Sequence[Any]) -> list[WarehouseShipment]:
        """The shipments that a domain can hold, as far as it names them: rendering all takes a while."""
        named = {clause[0]: clause[2] for clause in domain if clause[1] == "="}
        found = self._world.shipments_of(self._connection)
        if "id" in named:
            found = [one for one in found if one.wms_id == str(named["id"])]
        if "reference" in named:
            found = [one for one in found if one.reference == named["reference"]]
        return found

    def country_code(self, country: int) -> str:
        """The code of a country by id."""
        return next(
            str(key) for (model, key), n in self._ids.items() if (model, n) == ("country.country", country)
        )

    def product(self, sku: str) -> Record:
        """A product. Lot goods want a lot wherever they lie."""
        tracked = self._world.skus[sku].lot_tracked
        return {
            "__name__": "product.product",
            "id": self.id_of("product.product", sku),
            "code": sku,
            "default_uom": UNIT,
            "lot_required": ["customer", "storage"] if tracked else [],
        }

    def sku_of(self, product: int) -> str:
        """The SKU of a product by id."""
        return next(sku for sku in self._skus() if self.id_of("product.product", sku) == product)

    def site_of(self, warehouse: int) -> Site:
        """The site of a warehouse by id."""
        sites = self._world.sites_of(self._connection)
        return next(site for site in sites if self.id_of("stock.location", (site.code, "WH")) == warehouse)

    def locations(self) -> list[Record]:
        """Warehouses, their zones and bins, and the place where customers are."""
        found = [self._location("CUS", "customer", None, ("", "CUS"))]
        for site in self._world.sites_of(self._connection):
            storage = self._location("STO", "storage", None, (site.code, "STO"))
            output = self._location("OUT", "storage", None, (site.code, "OUT"))
            warehouse = self._location(site.wms_site, "warehouse", None, (site.code, "WH"))
            storage["parent"] = storage["id"]  # so that "child_of" holds for the zone itself
            found += [warehouse | {"storage_location": storage, "output_location": output}, storage, output]
            bins = sorted({place.bin for places in site.stock.values() for place in places})
            found += [self._location(code, "storage", storage["id"], (site.code, code)) for code in bins]
        return found

    def shipment(self, source: WarehouseShipment) -> Record:
        """A customer shipment with its moves and packages."""
        site = self._world.sites[source.site]
        draft = source.state == "waiting" and "draft" in source.extra
        state = "draft" if draft else FLOOR_STATES.get(source.state, source.state)
        moves_at = datetime.fromisoformat(source.extra["moves_at"]) if "moves_at" in source.extra else None
        changed = max(moment for moment in (source.updated_at, moves_at) if moment is not None)
        inventory = [] if draft else self._inventory_moves(source, changed)
        outgoing = self._outgoing_moves(source, changed)
        left = source.state == "shipped"
        number = str(source.serial)
        carrier = {"__name__": "party.party", "id": 900, "name": source.carrier} if source.carrier else None
        package = {
            "__name__": "stock.package",
            "id": source.serial,
            "number": number,
            "parent": None,
            "shipping_reference": source.tracking_number,
            "shipping_tracking_url": None,
            "create_date": stamp(source.updated_at),
            "write_date": None,
            "moves": outgoing,
        }
        return {
            "__name__": "stock.shipment.out",
            "id": int(source.wms_id),
            "number": None if draft else number,
            "reference": source.reference,
            "state": state,
            "create_date": stamp(source.created_at),
            "write_date": stamp(source.updated_at),
            "effective_date": day(source.shipped_at.date()) if source.shipped_at else None,
            "shipping_reference": None,
            "warehouse": self._location(site.wms_site, "warehouse", None, (site.code, "WH")),
            "carrier": {"__name__": "carrier", "id": 1, "party": carrier} if carrier else None,
            "inventory_moves": inventory,
            "outgoing_moves": outgoing,
            "moves": [*inventory, *outgoing],
            "packages": [package] if left else [],
        }

    def _inventory_moves(self, source: WarehouseShipment, changed: datetime) -> list[Record]:
        """From bin to output zone: one a pick; before that, one a line out of the storage zone."""
        states = {"waiting": "draft", "assigned": "assigned", "cancelled": "cancelled"}
        state = states.get(source.state, "done")
        site = source.site
        if source.picks:
            shown = "lots" in source.extra or source.state != "assigned"
            return [
                self._move(source, nth, pick, (site, pick.bin), state, changed, shown)
                for nth, pick in enumerate(source.picks)
            ]
        return [
            self._move(
                source, nth, Picked(sku, units, "STO", None), (site, "STO"), state, changed, shown=True
            )
            for nth, (sku, units) in enumerate(source.lines)
        ]

    def _outgoing_moves(self, source: WarehouseShipment, changed: datetime) -> list[Record]:
        """From output zone to customer: one a line; after picking, one a lot."""
        states = {"packed": "assigned", "shipped": "done", "cancelled": "cancelled"}
        state, place = states.get(source.state, "draft"), (source.site, "OUT")
        gone = source.state in ("picked", "packed", "shipped")
        units = [Picked(sku, count, "OUT", None) for sku, count in source.lines]
        if gone:
            units = [Picked(pick.sku, pick.quantity, "OUT", pick.lot) for pick in source.picks]
        return [
            self._move(source, 500 + nth, one, place, state, changed, shown=True)
            for nth, one in enumerate(units)
        ]

    def _move(
        self,
        source: WarehouseShipment,
        nth: int,
        pick: Picked,
        place: tuple[str, str],
        state: str,
        changed: datetime,
        shown: bool,
    ) -> Record:
        lot = {
            "__name__": "stock.lot",
            "id": self.id_of("stock.lot", (pick.sku, pick.lot)),
            "number": pick.lot,
        }
        return {
            "__name__": "stock.move",
            "id": source.serial * 1000 + nth,
            "product": self.product(pick.sku),
            "unit": UNIT,
            "quantity": float(pick.quantity),
            "internal_quantity": float(pick.quantity),
            "state": state,
            "lot": lot if pick.lot and shown else None,
            "origin": None,
            "from_location": self._location(place[1], "storage", None, place),
            "to_location": self._location("OUT", "storage", None, (source.site, "OUT")),
            "create_date": stamp(source.created_at),
            "write_date": stamp(changed),
        }

    def _location(self, code: str, kind: str, parent: int | None, key: tuple[str, str]) -> Record:
        return {
            "__name__": "stock.location",
            "id": self.id_of("stock.location", key),
            "code": code,
            "name": code,
            "type": kind,
            "parent": parent,
            "storage_location": None,
            "output_location": None,
        }

    def _skus(self) -> list[str]:
        return [sku.code for sku in self._world.skus.values() if not sku.downloadable]

    def _lots(self, context: Mapping[str, Any]) -> list[Record]:
        held = self._held(context)
        every = {
            (sku, place.lot)
            for site in self._world.sites_of(self._connection)
            for sku, places in site.stock.items()
            for place in places
            if place.lot
        }
        return [
            {
                "__name__": "stock.lot",
                "id": self.id_of("stock.lot", key),
                "number": key[1],
                "product": self.product(key[0]),
                "quantity": float(held.get(key, 0)),
            }
            for key in sorted(every)
        ]

    def _held(self, context: Mapping[str, Any]) -> dict[tuple[str, str | None], int]:
        """Units in the context's places by (SKU, None) and (SKU, lot).

        What is picked has left its bin; with `stock_assign`, what is assigned counts as gone too.
        """
        wanted = set(context.get("locations") or ())
        gone = {"picked", "packed", *(["assigned"] if context.get("stock_assign") else [])}
        held: dict[tuple[str, str | None], int] = {}

        def add(site: str, where: str, sku: str, lot: str | None, units: int) -> None:
            places = {self.id_of("stock.location", (site, where))}
            if context.get("with_childs", True):
                places.add(self.id_of("stock.location", (site, "STO")))
            if places & wanted:
                for key in {(sku, None), (sku, lot)}:
                    held[key] = held.get(key, 0) + units

        for site in self._world.sites_of(self._connection):
            for sku, stocked in site.stock.items():
                for place in stocked:
                    add(site.code, place.bin, sku, place.lot, place.on_hand)
        for shipment in self._world.shipments_of(self._connection):
            for pick in shipment.picks if shipment.state in gone else ():
                add(shipment.site, pick.bin, pick.sku, pick.lot, -pick.quantity)
        return held


def _named(model: str, record: int, code: str) -> Record:
    return {"__name__": model, "id": record, "code": code}


def _codes_in(domain: Sequence[Any]) -> list[str]:
    """Every country that is asked for by a proper code is there."""
    return [clause[2] for clause in domain if clause[0] == "code" and _COUNTRY.match(str(clause[2]))]
