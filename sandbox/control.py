"""The sandbox's own API: move the clock, place and change orders, switch faults, ask for the truth."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sandbox.buyers import Wish, move_house, place_order
from sandbox.ledger import ledger, summary
from sandbox.mishaps import Severity, Weather
from sandbox.registry import CONNECTIONS
from sandbox.simulation import Simulation
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.world import ShopOrder

Json = Any
Ask = Callable[[Mapping[str, Json]], Json]


class Control:
    """Answers /_control/...; every question and answer is described in docs/sandbox.md."""

    def __init__(self, simulation: Simulation, vendors: Mapping[str, Vendor]) -> None:
        self._simulation = simulation
        self._world = simulation.world
        self._vendors = vendors
        self._asks: Mapping[tuple[str, str], Ask] = {
            ("GET", "/clock"): lambda _: {"now": self._world.now.isoformat()},
            ("GET", "/state"): lambda _: self._state(),
            ("GET", "/ledger"): lambda _: ledger(self._world),
            ("GET", "/shipments"): lambda _: self._shipments(),
            ("GET", "/faults"): lambda _: self._faults(),
            ("POST", "/advance"): self._advance,
            ("POST", "/orders"): self._place,
            ("POST", "/orders/change"): self._change,
            ("POST", "/faults"): self._switch,
            ("GET", "/weather"): lambda _: self._weather(),
            ("POST", "/weather"): self._change_weather,
        }

    def answer(self, request: VendorRequest) -> VendorAnswer:
        """Answer one request: 404 for what there is not, 400 with a sentence for what makes no sense."""
        ask = self._asks.get((request.method, request.path.rstrip("/")))
        if ask is None:
            known = [" ".join(name) for name in self._asks]
            return json_answer({"error": f"no {request.method} {request.path}; there are: {known}"}, 404)
        try:
            body = request.json() if request.body else {}
            if request.path.rstrip("/") == "/advance":
                return json_answer(ask(body))  # it takes the lock for each of its steps
            with self._world.lock:
                return json_answer(ask(body))
        except (KeyError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def _state(self) -> Json:
        shipments = Counter(shipment.state for shipment in self._world.shipments.values())
        return {
            "now": self._world.now.isoformat(),
            "orders": Counter(order.channel for order in self._world.orders.values()),
            "shipments": shipments,
            "parcels": Counter(parcel.scans[-1].status for parcel in self._world.parcels.values()),
            "summary": summary(ledger(self._world)),
        }

    def _advance(self, body: Mapping[str, Json]) -> Json:
        if "orders_per_day" in body:
            self._simulation.orders_per_day = float(body["orders_per_day"])
        units = {name: float(body[name]) for name in ("days", "hours", "minutes") if name in body}
        happened = self._simulation.advance(timedelta(**units))
        return {"now": self._world.now.isoformat(), "happened": happened}

    def _place(self, body: Mapping[str, Json]) -> Json:
        wish = dict(body)
        channel, count = wish.pop("channel"), int(wish.pop("count", 1))
        if wish.get("lines"):
            wish["lines"] = [(str(sku), int(units)) for sku, units in wish["lines"]]
        if wish.get("discount_rate") is not None:
            wish["discount_rate"] = Decimal(str(wish["discount_rate"]))
        if "late_minutes" in wish:
            wish["late"] = timedelta(minutes=float(wish.pop("late_minutes")))
        orders = [place_order(self._world, channel, Wish(**wish)) for _ in range(count)]
        return {"orders": [{"external_id": order.external_id, "number": order.number} for order in orders]}

    def _change(self, body: Mapping[str, Json]) -> Json:
        order = self._world.orders[body["channel"], body["external_id"]]
        changes: Mapping[str, Callable[[ShopOrder], object]] = {
            "cancel": self._world.cancel,
            "pay": self._world.pay,
            "move_house": lambda order: move_house(self._world, order),
            "remove_units": lambda order: self._world.remove_units(
                order, body["line_id"], int(body["units"])
            ),
            "refund": lambda order: self._world.refund(
                order,
                {str(line): int(units) for line, units in body["lines"].items()},
                body["reason"],
                shipping=int(body.get("shipping", 0)),
                restock=bool(body.get("restock", False)),
            ),
        }
        changes[body["change"]](order)
        return {"external_id": order.external_id, "revision": order.revision}

    def _faults(self) -> Json:
        return {name: vendor.faults.struck for name, vendor in self._vendors.items()}

    def _weather(self) -> Json:
        return {
            name: {"calls": vendor.weather.calls, "struck": vendor.weather.struck}
            for name, vendor in self._vendors.items()
            if vendor.weather
        }

    def _change_weather(self, body: Mapping[str, Json]) -> Json:
        figures = {name: float(value) for name, value in body.items() if name != "seed"}
        severity, seed = Severity(**figures), int(body.get("seed", 1))
        calm = not severity.rate and not severity.latency_seconds
        said = self._weather()
        for name, vendor in self._vendors.items():
            vendor.weather = None if calm else Weather(CONNECTIONS[name], severity, seed)
        return said

    def _shipments(self) -> Json:
        return [
            {"wms": one.wms, "site": one.site, "reference": one.reference, "state": one.state}
            for one in self._world.shipments.values()
        ]

    def _switch(self, body: Mapping[str, Json]) -> Json:
        faults, times = self._vendors[body["connection"]].faults, int(body.get("times", 1))
        if times:
            faults.switch_on(body["kind"], times)
        else:
            faults.switch_off(body["kind"])
        return {"connection": body["connection"], "kind": body["kind"], "times": times}
