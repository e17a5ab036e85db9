"""What hub.yaml may say: one class a section. A field's description is the remedy in its error message."""

import re
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from connectors.registry import KINDS, kind_of
from normalization.verification import VerificationPolicy

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone") from error
    return name


def _text(value: object) -> object:
    """A setting as text: what a connector gets is always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        hours, minutes = value.split(":")
        return time(int(hours), int(minutes))
    if isinstance(value, time):
        return value
    raise ValueError(f"{value!r} is no time of day")


def _amount(value: object) -> object:
    """Amounts are read as written: 2.50 and "2.50" are the same."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _postal_code(value: object) -> object:
    """Without blanks and in capitals, as routing compares them."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no postal code; write it in quotes")
    return "".join(value.split()).upper()


def _cron(text: str) -> str:
    field = r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*"
    if not re.fullmatch(rf"{field}(\s+{field}){{4}}", text):
        raise ValueError(f"{text!r} is no cron line")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
SettingText = Annotated[str, BeforeValidator(_text)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Amount = Annotated[Decimal, BeforeValidator(_amount), Field(ge=0, max_digits=12)]
Prefixes = Annotated[tuple[Annotated[str, BeforeValidator(_postal_code)], ...], Field(min_length=1)]
Cron = Annotated[str, AfterValidator(_cron)]
Units = Annotated[int, Field(ge=0, strict=True)]


class Section(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Merchant(Section):
    """Whose orders these are."""

    name: str = Field(min_length=1, description="Give the merchant's name.")
    time_zone: TimeZone = Field(
        description='Give an IANA time zone such as "Europe/Paris"; KPI days are local days in it.'
    )


class Store(Section):
    """Where the order store is."""

    url: str = Field(
        default="sqlite:///.orderhub/orders.db",
        repr=False,
        pattern=r"^(sqlite|postgresql\+psycopg)://",
        description='Give "sqlite:///path" or "postgresql+psycopg://user@host/database", the password through'
        " ${NAME}.",
    )


class Landing(Section):
    """Where raw records are kept."""

    url: str = Field(
        default=".orderhub/landing",
        min_length=1,
        repr=False,
        description='Give a folder, or a URL that fsspec knows such as "s3://bucket/orderhub".',
    )


class SecretFile(Section):
    """A file that holds one secret and nothing else."""

    file: Path = Field(description="Give the path of a file that only its owner may read (mode 0600).")


def _secret_source(value: object) -> object:
    """Checked by hand, because pydantic's own words for a union would quote what was written."""
    if isinstance(value, str | SecretFile):
        return value
    if (
        isinstance(value, dict)
        and set(value) == {"file"}
        and isinstance(value["file"], str)
        and value["file"]
    ):
        return SecretFile(file=Path(value["file"]))
    raise ValueError("this is neither a name nor a file")


SecretSource = Annotated[str | SecretFile, BeforeValidator(_secret_source)]


class Connection(Section):
    """One account at one vendor."""

    name: Name = Field(
        description="Give a short unique name of small letters, digits and dashes; orders are known by it,"
        " so never change it."
    )
    connector: str = Field(
        description=f"Write one of: {', '.join(sorted(n for family in KINDS.values() for n in family))}."
    )
    enabled: bool = Field(default=True, description="Write true or false.")
    fulfil_from: AwareDatetime | None = Field(
        default=None,
        description="Give the moment from which the hub fulfils orders, with its offset, such as"
        ' "2026-11-01T00:00:00+01:00"; earlier orders are kept and reported, never routed.',
    )
    settings: Mapping[str, SettingText] = Field(
        default_factory=dict, description="Give single values: text, numbers, true or false."
    )
    secrets: Mapping[str, SecretSource] = Field(
        default_factory=dict,
        repr=False,
        description='Give the name of an environment variable, or "{file: path}"; never the secret itself.',
    )

    @property
    def kind(self) -> str:
        """channel, wms or carrier."""
        return kind_of(self.connector)


class Address(Section):
    """Where a warehouse stands."""

    street: str = Field(default="", description="Give the street and number.")
    city: str = Field(min_length=1, description="Give the city.")
    region: str | None = Field(default=None, description="Give the region's or state's code.")
    postal_code: str | None = Field(default=None, description='Give the postal code in quotes: "69003".')
    country_code: Country = Field(description='Give the ISO 3166 code in capitals, such as "FR".')


class Coordinates(Section):
    """Where a warehouse stands, in degrees."""

    lat: float = Field(ge=-90, le=90, description="Give the latitude in degrees, -90 to 90.")
    lon: float = Field(ge=-180, le=180, description="Give the longitude in degrees, -180 to 180.")


class WmsSite(Section):
    """Which WMS runs a warehouse, and what it calls it there."""

    connection: str = Field(description="Give the name of a WMS connection.")
    site: SettingText = Field(min_length=1, description="Give the WMS's own id of this warehouse, in quotes.")


class Handling(Section):
    """What a warehouse's work costs, in the routing section's currency."""

    parcel: Amount = Field(default=Decimal(0), description='Give the price of packing a parcel: "0.80".')
    unit: Amount = Field(default=Decimal(0), description='Give the price of picking a unit: "0.15".')


class Warehouse(Section):
    """A place that ships."""

    code: Code = Field(description="Give a short unique code of letters, digits and dashes; never change it.")
    name: str = Field(default="", description="Give the name that people know it by.")
    address: Address | None = Field(default=None, description="Give city, country_code and postal_code.")
    coordinates: Coordinates | None = Field(default=None, description="Give lat and lon.")
    time_zone: TimeZone = Field(description='Give the warehouse\'s IANA time zone, such as "Europe/Paris".')
    cut_off: TimeOfDay = Field(
        description='Give the local time until which orders leave the same day, such as "14:00".'
    )
    working_days: frozenset[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=frozenset({"mon", "tue", "wed", "thu", "fri"}),
        min_length=1,
        description="List days out of: mon, tue, wed, thu, fri, sat, sun.",
    )
    holidays: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$",
        description='Give the country whose public holidays it keeps, such as "FR" or "US-NJ".',
    )
    parcels_per_day: Units | None = Field(
        default=None, description="Give the most parcels that it packs a day, or leave it out for no limit."
    )
    countries: frozenset[Country] | None = Field(
        default=None,
        min_length=1,
        description="List the ISO codes of the countries that it ships to, or leave it out for all.",
    )
    postal_codes: Mapping[Country, Prefixes] = Field(
        default_factory=dict,
        description='Give by country the beginnings of the only postal codes that it ships to: {FR: ["75"]}.',
    )
    refused_postal_codes: Mapping[Country, Prefixes] = Field(
        default_factory=dict,
        description='Give by country the beginnings of postal codes that it does not ship to: {FR: ["20"]}.',
    )
    ships_hazardous: bool = Field(default=True, description="Write false if hazardous goods may not leave.")
    ships_oversize: bool = Field(default=True, description="Write false if oversize goods may not leave.")
    handling: Handling = Field(default_factory=Handling, description="Give parcel and unit.")
    wms: WmsSite = Field(description="Give connection and site.")

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.address is None and self.coordinates is None:
            raise ValueError("it has neither address nor coordinates; give one of them")
        return self


class MinimumQuantity(Section):
    """The least units of an order line."""

    sku: str = Field(default="*", description='Give the channel\'s SKU, or "*" for all.')
    connection: str = Field(default="*", description='Give a channel connection\'s name, or "*" for all.')
    units: int = Field(ge=1, strict=True, description="Give whole units, 1 or more.")


class Verification(Section):
    """What an order must have before it is routed."""

    accept_authorized: bool = Field(
        default=True,
        description="Write true if authorized payments are enough, false if not.",
    )
    allow_cash_on_delivery: bool = Field(default=False, description="Write true or false.")
    required: frozenset[Literal["name", "street", "city", "postal_code", "region", "phone", "email"]] = Field(
        default=frozenset({"name", "street", "city", "postal_code", "region"}),
        description="List fields out of: name, street, city, postal_code, region, phone, email.",
    )
    minimum_quantities: tuple[MinimumQuantity, ...] = Field(
        default=(), description="List entries of sku, connection and units."
    )

    def policy(self, fulfil_from: Mapping[str, datetime]) -> VerificationPolicy:
        """The same for `normalization.verification.verify`."""
        return VerificationPolicy(
            accept_authorized=self.accept_authorized,
            allow_cash_on_delivery=self.allow_cash_on_delivery,
            required=frozenset(self.required),
            minimum_quantities={(rule.connection, rule.sku): rule.units for rule in self.minimum_quantities},
            fulfil_from=fulfil_from,
        )


class Schedules(Section):
    """When what runs, as cron lines in the merchant's time zone."""

    channels: Cron = Field(default="*/5 * * * *", description="Write a cron line: when channels are read.")
    wms: Cron = Field(default="*/5 * * * *", description="Write a cron line: when WMSs are read.")
    carriers: Cron = Field(default="*/30 * * * *", description="Write a cron line: when carriers are asked.")
    routing: Cron = Field(default="*/5 * * * *", description="Write a cron line: when orders are routed.")
    dispatch: Cron = Field(default="*/2 * * * *", description="Write a cron line: when the outbox is sent.")
    publish: Cron = Field(default="*/15 * * * *", description="Write a cron line: when KPIs are published.")
    prune: Cron = Field(default="30 3 * * *", description="Write a cron line: when old data is pruned.")
