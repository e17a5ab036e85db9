"""Cut-offs, weekends, holidays and time zones."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_routing.calendar import arrival, dispatch_date
from warehouse_routing.problem import Location, Precision, Site

LYON = Location(45.75, 4.85, Precision.EXACT)


def site(**more: object) -> Site:
    given: dict[str, object] = {"time_zone": "Europe/Paris", "cut_off": time(14)}
    return Site("lyon", LYON, **(given | more))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 2, 12, 59, tzinfo=UTC), date(2026, 11, 2)),  # 13:59 in Paris
        (datetime(2026, 11, 2, 13, 0, tzinfo=UTC), date(2026, 11, 3)),  # 14:00 in Paris
        (datetime(2026, 11, 6, 15, 0, tzinfo=UTC), date(2026, 11, 9)),  # Friday afternoon
        (datetime(2026, 11, 7, 8, 0, tzinfo=UTC), date(2026, 11, 9)),  # Saturday morning
        (datetime(2026, 11, 1, 23, 30, tzinfo=UTC), date(2026, 11, 2)),  # Monday has begun in Paris
        (datetime(2026, 10, 23, 11, 59, tzinfo=UTC), date(2026, 10, 23)),  # 13:59 in summer time
        (datetime(2026, 10, 23, 12, 1, tzinfo=UTC), date(2026, 10, 26)),  # over the change of the clocks
    ],
)
def test_cut_off_and_working_days_are_the_sites_own(now: datetime, day: date) -> None:
    assert dispatch_date(site(), now) == day


def test_public_holidays_are_skipped_where_the_site_keeps_them() -> None:
    eve = datetime(2026, 7, 13, 15, tzinfo=UTC)
    assert dispatch_date(site(), eve) == date(2026, 7, 14)
    assert dispatch_date(site(holidays="FR"), eve) == date(2026, 7, 15)


def test_a_holiday_of_one_state_counts_only_there() -> None:
    morning = datetime(2026, 1, 6, 8, tzinfo=UTC)  # Epiphany, a holiday in Bavaria
    assert dispatch_date(site(holidays="DE-BY"), morning) == date(2026, 1, 7)
    assert dispatch_date(site(holidays="DE-BE"), morning) == date(2026, 1, 6)


def test_working_days_may_be_any() -> None:
    sunday_only = site(working_days=frozenset({6}))
    assert dispatch_date(sunday_only, datetime(2026, 11, 2, 8, tzinfo=UTC)) == date(2026, 11, 8)


def test_a_site_that_never_works_is_an_error() -> None:
    with pytest.raises(ValueError, match="site lyon has no working day"):
        dispatch_date(site(working_days=frozenset()), datetime(2026, 11, 2, tzinfo=UTC))


@given(day=st.dates(date(2026, 1, 1), date(2027, 1, 1)), transit=st.integers(0, 60))
def test_days_on_the_way_are_counted_from_monday_to_friday(day: date, transit: int) -> None:
    counted = day
    for _ in range(transit):
        counted += timedelta(days=1)
        while counted.weekday() > 4:
            counted += timedelta(days=1)
    assert arrival(day, transit) == counted
