"""The hub is killed while a channel cancels what waited too long."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.conftest import OpenTheatre
from tests.faults.crash.merchants import EAST, STAGES, WEST, Merchant
from tests.faults.crash.reporting import report
from tests.faults.crash.sampling import spread

CALLS = {
    replace(WEST, name="west-gives-up", gives_up=True): ("shopify_cancelling.py",),
    replace(EAST, name="east-gives-up", gives_up=True): (
        "woocommerce.py:_set_status",
        "vendure.py:_send_once",
    ),
}
"""What merchants whose channels cancel what never comes call for it."""
DECIDED = "cancellations.py"
KINDS = ("before commit", "after commit", "after call")
SAMPLE = 6


@pytest.mark.parametrize("merchant", CALLS, ids=lambda one: one.name)
def test_killed_while_a_channel_cancels_nothing_is_lost_or_doubled(
    merchant: Merchant,
    open_theatre: OpenTheatre,
    pool: ThreadPoolExecutor,
    everything: bool,
    record_fault: RecordFault,
) -> None:
    theatre = open_theatre(merchant, "sqlite")
    stage = next(one for one in STAGES if one.name == "shipped")
    places = (*CALLS[merchant], DECIDED)
    points = [
        point
        for point in theatre.points[stage.name]
        if point.kind in KINDS and any(place in point.place for place in places)
    ]
    for place in places:
        assert any(place in point.place for point in points), f"nothing happens at {place}"
    chosen = [(stage, point) for point in points]
    if not everything:
        chosen = spread(chosen, SAMPLE)
    outcomes = list(pool.map(lambda one: theatre.trial(*one), chosen))
    report(f"while {merchant.name} cancels", len(points), outcomes, record_fault)
