"""Picklists in Tryton: customer shipments (stock.shipment.out), step by step and safe to repeat.

A push creates the shipment as a draft, presses "wait" (which numbers it and makes its inventory moves),
chooses lots where the product asks for them, and presses "assign_try" (which chooses bins). Each step
begins from the state that it finds, so that a push whose answer was lost goes on where it stopped.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from connectors.contract import Json, Outcome, WriteResult
from connectors.errors import RecordRejected
from connectors.wms.tryton_rest import Rest

SHIPMENTS = "stock.shipment.out"
PARTY = "ORDERHUB"
"""Code of the party whose addresses are the buyers': Tryton wants a customer, the hub has only parcels."""
AMENDABLE = ("draft", "waiting", "assigned")


class Picklists:
    """Makes, amends and cancels shipments. What never changes in Tryton (ids of codes) is kept."""

    def __init__(self, rest: Rest, company: int) -> None:
        self._rest = rest
        self._company = company
        self._products: dict[str, Any] = {}

    @cached_property
    def warehouses(self) -> dict[str, Any]:
        """The warehouses by code."""
        fields = ("code", "storage_location", "output_location")
        _, found = self._rest.search("stock.location", [["type", "=", "warehouse"]], fields)
        return {place["code"]: place for place in found if place["code"]}

    def find(self, body: Json) -> Any | None:  # noqa: ANN401 -- a vendor's JSON
        """The oldest shipment with the body's reference, whatever its state."""
        domain = [["reference", "=", body["reference"]]]
        _, found = self._rest.search(SHIPMENTS, domain, ("state", "warehouse.code"), limit=1)
        return found[0] if found else None

    def push(self, body: Json) -> WriteResult:
        """Bring a picklist into Tryton, once. Raises RecordRejected."""
        found = self.find(body)
        if found is None:
            shipment, state = (
                self._rest.create(SHIPMENTS, self._header(body) | self._moves(body, ())),
                "draft",
            )
        else:
            shipment, state = found["id"], found["state"]
        if state in ("draft", "waiting"):
            self._release(shipment, body, state)
        return WriteResult(Outcome.APPLIED, str(shipment))

    def amend(self, body: Json) -> WriteResult:
        """Replace address and units of a picklist that nobody has picked yet. Raises RecordRejected."""
        found = self.find(body)
        if found is None:
            return WriteResult(Outcome.REJECTED, reason="Tryton knows no shipment with this reference")
        shipment, state = found["id"], found["state"]
        if state not in AMENDABLE:
            return WriteResult(Outcome.REJECTED, str(shipment), f"the shipment is {state}")
        if state != "draft":
            self._rest.press(SHIPMENTS, shipment, "wait")  # frees what is assigned; "draft" alone would not
            self._rest.press(SHIPMENTS, shipment, "draft")
        _, held = self._rest.get(SHIPMENTS, shipment, ("outgoing_moves",))
        changed = self._header(body) | self._moves(body, held["outgoing_moves"])
        del changed["reference"], changed["customer"]
        self._rest.update(SHIPMENTS, shipment, changed)
        self._release(shipment, body, "draft")
        return WriteResult(Outcome.APPLIED, str(shipment))

    def cancel(self, body: Json) -> WriteResult:
        """Cancel a picklist that nobody has picked yet. Raises RecordRejected.

        Tryton would cancel picked shipments too, and leave the goods in the output zone: that is for the
        warehouse to decide.
        """
        found = self.find(body)
        if found is None:
            return WriteResult(Outcome.REJECTED, reason="Tryton knows no shipment with this reference")
        shipment, state = found["id"], found["state"]
        if state in AMENDABLE:
            self._rest.press(SHIPMENTS, shipment, "cancel")
        elif state != "cancelled":
            return WriteResult(Outcome.REJECTED, str(shipment), f"the shipment is {state}")
        return WriteResult(Outcome.APPLIED, str(shipment))

    def _release(self, shipment: int, body: Json, state: str) -> None:
        if state == "draft":
            self._rest.press(SHIPMENTS, shipment, "wait")
        self._choose_lots(shipment, self._warehouse(body["warehouse"])["storage_location"])
        self._rest.press(SHIPMENTS, shipment, "assign_try")

    def _choose_lots(self, shipment: int, storage: int) -> None:
        """Give lots, oldest first, to the moves of products that need them; one move a lot.

        `assign_try` chooses bins but no lots, and Tryton refuses to pick lot goods without one.
        """
        fields = (
            "product.lot_required",
            "unit",
            "quantity",
            "state",
            "lot",
            "origin",
            "from_location",
            "to_location",
        )
        _, found = self._rest.get(SHIPMENTS, shipment, [f"inventory_moves.{field}" for field in fields])
        moves = [
            move
            for move in found["inventory_moves"]
            if move["state"] == "draft" and not move["lot"] and move["product"]["lot_required"]
        ]
        if not moves:
            return
        free = self._free_lots({move["product"]["id"] for move in moves}, storage)
        changes: list[Json] = []
        for move in moves:
            shares = _take(free[move["product"]["id"]], int(move["quantity"]))
            for nth, (lot, units) in enumerate(shares):
                if nth == 0:
                    changes.append(["write", [move["id"]], {"lot": lot, "quantity": units}])
                else:
                    kept = {
                        name: _id(move[name]) for name in ("product", "unit", "from_location", "to_location")
                    }
                    more = {**kept, "origin": move["origin"], "lot": lot, "quantity": units}
                    changes.append(["create", [more]])
        if changes:
            self._rest.update(SHIPMENTS, shipment, {"inventory_moves": changes})

    def _free_lots(self, products: Iterable[int], storage: int) -> dict[int, list[list[int]]]:
        """By product, [lot, units that no shipment has assigned], oldest lot first."""
        free: dict[int, list[list[int]]] = defaultdict(list)
        domain = [["product", "in", sorted(products)], ["quantity", ">", 0]]
        context = {"locations": [storage], "stock_assign": True}
        _, lots = self._rest.search("stock.lot", domain, ("product", "quantity"), context=context)
        for lot in lots:
            free[lot["product"]].append([lot["id"], int(lot["quantity"])])
        return free

    def _header(self, body: Json) -> dict[str, Any]:
        warehouse = self._warehouse(body["warehouse"])
        return {
            "company": self._company,
            "customer": self._party,
            "delivery_address": self._address(body["delivery_address"]),
            "warehouse": warehouse["id"],
            "warehouse_storage": warehouse["storage_location"],
            "warehouse_output": warehouse["output_location"],
            "reference": body["reference"],
            "planned_date": body["planned_date"],
        }

    def _moves(self, body: Json, replaced: Sequence[int]) -> dict[str, Any]:
        """Outgoing moves for the lines, instead of those that are replaced."""
        self._learn(line["product"] for line in body["lines"])
        moves = []
        for line in body["lines"]:
            product = self._products[line["product"]]
            currency = self._currencies.get(line["currency"] or "")
            moves.append(
                {
                    "product": product["id"],
                    "unit": product["default_uom"],
                    "quantity": line["quantity"],
                    "from_location": self._warehouse(body["warehouse"])["output_location"],
                    "to_location": self._customers,
                    "company": self._company,
                    # A price is only for the papers: without the currency in Tryton it would be a wrong one.
                    "unit_price": line["unit_price"]
                    if currency
                    else {"__class__": "Decimal", "decimal": "0"},
                    "currency": currency or self._company_currency,
                }
            )
        return {"outgoing_moves": [*([["delete", list(replaced)]] if replaced else []), ["create", moves]]}

    def _learn(self, codes: Iterable[str]) -> None:
        wanted = sorted(set(codes) - set(self._products))
        if wanted:
            _, found = self._rest.search("product.product", [["code", "in", wanted]], ("code", "default_uom"))
            self._products |= {product["code"]: product for product in found}
        if missing := [code for code in wanted if code not in self._products]:
            raise RecordRejected(f"Tryton knows no product with the code {', '.join(missing)}")

    def _warehouse(self, code: str) -> Any:  # noqa: ANN401 -- a vendor's JSON
        if code not in self.warehouses:
            raise RecordRejected(f"Tryton knows no warehouse with the code {code}")
        return self.warehouses[code]

    def _address(self, address: Json) -> int:
        """The id of an address of the hub's party, made if there is none like it. No error quotes it."""
        values = dict(address) | {"party": self._party, "country": self._country(address["country"])}
        region = values.pop("region")
        values["subdivision"] = self._subdivision(values["country"], address["country"], region)
        if region and values["subdivision"] is None:
            values["city"] = f"{values['city']}, {region}"
        _, found = self._rest.search(
            "party.address", [[n, "=", v] for n, v in values.items()], ("party",), limit=1
        )
        if found:
            return int(found[0]["id"])
        try:
            return self._rest.create("party.address", values)
        except RecordRejected:
            raise RecordRejected("Tryton refuses the delivery address") from None

    def _country(self, code: str) -> int:
        _, found = self._rest.search("country.country", [["code", "=", code]], ("code",), limit=1)
        if not found:
            raise RecordRejected(f"Tryton knows no country {code}: import the countries there")
        return int(found[0]["id"])

    def _subdivision(self, country: int, country_code: str, region: str | None) -> int | None:
        if not region:
            return None
        named = ["OR", ["code", "=", f"{country_code}-{region}"], ["name", "=", region]]
        _, found = self._rest.search(
            "country.subdivision", [["country", "=", country], named], ("code",), limit=1
        )
        return int(found[0]["id"]) if found else None

    @cached_property
    def _party(self) -> int:
        _, found = self._rest.search("party.party", [["code", "=", PARTY]], ("code",), limit=1)
        if found:
            return int(found[0]["id"])
        return self._rest.create("party.party", {"name": "Buyers of the order hub", "code": PARTY})

    @cached_property
    def _customers(self) -> int:
        """The location that customers' goods go to."""
        _, found = self._rest.search("stock.location", [["type", "=", "customer"]], ("code",), limit=1)
        return int(found[0]["id"])

    @cached_property
    def _currencies(self) -> dict[str, int]:
        _, found = self._rest.search("currency.currency", [], ("code",))
        return {currency["code"]: currency["id"] for currency in found}

    @cached_property
    def _company_currency(self) -> int:
        _, company = self._rest.get("company.company", self._company, ("currency",))
        return int(company["currency"])


def _take(lots: list[list[int]], units: int) -> list[tuple[int | None, int]]:
    """So many units out of lots, first to last; what the lots do not hold is a last share without one."""
    shares: list[tuple[int | None, int]] = []
    for lot in lots:
        share = min(lot[1], units)
        if share > 0:
            shares.append((lot[0], share))
            lot[1] -= share
            units -= share
    if units:
        shares.append((None, units))
    return shares


def _id(value: Json) -> Json:
    """The id of a relation, read with or without fields of its own."""
    return value["id"] if isinstance(value, dict) else value
