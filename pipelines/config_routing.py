"""The routing section of hub.yaml."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from normalization.money import UnknownCurrencyError, exponent
from pipelines.config_models import Amount, Country, Section, Units, Warehouse
from warehouse_routing.policy import (
    OVERRIDABLE,
    BackorderRule,
    Override,
    Policy,
    Prices,
    Reconsider,
    Rejection,
    Strategy,
)
from warehouse_routing.tariff import DEFAULT_TARIFF, Tariff
from warehouse_routing.tariff_file import TariffError, minor, read_tariff

STRATEGIES = ", ".join(Strategy)


def _day(value: object) -> object:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no date") from None


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ValueError(f"{str(value)!r} stands twice; keep the first")
    return values


def _cheapest_is_last(strategies: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
    if Strategy.CHEAPEST in strategies[:-1]:
        later = strategies[strategies.index(Strategy.CHEAPEST) + 1]
        raise ValueError(
            f"{later.value!r} stands after cheapest, where it decides nothing; put it before or remove it"
        )
    return strategies


def _not_for_itself(substitutes: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    for sku, others in substitutes.items():
        if sku in others:
            raise ValueError(f"{sku!r} stands among its own substitutes; remove it there")
    return substitutes


Ranking = Annotated[tuple[str, ...], AfterValidator(_each_once)]
Substitutes = Annotated[Mapping[str, Ranking], AfterValidator(_not_for_itself)]
Day = Annotated[date, BeforeValidator(_day)]
Days = Annotated[int, Field(ge=1, strict=True)]
Strategies = Annotated[
    tuple[Strategy, ...],
    Field(min_length=1, max_length=3),
    AfterValidator(_each_once),
    AfterValidator(_cheapest_is_last),
]


class SafetyStock(Section):
    """Units that are never promised."""

    default: Units = Field(default=0, description="Give whole units, 0 or more.")
    skus: Mapping[str, Units] = Field(default_factory=dict, description="Give whole units by SKU, 0 or more.")

    def units(self, sku: str) -> int:
        """Units of a SKU that each warehouse keeps back."""
        return self.skus.get(sku, self.default)


class UnwantedPrices(Section):
    """What unwanted outcomes cost."""

    backorder: Amount | None = Field(
        default=None, description='Give the price of a unit that waits, such as "12.00".'
    )
    late: Amount | None = Field(
        default=None, description='Give the price of a parcel that misses its day, such as "8.00".'
    )
    split: Amount = Field(default=Decimal(0), description='Give the price of a further parcel: "0.50".')


class Reconsidering(Section):
    """What moving an order must save."""

    saving: Amount | None = Field(
        default=Decimal("2.00"), description='Give the least saving, such as "2.00", or null for never.'
    )
    saving_after_sending: Amount | None = Field(
        default=None, description='Give the least saving, such as "5.00", or null for never.'
    )


class CancelAfter(Section):
    """After how many days a line that waits is given up."""

    default: Days | None = Field(default=None, description="Give days, 1 or more, or null for never.")
    skus: Mapping[str, Days] = Field(default_factory=dict, description="Give days by SKU, 1 or more.")
    at_channel: bool = Field(
        default=False, description="Write true to have channels cancel such lines, false to only propose it."
    )

    @property
    def shortest(self) -> int | None:
        """The fewest days that are given, or None if none are."""
        return min((*self.skus.values(), *((self.default,) if self.default else ())), default=None)

    def days(self, sku: str | None) -> int | None:
        """Of a SKU, or None for never."""
        return self.skus.get(sku or "", self.default)


class RoutingOverride(Section):
    """Other rules for some orders."""

    channels: frozenset[str] | None = Field(
        default=None, min_length=1, description="List names of channel connections."
    )
    services: frozenset[str] | None = Field(
        default=None, min_length=1, description="List delivery services as the channel names them."
    )
    countries: frozenset[Country] | None = Field(
        default=None, min_length=1, description="List ISO codes of destinations."
    )
    skus: frozenset[str] | None = Field(default=None, min_length=1, description="List SKUs.")
    strategies: Strategies | None = Field(default=None, description=f"List up to three of: {STRATEGIES}.")
    split: bool | None = Field(default=None, description="Write true or false.")
    split_lines: bool | None = Field(default=None, description="Write true or false.")
    max_sites: int | None = Field(default=None, ge=1, description="Give the most warehouses of one order.")
    backorder: BackorderRule | None = Field(
        default=None, description=f"Write one of: {', '.join(BackorderRule)}."
    )
    ranking: Ranking | None = Field(default=None, description="List warehouse codes, best first.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.rules():
            raise ValueError(f"it changes nothing; give one of: {', '.join(sorted(OVERRIDABLE))}")
        if not (self.channels or self.services or self.countries or self.skus):
            raise ValueError(
                "it is for all orders; give channels, services, countries or skus, or write its rules under"
                " routing itself"
            )
        return self

    def rules(self) -> dict[str, Any]:
        """What it changes."""
        given = {name: getattr(self, name) for name in sorted(OVERRIDABLE)}
        return {name: value for name, value in given.items() if value is not None}

    def override(self) -> Override:
        """The same for routing."""
        return Override(self.rules(), self.channels, self.services, self.countries, self.skus)


class Routing(Section):
    """How orders are given to warehouses."""

    strategy: Literal["fewest_parcels", "nearest_first"] | Strategy | None = Field(
        default=None, description=f"Write one of: {STRATEGIES}; or list several under strategies."
    )
    strategies: Strategies | None = Field(
        default=None, description=f"List up to three of: {STRATEGIES}; the first counts most."
    )
    split: bool = Field(default=True, description="Write true if one order may come from several warehouses.")
    split_lines: bool = Field(
        default=False, description="Write true if the units of one line may come from several warehouses."
    )
    max_sites: int | None = Field(
        default=None, ge=1, description="Give the most warehouses of one order, 1 or more."
    )
    backorder: BackorderRule = Field(
        default=BackorderRule.SHIP_AVAILABLE, description=f"Write one of: {', '.join(BackorderRule)}."
    )
    ranking: Ranking = Field(default=(), description="List warehouse codes, best first.")
    markets: tuple[frozenset[Country], ...] = Field(
        default=(), description="List groups of ISO country codes: [[DE, AT], [FR, BE]]."
    )
    currency: str = Field(
        default="EUR",
        pattern=r"^[A-Z]{3}$",
        description='Give the ISO 4217 code of tariff and prices: "EUR".',
    )
    tariff: Path | None = Field(
        default=None, description="Give the path of a CSV table, see docs/routing.md; relative to hub.yaml."
    )
    default_weight_g: int = Field(
        default=500, ge=1, description="Give the weight of a unit whose SKU has none, in grams."
    )
    prices: UnwantedPrices = Field(
        default_factory=UnwantedPrices, description="Give backorder, late and split."
    )
    reconsider: Reconsidering = Field(
        default_factory=Reconsidering, description="Give saving and saving_after_sending."
    )
    substitutes: Substitutes = Field(
        default_factory=dict, description="Give by SKU the SKUs that may be sent instead, best first."
    )
    release_dates: Mapping[str, Day] = Field(
        default_factory=dict, description='Give by SKU the first day on which it is sent: "2026-12-01".'
    )
    cancel_after_days: CancelAfter = Field(
        default_factory=CancelAfter, description="Give default, skus and at_channel."
    )
    after_rejection: Rejection = Field(
        default=Rejection.PERSON, description=f"Write one of: {', '.join(Rejection)}."
    )
    time_limit_seconds: float = Field(default=20.0, gt=0, le=3600, description="Give seconds, above 0.")
    safety_stock: SafetyStock = Field(default_factory=SafetyStock, description="Give default and skus.")
    overrides: tuple[RoutingOverride, ...] = Field(
        default=(), description="List entries of channels, services, countries, skus and what they change."
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.strategy is not None and self.strategies is not None:
            raise ValueError("it has strategy and strategies; keep one of them")
        try:
            decimals = exponent(self.currency)
        except UnknownCurrencyError as error:
            raise ValueError(f"{error}; give another currency") from error
        for name, value in self._amounts():
            if value is not None and value != round(value, decimals):
                raise ValueError(f"{name} is {value}, with more decimals than {self.currency}; round it")
        return self

    @model_validator(mode="after")
    def _rules_fit_together(self) -> Self:
        problems = list(_misfits("", self.wanted(), self.ranking, self.split, self.max_sites))
        for at, one in enumerate(self.overrides):
            split = self.split if one.split is None else one.split
            ranking = one.ranking or self.ranking
            problems += _misfits(f"overrides[{at}]: ", one.strategies or (), ranking, split, one.max_sites)
        if problems:
            raise ValueError(". ".join(problems))
        return self

    def _amounts(self) -> Iterable[tuple[str, Decimal | None]]:
        for section in (self.prices, self.reconsider):
            for name in type(section).model_fields:
                yield name, getattr(section, name)

    def wanted(self) -> tuple[Strategy, ...]:
        """The strategies, most important first."""
        if self.strategies:
            return self.strategies
        if self.strategy is None:
            return (Strategy.FEWEST_PARCELS,)
        return (Strategy.NEAREST if self.strategy == "nearest_first" else Strategy(self.strategy),)

    def minor(self, amount: Decimal | None) -> int | None:
        """An amount in minor units."""
        return None if amount is None else minor(str(amount), self.currency)

    def policy(self, tariff: Tariff) -> Policy:
        """The same for `warehouse_routing.router.plan`."""
        return Policy(
            strategies=self.wanted(),
            split=self.split,
            split_lines=self.split_lines,
            max_sites=self.max_sites,
            backorder=self.backorder,
            ranking=self.ranking,
            markets=self.markets,
            prices=Prices(
                self.minor(self.prices.backorder),
                self.minor(self.prices.late),
                self.minor(self.prices.split) or 0,
            ),
            reconsider=Reconsider(
                self.minor(self.reconsider.saving), self.minor(self.reconsider.saving_after_sending)
            ),
            substitutes=self.substitutes,
            release_dates=self.release_dates,
            default_weight_g=self.default_weight_g,
            tariff=tariff,
            time_limit=self.time_limit_seconds,
            overrides=tuple(one.override() for one in self.overrides),
        )


def _misfits(
    place: str, strategies: Sequence[Strategy], ranking: Sequence[str], split: bool, max_sites: int | None
) -> Iterable[str]:
    """Rules of which one makes another one mean nothing."""
    if Strategy.RANKED_SITES in strategies and not ranking:
        yield f"{place}ranked_sites needs a ranking; list warehouse codes there, best first"
    if not split and max_sites is not None and max_sites > 1:
        yield f"{place}max_sites is {max_sites} where split is false; remove max_sites, or write split: true"


def tariff_of(routing: Routing, folder: Path) -> tuple[Tariff, list[str]]:
    """The tariff that a configuration names, and what is wrong with it."""
    if routing.tariff is None:
        return Tariff(DEFAULT_TARIFF.rates, routing.currency), []
    try:
        return read_tariff(folder / routing.tariff, routing.currency), []
    except TariffError as error:
        return DEFAULT_TARIFF, [f"routing.tariff: {problem}." for problem in error.problems]


def routing_problems(
    routing: Routing, warehouses: Iterable[Warehouse], channels: Iterable[str], tariff: Tariff
) -> list[str]:
    """Names that point nowhere, and prices of work that the currency cannot say."""
    sites = {one.code: one for one in warehouses}
    codes, names = sorted(sites), sorted(channels)
    problems = [_unknown("routing.ranking", code, "warehouse", codes) for code in routing.ranking]
    named = sorted({rate.site for rate in tariff.rates} - {"*"})
    problems += [_unknown("routing.tariff", code, "warehouse", codes) for code in named]
    for at, one in enumerate(routing.overrides):
        place = f"routing.overrides[{at}]"
        problems += [_unknown(f"{place}.ranking", code, "warehouse", codes) for code in one.ranking or ()]
        problems += [
            _unknown(f"{place}.channels", name, "channel", names) for name in sorted(one.channels or ())
        ]
    for code, site in sites.items():
        for name, value in (("parcel", site.handling.parcel), ("unit", site.handling.unit)):
            if value != round(value, exponent(routing.currency)):
                why = f"{value} has more decimals than {routing.currency}"
                problems.append(f"warehouses[{code}].handling.{name}: {why}. Round it.")
    return [problem for problem in problems if problem]


def _unknown(place: str, name: str, kind: str, known: list[str]) -> str:
    return "" if name in known else f"{place}: there is no {kind} {name!r}. There are: {', '.join(known)}."
