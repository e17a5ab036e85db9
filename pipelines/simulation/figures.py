"""What a plan of a window comes to: parcels, money, distance, promises, waiting."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.simulation.scenario import Scenario
from pipelines.simulation.window import PastParcel, Window
from warehouse_routing.plan import Assignment
from warehouse_routing.problem import OrderToRoute, Problem
from warehouse_routing.rolling_replay import Replayed, Shipped, priced_alone


@dataclass(frozen=True, slots=True)
class Figures:
    """One way in which the window went or could have gone.

    Attributes:
        name: What it is.
        orders: Orders of the window, shipped or not.
        parcels: In all; `extra_parcels` are those beyond the first of an order.
        cost_minor: Tariff and handling of all parcels whose price is known, in minor units.
        unpriced: Parcels whose price today's tariff and warehouses do not tell; their cost is left out.
        distance_km: Of all parcels together, as the crow flies; places that nobody knows left out.
        promised: Parcels for which a day was promised; `on_time` are those planned to keep it.
        orders_waited: Orders of which a line had to wait at the first routing.
        units_waiting: Units of lines that still wait when the window ends.
        orders_waiting: Orders that these belong to.
        moved: Times that an order was given to other warehouses before it was final.
        by_site: Parcels by warehouse.
        left: Parcels that were due by a moment and have left; none in a replay. `left_on_time` had by then.
    """

    name: str
    orders: int
    parcels: int
    extra_parcels: int
    cost_minor: int
    unpriced: int
    distance_km: int
    promised: int
    on_time: int
    orders_waited: int
    units_waiting: int
    orders_waiting: int
    moved: int
    by_site: Mapping[str, int]
    left: int = 0
    left_on_time: int = 0

    @property
    def on_time_percent(self) -> float | None:
        """Share of the promised parcels that keep their day."""
        return round(100 * self.on_time / self.promised, 2) if self.promised else None

    @property
    def left_on_time_percent(self) -> float | None:
        """Share of the parcels that have left by when they were due: on-time dispatch, as the KPI has it."""
        return round(100 * self.left_on_time / self.left, 2) if self.left else None


def figures_of(
    name: str,
    window: Window,
    shipped: Sequence[Shipped],
    waited: int,
    waiting: Mapping[int, int],
    moved: int = 0,
    unpriced: Sequence[PastParcel] = (),
) -> Figures:
    """Add up a plan."""
    promises = {
        one.to_route.order_id for one in window.orders if one.to_route.ship_by or one.to_route.deliver_by
    }
    by_order = Counter(one.order_id for one in shipped) + Counter(one.order_id for one in unpriced)
    by_site = Counter(one.assignment.site for one in shipped) + Counter(one.warehouse for one in unpriced)
    promised = [one.assignment for one in shipped if one.order_id in promises]
    return Figures(
        name=name,
        orders=len(window.orders),
        parcels=by_order.total(),
        extra_parcels=by_order.total() - len(by_order),
        cost_minor=sum(one.assignment.cost for one in shipped),
        unpriced=len(unpriced),
        distance_km=round(sum(one.assignment.distance_km or 0.0 for one in shipped)),
        promised=len(promised),
        on_time=sum(not one.late for one in promised),
        orders_waited=waited,
        units_waiting=sum(waiting.values()),
        orders_waiting=sum(units > 0 for units in waiting.values()),
        moved=moved,
        by_site=dict(sorted(by_site.items())),
    )


def replayed_figures(window: Window, scenario: Scenario, replayed: Replayed) -> Figures:
    """Those of a replay."""
    return figures_of(
        scenario.name,
        window,
        replayed.parcels,
        len(replayed.waited),
        replayed.waiting,
        replayed.moves,
    )


def what_happened(window: Window, configured: Scenario) -> tuple[Figures, list[Shipped]]:
    """What the store says was done, priced by today's tariff at the time of each decision."""
    orders = {one.to_route.order_id: one.to_route for one in window.orders}
    template = Problem(window.since, (), configured.sites, {}, configured.policy, window.goods)
    priced: list[Shipped] = []
    unpriced: list[PastParcel] = []
    for parcels in _decided_together(window.parcels):
        assignments = _prices(template, parcels, orders)
        for parcel in parcels:
            if found := assignments.get(parcel.picklist_id):
                priced.append(Shipped(parcel.order_id, found))
            else:
                unpriced.append(parcel)
    waiting = {key: sum(line.units for line in order.lines) for key, order in orders.items()}
    for parcel in window.parcels:
        waiting[parcel.order_id] -= sum(line.units for line in parcel.lines)
    left = {key: units for key, units in waiting.items() if units > 0}
    waited = sum(one.waited for one in window.orders)
    figures = figures_of("happened", window, priced, waited, left, unpriced=unpriced)
    gone = [(one.handed_over, one.due_at) for one in window.parcels if one.handed_over and one.due_at]
    on_time = sum(handed_over <= due_at for handed_over, due_at in gone)
    return replace(figures, left=len(gone), left_on_time=on_time), priced


def _decided_together(parcels: Iterable[PastParcel]) -> list[list[PastParcel]]:
    """Parcels of one warehouse that were made at one moment."""
    grouped: dict[tuple[object, str], list[PastParcel]] = defaultdict(list)
    for parcel in parcels:
        grouped[parcel.created_at, parcel.warehouse].append(parcel)
    return list(grouped.values())


def _prices(
    template: Problem, parcels: Sequence[PastParcel], orders: Mapping[int, OrderToRoute]
) -> dict[int, Assignment]:
    site = next((one for one in template.sites if one.code == parcels[0].warehouse), None)
    if site is None:
        return {}
    alone = [
        replace(orders[one.order_id], order_id=one.picklist_id, lines=one.lines, backordered=False)
        for one in parcels
    ]
    return priced_alone(replace(template, now=parcels[0].created_at), site, alone)
