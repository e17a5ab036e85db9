"""Routing, one situation at a time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest

from warehouse_routing.plan import Backorder, Cause, OrderPlan
from warehouse_routing.problem import (
    BackorderRule,
    Location,
    OpenLine,
    OrderToRoute,
    Precision,
    Problem,
    Site,
    Strategy,
)
from warehouse_routing.router import plan

Make = Callable[..., Problem]
Line = Callable[..., OpenLine]
Order = Callable[..., OrderToRoute]
At = Callable[..., Site]


def only(problem: Problem) -> OrderPlan:
    (decided,) = plan(problem).orders
    return decided


def given(decided: OrderPlan) -> dict[str, dict[str, int]]:
    return {one.site: {line.line_id: line.units for line in one.lines} for one in decided.assignments}


def test_the_nearest_site_that_holds_everything_ships(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("chicago"), site("berlin"), site("lyon"))
    stock = {("chicago", "MUG"): 9, ("berlin", "MUG"): 9, ("lyon", "MUG"): 1}
    decided = only(problem(sites, stock, order(1, line("1", 2))))
    assert given(decided) == {"berlin": {"1": 2}}
    assert decided.backorders == ()
    assert decided.reasons == (
        "berlin ships all of it: the best of 2 that hold everything",
        "berlin: 877 km away, leaves on 2026-11-02, 9.30 EUR",
        "without berlin it would come from chicago for 20.10 EUR more",
    )
    assert [(one.site, one.ruled_out, one.chosen) for one in decided.candidates] == [
        ("lyon", ("lacks 1 of MUG",), False),
        ("berlin", (), True),
        ("chicago", (), False),
    ]


def test_s24_two_lines_that_each_need_all_of_a_component_do_not_both_get_it(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    both = order(1, line("1", 5, "MUG"), line("2", 5, ("MUG", 1), ("TRAY", 1)))
    decided = only(problem((site("lyon"),), {("lyon", "MUG"): 5, ("lyon", "TRAY"): 9}, both))
    assert given(decided) == {"lyon": {"1": 5}}
    assert decided.backorders == (Backorder("2", 5, Cause.STOCK, ("MUG",)),)


def test_s24_two_orders_that_each_need_all_do_not_both_get_it(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    orders = (order(2, line("1", 5)), order(1, line("1", 5)))
    first, second = plan(problem((site("lyon"),), {("lyon", "MUG"): 5}, *orders)).orders
    assert (first.order_id, given(first)) == (1, {"lyon": {"1": 5}})
    assert (second.order_id, second.assignments) == (2, ())
    assert second.backorders == (Backorder("1", 5, Cause.STOCK, ("MUG",)),)


def test_s25_a_line_of_13_over_10_and_15_takes_10_and_3(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("lyon"), site("berlin"))
    stock = {("lyon", "MUG"): 10, ("berlin", "MUG"): 15}
    decided = only(problem(sites, stock, order(1, line("1", 13)), strategies=(Strategy.NEAREST,)))
    assert given(decided) == {"lyon": {"1": 10}, "berlin": {"1": 3}}
    assert decided.backorders == ()


def test_s25_units_are_given_once_also_where_no_site_holds_the_line(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    stock = {("lyon", "MUG"): 10, ("berlin", "MUG"): 12}
    decided = only(problem((site("lyon"), site("berlin")), stock, order(1, line("1", 13))))
    assert given(decided) == {"lyon": {"1": 10}, "berlin": {"1": 3}}


def test_s26_a2_b4_c5_and_a_line_of_5_goes_from_c_alone(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("a", "lyon"), site("b", "berlin"), site("c", "chicago"))
    stock = {("a", "MUG"): 2, ("b", "MUG"): 4, ("c", "MUG"): 5}
    decided = only(problem(sites, stock, order(1, line("1", 5))))
    assert given(decided) == {"c": {"1": 5}}


def test_s26_a2_b4_and_a_line_of_5_takes_two_sites_at_most(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("a", "lyon"), site("b", "berlin"), site("c", "chicago"))
    stock = {("a", "MUG"): 2, ("b", "MUG"): 4, ("c", "MUG"): 3}
    decided = only(problem(sites, stock, order(1, line("1", 5))))
    assert given(decided) == {"a": {"1": 2}, "b": {"1": 3}}


def test_two_parcels_from_afar_beat_three_from_nearby(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("a", "paris"), site("b", "lyon"), site("c", "berlin"), site("d", "chicago"))
    stock = {("a", "MUG"): 1, ("b", "MUG"): 1, ("c", "MUG"): 1, ("d", "MUG"): 2}
    decided = only(problem(sites, stock, order(1, line("1", 3))))
    assert given(decided) == {"a": {"1": 1}, "d": {"1": 2}}


def test_more_than_three_sites_are_added_one_by_one(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = tuple(site(code, "lyon") for code in "abcde")
    stock = {(code, "MUG"): 1 for code in "abcde"}
    decided = only(problem(sites, stock, order(1, line("1", 5))))
    assert given(decided) == {code: {"1": 1} for code in "abcde"}
    assert given(only(problem(sites, stock, order(1, line("1", 5)), max_sites=4))) == {
        code: {"1": 1} for code in "abcd"
    }


def test_s28_a_site_packs_exactly_its_parcels_of_the_day(problem: Make, site: At, order: Order) -> None:
    small = site("lyon", parcels_per_day=5, parcels_planned={date(2026, 11, 2): 2, date(2026, 11, 3): 5})
    orders = tuple(order(number) for number in range(10))
    decided = plan(problem((small, site("berlin")), {("lyon", "MUG"): 99, ("berlin", "MUG"): 4}, *orders))
    sites = [one.site for each in decided.orders for one in each.assignments]
    assert Counter(sites) == {"lyon": 3, "berlin": 4}
    assert [each.backorders for each in decided.orders[7:]] == [(Backorder("1", 1, Cause.CAPACITY),)] * 3
    assert decided.orders[9].candidates[0].ruled_out == ("has no parcel left on 2026-11-02",)


def test_s28_a_split_order_takes_a_parcel_of_each_site(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    one_each = (site("lyon", parcels_per_day=1), site("berlin", parcels_per_day=1))
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 1, ("berlin", "TRAY"): 9}
    orders = (order(1, line("1", 2)), order(2, line("1", 1, "TRAY")))
    first, second = plan(problem(one_each, stock, *orders)).orders
    assert set(given(first)) == {"lyon", "berlin"}
    assert second.backorders == (Backorder("1", 1, Cause.CAPACITY),)


def test_kits_stay_whole_and_are_divided_between_sites_in_whole_kits(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    sites = (site("lyon"), site("berlin"))
    stock = {("lyon", "MUG"): 5, ("lyon", "TRAY"): 9, ("berlin", "MUG"): 4, ("berlin", "TRAY"): 1}
    decided = only(problem(sites, stock, order(1, line("1", 3, ("MUG", 2), ("TRAY", 1)))))
    assert given(decided) == {"lyon": {"1": 2}, "berlin": {"1": 1}}
    assert [[(part.sku, part.units) for part in one.lines[0].components] for one in decided.assignments] == [
        [("MUG", 4), ("TRAY", 2)],
        [("MUG", 2), ("TRAY", 1)],
    ]


def test_parts_that_lie_apart_make_no_kit(problem: Make, site: At, order: Order, line: Line) -> None:
    stock = {("lyon", "MUG"): 5, ("berlin", "TRAY"): 5}
    kit = order(1, line("1", 1, "MUG", "TRAY"))
    decided = only(problem((site("lyon"), site("berlin")), stock, kit))
    assert decided.assignments == ()
    assert decided.backorders == (Backorder("1", 1, Cause.STOCK, ("MUG", "TRAY")),)


def test_what_is_missing_is_backordered_and_the_rest_ships(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    one = order(1, line("1", 2, "MUG"), line("2", 3, "TRAY"))
    decided = only(problem((site("lyon"),), {("lyon", "MUG"): 9, ("lyon", "TRAY"): 1}, one))
    assert given(decided) == {"lyon": {"1": 2, "2": 1}}
    assert decided.backorders == (Backorder("2", 2, Cause.STOCK, ("TRAY",)),)
    assert "line 2: 2 wait, too few of TRAY" in decided.reasons


def test_a_policy_may_let_the_whole_order_wait(problem: Make, site: At, order: Order, line: Line) -> None:
    one = order(1, line("1", 2, "MUG"), line("2", 3, "TRAY"))
    stock = {("lyon", "MUG"): 2, ("lyon", "TRAY"): 1}
    first, second = plan(
        problem((site("lyon"),), stock, one, order(2, line("1", 2)), backorder=BackorderRule.WAIT_FOR_ALL)
    ).orders
    assert first.assignments == ()
    assert first.backorders == (
        Backorder("1", 2, Cause.WAITS_FOR_ALL),
        Backorder("2", 2, Cause.STOCK, ("TRAY",)),
        Backorder("2", 1, Cause.WAITS_FOR_ALL),
    )
    assert given(second) == {"lyon": {"1": 2}}  # waiting reserves nothing


def test_without_splitting_an_order_waits_for_one_site(
    problem: Make, site: At, order: Order, line: Line
) -> None:
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 1}
    decided = only(problem((site("lyon"), site("berlin")), stock, order(1, line("1", 2)), split=False))
    assert decided.assignments == ()
    assert decided.backorders == (Backorder("1", 2, Cause.SPLIT),)


def test_a_limit_on_sites_leaves_the_rest_waiting(problem: Make, site: At, order: Order, line: Line) -> None:
    sites = tuple(site(code, "lyon") for code in "abc")
    stock = {("a", "MUG"): 1, ("b", "MUG"): 3, ("c", "MUG"): 2}
    decided = only(problem(sites, stock, order(1, line("1", 6)), max_sites=2))
    assert given(decided) == {"b": {"1": 3}, "c": {"1": 2}}
    assert decided.backorders == (Backorder("1", 1, Cause.SPLIT),)


def test_sites_that_have_parcels_of_an_order_count(problem: Make, site: At, order: Order, line: Line) -> None:
    sites = tuple(site(code, "lyon") for code in "abc")
    stock = {("a", "MUG"): 1, ("b", "MUG"): 1, ("c", "MUG"): 1}
    rest = order(1, line("1", 3), given=frozenset("a"))
    decided = only(problem(sites, stock, rest, max_sites=2))
    assert [len(decided.assignments), decided.backorders] == [1, (Backorder("1", 2, Cause.SPLIT),)]
    full = only(problem(sites, stock, order(1, line("1", 3), given=frozenset("ab")), max_sites=2))
    assert given(full) == {"a": {"1": 1}, "b": {"1": 1}}
    (third,) = [one for one in full.candidates if one.site == "c"]
    assert third.ruled_out[0] == "would be one site more than max_sites allows (a, b have parcels)"
    apart = only(problem(sites[2:], stock, order(1, line("1", 1), given=frozenset("ab")), max_sites=2))
    assert apart.backorders == (Backorder("1", 1, Cause.SPLIT),)


def test_a_site_that_does_not_serve_the_country_is_passed_over(problem: Make, site: At, order: Order) -> None:
    sites = (site("lyon", countries=frozenset({"DE"})), site("chicago", countries=frozenset({"US", "FR"})))
    stock = {("lyon", "MUG"): 9, ("chicago", "MUG"): 9}
    decided = only(problem(sites, stock, order(1)))
    assert set(given(decided)) == {"chicago"}
    assert decided.candidates[0].ruled_out == ("does not ship to the country",)
    nowhere = only(problem(sites, stock, order(1, country_code="JP")))
    assert nowhere.backorders == (Backorder("1", 1, Cause.COUNTRY),)


def test_a_far_site_that_keeps_the_promise_goes_before_a_near_one_that_breaks_it(
    problem: Make, site: At, order: Order
) -> None:
    sites = (site("lyon", cut_off=time(8)), site("berlin", cut_off=time(14)))
    stock = {("lyon", "MUG"): 9, ("berlin", "MUG"): 9}
    today = datetime(2026, 11, 2, 20, tzinfo=UTC)
    decided = only(problem(sites, stock, order(1, ship_by=today)))
    assert set(given(decided)) == {"berlin"}
    assert decided.candidates[1].ruled_out == (
        "leaves on 2026-11-03 (cut-off, working days), after the promised day",
    )
    unhurried = only(problem(sites, stock, order(1, ship_by=today + timedelta(days=1))))
    assert set(given(unhurried)) == {"lyon"}


def test_a_promise_that_nobody_can_keep_still_ships_and_says_so(
    problem: Make, site: At, order: Order
) -> None:
    past = datetime(2026, 10, 30, tzinfo=UTC)
    decided = only(problem((site("lyon"),), {("lyon", "MUG"): 9}, order(1, ship_by=past)))
    assert [(one.site, one.late, one.dispatch_date) for one in decided.assignments] == [
        ("lyon", True, date(2026, 11, 2))
    ]


def test_backorders_go_first_by_promise_then_by_age(problem: Make, site: At, order: Order) -> None:
    soon, later = datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
    old = datetime(2026, 10, 1, tzinfo=UTC)
    orders = (
        order(1, ship_by=soon, placed_at=old),
        order(2, backordered=True),
        order(3, backordered=True, placed_at=old),
        order(4, backordered=True, ship_by=later),
        order(5, backordered=True, ship_by=soon),
        order(6),
    )
    decided = plan(problem((site("lyon"),), {("lyon", "MUG"): 9}, *orders))
    assert [one.order_id for one in decided.orders] == [5, 4, 3, 2, 1, 6]


def test_an_unknown_place_is_served_by_any_site_that_holds_it(problem: Make, site: At, order: Order) -> None:
    nowhere = Location(0, 0, Precision.UNKNOWN)
    stock = {("lyon", "MUG"): 9, ("berlin", "MUG"): 9}
    decided = only(problem((site("lyon"), site("berlin")), stock, order(1, destination=nowhere)))
    assert [(one.site, one.distance_km) for one in decided.assignments] == [("berlin", None)]


def test_a_guessed_place_is_told(problem: Make, site: At, order: Order) -> None:
    vague = Location(48.9, 2.4, Precision.REGION)
    decided = only(problem((site("lyon"),), {("lyon", "MUG"): 9}, order(1, destination=vague)))
    assert decided.reasons[-1] == "the destination is known by its region only"


def test_a_line_must_make_sense(line: Line) -> None:
    with pytest.raises(ValueError, match="units must be 1 or more"):
        line("1", 0)
    with pytest.raises(ValueError, match="a SKU stands twice"):
        line("1", 1, "MUG", "MUG")
