"""Time in the sandbox: goods move, buyers change their minds, and equal seeds give equal worlds."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.deliveries import parcels_by_order
from sandbox.ledger import ledger
from sandbox.merchant import build_world
from sandbox.parcels import ups_check_digit
from sandbox.simulation import Simulation
from sandbox.world import ShopOrder, WarehouseShipment, World

DAY = timedelta(days=1)


def address(order: ShopOrder) -> dict[str, str | None]:
    """An address as some WMS holds it: its own names, the street in one text."""
    home = order.ship_to
    zipped = home.postal_code.replace(" ", "")
    return {"party": home.name, "street": "\n".join(home.street), "zip": zipped, "town": home.city}


def push(world: World, order: ShopOrder, wms: str = "tryton-lyon", site: str = "LYS") -> WarehouseShipment:
    units = Counter[str]()
    for line in order.lines:
        for sku, each in world.components(order.channel, line.channel_sku).items():
            units[sku] += each * line.current
    return world.accept(wms, site, f"ref {order.number}", list(units.items()), address(order))


def trade(seed: int, days: int = 11) -> World:
    """A merchant that pushes every paid order to Lyon once an hour, as a very simple hub would."""
    world = build_world(seed, plenty=True)
    simulation = Simulation(world, orders_per_day=40)
    pushed = set[tuple[str, str]]()
    for hour in range(24 * days):
        if hour == 48:
            simulation.orders_per_day = 0
        simulation.advance(timedelta(hours=1))
        for key, order in world.orders.items():
            ready = order.payment != "pending" or order.payment_mode == "cash_on_delivery"
            goods = any(line.requires_shipping for line in order.lines)
            if key not in pushed and ready and goods and not order.cancelled_at and not order.by_channel:
                if all(line.requires_shipping for line in order.lines):
                    push(world, order)
                pushed.add(key)
    return world


@pytest.fixture(scope="module")
def traded() -> World:
    return trade(4)


def test_equal_seeds_and_equal_picklists_give_equal_ledgers(traded: World) -> None:
    assert ledger(trade(4)) == ledger(traded)


def test_picklists_become_parcels_that_reach_the_buyer(traded: World) -> None:
    assert {shipment.state for shipment in traded.shipments.values()} == {"shipped"}
    last = Counter(parcel.scans[-1].status for parcel in traded.parcels.values())
    assert last["delivered"] > 0.9 * last.total()
    for parcel in traded.parcels.values():
        assert [scan.at for scan in parcel.scans] == sorted(scan.at for scan in parcel.scans)


def test_time_never_goes_back_however_many_let_it_go_on(world: World) -> None:
    simulation = Simulation(world)
    began, seen = world.now, [world.now]
    steps = [timedelta(minutes=minutes) for minutes in (1, 90, 3, 400, 7, 11)] * 20

    def go_on(delta: timedelta) -> None:
        simulation.advance(delta)
        with world.lock:
            seen.append(world.now)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(go_on, steps))
    assert seen == sorted(seen)
    assert world.now > began


def test_every_parcel_is_known_by_its_address(traded: World) -> None:
    parcels = parcels_by_order(traded)
    assert ("", "") not in parcels
    assert sum(map(len, parcels.values())) == len(traded.shipments)


def test_buyers_cancel_edit_pay_late_and_send_back(traded: World) -> None:
    orders = list(traded.orders.values())
    assert any(order.cancelled_at for order in orders)
    assert any(line.removed and not order.cancelled_at for order in orders for line in order.lines)
    assert any(order.paid_at and order.paid_at > order.placed_at for order in orders)
    assert not any(order.payment == "pending" and not order.cancelled_at for order in orders)


def test_goods_leave_the_shelves_exactly_once(traded: World) -> None:
    before, shipped = build_world(4, plenty=True), Counter[tuple[str, str]]()
    for shipment in traded.shipments.values():
        for pick in shipment.picks:
            shipped[shipment.site, pick.sku] += pick.quantity
    for site in traded.sites.values():
        for sku in site.stock:
            gone = before.sites[site.code].on_hand(sku) - site.on_hand(sku)
            assert gone == shipped[site.code, sku]


def test_a_scarce_sku_waits_until_the_goods_come(world: World) -> None:
    order = place_order(world, "woo-de", Wish(lines=[("BOWL-RAKU-BLACK", 9)], payment="captured"))
    shipment = push(world, order)
    simulation = Simulation(world, fickle=False)
    simulation.advance(timedelta(hours=30))
    assert shipment.state == "waiting"
    simulation.advance(timedelta(hours=30))
    assert shipment.state == "shipped"


def test_returned_goods_lie_on_a_shelf_again() -> None:
    world = build_world(11, plenty=True)
    for _ in range(60):
        place_order(world, "woo-de", Wish(lines=[("SPOON-BRASS", 2)], payment="captured"))
    simulation = Simulation(world)
    shipments = [push(world, order) for order in world.orders.values()]
    simulation.advance(DAY)
    for order, shipment in zip(world.orders.values(), shipments, strict=True):
        assert shipment.tracking_number
        world.tell(order, {order.lines[0].line_id: 2}, shipment.carrier, shipment.tracking_number)
    happened = simulation.advance(9 * DAY)
    returned = sum(order.lines[0].returned for order in world.orders.values())
    assert returned == happened["sent_back"] > 0
    assert sum(len(order.refunds) for order in world.orders.values()) == returned
    shipped = sum(pick.quantity for shipment in shipments for pick in shipment.picks)
    everywhere = sum(site.on_hand("SPOON-BRASS") for site in world.sites.values())
    assert everywhere == 40_000 - shipped + returned


@pytest.mark.parametrize("number", ["1Z999AA10123456784", "1Z5R89390357567127", "1Z8V92A70367203024"])
def test_the_check_digit_of_a_ups_number(number: str) -> None:
    assert ups_check_digit(number[2:-1]) == number[-1]


def test_ups_parcels_carry_numbers_whose_check_digit_holds(traded: World) -> None:
    numbers = [number for number, parcel in traded.parcels.items() if parcel.carrier == "UPS"]
    assert numbers
    assert all(ups_check_digit(number[2:-1]) == number[-1] and len(number) == 18 for number in numbers)
    assert len({parcel.carrier for parcel in traded.parcels.values()}) >= 3
