"""The merchant's rules: strategies, limits, prices, and what differs for some orders."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from warehouse_routing.tariff import DEFAULT_TARIFF, Tariff


class Strategy(StrEnum):
    """What is made as small as can be. Several stand in the order of their weight; cost always comes last."""

    CHEAPEST = "cheapest"  # money: tariff, handling, and the prices of splits, late parcels and backorders
    NEAREST = "nearest"  # kilometres, for each unit: the nearest site that has a unit ships it
    FEWEST_PARCELS = "fewest_parcels"  # parcels
    FASTEST = "fastest"  # days until a unit arrives, for each unit
    RANKED_SITES = "ranked_sites"  # for each unit, the place of its site in `ranking`
    STAY_IN_MARKET = "stay_in_market"  # units that come from a site outside the destination's market


class BackorderRule(StrEnum):
    """What happens to an order of which only a part can be had."""

    SHIP_AVAILABLE = "ship_available"  # the part that is there goes, the rest is backordered
    WAIT_FOR_ALL = "wait_for_all"  # the whole order waits


class Rejection(StrEnum):
    """What happens to a parcel that a WMS refuses to take."""

    PERSON = "person"  # it stays where it is, and a person decides
    ELSEWHERE = "elsewhere"  # it is taken back and routed to another site


@dataclass(frozen=True, slots=True)
class Prices:
    """What unwanted outcomes cost, in minor units.

    Attributes:
        backorder: Of a unit that waits; None: whatever can be shipped is shipped, at any cost. It counts only
            where the first strategy is the cheapest.
        late: Of a parcel that misses its promised day; None: a promise is kept at any cost, if it can be.
        split: Of each parcel of an order beyond the first, one that a later part will need included.
    """

    backorder: int | None = None
    late: int | None = None
    split: int = 0


@dataclass(frozen=True, slots=True)
class Reconsider:
    """When an order that was given to a site is moved to another: the least that it must save.

    Attributes:
        saving: In minor units, while its picklist has not been sent; None for never.
        saving_after_sending: While the WMS has it and has not begun to pick it; None for never.
    """

    saving: int | None = 200
    saving_after_sending: int | None = None


OVERRIDABLE = frozenset({"strategies", "split", "split_lines", "max_sites", "backorder", "ranking"})
"""The rules that may differ for some orders."""


@dataclass(frozen=True, slots=True)
class Override:
    """Other rules for some orders. What is None does not matter; an order must fit all the rest.

    Attributes:
        channels: Connections.
        services: Delivery services as the channel names them, without regard to case.
        countries: ISO codes of the destination.
        skus: An order with one of these on a line.
        rules: Values by the names of OVERRIDABLE.
    """

    rules: Mapping[str, Any]
    channels: frozenset[str] | None = None
    services: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    skus: frozenset[str] | None = None

    def fits(self, channel: str, service: str, country_code: str, skus: Collection[str]) -> bool:
        """Whether an order is one of those."""
        named = self.services is None or service.casefold() in {one.casefold() for one in self.services}
        return (
            named
            and (self.channels is None or channel in self.channels)
            and (self.countries is None or country_code in self.countries)
            and (self.skus is None or not self.skus.isdisjoint(skus))
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The merchant's rules.

    Attributes:
        strategies: What counts, most important first.
        split: Whether one order may come from several sites.
        split_lines: Whether the units of one line may come from several sites, or wait in part.
        max_sites: The most sites of one order, with those that have parcels of it already; None for no limit.
            One in each decision if `split` is False.
        ranking: Site codes, best first, for `ranked_sites`; sites that are not named come last.
        markets: Groups of country codes that count as one market; a country in none is a market by itself.
        substitutes: By SKU, what may be sent instead of it where there is too little of it, best first.
        release_dates: By SKU, the day (UTC) before which none of it is sent: pre-orders.
        default_weight_g: Of a unit whose weight the catalogue does not say.
        tariff: What parcels cost.
        time_limit: Seconds that a decision may take.
        overrides: Other rules for some orders; where several fit, the later one holds.
    """

    strategies: tuple[Strategy, ...] = (Strategy.FEWEST_PARCELS,)
    split: bool = True
    split_lines: bool = False
    max_sites: int | None = None
    backorder: BackorderRule = BackorderRule.SHIP_AVAILABLE
    ranking: tuple[str, ...] = ()
    markets: tuple[frozenset[str], ...] = ()
    prices: Prices = field(default_factory=Prices)
    reconsider: Reconsider = field(default_factory=Reconsider)
    substitutes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    release_dates: Mapping[str, date] = field(default_factory=dict)
    default_weight_g: int = 500
    tariff: Tariff = DEFAULT_TARIFF
    time_limit: float = 20.0
    overrides: tuple[Override, ...] = ()

    def of(self, channel: str, service: str, country_code: str, skus: Collection[str]) -> "Policy":
        """The rules for one order."""
        changes: dict[str, Any] = {}
        for override in self.overrides:
            if override.fits(channel, service, country_code, skus):
                changes |= override.rules
        return replace(self, overrides=(), **changes) if changes else self

    @property
    def most_sites(self) -> int | None:
        """The most parcels of one order; None for no limit."""
        return self.max_sites if self.split else 1
