"""Each guard is needed: taken away, the harness finds what is lost or doubled."""

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.conftest import OpenTheatre
from tests.faults.crash.guards import GUARDS
from tests.faults.crash.merchants import STAGES
from tests.faults.crash.vendor_guards import VENDOR_GUARDS

ALL = {**GUARDS, **VENDOR_GUARDS}
MOST_TRIALS = 8


@pytest.mark.parametrize("name", ALL)
def test_without_a_guard_some_kill_loses_or_doubles(
    name: str, open_theatre: OpenTheatre, record_fault: RecordFault
) -> None:
    guard = ALL[name]
    theatre = open_theatre(guard.merchant, "sqlite")
    stage = next(one for one in STAGES if one.name == guard.stage)
    points = [point for point in theatre.discover(stage, name) if guard.shows(point)]
    assert points, "no point at which its lack could show"
    step = max(1, len(points) // MOST_TRIALS)
    for tried, point in enumerate(points[::step], 1):
        outcome = theatre.trial(stage, point, without=name, patient=False)
        if outcome.reached and outcome.differs:
            if guard.beside:
                assert theatre.trial(stage, point, without=guard.beside).survived
            print(f"without {name!r}: found by {tried} kills\n{outcome}")
            record_fault("guards whose lack is found")
            return
    raise AssertionError(f"nobody notices that it is not so that {name}")
