"""A window played again: orders in waves, stock that comes and goes, parcels that may yet be moved."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from warehouse_routing.policy import Policy, Prices, Reconsider, Strategy
from warehouse_routing.problem import Component, Location, OpenLine, OrderToRoute, Precision, Problem, Site
from warehouse_routing.rolling_replay import Wave, priced_alone, replay_waves
from warehouse_routing.tariff import linear_tariff

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)  # a Monday
LATER = NOW + timedelta(minutes=30)
POLICY = Policy(
    (Strategy.CHEAPEST,),
    prices=Prices(backorder=100_000, late=0),
    reconsider=Reconsider(saving=0),
    tariff=linear_tariff(400, Decimal(1)),
)


def site(code: str, lon: float, **more: object) -> Site:
    return Site(code, Location(48.0, lon, Precision.EXACT), "UTC", time(18), **more)  # type: ignore[arg-type]


NEAR, FAR = site("NEAR", 0.0), site("FAR", 6.0)


def order(key: int, lon: float, units: int = 1, **more: object) -> OrderToRoute:
    lines = (OpenLine("1", units, (Component("MUG", 1),)),)
    place = Location(48.0, lon, Precision.EXACT)
    return OrderToRoute(key, NOW, "FR", place, lines, **more)  # type: ignore[arg-type]


def start(near: int, far: int, *sites: Site) -> Problem:
    stock = {("NEAR", "MUG"): near, ("FAR", "MUG"): far}
    return Problem(NOW, (), sites or (NEAR, FAR), stock, POLICY)


def test_each_wave_knows_only_what_has_happened() -> None:
    waves = [Wave(NOW, (order(1, 0.5),)), Wave(LATER, (order(2, 0.0),))]
    played = replay_waves(start(1, 1), waves)
    assert [(one.order_id, one.assignment.site) for one in played.parcels] == [(1, "NEAR"), (2, "FAR")]
    assert (played.decisions, played.moves, played.complete) == (2, 0, True)


def test_a_parcel_that_is_held_gives_way_to_a_better_order() -> None:
    waves = [Wave(NOW, (order(1, 2.5),)), Wave(LATER, (order(2, 0.0),))]
    held = replay_waves(start(1, 1), waves, hold=timedelta(hours=1))
    sites = {one.order_id: one.assignment.site for one in held.parcels}
    assert sites == {1: "FAR", 2: "NEAR"}
    assert held.moves == 1
    too_late = replay_waves(start(1, 1), waves, hold=timedelta(minutes=10))
    assert {one.order_id: one.assignment.site for one in too_late.parcels} == {1: "NEAR", 2: "FAR"}


def test_nothing_is_held_beyond_its_sites_cut_off() -> None:
    evening = NOW + timedelta(hours=9)  # 18:00, the cut-off
    waves = [Wave(NOW, (order(1, 2.5),)), Wave(evening, (order(2, 0.0),))]
    played = replay_waves(start(1, 1), waves, hold=timedelta(days=1))
    assert played.moves == 0


def test_what_waits_is_shipped_when_goods_come_and_counts_as_waited() -> None:
    waves = [Wave(NOW, (order(1, 0.0, 2),)), Wave(LATER, (), {("NEAR", "MUG"): 2})]
    played = replay_waves(start(1, 0), waves)
    assert played.waited == {1: 2}
    assert played.waiting == {}
    assert [one.assignment.site for one in played.parcels] == ["NEAR"]
    assert played.left["NEAR", "MUG"] == 1


def test_what_nobody_has_waits_to_the_end() -> None:
    played = replay_waves(start(0, 0), [Wave(NOW, (order(1, 0.0, 3),))])
    assert played.waiting == {1: 3}
    assert played.parcels == ()


def test_lost_goods_are_promised_to_nobody() -> None:
    waves = [Wave(NOW, (), {("NEAR", "MUG"): -3}), Wave(LATER, (order(1, 0.0),))]
    played = replay_waves(start(2, 1), waves)
    assert [one.assignment.site for one in played.parcels] == ["FAR"]
    assert played.left["NEAR", "MUG"] == -1


def test_a_site_is_never_given_more_parcels_than_its_day_holds() -> None:
    narrow = site("NEAR", 0.0, parcels_per_day=2, parcels_planned={NOW.date(): 1})
    waves = [Wave(NOW + timedelta(minutes=key), (order(key, 0.0),)) for key in range(3)]
    played = replay_waves(start(9, 9, narrow, FAR), waves)
    assert [one.assignment.site for one in played.parcels] == ["NEAR", "FAR", "FAR"]


def test_units_are_neither_made_nor_lost() -> None:
    waves = [Wave(NOW + timedelta(minutes=key), (order(key, key % 6, 1 + key % 2),)) for key in range(8)]
    asked = start(4, 5)
    played = replay_waves(asked, waves, hold=timedelta(minutes=3))
    shipped = sum(
        part.units for one in played.parcels for line in one.assignment.lines for part in line.components
    )
    assert shipped + sum(played.left.values()) == sum(asked.stock.values())
    wanted = sum(line.units for wave in waves for one in wave.orders for line in one.lines)
    assert shipped + sum(played.waiting.values()) == wanted
    assert played == replay_waves(asked, waves, hold=timedelta(minutes=3)), "the same again"


def test_a_parcel_alone_is_priced_as_routing_prices_it() -> None:
    waves = [Wave(NOW, (order(1, 0.5, 2),))]
    asked = start(2, 0)
    (made,) = replay_waves(asked, waves).parcels
    alone = priced_alone(replace(asked, now=NOW), NEAR, [order(1, 0.5, 2)])
    assert alone[1].cost == made.assignment.cost
    assert alone[1].distance_km == made.assignment.distance_km


def test_a_parcel_that_todays_rules_forbid_has_no_price() -> None:
    abroad = site("NEAR", 0.0, countries=frozenset({"DE"}))
    assert priced_alone(start(0, 0), abroad, [order(1, 0.0)]) == {}
