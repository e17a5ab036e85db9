"""From a moment to the day on which a site hands a parcel over."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from warehouse_routing.problem import Site

FRIDAY = 4
LONGEST_PAUSE = 30
"""Days without a working day after which a calendar must be wrong."""


def dispatch_date(site: Site, now: datetime) -> date:
    """The site's local day on which an order leaves that is given to it now.

    Before the cut-off of a working day that is the same day, else the next working day.

    Args:
        site: Its time zone, cut-off, working days and holidays count.
        now: Aware.

    Raises:
        ValueError: If the site has no working day for a month.
    """
    local = now.astimezone(ZoneInfo(site.time_zone))
    day = local.date()
    if local.time() >= site.cut_off:
        day += timedelta(days=1)
    for ahead in range(LONGEST_PAUSE):
        if works_on(site, candidate := day + timedelta(days=ahead)):
            return candidate
    raise ValueError(f"site {site.code} has no working day from {day} on for {LONGEST_PAUSE} days")


def cut_off_at(site: Site, day: date) -> datetime:
    """The moment at which a site's day ends for orders that are to leave on it; aware."""
    return datetime.combine(day, site.cut_off, ZoneInfo(site.time_zone))


def arrival(day: date, transit_days: int) -> date:
    """The day after so many working days (Monday to Friday) on the way."""
    if not transit_days:
        return day
    day -= timedelta(days=max(0, day.weekday() - FRIDAY))  # what leaves at a weekend begins on Monday
    weeks, rest = divmod(transit_days, 5)
    over_a_weekend = day.weekday() + rest > FRIDAY
    return day + timedelta(days=7 * weeks + rest + 2 * over_a_weekend)


def works_on(site: Site, day: date) -> bool:
    """Whether the site works on a day of its own calendar."""
    return day.weekday() in site.working_days and not (site.holidays and is_holiday(site.holidays, day))


@lru_cache(maxsize=1 << 12)
def is_holiday(calendar: str, day: date) -> bool:
    """Whether a day is a public holiday of a country ("FR") or of a part of it ("US-NJ")."""
    # Imported here: most processes never ask, and the library takes a while to load.
    from holidays import country_holidays

    country, _, part = calendar.partition("-")
    return day in country_holidays(country, subdiv=part or None, years=day.year)
