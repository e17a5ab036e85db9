"""Time zones of places, as far as a place decides them: for carriers that give local times without a zone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global

REGIONS: Mapping[str, Mapping[str, str]] = {
    "US": {
        "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
        "America/Chicago": "AL AR IA IL LA MN MO MS OK WI",
        "America/Denver": "CO MT NM UT WY",
        "America/Phoenix": "AZ",
        "America/Los_Angeles": "CA WA",
        "Pacific/Honolulu": "HI",
        "America/Puerto_Rico": "PR",
    },
    "CA": {
        "America/Halifax": "NS PE",
        "America/Moncton": "NB",
        "America/Winnipeg": "MB",
        "America/Edmonton": "AB",
        "America/Whitehorse": "YT",
    },
    "AU": {
        "Australia/Sydney": "ACT",
        "Australia/Melbourne": "VIC",
        "Australia/Brisbane": "QLD",
        "Australia/Adelaide": "SA",
        "Australia/Darwin": "NT",
        "Australia/Hobart": "TAS",
    },
}
"""Regions that lie in one zone whole, of countries that have several. A region that is split is left out.
(IANA zone1970.tab. The Navajo part of Arizona, which alone there keeps summer time, is neglected.)"""


def to_utc(local: datetime, country_code: str | None, region: str | None = None) -> datetime | None:
    """A local time (naive) in UTC, or None if its place does not decide the zone.

    A country with several zones decides it where all of them have the same offset at that time.
    """
    zones = _zones((country_code or "").upper(), (region or "").upper())
    moments = {local.replace(tzinfo=zone).astimezone(UTC) for zone in zones}
    return moments.pop() if len(moments) == 1 else None


@lru_cache(maxsize=1024)
def _zones(country_code: str, region: str) -> tuple[ZoneInfo, ...]:
    for zone, regions in REGIONS.get(country_code, {}).items():
        if region in regions.split():
            return (ZoneInfo(zone),)
    return tuple(ZoneInfo(name) for name in get_global("territory_zones").get(country_code, ()))
