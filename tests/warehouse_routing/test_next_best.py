"""Plans, bounds and next bests against every plan that there is, listed one by one."""

from collections.abc import Iterator, Sequence
from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse_routing.conftest import MONDAY, PLACES, a_line, a_site, an_order
from warehouse_routing.landscape import landscape_of
from warehouse_routing.objective import Measure, measure_of
from warehouse_routing.plan import OrderPlan, Plan
from warehouse_routing.policy import Policy, Prices, Strategy
from warehouse_routing.preparing import prepared
from warehouse_routing.problem import Problem
from warehouse_routing.router import plan, shelves_of
from warehouse_routing.tariff import Rate, Tariff

CODES = ("berlin", "chicago", "lyon")
SKUS = ("MUG", "TRAY")
RATES = Tariff(
    tuple(
        Rate("parcel", price, up_to_km=km, up_to_g=grams)
        for km, grams, price in (
            (500, 1000, 400),
            (500, 9000, 650),
            (1500, 1000, 700),
            (1500, 9000, 820),
            (None, 1000, 1700),
            (None, 9000, 2400),
        )
    )
)
Sites = tuple[int, ...]


def measured(problem: Problem) -> Measure:
    return measure_of(landscape_of(problem, prepared(problem)))


def ways(measure: Measure, n: int) -> Iterator[Sites]:
    """Every way to ship an order, stock apart."""
    width = len(measure.land.sites)
    yield from product(range(-1, width), repeat=len(measure.portions[n]))


def feasible(measure: Measure, chosen: Sequence[Sites]) -> bool:
    shelves = shelves_of(measure)
    for n, sites in enumerate(chosen):
        shelves.take(measure.portions[n], sites)
        if len({w for w in sites if w >= 0}) > measure.most[n]:
            return False
    return shelves.enough()


def total(measure: Measure, chosen: Sequence[Sites]) -> float:
    return sum(measure.order(n, sites)[0] for n, sites in enumerate(chosen))


def best(measure: Measure, choices: Sequence[Sequence[Sites]]) -> float:
    """The least that any feasible plan out of these ways costs."""
    found = (total(measure, chosen) for chosen in product(*choices) if feasible(measure, chosen))
    return min(found)


def chosen_by(measure: Measure, decided: Plan) -> list[Sites]:
    """The sites of each line (every line is whole here)."""
    at = {site.code: w for w, site in enumerate(measure.land.sites)}
    found = []
    for one, asked in zip(decided.orders, measure.land.orders, strict=True):
        where = {line.line_id: at[a.site] for a in one.assignments for line in a.lines}
        found.append(tuple(where.get(line.line_id, -1) for line in asked.lines))
    return found


problems = st.builds(
    lambda wishes, stock, room, backorder, split, strategy: Problem(
        MONDAY,
        tuple(
            an_order(
                number,
                *(a_line(str(at), units, SKUS[sku]) for at, (units, sku) in enumerate(lines)),
                destination=PLACES[place],
            )
            for number, (place, lines) in enumerate(wishes)
        ),
        tuple(a_site(code, parcels_per_day=room if code == "lyon" else None) for code in CODES),
        {(code, sku): units for (code, sku), units in zip(product(CODES, SKUS), stock, strict=True)},
        Policy((strategy,), prices=Prices(backorder=backorder, split=split), tariff=RATES),
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["paris", "berlin", "chicago"]),
            st.lists(st.tuples(st.integers(1, 3), st.integers(0, 1)), min_size=1, max_size=2),
        ),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.integers(0, 5), min_size=6, max_size=6),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([900, 3000]),
    st.sampled_from([0, 150]),
    st.sampled_from([Strategy.CHEAPEST, Strategy.FEWEST_PARCELS]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(problems)
def test_the_plan_is_feasible_its_bound_holds_and_its_next_bests_are_true(problem: Problem) -> None:
    measure, decided = measured(problem), plan(problem)
    chosen = chosen_by(measure, decided)
    every = [list(ways(measure, n)) for n in range(len(chosen))]
    least = best(measure, every)
    assert feasible(measure, chosen)
    assert abs(decided.objective - total(measure, chosen)) < 1e-6
    assert decided.lower_bound <= least + 1e-6
    assert decided.objective >= least - 1e-6
    for n, one in enumerate(decided.orders):
        check_next_best(measure, chosen, every, n, one)


def check_next_best(
    measure: Measure, chosen: list[Sites], every: list[list[Sites]], n: int, one: OrderPlan
) -> None:
    """The stated figures, by solving again without each of the chosen sites."""
    if not one.assignments:
        assert one.next_best is None
        return
    assert one.next_best is not None
    now = total(measure, chosen)
    alone, together = [], []
    for w in {w for w in chosen[n] if w >= 0}:
        without = [sites for sites in every[n] if w not in sites]
        alone.append(
            best(measure, [*([own] for own in chosen[:n]), without, *([own] for own in chosen[n + 1 :])])
        )
        together.append(best(measure, [*every[:n], without, *every[n + 1 :]]))
    assert abs(one.next_best.extra_by_policy - (min(alone) - now)) < 1e-6
    assert one.next_best.at_least is not None
    assert one.next_best.at_least <= min(together) - now + 1e-6
    assert min(together) - now <= one.next_best.extra_by_policy + 1e-6


def test_the_words_say_what_the_next_best_is() -> None:
    sites = (a_site("lyon"), a_site("berlin"), a_site("chicago"))
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 1}
    policy = Policy((Strategy.CHEAPEST,), tariff=RATES)
    decided = plan(Problem(MONDAY, (an_order(1), an_order(2)), sites, stock, policy))
    at_lyon = next(one for one in decided.orders if one.assignments[0].site == "lyon")
    assert at_lyon.next_best
    assert (at_lyon.next_best.without, at_lyon.next_best.sites) == ("lyon", ())
    assert "without lyon it would wait" in at_lyon.reasons
    (alone,) = plan(Problem(MONDAY, (an_order(1),), sites, stock, policy)).orders
    assert alone.next_best
    assert (alone.next_best.sites, alone.next_best.extra) == (("berlin",), 300)
    assert alone.next_best.at_least == alone.next_best.extra_by_policy
    assert "without lyon it would come from berlin for 3.00 EUR more" in alone.reasons
