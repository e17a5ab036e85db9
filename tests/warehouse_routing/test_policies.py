"""Each strategy, price and rule of a policy, one situation at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from tests.warehouse_routing.conftest import MONDAY, a_line, an_order
from warehouse_routing.plan import Backorder, Cause, OrderPlan
from warehouse_routing.policy import Override, Policy, Prices, Strategy
from warehouse_routing.problem import Goods, Location, Precision, Problem, Site
from warehouse_routing.router import plan
from warehouse_routing.tariff import Rate, Tariff, linear_tariff

At = Callable[..., Site]
FLAT = Tariff((Rate("parcel", 600),))
BOTH = {("lyon", "MUG"): 9, ("berlin", "MUG"): 9, ("chicago", "MUG"): 9}


def decide(
    sites: tuple[Site, ...],
    stock: dict[tuple[str, str], int],
    *orders: object,
    goods: dict[str, Goods] | None = None,
    now: datetime = MONDAY,
    **policy: object,
) -> tuple[OrderPlan, ...]:
    problem = Problem(now, orders, sites, stock, Policy(**policy), goods or {})  # type: ignore[arg-type]
    return plan(problem).orders


def given(decided: OrderPlan) -> dict[str, dict[str, int]]:
    return {one.site: {line.line_id: line.units for line in one.lines} for one in decided.assignments}


def three(site: At) -> tuple[Site, ...]:
    countries = {"lyon": "FR", "berlin": "DE", "chicago": "US"}
    return tuple(site(code, country_code=country) for code, country in countries.items())


def test_s27_the_cheapest_splits_where_two_parcels_cost_less_and_fewest_parcels_does_not(site: At) -> None:
    """22.56 in one parcel, 8.34 + 7.57 in two."""
    rates = Tariff(
        (
            Rate("parcel", 2256, site="chicago"),
            Rate("parcel", 834, site="lyon"),
            Rate("parcel", 757, site="berlin"),
        )
    )
    stock = {("chicago", "MUG"): 1, ("chicago", "TRAY"): 1, ("lyon", "MUG"): 1, ("berlin", "TRAY"): 1}
    two_lines = an_order(1, a_line("1", 1, "MUG"), a_line("2", 1, "TRAY"))
    (split,) = decide(three(site), stock, two_lines, tariff=rates, strategies=(Strategy.CHEAPEST,))
    assert (given(split), split.cost) == ({"lyon": {"1": 1}, "berlin": {"2": 1}}, 834 + 757)
    (whole,) = decide(three(site), stock, two_lines, tariff=rates, strategies=(Strategy.FEWEST_PARCELS,))
    assert (given(whole), whole.cost) == ({"chicago": {"1": 1, "2": 1}}, 2256)
    dear = Prices(split=700)
    (kept,) = decide(
        three(site), stock, two_lines, tariff=rates, strategies=(Strategy.CHEAPEST,), prices=dear
    )
    assert kept.cost == 2256


def test_the_nearest_goes_by_distance_for_each_unit(site: At) -> None:
    stock = {("lyon", "MUG"): 10, ("berlin", "MUG"): 15}
    line = an_order(1, a_line("1", 13))
    (split,) = decide(three(site), stock, line, strategies=(Strategy.NEAREST,), split_lines=True)
    assert given(split) == {"lyon": {"1": 10}, "berlin": {"1": 3}}
    (whole,) = decide(three(site), stock, line, strategies=(Strategy.NEAREST,))
    assert given(whole) == {"berlin": {"1": 13}}


def test_the_fastest_takes_the_faster_service_and_the_cheapest_the_cheaper(site: At) -> None:
    rates = Tariff((Rate("express", 1900, transit_days=1), Rate("economy", 400, transit_days=4)))
    (fast,) = decide((site("lyon"),), BOTH, an_order(1), tariff=rates, strategies=(Strategy.FASTEST,))
    (cheap,) = decide((site("lyon"),), BOTH, an_order(1), tariff=rates, strategies=(Strategy.CHEAPEST,))
    assert [(one.service, one.arrives) for one in fast.assignments] == [("express", date(2026, 11, 3))]
    assert [(one.service, one.arrives) for one in cheap.assignments] == [("economy", date(2026, 11, 6))]


def test_the_fastest_goes_by_what_is_known(site: At) -> None:
    """Nobody knows how long it takes from Berlin."""
    rates = Tariff((Rate("express", 1900, "lyon", transit_days=3), Rate("parcel", 400, "berlin")))
    fastest = {"tariff": rates, "strategies": (Strategy.FASTEST,)}
    sites = (site("lyon", postal_codes={"FR": ("69",)}), site("berlin"))
    (decided,) = decide(sites, BOTH, an_order(1, postal_code="69001"), **fastest)
    assert set(given(decided)) == {"lyon"}
    (elsewhere,) = decide(sites, BOTH, an_order(1, postal_code="75001"), **fastest)
    assert set(given(elsewhere)) == {"berlin"}


def test_ranked_sites_go_in_their_order(site: At) -> None:
    ranking = {"strategies": (Strategy.RANKED_SITES,), "ranking": ("chicago", "berlin")}
    (decided,) = decide(three(site), BOTH, an_order(1), **ranking)
    assert set(given(decided)) == {"chicago"}
    (second,) = decide(three(site), BOTH | {("chicago", "MUG"): 0}, an_order(1), **ranking)
    assert set(given(second)) == {"berlin"}


def test_staying_in_the_market_goes_before_parcels_and_distance(site: At) -> None:
    order = an_order(1, a_line("1", 1, "MUG"), country_code="DE")  # to Paris by distance, but a German order
    (german,) = decide(three(site), BOTH, order, strategies=(Strategy.STAY_IN_MARKET,))
    assert set(given(german)) == {"berlin"}
    together = (frozenset({"DE", "FR"}),)
    (european,) = decide(three(site), BOTH, order, strategies=(Strategy.STAY_IN_MARKET,), markets=together)
    assert set(given(european)) == {"lyon"}


def test_the_first_strategy_counts_most(site: At) -> None:
    stock = {("lyon", "MUG"): 1, ("berlin", "TRAY"): 1, ("chicago", "MUG"): 1, ("chicago", "TRAY"): 1}
    order = an_order(1, a_line("1", 1, "MUG"), a_line("2", 1, "TRAY"))
    few_then_near = (Strategy.FEWEST_PARCELS, Strategy.NEAREST)
    (few,) = decide(three(site), stock, order, strategies=few_then_near)
    assert set(given(few)) == {"chicago"}
    (near,) = decide(three(site), stock, order, strategies=few_then_near[::-1])
    assert set(given(near)) == {"lyon", "berlin"}


@pytest.mark.parametrize(
    ("more", "site_of_it"),
    [
        ({}, "lyon"),
        ({"channel": "amazon"}, "chicago"),
        ({"service": "Express"}, "berlin"),
        ({"channel": "amazon", "service": "express"}, "berlin"),
    ],
)
def test_overrides_hold_for_the_orders_that_they_name_and_the_later_one_wins(
    site: At, more: dict[str, str], site_of_it: str
) -> None:
    ranked = (Strategy.RANKED_SITES,)
    overrides = (
        Override({"strategies": ranked, "ranking": ("chicago",)}, channels=frozenset({"amazon"})),
        Override({"strategies": ranked, "ranking": ("berlin",)}, services=frozenset({"express"})),
        Override({"strategies": ranked, "ranking": ("berlin",)}, skus=frozenset({"TRAY"})),
        Override({"split": False}, countries=frozenset({"US"})),
    )
    (decided,) = decide(three(site), BOTH, an_order(1, **more), overrides=overrides)
    assert set(given(decided)) == {site_of_it}


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Strategy.FEWEST_PARCELS, "scarce: MUG at lyon"),
        (Strategy.CHEAPEST, "one more unit of MUG at lyon would save about "),
    ],
)
def test_the_goods_whose_scarcity_decided_are_named_whatever_the_strategy(
    site: At, strategy: Strategy, words: str
) -> None:
    """Two want the only mug in Lyon; the other one comes from Berlin."""
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 9}
    both = decide((site("lyon"), site("berlin")), stock, an_order(1), an_order(2), strategies=(strategy,))
    assert sorted(name for one in both for name in given(one)) == ["berlin", "lyon"]
    for one in both:
        assert [(price.sku, price.site) for price in one.prices] == [("MUG", "lyon")]
        (told,) = [reason for reason in one.reasons if "MUG" in reason]
        assert told.startswith(words)


def test_scarcity_has_no_amount_where_one_order_goes_by_another_strategy(site: At) -> None:
    """What a unit is worth to it is no money, and both want the same one."""
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 9}
    nearest = Override({"strategies": (Strategy.NEAREST,)}, channels=frozenset({"amazon"}))
    both = decide(
        (site("lyon"), site("berlin")),
        stock,
        an_order(1),
        an_order(2, channel="amazon"),
        strategies=(Strategy.CHEAPEST,),
        overrides=(nearest,),
    )
    for one in both:
        assert "scarce: MUG at lyon" in one.reasons
        assert not any("would save about" in reason for reason in one.reasons)


def test_a_price_on_late_parcels_is_weighed_against_the_tariff(site: At) -> None:
    sites = (site("lyon", cut_off=time(8)), site("berlin", cut_off=time(14)))
    rates = Tariff((Rate("parcel", 500, site="lyon"), Rate("parcel", 1100, site="berlin")))
    today = an_order(1, ship_by=datetime(2026, 11, 2, 20, tzinfo=UTC))
    cheapest = {"strategies": (Strategy.CHEAPEST,), "tariff": rates}
    (promised,) = decide(sites, BOTH, today, **cheapest)
    assert set(given(promised)) == {"berlin"}
    (late,) = decide(sites, BOTH, today, prices=Prices(late=400), **cheapest)
    assert (set(given(late)), late.cost) == ({"lyon"}, 900)
    (kept,) = decide(sites, BOTH, today, prices=Prices(late=700), **cheapest)
    assert set(given(kept)) == {"berlin"}


@pytest.mark.parametrize(("transit_days", "late"), [(1, True), (0, False)])
def test_a_promised_day_is_the_destination_s(site: At, transit_days: int, late: bool) -> None:
    """2 November, 23:59 in Los Angeles, is 3 November in Lyon."""
    rates = Tariff((Rate("express", 1900, transit_days=transit_days),))
    order = an_order(
        1,
        country_code="US",
        destination=Location(34.05, -118.24, Precision.EXACT),
        deliver_by=datetime(2026, 11, 3, 7, 59, tzinfo=UTC),
    )
    (decided,) = decide((site("lyon"),), BOTH, order, tariff=rates)
    assert [(one.arrives, one.late) for one in decided.assignments] == [
        (date(2026, 11, 2 + transit_days), late)
    ]


def test_a_promised_day_at_an_unknown_place_is_the_site_s(site: At) -> None:
    rates = Tariff((Rate("express", 1900, transit_days=1),))
    order = an_order(
        1,
        destination=Location(0.0, 0.0, Precision.UNKNOWN),
        deliver_by=datetime(2026, 11, 2, 23, 30, tzinfo=UTC),  # 3 November, 0:30 in Lyon
    )
    (decided,) = decide((site("lyon"),), BOTH, order, tariff=rates)
    assert [one.late for one in decided.assignments] == [False]


def test_transit_days_count_toward_the_promised_arrival(site: At) -> None:
    rates = Tariff((Rate("economy", 400, transit_days=4), Rate("express", 1900, transit_days=1)))
    wednesday = datetime(2026, 11, 4, 18, tzinfo=UTC)
    (soon,) = decide((site("lyon"),), BOTH, an_order(1, deliver_by=wednesday), tariff=rates)
    assert [(one.service, one.late) for one in soon.assignments] == [("express", False)]
    slow = Tariff(rates.rates[:1])
    (late,) = decide((site("lyon"),), BOTH, an_order(1, deliver_by=wednesday), tariff=slow)
    assert [one.late for one in late.assignments] == [True]
    assert late.candidates[0].ruled_out == (
        "leaves on 2026-11-02 and arrives after the promised day (transit)",
    )


def test_a_price_on_waiting_lets_dear_shipments_wait(site: At) -> None:
    cheapest = {"strategies": (Strategy.CHEAPEST,), "tariff": FLAT}
    (shipped,) = decide((site("lyon"),), BOTH, an_order(1), prices=Prices(backorder=700), **cheapest)
    assert shipped.cost == 600
    (waits,) = decide((site("lyon"),), BOTH, an_order(1), prices=Prices(backorder=500), **cheapest)
    assert (waits.assignments, waits.cost) == ((), 500)
    assert waits.backorders == (Backorder("1", 1, Cause.PRICE),)


def test_lines_stay_whole_unless_the_policy_lets_them_be_split(site: At) -> None:
    stock = {("lyon", "MUG"): 2, ("berlin", "MUG"): 2}
    (whole,) = decide(three(site), stock, an_order(1, a_line("1", 3)))
    assert (whole.assignments, whole.backorders) == ((), (Backorder("1", 3, Cause.SPLIT),))
    (split,) = decide(three(site), stock, an_order(1, a_line("1", 3)), split_lines=True)
    assert sum(units for lines in given(split).values() for units in lines.values()) == 3


def test_hazardous_and_oversize_goods_leave_only_where_they_may(site: At) -> None:
    goods = {"MUG": Goods(400, hazardous=True), "TRAY": Goods(9000, oversize=True)}
    sites = (site("lyon", ships_hazardous=False), site("berlin", ships_oversize=False))
    stock = {("lyon", "MUG"): 9, ("berlin", "MUG"): 9, ("lyon", "TRAY"): 9, ("berlin", "TRAY"): 9}
    both = an_order(1, a_line("1", 1, "MUG"), a_line("2", 1, "TRAY"))
    (decided,) = decide(sites, stock, both, goods=goods)
    assert given(decided) == {"berlin": {"1": 1}, "lyon": {"2": 1}}
    assert decided.candidates[0].ruled_out == ("may not ship hazardous goods (MUG)",)
    (nowhere,) = decide(sites[:1], stock, an_order(1), goods=goods)
    assert nowhere.backorders == (Backorder("1", 1, Cause.GOODS),)


@pytest.mark.parametrize("code", ["sw1a 1aa", "SW1A1AA", " SW1A  1aa "])
def test_a_postal_code_means_the_same_however_it_is_written(site: At, code: str) -> None:
    westminster = (site("lyon", postal_codes={"GB": ("SW1A",)}),)
    rates = Tariff((Rate("parcel", 500), Rate("parcel", 900, postal_codes=("SW1A1",))))
    order = an_order(1, country_code="GB", postal_code=code)
    (decided,) = decide(westminster, BOTH, order, tariff=rates)
    assert (set(given(decided)), decided.cost) == ({"lyon"}, 900)


def test_postal_codes_and_refusals_close_a_site_to_an_order(site: At) -> None:
    corsica = an_order(1, postal_code="20000")
    sites = (site("lyon", refused_postal_codes={"FR": ("20", "97")}), site("berlin"))
    (decided,) = decide(sites, BOTH, corsica)
    assert set(given(decided)) == {"berlin"}
    assert decided.candidates[0].ruled_out == ("does not ship to the postal code",)
    only_paris = (site("lyon", postal_codes={"FR": ("75",)}),)
    assert decide(only_paris, BOTH, corsica)[0].backorders == (Backorder("1", 1, Cause.COUNTRY),)
    refused = replace(corsica, excluded=frozenset({"berlin"}))
    (nowhere,) = decide(sites[1:], BOTH, refused)
    assert nowhere.backorders == (Backorder("1", 1, Cause.EXCLUDED),)


def test_handling_is_part_of_what_a_site_costs(site: At) -> None:
    sites = (site("lyon", handling_parcel=80, handling_unit=15), site("berlin"))
    cheapest = {"strategies": (Strategy.CHEAPEST,), "tariff": FLAT}
    (decided,) = decide(sites, BOTH, an_order(1, a_line("1", 2)), **cheapest)
    assert {one.site: one.cost for one in decided.candidates} == {"lyon": 600 + 80 + 30, "berlin": 600}
    assert set(given(decided)) == {"berlin"}


def test_old_backorders_of_scarce_goods_go_in_turn_though_others_would_cost_less(site: At) -> None:
    """Ten wait for five units: promise first, then age, wherever they live."""
    far = an_order(1).destination
    near = site("chicago").location
    waiting = [
        an_order(
            number,
            placed_at=MONDAY - timedelta(days=number),
            backordered=True,
            destination=near if number < 6 else far,
            ship_by=MONDAY + timedelta(days=3) if number == 1 else None,
        )
        for number in range(1, 11)
    ]
    cheapest = {"strategies": (Strategy.CHEAPEST,), "tariff": linear_tariff(500, Decimal("0.5"))}
    decided = decide((site("chicago"),), {("chicago", "MUG"): 5}, an_order(99), *waiting, **cheapest)
    assert {one.order_id for one in decided if one.assignments} == {1, 10, 9, 8, 7}


@pytest.mark.parametrize("strategy", [Strategy.CHEAPEST, Strategy.NEAREST, Strategy.FEWEST_PARCELS])
@pytest.mark.parametrize("price", [None, 5_000])
def test_a_backorder_goes_before_a_new_order_that_would_cost_less(
    site: At, strategy: Strategy, price: int | None
) -> None:
    near = site("chicago").location
    old = an_order(1, placed_at=MONDAY - timedelta(days=9), backordered=True)
    new = an_order(2, placed_at=MONDAY, destination=near)
    rules = {
        "strategies": (strategy,),
        "tariff": linear_tariff(500, Decimal("0.5")),
        "prices": Prices(backorder=price),
    }
    first, second = decide((site("chicago"),), {("chicago", "MUG"): 1}, old, new, **rules)
    assert (len(first.assignments), second.assignments) == (1, ())
