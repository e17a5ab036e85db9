"""Orders and sites side by side: distances, days, who may ship what to whom, and what each parcel costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

from warehouse_routing.batch import Flags, Floats, Ints
from warehouse_routing.calendar import arrival, dispatch_date
from warehouse_routing.geo import EARTH_RADIUS_KM
from warehouse_routing.plan import Cause
from warehouse_routing.policy import Policy, Strategy
from warehouse_routing.preparing import Prepared
from warehouse_routing.pricing import UNKNOWN_TRANSIT, Services, Ways, ways_of
from warehouse_routing.problem import OrderToRoute, Precision, Problem, Site

LONGEST_TRANSIT = 60
FAR = 20040.0
"""Kilometres that a place nobody knows is taken to be away for distance bands: half the way round."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What one parcel costs and when it arrives."""

    price: int
    service: str
    arrives: date | None
    late: bool


@dataclass(frozen=True, slots=True)
class Landscape:
    """N orders in their turn, W sites by code, S services.

    Attributes:
        days: [W] the day on which each site hands over what it is given now.
        room: [W] parcels that it may still be given for that day; -1 for no limit.
        km: [N, W]; nan where a place is unknown.
        shut: [N, W] index into CAUSES, 0 where the site may ship to the order.
        ways: [S] each service.
        usable: [S, N, W] whether a service is one of those to choose from.
        late: [S, N, W] whether a parcel would leave or arrive after the promised day.
        arrives: [S, N, W] ordinal of the day; 0 if it is unknown.
    """

    problem: Problem
    orders: tuple[Prepared, ...]
    sites: tuple[Site, ...]
    days: tuple[date, ...]
    room: tuple[int, ...]
    km: Floats
    shut: Ints
    services: Services
    ways: tuple[Ways, ...]
    usable: Flags
    late: Flags
    arrives: Ints
    grams: tuple[tuple[int, ...], ...]

    def quote(self, n: int, w: int, grams: int) -> Quote | None:
        """The best service for a parcel of order n from site w; None if none goes there."""
        order, site = self.orders[n], self.sites[w]
        late_price = order.rules.prices.late or 0
        best: tuple[int, int] | None = None
        for s, name in enumerate(self.services.names):
            if not self.usable[s, n, w]:
                continue
            place = (order.order.country_code, order.order.postal_code)
            zone = self.services.zone(name, site.code, *place)
            km = FAR if np.isnan(self.km[n, w]) else float(self.km[n, w])
            band = zone.band(km) if zone else None
            if band is not None:
                price = band.price(km, grams) + late_price * int(self.late[s, n, w])
                best = min(best or (price, s), (price, s))
        if best is None:
            return None
        price, s = best
        late, day = bool(self.late[s, n, w]), int(self.arrives[s, n, w])
        arrives = date.fromordinal(day) if day else None
        return Quote(price - late_price * int(late), self.services.names[s], arrives, late)


CAUSES = (None, Cause.COUNTRY, Cause.EXCLUDED, Cause.SPLIT)
OPEN, COUNTRY, EXCLUDED, ENOUGH = range(4)


def landscape_of(problem: Problem, orders: Sequence[Prepared]) -> Landscape:
    """Work out all that does not depend on stock."""
    sites = tuple(sorted(problem.sites, key=lambda site: site.code))
    days = tuple(dispatch_date(site, problem.now) for site in sites)
    places = [(one.order.country_code, one.order.postal_code) for one in orders]
    km = _distances([one.order for one in orders], sites)
    grams = tuple(_line_weights(one, problem) for one in orders)
    services = Services(problem.policy.tariff)
    ways = tuple(
        ways_of(
            services,
            name,
            [site.code for site in sites],
            places,
            np.where(np.isnan(km), FAR, km),
            [_lightest(one, weights) for one, weights in zip(orders, grams, strict=True)],
            [sum(weights) for weights in grams],
        )
        for name in services.names
    )
    arrives, late = _times(orders, sites, days, ways)
    usable = _usable([one.rules for one in orders], ways, late, arrives)
    shut = _shut(orders, sites)
    shut[(shut == OPEN) & ~usable.any(axis=0)] = COUNTRY
    return Landscape(
        problem,
        tuple(orders),
        sites,
        days,
        tuple(
            _room(site, day, sum(_stands(one.order, site, day) for one in orders))
            for site, day in zip(sites, days, strict=True)
        ),
        km,
        shut,
        services,
        ways,
        usable,
        late,
        arrives,
        grams,
    )


def _room(site: Site, day: date, standing: int) -> int:
    if site.parcels_per_day is None:
        return -1
    return max(0, site.parcels_per_day - site.parcels_planned.get(day, 0) + standing)


def _stands(order: OrderToRoute, site: Site, day: date) -> int:
    return sum(one.site == site.code and one.dispatch_date == day for one in order.standing)


def _distances(orders: Sequence[OrderToRoute], sites: Sequence[Site]) -> Floats:
    """Great-circle distances (haversine formula), [N, W]."""

    def points(places: Sequence[OrderToRoute] | Sequence[Site]) -> tuple[Floats, Floats]:
        where = [one.destination if isinstance(one, OrderToRoute) else one.location for one in places]
        known = [(p.lat, p.lon) if p.precision is not Precision.UNKNOWN else (np.nan, np.nan) for p in where]
        lat, lon = np.radians(np.array(known, dtype=float).reshape(-1, 2)).T
        return lat, lon

    lat_a, lon_a = (one[:, None] for one in points(orders))
    lat_b, lon_b = (one[None, :] for one in points(sites))
    half_lat, half_lon = (lat_b - lat_a) / 2, (lon_b - lon_a) / 2
    chord = np.sin(half_lat) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin(half_lon) ** 2
    km: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
    return km


def _line_weights(one: Prepared, problem: Problem) -> tuple[int, ...]:
    default = problem.policy.default_weight_g
    found = []
    for line in one.lines:
        each = 0
        for part in line.components:
            goods = problem.goods.get(part.sku)
            each += part.units * (default if goods is None or goods.weight_g is None else goods.weight_g)
        found.append(each * line.units)
    return tuple(found)


def _lightest(one: Prepared, weights: Sequence[int]) -> int:
    """The lightest thing that could go in a parcel alone."""
    if one.rules.split_lines:
        return min((grams // line.units for grams, line in zip(weights, one.lines, strict=True)), default=0)
    return min(weights, default=0)


def _times(
    orders: Sequence[Prepared], sites: Sequence[Site], days: Sequence[date], ways: Sequence[Ways]
) -> tuple[Ints, Flags]:
    shape = (len(ways), len(orders), len(sites))
    arrives, late = np.zeros(shape, np.int64), np.zeros(shape, bool)
    there = np.array([_last_day_there(one.order) for one in orders], np.int64)
    for w, (site, day) in enumerate(zip(sites, days, strict=True)):
        zone = ZoneInfo(site.time_zone)
        ship_by = _last_days([one.order.ship_by for one in orders], zone)
        here = _last_days([one.order.deliver_by for one in orders], zone)
        deliver_by = np.where(there > 0, there, here)
        table = np.array([arrival(day, transit).toordinal() for transit in range(LONGEST_TRANSIT)])
        for s, way in enumerate(ways):
            transit = way.transit_days[:, w]
            known = transit != UNKNOWN_TRANSIT
            arrives[s, :, w] = np.where(known, table[np.clip(transit, 0, LONGEST_TRANSIT - 1)], 0)
            late[s, :, w] = (day.toordinal() > ship_by) | (known & (arrives[s, :, w] > deliver_by))
    return arrives, late


def _last_days(moments: Sequence[datetime | None], zone: ZoneInfo) -> Ints:
    """Ordinals of local days; far away where nothing is promised."""
    return np.array(
        [date.max.toordinal() if one is None else one.astimezone(zone).date().toordinal() for one in moments],
        dtype=np.int64,
    )


def _last_day_there(order: OrderToRoute) -> int:
    """Ordinal of the day of promised arrival where the buyer is; 0 where that is not known.

    The place's longitude gives its hour, counted down to a whole one: clocks are seldom behind that, so a
    moment just before midnight is never taken for the next day.
    """
    if order.deliver_by is None or order.destination.precision is Precision.UNKNOWN:
        return 0
    hours = int(np.floor(order.destination.lon / 15))
    return order.deliver_by.astimezone(timezone(timedelta(hours=hours))).date().toordinal()


def _usable(rules: Sequence[Policy], ways: Sequence[Ways], late: Flags, arrives: Ints) -> Flags:
    """Services that go there: the punctual where promises go before money, the fastest where speed does."""
    usable = np.array([np.isfinite(way.whole) for way in ways]).reshape(late.shape)
    if len(ways) < 2:
        return usable
    keeps = np.array([one.prices.late is None for one in rules])[None, :, None]
    punctual = usable & ~late
    usable = np.where(keeps & punctual.any(axis=0), punctual, usable)
    fast = np.array([goes_by_speed(one) for one in rules])[None, :, None]
    known = np.where(usable & (arrives > 0), arrives, date.max.toordinal())
    fastest = usable & (known == known.min(axis=0))
    return np.where(fast, fastest, usable)


def goes_by_speed(rules: Policy) -> bool:
    """Whether speed counts for more than money."""
    wanted = [one for one in rules.strategies if one in (Strategy.FASTEST, Strategy.CHEAPEST)]
    return bool(wanted) and wanted[0] is Strategy.FASTEST


def _shut(orders: Sequence[Prepared], sites: Sequence[Site]) -> Ints:
    shut = np.zeros((len(orders), len(sites)), np.int64)
    for n, one in enumerate(orders):
        for w, site in enumerate(sites):
            if site.code in one.order.excluded:
                shut[n, w] = EXCLUDED
            elif not site.serves(one.order.country_code, one.order.postal_code):
                shut[n, w] = COUNTRY
            elif one.further_sites == 0 and site.code not in one.order.given:
                shut[n, w] = ENOUGH
    return shut
