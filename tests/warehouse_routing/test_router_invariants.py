"""What must hold of every plan, whatever the problem."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from warehouse_routing.calendar import dispatch_date
from warehouse_routing.plan import Plan
from warehouse_routing.problem import (
    BackorderRule,
    Component,
    Location,
    OpenLine,
    OrderToRoute,
    Policy,
    Precision,
    Problem,
    Site,
    Strategy,
)
from warehouse_routing.router import plan

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
SKUS = ("A", "B", "C")
CODES = ("s1", "s2", "s3", "s4", "s5")
COUNTRIES = ("FR", "DE", "US")

locations = st.builds(
    Location,
    st.integers(-80, 80),
    st.integers(-179, 179),
    st.sampled_from([Precision.EXACT, Precision.UNKNOWN]),
)
sites = st.builds(
    Site,
    code=st.just(""),
    location=locations,
    time_zone=st.sampled_from(["UTC", "America/Chicago", "Asia/Tokyo"]),
    cut_off=st.sampled_from([time(8), time(14)]),
    countries=st.none() | st.frozensets(st.sampled_from(COUNTRIES), min_size=1),
    parcels_per_day=st.none() | st.integers(0, 4),
)
components = st.lists(
    st.builds(Component, st.sampled_from(SKUS), st.integers(1, 3)),
    min_size=1,
    max_size=2,
    unique_by=lambda c: c.sku,
)
lines = st.lists(st.tuples(st.integers(1, 8), components), min_size=1, max_size=3).map(
    lambda found: tuple(OpenLine(str(no), units, tuple(parts)) for no, (units, parts) in enumerate(found))
)
orders = st.builds(
    OrderToRoute,
    order_id=st.just(0),
    placed_at=st.integers(0, 5).map(lambda days: MONDAY - timedelta(days=days)),
    country_code=st.sampled_from(COUNTRIES),
    destination=locations,
    lines=lines,
    ship_by=st.none() | st.integers(-1, 5).map(lambda days: MONDAY + timedelta(days=days)),
    backordered=st.booleans(),
)
policies = st.builds(
    Policy,
    strategies=st.sampled_from(Strategy).map(lambda one: (one,)),
    split=st.booleans(),
    max_sites=st.none() | st.integers(1, 3),
    backorder=st.sampled_from(BackorderRule),
)


def numbered(found: list[OrderToRoute]) -> tuple[OrderToRoute, ...]:
    return tuple(
        OrderToRoute(
            no, one.placed_at, one.country_code, one.destination, one.lines, one.ship_by, one.backordered
        )
        for no, one in enumerate(found)
    )


def coded(found: list[Site]) -> tuple[Site, ...]:
    return tuple(
        Site(
            code,
            one.location,
            one.time_zone,
            one.cut_off,
            countries=one.countries,
            parcels_per_day=one.parcels_per_day,
        )
        for code, one in zip(CODES, found, strict=False)
    )


problems = st.builds(
    Problem,
    now=st.just(MONDAY),
    orders=st.lists(orders, max_size=6).map(numbered),
    sites=st.lists(sites, max_size=5).map(coded),
    stock=st.dictionaries(
        st.tuples(st.sampled_from(CODES), st.sampled_from(SKUS)), st.integers(-2, 12), max_size=15
    ),
    policy=policies,
)


def taken(decided: Plan) -> Counter[tuple[str, str]]:
    units: Counter[tuple[str, str]] = Counter()
    for one in decided.orders:
        for assignment in one.assignments:
            for line in assignment.lines:
                for part in line.components:
                    units[assignment.site, part.sku] += part.units
    return units


@given(problems)
def test_no_site_gives_more_than_it_has(problem: Problem) -> None:
    for place, units in taken(plan(problem)).items():
        assert 0 < units <= problem.stock[place]


@given(problems)
def test_no_site_packs_more_parcels_than_it_can(problem: Problem) -> None:
    parcels = Counter(one.site for each in plan(problem).orders for one in each.assignments)
    for site in problem.sites:
        assert site.parcels_per_day is None or parcels[site.code] <= site.parcels_per_day


@given(problems)
def test_everything_open_is_assigned_or_backordered(problem: Problem) -> None:
    decided = {one.order_id: one for one in plan(problem).orders}
    assert set(decided) == {order.order_id for order in problem.orders}
    for order in problem.orders:
        units: Counter[str] = Counter()
        for assignment in decided[order.order_id].assignments:
            units.update({line.line_id: line.units for line in assignment.lines})
        for backorder in decided[order.order_id].backorders:
            assert backorder.units > 0
            units[backorder.line_id] += backorder.units
        assert units == {line.line_id: line.units for line in order.lines}


@given(problems)
def test_components_follow_from_whole_units(problem: Problem) -> None:
    lines = {(order.order_id, line.line_id): line for order in problem.orders for line in order.lines}
    for one in plan(problem).orders:
        for assignment in one.assignments:
            for given_line in assignment.lines:
                asked = lines[one.order_id, given_line.line_id]
                assert given_line.components == tuple(
                    Component(part.sku, part.units * given_line.units) for part in asked.components
                )


@given(problems)
def test_sites_ship_only_where_they_may_as_often_as_the_policy_says_and_on_their_day(
    problem: Problem,
) -> None:
    by_code = {site.code: site for site in problem.sites}
    countries = {order.order_id: order.country_code for order in problem.orders}
    most = (problem.policy.max_sites or len(CODES)) if problem.policy.split else 1
    for one in plan(problem).orders:
        chosen = [by_code[assignment.site] for assignment in one.assignments]
        assert len({site.code for site in chosen}) == len(chosen) <= most
        assert all(site.countries is None or countries[one.order_id] in site.countries for site in chosen)
        for assignment, site in zip(one.assignments, chosen, strict=True):
            assert assignment.dispatch_date == dispatch_date(site, problem.now)
        assert {seen.site for seen in one.candidates if seen.chosen} == {site.code for site in chosen}


@given(problems)
def test_nobody_waits_for_what_a_single_open_site_could_ship(problem: Problem) -> None:
    """The last order decided is the only one whose view of the rest can be rebuilt from the plan."""
    decided = plan(problem)
    if not decided.orders or not decided.orders[-1].backorders:
        return
    if problem.policy.strategies[0] is Strategy.NEAREST and problem.policy.split:
        return  # it goes by nearness first and may end at the limit of sites
    last = decided.orders[-1]
    order = next(order for order in problem.orders if order.order_id == last.order_id)
    used = taken(Plan(decided.orders[:-1]))
    parcels = Counter(one.site for each in decided.orders[:-1] for one in each.assignments)
    needed: Counter[str] = Counter()
    for line in order.lines:
        needed.update({part.sku: part.units * line.units for part in line.components})
    for site in problem.sites:
        if site.countries is not None and order.country_code not in site.countries:
            continue
        if site.parcels_per_day is not None and parcels[site.code] >= site.parcels_per_day:
            continue
        assert any(
            problem.stock.get((site.code, sku), 0) - used[site.code, sku] < units
            for sku, units in needed.items()
        )


@given(problems, st.integers())
def test_the_plan_depends_on_no_order_of_things(problem: Problem, seed: int) -> None:
    random = Random(seed)
    shuffled = Problem(
        problem.now,
        tuple(random.sample(problem.orders, len(problem.orders))),
        tuple(random.sample(problem.sites, len(problem.sites))),
        dict(random.sample(sorted(problem.stock.items()), len(problem.stock))),
        problem.policy,
    )
    assert plan(shuffled) == plan(problem) == plan(problem)
