"""Plays a window of time again: orders come in waves, stock comes and goes, and the router decides.

Pure: what it is given is all it knows, and it gives back every parcel and whatever waits at the end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from warehouse_routing.calendar import dispatch_date
from warehouse_routing.plan import Assignment, OrderPlan
from warehouse_routing.problem import OpenLine, OrderToRoute, Problem, Site, Standing
from warehouse_routing.router import plan

Position = tuple[str, str]
"""(site code, SKU)."""


@dataclass(frozen=True, slots=True)
class Wave:
    """What happens at one moment.

    Attributes:
        at: Aware UTC; waves follow one another.
        orders: Orders that are routed for the first time.
        changes: Units that came to a position, or (below 0) went from it for other reasons than these orders.
    """

    at: datetime
    orders: tuple[OrderToRoute, ...] = ()
    changes: Mapping[Position, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shipped:
    """One parcel as it was decided for good."""

    order_id: int
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a window comes to.

    Attributes:
        parcels: In the order in which they became final.
        waited: By order, units of lines that its first decision left waiting, if any.
        waiting: By order, units that still wait at the end.
        moves: Times that an order was given to other sites before its parcels became final.
        left: Units at each position at the end; below 0 where more went than was there.
        decisions: How often the router was asked.
        complete: False if a decision ran into the policy's time limit.
    """

    parcels: tuple[Shipped, ...]
    waited: Mapping[int, int]
    waiting: Mapping[int, int]
    moves: int
    left: Mapping[Position, int]
    decisions: int
    complete: bool


@dataclass(slots=True)
class _Open:
    """An order that is not done: what it lacks, and the parcels that may still be moved."""

    order: OrderToRoute
    since: datetime
    parcels: dict[int, Assignment] = field(default_factory=dict)


class _Play:
    """The state of a replay."""

    def __init__(self, start: Problem, hold: timedelta) -> None:
        self.start, self.hold = start, hold
        self.stock = dict(start.stock)
        self.planned = {site.code: dict(site.parcels_planned) for site in start.sites}
        self.open: dict[int, _Open] = {}
        self.done: list[Shipped] = []
        self.waited: dict[int, int] = {}
        self.moves = self.decisions = self.keys = 0
        self.complete = True

    def wave(self, wave: Wave) -> None:
        """Let what happens happen, and decide what is open."""
        for position, units in wave.changes.items():
            self.stock[position] = self.stock.get(position, 0) + units
        self.settle(wave.at)
        new = {order.order_id for order in wave.orders}
        for order in wave.orders:
            self.open[order.order_id] = _Open(order, wave.at)
        if not self.open or not (new or any(units > 0 for units in wave.changes.values()) or self._movable()):
            return
        decided = plan(self._problem(wave.at))
        self.decisions += 1
        self.complete = self.complete and decided.complete
        for one in decided.orders:
            if one.order_id in new and one.backorders:
                self.waited[one.order_id] = sum(backorder.units for backorder in one.backorders)
            self._apply(one)
        if not self.hold:
            self.settle(wave.at)

    def settle(self, now: datetime | None) -> None:
        """Make parcels final whose time to be moved is over; None makes all of them final."""
        today = {site.code: dispatch_date(site, now) for site in self.start.sites} if now else {}
        for order_id, one in list(self.open.items()):
            if (
                now
                and now < one.since + self.hold
                and all(today[parcel.site] <= parcel.dispatch_date for parcel in one.parcels.values())
            ):
                continue
            self.done += [Shipped(order_id, parcel) for parcel in one.parcels.values()]
            lines = _lacking(one.order.lines, one.parcels.values())
            one.parcels = {}
            if lines:
                one.order = replace(one.order, lines=lines, backordered=True, standing=())
            else:
                del self.open[order_id]

    def _movable(self) -> bool:
        return any(one.parcels for one in self.open.values())

    def _problem(self, now: datetime) -> Problem:
        orders = tuple(
            replace(one.order, standing=tuple(_standing(key, parcel) for key, parcel in one.parcels.items()))
            for one in self.open.values()
        )
        sites = tuple(replace(site, parcels_planned=self.planned[site.code]) for site in self.start.sites)
        return replace(self.start, now=now, orders=orders, sites=sites, stock=self.stock)

    def _apply(self, decided: OrderPlan) -> None:
        one = self.open[decided.order_id]
        kept = {parcel.kept for parcel in decided.assignments}
        before = {key: parcel for key, parcel in one.parcels.items() if key not in kept}
        self.moves += bool(before)
        for parcel in before.values():
            self._take(parcel, -1)
        parcels: dict[int, Assignment] = {}
        for assignment in decided.assignments:
            if assignment.kept is not None:
                parcels[assignment.kept] = one.parcels[assignment.kept]
                continue
            self.keys += 1
            parcels[self.keys] = assignment
            self._take(assignment, 1)
        one.parcels = parcels

    def _take(self, parcel: Assignment, sign: int) -> None:
        for line in parcel.lines:
            for part in line.components:
                position = (parcel.site, part.sku)
                self.stock[position] = self.stock.get(position, 0) - sign * part.units
        planned = self.planned[parcel.site]
        planned[parcel.dispatch_date] = planned.get(parcel.dispatch_date, 0) + sign


def replay_waves(
    start: Problem,
    waves: Sequence[Wave],
    *,
    hold: timedelta = timedelta(),
    progress: Callable[[int], None] = lambda done: None,
) -> Replayed:
    """Decide a window's orders wave by wave; what waits is decided again whenever stock or orders come.

    Args:
        start: Sites with the parcels that they already have, stock, policy and goods as the window begins;
            its time and orders do not matter.
        waves: What happens, in sequence.
        hold: How long a parcel may be moved before it is final, at most until its site's cut-off. For which
            saving it is moved, the policy says.
        progress: Told after each wave how many are done.

    Raises:
        ValueError: If a site has no working day for a month.
    """
    play = _Play(start, hold)
    for done, wave in enumerate(waves, 1):
        play.wave(wave)
        progress(done)
    play.settle(None)
    waiting = {key: sum(line.units for line in one.order.lines) for key, one in play.open.items()}
    return Replayed(
        tuple(play.done), play.waited, waiting, play.moves, play.stock, play.decisions, play.complete
    )


def priced_alone(problem: Problem, site: Site, orders: Sequence[OrderToRoute]) -> dict[int, Assignment]:
    """What parcels cost that one site has shipped: each order is one, with everything in it.

    Those that the site may not ship by its present rules are not in the answer.
    """
    units: dict[Position, int] = {}
    for order in orders:
        for line in order.lines:
            for part in line.components:
                position = (site.code, part.sku)
                units[position] = units.get(position, 0) + part.units * line.units
    free = replace(site, parcels_per_day=None)
    answer = plan(replace(problem, orders=tuple(orders), sites=(free,), stock=units))
    return {
        one.order_id: one.assignments[0]
        for one in answer.orders
        if len(one.assignments) == 1 and not one.backorders
    }


def _lacking(lines: Sequence[OpenLine], parcels: Iterable[Assignment]) -> tuple[OpenLine, ...]:
    """What is left of lines when some parcels have gone."""
    given: dict[str, int] = {}
    for parcel in parcels:
        for line in parcel.lines:
            given[line.line_id] = given.get(line.line_id, 0) + line.units
    return tuple(
        replace(line, units=line.units - given.get(line.line_id, 0))
        for line in lines
        if line.units > given.get(line.line_id, 0)
    )


def _standing(key: int, parcel: Assignment) -> Standing:
    components: dict[str, int] = {}
    for line in parcel.lines:
        for part in line.components:
            components[part.sku] = components.get(part.sku, 0) + part.units
    lines = {line.line_id: line.units for line in parcel.lines}
    return Standing(key, parcel.site, lines, components, parcel.dispatch_date)
