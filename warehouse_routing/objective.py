"""What a decision is measured by: the policy's strategies as one sum, and the batch that the solver gets.

The criteria of an order stand above one another like the digits of a number: each weighs more than all that
the lower ones can add up to in that order. Money is always the last. Where the first strategy is the
cheapest, the sum is money itself; else it is scaled so that no order's sum is above what it can cost in
money: so orders under different strategies bid for the same goods on equal terms.

A unit that waits costs the policy's price; where the policy gives none, three times the worst that a parcel
can come to: what can be shipped is shipped, even where three orders must give way for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse_routing.batch import Flags, Floats, Ints
from warehouse_routing.landscape import LONGEST_TRANSIT, OPEN, Landscape, Quote
from warehouse_routing.policy import BackorderRule, Policy, Strategy
from warehouse_routing.preparing import Prepared
from warehouse_routing.problem import Site, Standing

URGENCY = 0.01
"""Share by which an order's waiting costs more than that of the last in turn."""
OUTCLASSED = 3.0
"""Times the worst parcel: the price of a waiting unit where the policy gives none."""


PROMISED = 5.0
"""Times its price: what was given to an order is not taken away again for another's sake."""
LEAST_PRICE = 1e-3
"""Of a unit that waits, in minor units: of two plans that cost the same, the one that ships more."""
SINGLY = 6
"""Up to so many units of a line that may be split are given away one by one."""
NEARER = 1e-7
"""Minor units for a unit and a kilometre: of two ways that cost the same, the shorter."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What is shipped whole: a line, or units of one that may be split.

    Attributes:
        line: Index of the line within the order.
        units: As the channel counts them.
        parts: (index of the SKU, units that the portion takes).
    """

    line: int
    units: int
    parts: tuple[tuple[int, int], ...]
    grams: int


@dataclass(frozen=True, slots=True)
class Measure:
    """The sum for N orders and W sites.

    Attributes:
        per_parcel: [N, W] for a parcel, all but its money.
        per_unit: [N, W] for a unit of a line, all but its money.
        money: [N] for a minor unit of money.
        waiting: [N] for a unit of a line that waits.
        most: [N] the most parcels of the order.
        all_or_nothing: [N].
        by_money: Whether all orders go by the cheapest strategy first, so that their sum is money.
    """

    land: Landscape
    skus: tuple[str, ...]
    portions: tuple[tuple[Portion, ...], ...]
    per_parcel: Floats
    per_unit: Floats
    money: Floats
    waiting: Floats
    most: tuple[int, ...]
    all_or_nothing: tuple[bool, ...]
    by_money: bool

    @property
    def money_below(self) -> float:
        """Scarce goods' prices below it are money; higher ones say that more could be shipped. 0: none is."""
        return float(self.waiting.max(initial=0.0)) / 4 if self.by_money else 0.0

    def may_ship(self, n: int, w: int, portion: Portion) -> bool:
        """Whether a site may ship a portion of an order at all, stock apart."""
        if self.land.shut[n, w] != OPEN:
            return False
        site, goods = self.land.sites[w], self.land.problem.goods
        if site.ships_hazardous and site.ships_oversize:
            return True
        for part in self.land.orders[n].lines[portion.line].components:
            one = goods.get(part.sku)
            if one and (
                (one.hazardous and not site.ships_hazardous) or (one.oversize and not site.ships_oversize)
            ):
                return False
        return True

    def handling(self, w: int, portions: Sequence[Portion]) -> int:
        """What a site's work on a parcel costs."""
        site = self.land.sites[w]
        return site.handling_parcel + site.handling_unit * sum(
            units for portion in portions for _, units in portion.parts
        )

    def parcel(self, n: int, w: int, portions: Sequence[Portion]) -> tuple[float, int, Quote]:
        """A parcel's sum, its money without late prices, and its service."""
        quote = self.land.quote(n, w, sum(portion.grams for portion in portions))
        if quote is None:
            raise ValueError(f"no service from {self.land.sites[w].code}")
        money = quote.price + self.handling(w, portions)
        late = (self.land.orders[n].rules.prices.late or 0) * int(quote.late)
        units = sum(portion.units for portion in portions)
        total = self.per_parcel[n, w] + self.per_unit[n, w] * units + self.money[n] * (money + late)
        return float(total), money, quote

    def order(self, n: int, sites: Sequence[int]) -> tuple[float, int]:
        """An order's exact sum and money, from the site of each of its portions; -1 is none."""
        at: dict[int, list[Portion]] = {}
        waiting = 0
        for portion, w in zip(self.portions[n], sites, strict=True):
            if w < 0:
                waiting += portion.units
            else:
                at.setdefault(w, []).append(portion)
        prices = self.land.orders[n].rules.prices
        money = self.splits(n, len(at), waiting) + (prices.backorder or 0) * waiting
        total = float(self.money[n]) * self.splits(n, len(at), waiting) + float(self.waiting[n]) * waiting
        for w in sorted(at):
            one, cost, quote = self.parcel(n, w, at[w])
            total += one
            money += cost + (prices.late or 0) * int(quote.late)
        return total, money

    def splits(self, n: int, parcels: int, waiting: int) -> int:
        """The price of an order's further parcels; what waits will need one."""
        further = max(0, parcels - 1 + (waiting > 0)) if parcels else 0
        return self.land.orders[n].rules.prices.split * further


def measure_of(land: Landscape) -> Measure:
    """Weigh the criteria of all orders."""
    skus = tuple(sorted({p.sku for one in land.orders for line in one.lines for p in line.components}))
    index = {sku: at for at, sku in enumerate(skus)}
    portions = tuple(_portions(one, land.grams[n], index) for n, one in enumerate(land.orders))
    shape = land.km.shape
    per_parcel, per_unit = np.zeros(shape), np.zeros(shape)
    money, worst = np.ones(shape[0]), np.zeros(shape[0])
    most = tuple(
        min(one.further_sites or one.rules.most_sites or len(parts), len(parts), shape[1]) or 1
        for one, parts in zip(land.orders, portions, strict=True)
    )
    for rules, rows in _by_rules(land.orders):
        _weigh(land, rules, rows, portions, most, per_parcel, per_unit, money, worst)
    per_unit += NEARER * money[:, None] * np.nan_to_num(land.km)
    _charge_moves(land, per_parcel, money)
    dearest = OUTCLASSED * float(worst.max(initial=0.0)) + 1.0
    waiting = np.array([_waiting(one, dearest, at / max(1, shape[0])) for at, one in enumerate(land.orders)])
    return Measure(
        land,
        skus,
        portions,
        per_parcel,
        per_unit,
        money,
        waiting,
        most,
        tuple(
            one.rules.backorder is BackorderRule.WAIT_FOR_ALL or not one.rules.split for one in land.orders
        ),
        all(_by_money(one.rules) for one in land.orders),
    )


def _waiting(one: Prepared, dearest: float, place: float) -> float:
    """What a unit of an order costs that waits; `place` is the order's turn, from 0 to 1."""
    given = one.rules.prices.backorder
    price = dearest * (1 + URGENCY * (1 - place))
    if given is not None and _by_money(one.rules):
        price = max(float(given), LEAST_PRICE)
    return price * PROMISED if one.order.standing else price


def _by_money(rules: Policy) -> bool:
    return rules.strategies[0] is Strategy.CHEAPEST


def _portions(one: Prepared, grams: Sequence[int], index: dict[str, int]) -> tuple[Portion, ...]:
    found: list[Portion] = []
    for at, line in enumerate(one.lines):
        sizes = pieces(line.units) if one.rules.split_lines and one.rules.split else (line.units,)
        for units in sizes:
            parts = tuple((index[part.sku], part.units * units) for part in line.components)
            found.append(Portion(at, units, parts, grams[at] * units // line.units))
    return tuple(found)


def pieces(units: int) -> tuple[int, ...]:
    """Single units of a few; else 1, 1, 2, 2, 4, 4, ... and a rest: sums of them divide any line in three."""
    if units <= SINGLY:
        return (1,) * units
    found: list[int] = []
    size, twice = 1, False
    while units > size:
        found.append(size)
        units -= size
        size, twice = (size * 2, False) if twice else (size, True)
    return tuple(sorted((*found, units), reverse=True)) if units else tuple(found)


def _by_rules(orders: Sequence[Prepared]) -> list[tuple[Policy, list[int]]]:
    """Orders that go by the same strategies and prices, together."""
    grouped: dict[tuple[object, ...], tuple[Policy, list[int]]] = {}
    for n, one in enumerate(orders):
        key = (one.rules.strategies, one.rules.ranking, one.rules.prices)
        grouped.setdefault(key, (one.rules, []))[1].append(n)
    return list(grouped.values())


def _weigh(
    land: Landscape,
    rules: Policy,
    rows: list[int],
    portions: Sequence[Sequence[Portion]],
    most: Sequence[int],
    per_parcel: Floats,
    per_unit: Floats,
    money: Floats,
    worst: Floats,
) -> None:
    """Fill in the rows of the orders that go by these rules."""
    at = np.array(rows)
    parcels = np.array([float(most[n]) for n in rows])
    units = np.array([float(sum(one.units for one in portions[n])) for n in rows])
    picked = np.array([float(sum(u for one in portions[n] for _, u in one.parts)) for n in rows])
    open_ways = land.shut[at] == OPEN
    reach = parcels * (_dearest(land, rules, at, open_ways) + rules.prices.split)
    reach += picked * max((site.handling_unit for site in land.sites), default=0)
    money_reach = reach + 1.0
    weight, total = np.ones(len(rows)), money_reach.copy()
    levels = []
    for each_parcel, each_unit in reversed(_levels(land, rules, at)):
        weight = total.copy()
        highest = np.where(open_ways, each_parcel, 0).max(axis=1, initial=0) * parcels
        highest += np.where(open_ways, each_unit, 0).max(axis=1, initial=0) * units
        levels.append((weight, each_parcel, each_unit))
        total = total * (highest + 1.0)
    scale = np.ones(len(rows)) if _by_money(rules) else money_reach / total
    for weight, each_parcel, each_unit in levels:
        per_parcel[at] += (weight * scale)[:, None] * each_parcel
        per_unit[at] += (weight * scale)[:, None] * each_unit
    money[at] = scale
    worst[at] = total * scale / parcels


def _dearest(land: Landscape, rules: Policy, at: Ints, open_ways: Flags) -> Floats:
    found = np.zeros(len(at))
    handling = np.array([float(site.handling_parcel) for site in land.sites])
    for s, way in enumerate(land.ways):
        going = open_ways & np.isfinite(way.whole[at])
        price = np.where(going, way.whole[at] + handling + (rules.prices.late or 0) * land.late[s][at], 0)
        found = np.maximum(found, price.max(axis=1, initial=0))
    return found


def _levels(land: Landscape, rules: Policy, at: Ints) -> list[tuple[Floats, Floats]]:
    """The criteria above money, most important first: (of a parcel, of a unit), each [n, W]."""
    shape = (len(at), len(land.sites))
    none = np.zeros(shape)
    found: list[tuple[Floats, Floats]] = []
    if rules.prices.late is None:
        found.append((_soonest_late(land, at), none))
    for strategy in rules.strategies:
        if strategy is Strategy.CHEAPEST:
            break
        if strategy is Strategy.FEWEST_PARCELS:
            found.append((np.ones(shape), none))
        else:
            found.append((none, _of_a_unit(strategy, land, rules, at)))
    return found


def _soonest_late(land: Landscape, at: Ints) -> Floats:
    usable = land.usable[:, at]
    late: Floats = (usable & land.late[:, at]).any(axis=0).astype(float)
    return late


def _of_a_unit(strategy: Strategy, land: Landscape, rules: Policy, at: Ints) -> Floats:
    shape = (len(at), len(land.sites))
    if strategy is Strategy.NEAREST:
        return np.nan_to_num(land.km[at]).round()
    if strategy is Strategy.RANKED_SITES:
        rank = {code: place for place, code in enumerate(rules.ranking)}
        return np.broadcast_to([float(rank.get(site.code, len(rank))) for site in land.sites], shape).copy()
    if strategy is Strategy.STAY_IN_MARKET:
        return np.array(
            [
                [
                    float(not same_market(rules, site.country_code, land.orders[n].order.country_code))
                    for site in land.sites
                ]
                for n in at
            ]
        ).reshape(shape)
    today = land.problem.now.date().toordinal()
    leaves = np.array([day.toordinal() for day in land.days], dtype=float)
    arrives = np.where(land.usable[:, at], land.arrives[:, at], 0).max(axis=0, initial=0)
    # A site from which nobody knows how long it takes comes after all of which that is known.
    days: Floats = np.maximum(0.0, np.where(arrives > 0, arrives, leaves + LONGEST_TRANSIT) - today)
    return days


def same_market(rules: Policy, one: str, other: str) -> bool:
    """Whether two countries belong together."""
    return one == other or any(one in market and other in market for market in rules.markets)


def _charge_moves(land: Landscape, per_parcel: Floats, money: Floats) -> None:
    """An order that stands pays for each parcel at a site where it has none: no move without a gain.

    Where something else than money counts first, a site is open to such an order only if the whole order from
    there saves enough money: else every kilometre would be a reason to move.
    """
    for n, one in enumerate(land.orders):
        if not one.order.standing:
            continue
        rule = one.rules.reconsider
        sent = any(standing.sent for standing in one.order.standing)
        least = (rule.saving_after_sending if sent else rule.saving) or 0
        stays = {standing.site for standing in one.order.standing}
        now = cost_as_it_stands(land, n)
        for w, site in enumerate(land.sites):
            if site.code in stays or land.shut[n, w] != OPEN:
                continue
            per_parcel[n, w] += money[n] * least
            quote = land.quote(n, w, sum(land.grams[n]))
            if not _by_money(one.rules) and (
                quote is None or quote.price + _work(site, one, None) > now - least
            ):
                per_parcel[n, w] = np.inf


def cost_as_it_stands(land: Landscape, n: int) -> int:
    """What an order costs, tariff, handling and splits, if its standing parcels stay."""
    one = land.orders[n]
    at = {site.code: w for w, site in enumerate(land.sites)}
    total = one.rules.prices.split * max(0, len(one.order.standing) - 1)
    for standing in one.order.standing:
        w = at.get(standing.site)
        if w is None:
            continue
        grams = sum(
            weight * standing.lines.get(line.line_id, 0) // line.units
            for weight, line in zip(land.grams[n], one.lines, strict=True)
        )
        quote = land.quote(n, w, grams)
        total += (quote.price if quote else 0) + _work(land.sites[w], one, standing)
    return total


def _work(site: Site, one: Prepared, standing: Standing | None) -> int:
    """Handling of a standing parcel, or of the whole order in one."""
    held = (
        sum(standing.components.values())
        if standing
        else sum(part.units * line.units for line in one.lines for part in line.components)
    )
    return site.handling_parcel + site.handling_unit * held
