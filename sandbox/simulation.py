"""What happens while time goes by: buyers, warehouses and carriers do their work.

What happens to a thing is drawn from the seed and the thing's own name, so that it does not depend on
who asked what first: the same seed and the same picklists give the same world.
"""

from collections import Counter
from datetime import timedelta

from sandbox.buyers import place_order
from sandbox.deliveries import AddressBook
from sandbox.fates import Fates
from sandbox.parcels import choose_carrier, plan_way, tracking_number
from sandbox.registry import CHANNELS
from sandbox.world import Scan, WarehouseShipment, World

STEP = timedelta(minutes=10)
DWELL = {"waiting": (20, 60), "assigned": (60, 180), "picked": (15, 60), "packed": (30, 240)}
"""Minutes that a picklist stays in a state, from and to."""
NEXT = {"assigned": "picked", "picked": "packed"}
RESTOCK_EVERY = timedelta(hours=36)
RESTOCK_BELOW = 10
RESTOCK_UNITS = 40


class Simulation:
    """Moves a world's clock, and with it everything else.

    Attributes:
        orders_per_day: How many orders all channels together get in a day, from now on.
    """

    def __init__(
        self,
        world: World,
        *,
        orders_per_day: float = 0,
        fickle: bool = True,
        late_cancellations: bool = False,
    ) -> None:
        """Begin with the world as it is.

        Args:
            world: The world to move.
            orders_per_day: How many orders come by themselves.
            fickle: Whether buyers cancel, edit and send back.
            late_cancellations: Whether some buyers cancel when the goods are already picked.
        """
        self.world = world
        self.orders_per_day = orders_per_day
        self._fates = Fates(world, fickle=fickle, late_cancellations=late_cancellations)
        self._addresses = AddressBook(world)
        self._next_restock = world.now + RESTOCK_EVERY
        self._closed: set[tuple[str, str]] = set()
        self._arrived: set[str] = set()

    def advance(self, delta: timedelta) -> Counter[str]:
        """Let time go by; vendors can answer between the steps. Returns what happened, counted.

        Several may do so at once: the world is then as far as the farthest of them. Time never goes back.
        """
        events = Counter[str]()
        until = self.world.now + delta
        while True:
            with self.world.lock:
                if self.world.now >= until:
                    return events
                self.world.now = min(self.world.now + STEP, until)
                self._place(events)
                self._fates.happen(events)
                self._warehouses(events)
                self._carriers(events)
                self._restock(events)

    def _place(self, events: Counter[str]) -> None:
        random = self.world.draw("arrivals", self.world.now.isoformat())
        expected = self.orders_per_day * (STEP / timedelta(days=1))
        count = int(expected) + (random.random() < expected % 1)
        for _ in range(count):
            place_order(self.world, random.choice(list(CHANNELS)))
        events["placed"] += count

    def _warehouses(self, events: Counter[str]) -> None:
        for key, shipment in list(self.world.shipments.items()):
            if key in self._closed:
                continue
            if shipment.state not in DWELL:
                self._closed.add(key)
                continue
            random = self.world.draw("dwell", shipment.state, shipment.wms, shipment.reference)
            if self.world.now < shipment.updated_at + timedelta(
                minutes=random.uniform(*DWELL[shipment.state])
            ):
                continue
            if shipment.state == "waiting":
                events["assigned"] += self.world.assign(shipment)
            elif shipment.state in NEXT:
                self.world.set_state(shipment, NEXT[shipment.state])
                events[shipment.state] += 1
            else:
                self._hand_over(shipment)
                events["shipped"] += 1

    def _hand_over(self, shipment: WarehouseShipment) -> None:
        world, site = self.world, self.world.sites[shipment.site]
        random = world.draw("parcel", shipment.wms, shipment.reference)
        carrier = choose_carrier(site, random)
        parcel = world.ship(shipment, carrier, tracking_number(world, carrier, random))
        order = self._addresses.order_of(shipment.ship_to)
        plan_way(world, parcel, site, order.ship_to if order else None, random)

    def _carriers(self, events: Counter[str]) -> None:
        for number, parcel in self.world.parcels.items():
            if number in self._arrived:
                continue
            while parcel.due and parcel.due[0].at <= self.world.now:
                parcel.scans.append(parcel.due.pop(0))
            if not parcel.due and len(parcel.scans) > 1:
                self._arrived.add(number)
                last: Scan = parcel.scans[-1]
                events[last.status] += 1
                order = self._addresses.order_of(parcel.ship_to)
                if order and last.status == "delivered":
                    self._fates.parcel_arrived(order, number)

    def _restock(self, events: Counter[str]) -> None:
        if self.world.now < self._next_restock:
            return
        self._next_restock += RESTOCK_EVERY
        for site in self.world.sites.values():
            for sku, places in site.stock.items():
                if site.on_hand(sku) < RESTOCK_BELOW:
                    places[-1].on_hand += RESTOCK_UNITS
                    events["restocked"] += 1
