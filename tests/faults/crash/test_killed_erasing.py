"""The hub is killed while it erases people: each erasure is finished once, and nobody else is touched."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.conftest import OpenErasing
from tests.faults.crash.erasure_guards import ERASURE_GUARDS
from tests.faults.crash.reporting import report
from tests.faults.crash.sampling import POINTS, spread

SAMPLE = {"sqlite": 8, "postgresql": 4}
MOST_TRIALS = 3


def test_the_rehearsal_erases_one_who_asked_and_those_whose_time_has_run_out(
    open_erasing: OpenErasing,
) -> None:
    """Or else killing it would prove nothing."""
    play = open_erasing("sqlite")
    people = [row for row in play.expected if row[0] == "person"]
    assert {row[1:2] + row[3:] for row in people} == {
        ("shopify-eu", "nobody", "erased=request"),
        ("shopify-eu", "known", "erased=None"),
        ("amazon-uk", "nobody", "erased=policy"),
    }
    assert sum(row[-1] == "erased=request" for row in people) == 1
    told = {row[1:] for row in play.expected if row[0] == "landing tells of"}
    assert told == {row[1:3] for row in people if row[3] == "known"}
    assert ("key", "shopify-eu", "unclaimed", "destroyed") in play.expected
    assert not [row for row in play.expected if row[0] == "in the clear"]
    destroyed = {row[1:3] for row in play.expected if row[0] == "key" and row[3] == "destroyed"}
    assert not [row for row in play.expected if row[0] == "wrapped key in the files" and row[1:] in destroyed]
    names = [row for row in play.expected.elements() if row[0] == "listed"]
    assert len(names) == len(set(names)) > len([row for row in people if row[3] == "nobody"])


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_at_any_point_of_an_erasure_it_is_finished_once_and_nobody_else_is_touched(
    database: str,
    open_erasing: OpenErasing,
    pool: ThreadPoolExecutor,
    everything: bool,
    record_fault: RecordFault,
) -> None:
    play = open_erasing(database)
    points = [(again, point) for point in play.points for again in (False, True)]
    kinds = {point.kind for point in play.points}
    assert {"before commit", "after commit", "before rename", "after rename", "after fsync"} <= kinds
    count = int(POINTS) if POINTS else SAMPLE[database]
    chosen = points if everything else spread(points, count)
    outcomes = list(pool.map(lambda one: play.trial(one[1], asked_again=one[0]), chosen))
    report(f"of erasing on {database}", len(play.points), outcomes, record_fault)


@pytest.mark.parametrize("name", ERASURE_GUARDS)
def test_without_a_guard_some_killed_erasure_is_noticed(
    name: str, open_erasing: OpenErasing, record_fault: RecordFault
) -> None:
    play, guard = open_erasing("sqlite"), ERASURE_GUARDS[name]
    points = [point for point in play.discover(name) if guard.shows(point)]
    assert points, "no point at which its lack could show"
    for tried, point in enumerate(points[:MOST_TRIALS], 1):
        outcome = play.trial(point, without=name, asked_again=guard.asked_again)
        if outcome.reached and outcome.differs:
            print(f"without {name!r}: found by {tried} kills\n{outcome}")
            record_fault("guards whose lack is found")
            return
    raise AssertionError(f"nobody notices that it is not so that {name}")
