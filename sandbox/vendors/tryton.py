"""Tryton 8.2's REST application over the world's warehouses, imitated after a running 8.2.1.

The quirks that matter are here: a reference may be used twice, lots are not chosen by "assign_try", short
stock leaves a shipment waiting, and a shipment's `write_date` stands still when only its moves change.
Unlike the real one it assigns a short shipment not in part but not at all.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.faults import Faults
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.vendors.tryton_models import Models
from sandbox.vendors.tryton_records import Record, UnknownField, holds, project
from sandbox.world import WarehouseShipment, World

DATABASE = "wms"
LATE = timedelta(minutes=3)
"""How long the fault `late_visibility` hides changed shipments from lists."""
_PATH = re.compile(rf"^/{DATABASE}/rest/model/([a-z_.]+)(?:/(\d+)(?:/([a-z_]+))?)?$")
SHIPMENTS = "stock.shipment.out"
BUTTONS: Mapping[str, tuple[str, ...]] = {
    "wait": ("draft", "waiting", "assigned"),
    "draft": ("waiting", "draft"),
    "assign_try": ("waiting",),
    "cancel": ("draft", "waiting", "assigned", "packed"),
}
"""The states from which each button may be pressed."""


class Refused(Exception):
    """A user error: HTTP 400 with a message."""


class TrytonVendor(Vendor):
    """One database.

    Attributes:
        key: The application key that it wants.
    """

    key = "sandbox-tryton"

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self.models = Models(world, connection)
        self._previous: list[Record] = []

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """Answer one call."""
        if request.header("Authorization") != f"Bearer {self.key}":
            return _page(401, "Unauthorized")
        if self.faults.strikes("throttle"):
            return VendorAnswer(429, b"", {"Retry-After": "1"})
        if self.faults.strikes("server_error"):
            return _page(502, "Bad Gateway")
        found = _PATH.match(request.path)
        if not found:
            return _page(404, "Not Found")
        model, record, button = found[1], int(found[2] or 0), found[3]
        try:
            return self._answer(request, model, record, button)
        except Refused as error:
            return json_answer({"status": 400, "message": str(error), "description": ""}, 400)
        except UnknownField:
            return _page(500, "Internal Server Error")

    def _answer(self, request: VendorRequest, model: str, record: int, button: str | None) -> VendorAnswer:
        fields = request.query.get("f", [])
        if request.method == "GET" and not record:
            return self._search(request, model, fields)
        if request.method == "POST" and not record:
            return json_answer(project(self._create(model, request.json()), ()))
        one = next(
            (each for each in self._all(model, {}, [["id", "=", record]]) if each["id"] == record), None
        )
        if one is None:
            return _page(404, "Not Found")
        if request.method == "GET":
            return json_answer(project(one, fields))
        if model != SHIPMENTS:
            raise Refused("The sandbox changes nothing but shipments.")
        shipment = self.world.shipments[self.connection, str(record)]
        if request.method == "PUT":
            self._update(shipment, request.json())
        elif button:
            self._press(shipment, button)
        return json_answer(project(self.models.shipment(shipment), ()))

    def _search(self, request: VendorRequest, model: str, fields: list[str]) -> VendorAnswer:
        domain = _unpacked(request.param("d")) or []
        context = _unpacked(request.header("X-Tryton-Context")) or {}
        found = [one for one in self._all(model, context, domain) if holds(one, domain)]
        found.sort(key=lambda one: one["id"])
        found = found[: int(request.param("s") or len(found))]
        if model == SHIPMENTS:
            found = self._spoiled(found)
        return json_answer([project(one, fields) for one in found])

    def _all(self, model: str, context: Mapping[str, Any], domain: list[Any]) -> list[Record]:
        found = self.models.records(model, context, domain)
        if found is None:
            raise UnknownField(model)
        return found

    def _spoiled(self, found: list[Record]) -> list[Record]:
        """The shipments, as the faults that are switched on would have them."""
        if not found:
            return found
        if self.faults.strikes("late_visibility"):
            shipments, late = self.world.shipments, self.world.now - LATE
            found = [one for one in found if shipments[self.connection, str(one["id"])].updated_at <= late]
        if found and self.faults.strikes("broken_record"):
            found = [
                {**found[0], "write_date": {"__class__": "datetime", "year": 2026, "month": 13, "day": 1}}
            ]
        if self.faults.strikes("duplicate_update"):
            found = [*found[:1], *found]
        if self.faults.strikes("reordered"):
            found = found[::-1]
        return found

    # --- what is written

    def _create(self, model: str, values: Record) -> Record:
        if model == "party.party":
            if any(party["code"] == values["code"] for party in self.models.parties):
                raise Refused("The code on party must be unique.")
            return self._keep(self.models.parties, model, values)
        if model == "party.address":
            return self._keep(self.models.addresses, model, values)
        if model != SHIPMENTS:
            raise Refused("The sandbox makes nothing but shipments and addresses.")
        site = self.models.site_of(values["warehouse"])
        shipment = self.world.accept(
            self.connection,
            site.code,
            values["reference"],
            self._lines(values["outgoing_moves"]),
            self._ship_to(values["delivery_address"]),
        )
        shipment.extra["draft"] = "yes"
        return self.models.shipment(shipment)

    def _keep(self, kept: list[Record], model: str, values: Record) -> Record:
        kept.append({"__name__": model, "id": self.models.id_of(model, len(kept)), **values})
        return kept[-1]

    def _update(self, shipment: WarehouseShipment, values: Record) -> None:
        if "inventory_moves" in values:
            shipment.extra["lots"] = "yes"
            shipment.extra["moves_at"] = self.world.now.isoformat()
        if "outgoing_moves" in values:
            if "draft" not in shipment.extra:
                raise Refused("You cannot modify the moves of a shipment that is not in draft.")
            shipment.lines = self._lines(values["outgoing_moves"])
        if "delivery_address" in values:
            shipment.ship_to = self._ship_to(values["delivery_address"])
        if values.keys() - {"inventory_moves"}:
            shipment.updated_at = self.world.now

    def _press(self, shipment: WarehouseShipment, button: str) -> None:
        state = self.models.shipment(shipment)["state"]
        if state not in BUTTONS.get(button, ()):
            named = f"{shipment.serial} [{shipment.reference}]"
            raise Refused(f'You can not call "{button}" on "{named}" of "Stock Shipment Out".')
        if button == "cancel" and self.faults.strikes("quoting_refusal"):
            raise Refused(f"You cannot cancel the shipment of {shipment.ship_to['name']}.")
        if button == "assign_try":
            if not self.world.assign(shipment):
                shipment.extra["moves_at"] = self.world.now.isoformat()
            return
        shipment.extra.pop("draft", None)
        if button == "cancel":
            self.world.set_state(shipment, "cancelled")
            return
        shipment.picks = []
        shipment.extra.pop("lots", None)
        self.world.set_state(shipment, "waiting")
        if button == "draft":
            shipment.extra["draft"] = "yes"

    def _lines(self, changes: list[Any]) -> list[tuple[str, int]]:
        """SKU and units of the moves that a list of changes makes."""
        moves = [move for change in changes if change[0] == "create" for move in change[1]]
        if any(move["quantity"] <= 0 for move in moves):
            raise Refused("Move quantity must be positive.")
        return [(self.models.sku_of(move["product"]), int(move["quantity"])) for move in moves]

    def _ship_to(self, address: int) -> dict[str, str | None]:
        found = next(one for one in self.models.addresses if one["id"] == address)
        street = (found["street"] or "").split("\n")
        city, _, region = (found["city"] or "").rpartition(", ")
        return {
            "name": found["attn"] or found["party_name"],
            "company": found["party_name"] if found["attn"] else None,
            **{f"street{nth}": line for nth, line in enumerate(street, 1)},
            "city": city or region,
            "region": region if city else None,
            "postal_code": found["postal_code"],
            "country_code": self.models.country_code(found["country"]),
        }


def _unpacked(text: str) -> Any:  # noqa: ANN401 -- any JSON
    return json.loads(base64.urlsafe_b64decode(text)) if text else None


def _page(status: int, title: str) -> VendorAnswer:
    body = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n"
    return VendorAnswer(status, body.encode(), {"Content-Type": "text/html; charset=utf-8"})
