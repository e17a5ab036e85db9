"""Buyer, merchant and warehouse people at the servers that `make try-real` runs, from the command line.

    python -m tests.real.people buy MUG-BLUE=2 TEA-GREEN=35    check out, and take the money
    python -m tests.real.people buy BOOK-BIRDS=1 --unpaid      check out; the money is only promised
    python -m tests.real.people pay ORDER                      take the money
    python -m tests.real.people cancel ORDER MUG-BLUE=1        take units back, with a refund
    python -m tests.real.people ship [REFERENCE]               pick, pack and hand over what waits, or one
    python -m tests.real.people look                           what the shop and the warehouse show

ORDER is the shop's number of an order.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.real import shop_owner
from tests.real.servers import Servers
from tests.real.shop_api import Session, Shop
from tests.real.wms_floor import Floor, Place

HOME = Path(".orderhub/try")
RUNNING = HOME / "servers.json"


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("what", choices=["buy", "pay", "cancel", "ship", "look"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--unpaid", action="store_true")
    asked = parser.parse_args()
    if not RUNNING.exists():
        sys.exit("no servers are running here; start them with `make try-real`")
    found = json.loads(RUNNING.read_text())
    servers = Servers(**found | {"logs": Path(found["logs"])})
    shop, floor = Shop(servers.shop_url), Floor(servers)
    owner = shop.owner(servers.shop_user, servers.shop_password)
    match asked.what:
        case "buy":
            order_id = shop.check_out(_units(asked.names), owner)
            if not asked.unpaid:
                shop_owner.settle(owner, order_id)
            _say(shop_owner.order(owner, order_id)["code"])
        case "pay":
            shop_owner.settle(owner, _order(owner, asked.names[0])["id"])
        case "cancel":
            shop_owner.cancel_units(owner, _order(owner, asked.names[0])["id"], _units(asked.names[1:]))
        case "ship":
            _ship(floor, set(asked.names))
        case "look":
            _look(owner, floor)


def _ship(floor: Floor, references: set[str]) -> None:
    for shipment in floor.shipments():
        if shipment.state == "assigned" and (not references or shipment.reference in references):
            tracking_number = f"1Z{uuid4().hex[:16].upper()}"
            floor.pick(shipment.wms_id)
            floor.pack(shipment.wms_id, tracking_number)
            floor.ship(shipment.wms_id)
            _say(f"{shipment.reference} left as {tracking_number}")


def _look(owner: Session, floor: Floor) -> None:
    _say("Shop:")
    for order in shop_owner.orders(owner):
        _say(f"  {order['code']} {order['state']}: {_listed(shop_owner.units_by_sku(order))}")
        for state, carrier, number, units in shop_owner.fulfilled(order):
            _say(f"    {state} by {carrier} as {number}: {_listed(units)}")
    _say("Warehouse:")
    for shipment in floor.shipments():
        _say(f"  {shipment.reference} {shipment.state}: {_listed(_places(shipment.picks))}")


def _places(picks: Mapping[Place, int]) -> dict[str, int]:
    return {f"{sku} in {bin_}{f' lot {lot}' if lot else ''}": n for (sku, bin_, lot), n in picks.items()}


def _listed(units: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in units.items()) or "nothing"


def _order(owner: Session, number: str) -> Any:  # noqa: ANN401 -- a vendor's JSON
    for order in shop_owner.orders(owner):
        if order["code"] == number:
            return order
    sys.exit(f"the shop knows no order {number}")


def _units(words: list[str]) -> dict[str, int]:
    pairs = [word.split("=") for word in words]
    if not pairs or any(len(pair) != 2 or not pair[1].isdigit() for pair in pairs):
        sys.exit("name SKUs and units: MUG-BLUE=2 TEA-GREEN=35")
    return {sku: int(units) for sku, units in pairs}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
