"""The people in the real warehouse: they pick, pack and ship through Tryton, as its own clients do."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import requests

from tests.real.servers import Servers

MODEL = "stock.shipment.out"


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
        return [found["reference"] for found in self.ask("GET", MODEL, ["reference"])]

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
