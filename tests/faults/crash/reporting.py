"""What trials have shown, as it is printed and asserted."""

from collections import Counter

from tests.faults.conftest import RecordFault
from tests.faults.crash.trials import Outcome


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
