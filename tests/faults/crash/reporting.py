"""What trials have shown, as it is printed and asserted."""

from collections import Counter

from tests.faults.conftest import RecordFault
from tests.faults.crash.trials import Outcome

MOST_UNREACHED, MOST_UNREACHED_OF_FEW = 0.05, 0.25
"""What share of the points may be gone when they are tried: how often a token or a turn is asked for depends
on how fast the machine is. Of a few points, one is a large share and says little of the others."""
MANY = 100


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
    share = MOST_UNREACHED if len(outcomes) >= MANY else MOST_UNREACHED_OF_FEW
    assert len(unreached) <= share * len(outcomes), "points that come and go prove little"
