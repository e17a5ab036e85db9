"""The people in the real warehouse: they pick, pack and ship through Tryton, as its own clients do."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tests.real.servers import Servers, goods

MODEL = "stock.shipment.out"
EVERYTHING = 10_000
BINS = {ware["bin"] for ware in goods()}
Place = tuple[str, str, str | None]
"""SKU, bin, lot."""


@dataclass(frozen=True)
class Shipment:
    """A shipment as Tryton shows it.

    Attributes:
        picks: Units by SKU, bin and lot.
    """

    wms_id: str
    reference: str
    state: str
    picks: dict[Place, int]
    tracking_numbers: tuple[str, ...]


class Floor:
    """Somebody with a key, without any connector."""

    def __init__(self, servers: Servers) -> None:
        self._url = f"{servers.wms_url}/{servers.wms_database}/rest/model"
        context = {"company": int(servers.wms_company), "_skip_warnings": True}
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {servers.wms_key}"
        self._http.headers["X-Tryton-Context"] = base64.urlsafe_b64encode(
            json.dumps(context).encode()
        ).decode()

    def ask(self, method: str, path: str, fields: Sequence[str] = (), body: object = None) -> Any:  # noqa: ANN401
        """The answer. Raises requests.HTTPError."""
        params = [("f", field) for field in fields]
        answer = self._http.request(method, f"{self._url}/{path}", params=params, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def references(self) -> list[str]:
        """The references of all shipments."""
        return [found["reference"] for found in self.ask("GET", f"{MODEL}?s={EVERYTHING}", ["reference"])]

    def shipments(self) -> list[Shipment]:
        """All shipments, oldest first."""
        fields = (
            *("reference", "state", "packages.shipping_reference"),
            *("inventory_moves.product.code", "inventory_moves.internal_quantity", "inventory_moves.state"),
            *("inventory_moves.from_location.code", "inventory_moves.lot.number"),
        )
        found = self.ask("GET", f"{MODEL}?s={EVERYTHING}", fields)
        return [_shipment(one) for one in sorted(found, key=lambda one: int(one["id"]))]

    def stock(self) -> dict[Place, int]:
        """Units by SKU, bin and lot: all that ever came into the bins, less all that ever left them."""
        fields = ("product.code", "internal_quantity", "state", "lot.number")
        places = ("from_location.code", "to_location.code")
        units: Counter[Place] = Counter()
        for move in self.ask("GET", f"stock.move?s={EVERYTHING}", (*fields, *places)):
            if move["state"] != "done":
                continue
            lot = move["lot"]["number"] if move["lot"] else None
            for location, sign in (("to_location", 1), ("from_location", -1)):
                if (place := move[location]["code"]) in BINS:
                    units[move["product"]["code"], place, lot] += sign * int(move["internal_quantity"])
        return {place: count for place, count in units.items() if count}

    def pick(self, shipment: str) -> None:
        """Take the goods out of their bins."""
        self.ask("POST", f"{MODEL}/{shipment}/pick", body={})

    def pack(self, shipment: str, tracking_number: str) -> None:
        """Put everything into one box with a label of UPS."""
        carrier = self.ask("GET", "carrier", ["party"])[0]["id"]
        box = self.ask("GET", "stock.package.type", ["name"])[0]["id"]
        found = self.ask("GET", f"{MODEL}/{shipment}", ["outgoing_moves.quantity"])
        moves = [move["id"] for move in found["outgoing_moves"] if move["quantity"]]
        package = {
            "type": box,
            "shipment": f"{MODEL},{shipment}",
            "shipping_reference": tracking_number,
            "moves": [["add", moves]],
        }
        self.ask("PUT", f"{MODEL}/{shipment}", body={"carrier": carrier})
        self.ask("POST", "stock.package", body=package)
        self.ask("POST", f"{MODEL}/{shipment}/pack", body={})

    def ship(self, shipment: str) -> None:
        """Hand the box over."""
        self.ask("POST", f"{MODEL}/{shipment}/ship", body={})
        self.ask("POST", f"{MODEL}/{shipment}/do", body={})


def _shipment(found: Any) -> Shipment:  # noqa: ANN401 -- a vendor's JSON
    picks: Counter[Place] = Counter()
    for move in found["inventory_moves"]:
        if move["state"] in ("assigned", "done"):
            lot = move["lot"]["number"] if move["lot"] else None
            picks[move["product"]["code"], move["from_location"]["code"], lot] += int(
                move["internal_quantity"]
            )
    numbers = tuple(box["shipping_reference"] for box in found["packages"] if box["shipping_reference"])
    return Shipment(str(found["id"]), found["reference"], found["state"], dict(picks), numbers)
