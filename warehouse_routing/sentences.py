"""Decisions in sentences, and what ruled a site out in a few words."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from normalization.money import Money
from warehouse_routing.landscape import ENOUGH, EXCLUDED
from warehouse_routing.objective import Measure
from warehouse_routing.plan import Assignment, Backorder, Candidate, Cause, NextBest, ScarcePrice

Amount = Callable[[int], str]


def shut(measure: Measure, n: int, w: int) -> str:
    """Why a site may not ship to an order at all."""
    order, site = measure.land.orders[n].order, measure.land.sites[w]
    if measure.land.shut[n, w] == EXCLUDED:
        return "has refused the order"
    if measure.land.shut[n, w] == ENOUGH:
        return f"would be one site more than max_sites allows ({', '.join(sorted(order.given))} have parcels)"
    if site.countries is not None and order.country_code not in site.countries:
        return "does not ship to the country"
    if not measure.land.usable[:, n, w].any():
        return "no service of the tariff goes there"
    return "does not ship to the postal code"


def barred_goods(measure: Measure, n: int, w: int) -> list[str]:
    """Hazardous and oversize goods that a site may not ship."""
    site, goods = measure.land.sites[w], measure.land.problem.goods
    skus = sorted({part.sku for line in measure.land.orders[n].lines for part in line.components})
    known = [(sku, goods[sku]) for sku in skus if sku in goods]
    dangerous = [sku for sku, one in known if one.hazardous and not site.ships_hazardous]
    large = [sku for sku, one in known if one.oversize and not site.ships_oversize]
    words = [f"may not ship hazardous goods ({', '.join(dangerous)})"] if dangerous else []
    return words + ([f"may not ship oversize goods ({', '.join(large)})"] if large else [])


def late(measure: Measure, n: int, w: int) -> str | None:
    """How a site misses the promised day, whatever the service; None if it need not."""
    land = measure.land
    usable = land.usable[:, n, w]
    if not (usable & land.late[:, n, w]).any() or not (land.late[:, n, w] | ~usable).all():
        return None
    order, site, day = land.orders[n].order, land.sites[w], land.days[w]
    if order.ship_by and day > order.ship_by.astimezone(ZoneInfo(site.time_zone)).date():
        return f"leaves on {day} (cut-off, working days), after the promised day"
    return f"leaves on {day} and arrives after the promised day (transit)"


def reasons(
    measure: Measure,
    n: int,
    chosen: Sequence[Assignment],
    left: Sequence[Backorder],
    seen: Sequence[Candidate],
    withdrawn: Sequence[int],
    saving: int,
    prices: Sequence[ScarcePrice],
    next_best: NextBest | None,
) -> tuple[str, ...]:
    """The decision as sentences."""
    one = measure.land.orders[n]
    currency = measure.land.problem.policy.tariff.currency

    def amount(minor: int) -> str:
        return str(Money(minor, currency))

    words: list[str] = []
    able = sum(1 for site in seen if not [w for w in site.ruled_out if "promised day" not in w])
    if len(chosen) == 1 and not left:
        words.append(f"{chosen[0].site} ships all of it: the best of {able} that hold everything")
    elif chosen:
        verb = "ship" if len(chosen) > 1 else "ships"
        part = "part of it" if left else "it"
        alone = "that is better than from one site" if able else "no site alone holds all"
        words.append(f"{' and '.join(each.site for each in chosen)} {verb} {part}; {alone}")
    for each in chosen:
        away = f"{each.distance_km:.0f} km away" if each.distance_km is not None else "distance unknown"
        missed = ", after the promised day" if each.late else ""
        words.append(f"{each.site}: {away}, leaves on {each.dispatch_date}{missed}, {amount(each.cost)}")
    if withdrawn:
        gain = f"it saves {amount(saving)}" if saving > 0 else "it makes room for other orders"
        words.append(f"moved from where it stood: {gain}")
    words += [f"{new} goes instead of {old}, of which there is too little" for old, new in one.replaced]
    words += [f"line {each.line_id}: {each.units} wait, {_why(each)}" for each in left]
    if next_best:
        words.append(_otherwise(next_best, amount))
    words += [
        _worth(price, measure.money_below, amount) if measure.by_money else _scarce(price) for price in prices
    ]
    if one.order.destination.precision not in ("exact", "unknown"):
        words.append(f"the destination is known by its {one.order.destination.precision} only")
    return tuple(words)


def _otherwise(next_best: NextBest, amount: Amount) -> str:
    if not next_best.sites:
        return f"without {next_best.without} it would wait"
    sites = " and ".join(next_best.sites)
    waiting = f", and {next_best.units_waiting} units would wait" if next_best.units_waiting else ""
    more = f"{amount(next_best.extra)} more" if next_best.extra >= 0 else f"{amount(-next_best.extra)} less"
    return f"without {next_best.without} it would come from {sites} for {more}{waiting}"


def _worth(price: ScarcePrice, money_below: float, amount: Amount) -> str:
    goods = f"unit of {price.sku}" if price.sku else "parcel of room"
    if price.price >= money_below:
        return f"one more {goods} at {price.site} would let more be shipped"
    return f"one more {goods} at {price.site} would save about {amount(round(price.price))}"


def _scarce(price: ScarcePrice) -> str:
    """Without an amount: where another strategy comes first for any order, prices are no money."""
    return f"scarce: {price.sku or 'parcels of the day'} at {price.site}"


def _why(one: Backorder) -> str:
    return {
        Cause.STOCK: f"too few of {', '.join(one.short_of)}",
        Cause.CAPACITY: "the sites that have them are full",
        Cause.COUNTRY: "no site ships to the place",
        Cause.GOODS: "no site that ships there may ship such goods",
        Cause.EXCLUDED: "the sites that could ship it have refused it",
        Cause.SPLIT: "it would take more sites than the policy allows",
        Cause.WAITS_FOR_ALL: "until the whole order can be had",
        Cause.PRE_ORDER: f"{', '.join(one.short_of)} is not released yet",
        Cause.PRICE: "it costs less to wait than to ship",
    }[one.cause]
