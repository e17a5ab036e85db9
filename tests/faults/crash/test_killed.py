"""The hub is killed wherever it changes state; what comes back leaves the books of a run never killed."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.books import difference
from tests.faults.crash.conftest import OpenTheatre
from tests.faults.crash.merchants import PUBLISHED, STAGES, WEST
from tests.faults.crash.points import Point
from tests.faults.crash.sampling import spread
from tests.faults.crash.trials import Outcome, Theatre

SAMPLE = {"sqlite": 24, "postgresql": 10}
POINTS = os.environ.get("ORDERHUB_POINTS")
"""So many points on each database instead of the sample (`make test-faults POINTS=300`)."""
PUBLISHING_SAMPLE = 1
SEED = 7


def report(title: str, discovered: int, outcomes: list[Outcome], record_fault: RecordFault) -> None:
    """Print what was tried, add it to the session's table, and fail with what was lost or doubled."""
    kinds = Counter((one.victim.kind, one.survived) for one in outcomes if one.reached)
    for (kind, survived), times in sorted(kinds.items()):
        record_fault(f"killed {kind}", survived, times=times)
    unreached = [one for one in outcomes if not one.reached]
    lost = sum(len(one.differs.lost) for one in outcomes)
    doubled = sum(len(one.differs.doubled) for one in outcomes)
    record_fault(
        f"points {title}", times=0, found=discovered, unreached=len(unreached), losses=lost, doubles=doubled
    )
    print(
        f"{title}: {discovered} points discovered, {len(outcomes)} tried, {sum(kinds.values())} killed,"
        f" {len(unreached)} unreached, {lost} losses, {doubled} doubles"
    )
    for one in unreached:
        print(f"  unreached: {one.stage}, {one.victim}")
    failed = [one for one in outcomes if not one.survived]
    assert not failed, "\n".join(map(str, failed))
    assert len(unreached) <= len(outcomes) // 20, "points that come and go prove little"


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
    if not everything:
        pytest.skip("every stage with its KPI tables is tried with ALL=1")
    theatre = open_theatre(WEST, "sqlite")
    expected, _ = theatre.tour({})
    assert {row[0] for row in expected} >= {"fct_orders", "fct_shipments", "kpi_orders", "kpi_fill_rate"}
    for seed in range(5):
        random = Random(seed)
        victims: dict[str, Point | None] = {
            stage.name: random.choice(theatre.points[stage.name]) for stage in STAGES
        }
        found, kills = theatre.tour(victims)
        differs = difference(expected, found)
        record_fault("killed in every stage", not differs, times=kills)
        assert not differs, f"{victims}\n{differs}"
        assert kills >= len(STAGES) - 1
