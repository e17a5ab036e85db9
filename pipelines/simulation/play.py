"""Plays a past window again, as it is configured and with changes, and puts the figures side by side."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.simulation.figures import Figures, replayed_figures, what_happened
from pipelines.simulation.hindsight import Hindsight, ever_free, hindsight_of, hindsight_problem
from pipelines.simulation.notes import notes_on
from pipelines.simulation.scenario import Changes, Scenario, as_configured, changed
from pipelines.simulation.shelves import PastStock, rebuild_stock
from pipelines.simulation.window import Window, first_and_last_routing, read_window
from warehouse_routing.problem import Location, Problem, Site
from warehouse_routing.rolling_replay import Replayed, Shipped, Wave, replay_waves

Position = tuple[str, str]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how much of how much is."""

TOGETHER = timedelta(minutes=5)
"""Orders that were first routed within so long of one another are one wave, as in one run of the schedule."""
WAITING_MINOR = 2_500
"""The price of a unit that waits, in minor units, where the policy gives none."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        since: The window's beginning; None for the first routing that the store knows.
        until: Its end, not part of it; None for now.
        waiting_minor: The price of a unit that waits at the end; None for the policy's, else WAITING_MINOR.
        seconds: Time limit of each plan that knows everything.
    """

    since: datetime | None
    until: datetime | None
    changes: Changes
    waiting_minor: int | None = None
    together: timedelta = TOGETHER
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way to play the window: its figures, the best that could have been, and every parcel."""

    figures: Figures
    hindsight: Hindsight
    parcels: tuple[Shipped, ...]
    sites: tuple[Site, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """All of them side by side.

    Attributes:
        happened: What the store says was done.
        happened_parcels: Its parcels, priced by today's tariff.
        replayed: The window played again as it is configured: the yardstick for the scenario, because both
            leave out the same things.
        scenario: With the changes; None if there are none.
        destinations: Where each order went.
        notes: What is not known exactly, in words.
    """

    since: datetime
    until: datetime
    currency: str
    waiting_minor: int
    waves: int
    happened: Figures
    happened_parcels: tuple[Shipped, ...]
    replayed: Outcome
    scenario: Outcome | None
    destinations: Mapping[int, Location]
    notes: tuple[str, ...]


def simulate(hub: Hub, request: Request, progress: Progress = lambda what, done, total: None) -> Simulation:
    """Play a window again. Nothing is written.

    Raises:
        ProblemError: The window is empty, or the changes cannot be used.
    """
    configured = as_configured(hub.config)
    scenario = changed(hub.config, request.changes) if request.changes.any else None
    window, stock = _read(hub, request, progress)
    configured = _with_planned(configured, window)
    waves = waves_of(window, stock, request.together)
    waiting = request.waiting_minor
    if waiting is None:
        waiting = configured.policy.prices.backorder or WAITING_MINOR
    happened, parcels = what_happened(window, configured)
    replayed = _outcome(window, waves, stock, configured, waiting, request.seconds, progress)
    outcome = None
    if scenario:
        scenario = _with_planned(scenario, window)
        outcome = _outcome(window, waves, stock, scenario, waiting, request.seconds, progress)
        if request.changes.only_less:
            outcome = _no_lower(outcome, replayed.hindsight.lower_bound_minor)
    bounded = all(one.hindsight.lower_bound_minor is not None for one in (replayed, outcome) if one)
    return Simulation(
        window.since,
        window.until,
        configured.policy.tariff.currency,
        waiting,
        len(waves),
        happened,
        tuple(parcels),
        replayed,
        outcome,
        {one.to_route.order_id: one.to_route.destination for one in window.orders},
        tuple(notes_on(hub.config, window, stock, happened, scenario, bounded=bounded)),
    )


def waves_of(window: Window, stock: PastStock, together: timedelta) -> list[Wave]:
    """The window's orders as they came, and what happened to stock between them."""
    moments: dict[datetime, list[int]] = defaultdict(list)
    began: datetime | None = None
    for at, past in enumerate(window.orders):
        if began is None or past.routed_at - began > together:
            began = past.routed_at
        moments[began].append(at)
    waves = []
    for moment in sorted(moments.keys() | stock.changes.keys()):
        orders = tuple(window.orders[at].to_route for at in moments.get(moment, ()))
        waves.append(Wave(moment, orders, stock.changes.get(moment, {})))
    return waves


def _read(hub: Hub, request: Request, progress: Progress) -> tuple[Window, PastStock]:
    with hub.store.read() as tx:
        known = first_and_last_routing(tx)
        if known is None:
            raise ProblemError("nothing has been routed yet, so there is nothing to play again")
        since = request.since or known[0]
        until = request.until or hub.clock.now()
        window = read_window(tx, since, until)
        if not window.orders:
            first, last = (moment.isoformat(timespec="minutes") for moment in known)
            raise ProblemError(f"no order was routed in that window; there are some from {first} to {last}")
        ids = {one.to_route.order_id for one in window.orders}
        stock = rebuild_stock(
            hub, tx, since, until, ids, lambda done, total: progress("reading stock", done, total)
        )
    return window, stock


def _with_planned(scenario: Scenario, window: Window) -> Scenario:
    sites = tuple(replace(site, parcels_planned=window.planned.get(site.code, {})) for site in scenario.sites)
    return replace(scenario, sites=sites)


def _outcome(
    window: Window,
    waves: Sequence[Wave],
    stock: PastStock,
    scenario: Scenario,
    waiting_minor: int,
    seconds: float,
    progress: Progress,
) -> Outcome:
    codes = {site.code for site in scenario.sites}
    free = {position: units for position, units in scenario.free(stock.free).items() if position[0] in codes}
    here = [
        replace(wave, changes={key: units for key, units in wave.changes.items() if key[0] in codes})
        for wave in waves
    ]
    start = Problem(window.since, (), scenario.sites, free, scenario.policy, window.goods)
    name = f"playing {scenario.name}"
    replayed: Replayed = replay_waves(
        start, here, hold=scenario.hold, progress=lambda done: progress(name, done, len(here))
    )
    progress("planning with hindsight", 0, 1)
    most = ever_free(free, [wave.changes for wave in here])
    hindsight = hindsight_of(hindsight_problem(window, scenario, most, waiting_minor, seconds))
    progress("planning with hindsight", 1, 1)
    figures = replayed_figures(window, scenario, replayed)
    return Outcome(figures, hindsight, replayed.parcels, scenario.sites, replayed.complete)


def _no_lower(outcome: Outcome, bound: float | None) -> Outcome:
    """A bound for more choices holds for fewer."""
    best = outcome.hindsight
    if bound is None or best.lower_bound_minor is None:
        return outcome
    return replace(outcome, hindsight=replace(best, lower_bound_minor=max(bound, best.lower_bound_minor)))
