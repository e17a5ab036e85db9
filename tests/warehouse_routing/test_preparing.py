"""What happens to orders before they are decided: release dates, rules that name goods, substitutes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from tests.warehouse_routing.conftest import MONDAY, a_line, an_order
from tests.warehouse_routing.test_policies import BOTH, decide, given, three
from warehouse_routing.plan import Backorder, Cause, OrderPlan
from warehouse_routing.policy import Override, Strategy
from warehouse_routing.problem import Component, OpenLine, Site

At = Callable[..., Site]


def sent(decided: OrderPlan) -> list[str]:
    """The SKUs that an order gets."""
    return [part.sku for one in decided.assignments for line in one.lines for part in line.components]


def test_pre_orders_wait_for_their_day(site: At) -> None:
    release = {"MUG": date(2026, 11, 3)}
    order = an_order(1, a_line("1", 1, "MUG"), a_line("2", 1, "TRAY"))
    stock = BOTH | {("lyon", "TRAY"): 1}
    (early,) = decide((site("lyon"),), stock, order, release_dates=release)
    assert given(early) == {"lyon": {"2": 1}}
    assert early.backorders == (Backorder("1", 1, Cause.PRE_ORDER, ("MUG",)),)
    (whole,) = decide((site("lyon"),), stock, order, release_dates=release, split=False)
    assert whole.assignments == ()
    tomorrow = MONDAY + timedelta(days=1)
    (later,) = decide((site("lyon"),), stock, order, release_dates=release, now=tomorrow)
    assert later.backorders == ()


def test_a_pre_order_leaves_on_its_day_by_the_site_s_calendar(site: At) -> None:
    """It is 1 December in Lyon when what Los Angeles would send still leaves on 30 November."""
    la = site("la", "chicago", time_zone="America/Los_Angeles", cut_off=time(17))
    release = {"release_dates": {"MUG": date(2026, 12, 1)}, "now": datetime(2026, 12, 1, 0, 30, tzinfo=UTC)}
    (early,) = decide((la,), {("la", "MUG"): 1}, an_order(1), **release)
    assert early.backorders == (Backorder("1", 1, Cause.PRE_ORDER, ("MUG",)),)
    after_the_cut_off = release | {"now": datetime(2026, 12, 1, 1, 30, tzinfo=UTC)}
    (then,) = decide((la,), {("la", "MUG"): 1}, an_order(1), **after_the_cut_off)
    assert [one.dispatch_date for one in then.assignments] == [date(2026, 12, 1)]


def test_rules_may_name_a_kit(site: At) -> None:
    parts = (Component("MUG", 1), Component("TRAY", 1))
    kit = replace(an_order(1), lines=(OpenLine("1", 1, parts, "GIFTSET"),))
    stock = BOTH | {("lyon", "TRAY"): 1}
    (early,) = decide((site("lyon"),), stock, kit, release_dates={"GIFTSET": date(2026, 12, 1)})
    assert early.backorders == (Backorder("1", 1, Cause.PRE_ORDER, ("GIFTSET",)),)
    far = Override(
        {"strategies": (Strategy.RANKED_SITES,), "ranking": ("berlin",)}, skus=frozenset({"GIFTSET"})
    )
    (ranked,) = decide((site("lyon"), site("berlin")), stock | {("berlin", "TRAY"): 1}, kit, overrides=(far,))
    assert set(given(ranked)) == {"berlin"}


def test_a_substitute_goes_where_the_sku_runs_out(site: At) -> None:
    stock = {("lyon", "MUG"): 1, ("lyon", "MUG-2"): 5}
    orders = (an_order(1), an_order(2))
    first, second = decide((site("lyon"),), stock, *orders, substitutes={"MUG": ("MUG-2",)})
    assert [[part.sku for part in one.assignments[0].lines[0].components] for one in (first, second)] == [
        ["MUG"],
        ["MUG-2"],
    ]
    assert "MUG-2 goes instead of MUG, of which there is too little" in second.reasons


def test_goods_that_cannot_be_sent_there_are_substituted(site: At) -> None:
    stock = {("berlin", "MUG"): 5, ("lyon", "CUP"): 5}
    sites = (site("lyon"), site("berlin", countries=frozenset({"DE"})))
    (decided,) = decide(sites, stock, an_order(1), substitutes={"MUG": ("CUP",)})
    assert sent(decided) == ["CUP"]


def test_a_whole_line_is_substituted_where_no_site_has_all_of_it(site: At) -> None:
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 1, ("lyon", "CUP"): 5}
    order, substitutes = an_order(1, a_line("1", 2)), {"MUG": ("CUP",)}
    (whole,) = decide(three(site), stock, order, substitutes=substitutes)
    assert sent(whole) == ["CUP"]
    (divided,) = decide(three(site), stock, order, substitutes=substitutes, split_lines=True)
    assert sent(divided) == ["MUG", "MUG"]


def test_an_order_that_waits_takes_nothing_from_those_after_it(site: At) -> None:
    stock = {("lyon", "MUG"): 5, ("lyon", "CUP"): 5}
    orders = (an_order(1, a_line("1", 10)), an_order(2, a_line("1", 2)))
    waits, served = decide((site("lyon"),), stock, *orders, substitutes={"MUG": ("CUP",)})
    assert waits.assignments == ()
    assert sent(served) == ["MUG"]
