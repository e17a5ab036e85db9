"""The hub is killed wherever it changes state; what comes back leaves the books of a run never killed."""

import os
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.books import difference
from tests.faults.crash.conftest import OpenErasing, OpenTheatre
from tests.faults.crash.erasure_guards import ERASURE_GUARDS
from tests.faults.crash.merchants import PUBLISHED, STAGES, WEST
from tests.faults.crash.points import Point
from tests.faults.crash.reporting import report
from tests.faults.crash.sampling import spread
from tests.faults.crash.trials import Theatre

SAMPLE = {"sqlite": 16, "postgresql": 8}
POINTS = os.environ.get("ORDERHUB_POINTS")
"""So many points on each database instead of the sample (`make test-faults POINTS=300`)."""
PUBLISHING_SAMPLE = 1
TOURS = 5
ERASING_SAMPLE = {"sqlite": 8, "postgresql": 4}
MOST_TRIALS = 3
SEED = 7


def test_s44_killed_at_any_point_nothing_is_lost_and_nothing_doubled(
    theatres: dict[str, Theatre],
    pool: ThreadPoolExecutor,
    everything: bool,
    record_fault: RecordFault,
    request: pytest.FixtureRequest,
) -> None:
    """S48 too: the vendors' own ledgers have each shipment and each confirmation once."""
    database = request.node.callspec.params["theatres"]
    points = [
        ((theatre, stage), point)
        for theatre in theatres.values()
        for stage in STAGES
        for point in theatre.points[stage.name]
    ]
    assert len(points) > 1000
    count = int(POINTS) if POINTS else SAMPLE[database]
    chosen = points if everything else spread(points, count, SEED)
    outcomes = list(pool.map(lambda one: one[0][0].trial(one[0][1], one[1]), chosen))
    report(f"on {database}", len(points), outcomes, record_fault)


def test_s45_killed_while_publishing_readers_always_find_one_whole_version(
    open_theatre: OpenTheatre, pool: ThreadPoolExecutor, everything: bool, record_fault: RecordFault
) -> None:
    theatre = open_theatre(WEST, "sqlite")
    theatre.rehearse_publishing()
    points = [(PUBLISHED, point) for point in theatre.points[PUBLISHED.name]]
    kinds = {point.kind for _, point in points}
    assert {"before rename", "after rename", "before start of a process", "before commit"} <= kinds
    chosen = points if everything else spread(points, PUBLISHING_SAMPLE, SEED)
    outcomes = list(pool.map(lambda one: theatre.publishing_trial(one[1]), chosen))
    report("while publishing", len(points), outcomes, record_fault)


def test_killed_once_in_every_stage_the_kpi_tables_say_the_same(
    open_theatre: OpenTheatre, everything: bool, record_fault: RecordFault
) -> None:
    theatre = open_theatre(WEST, "sqlite")
    expected, _ = theatre.tour({})
    assert {row[0] for row in expected} >= {"fct_orders", "fct_shipments", "kpi_orders", "kpi_fill_rate"}
    for seed in range(TOURS if everything else 1):
        random = Random(seed)
        victims: dict[str, Point | None] = {
            stage.name: random.choice(theatre.points[stage.name]) for stage in STAGES
        }
        found, kills = theatre.tour(victims)
        differs = difference(expected, found)
        record_fault("killed in every stage", not differs, times=kills)
        assert not differs, f"{victims}\n{differs}"
        assert kills >= len(STAGES) - 1


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
    count = int(POINTS) if POINTS else ERASING_SAMPLE[database]
    chosen = points if everything else spread(points, count, SEED)
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
