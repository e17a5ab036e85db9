"""A short piece of `benchmarks/soak.py`: traffic in bad weather. Nothing is lost, doubled or leaked."""

from pathlib import Path

import pytest

from benchmarks.fleet import stage
from benchmarks.soak import STEPS, play, trend
from tests.faults.conftest import RecordFault


def test_traffic_in_bad_weather_loses_nothing_doubles_nothing_and_drains(
    empty_url: str, everything: bool, tmp_path: Path, record_fault: RecordFault
) -> None:
    if not everything and empty_url.startswith("postgresql"):
        pytest.skip("the sample is on SQLite")
    orders, pace = (600, 4.0) if everything else (STEPS, 0.1)
    with stage(tmp_path, empty_url, 9, "--plenty", "--steady") as set_up:
        report = play(set_up, 2, orders, 0.2, pace)
    record_fault(
        "vendor calls that failed",
        survived=not report["divergences"],
        times=report["failed_calls"],
        doubles=report["sent_twice"],
    )
    assert report["compared_orders"] == orders
    assert report["divergences"] == []
    assert report["sent_twice"] == 0
    assert 0.15 < report["failed_calls"] / report["calls"] < 0.25
    assert len(report["mishaps"]) >= 10, "every way to fail occurs, or nearly"
    if everything:
        for process in report["processes"]:
            assert process["handles_per_100_rounds"] < 20
            assert process["rss_kib_per_100_rounds"] < 10_000


def test_a_leak_is_seen_in_the_slopes() -> None:
    leaking = [
        {"rss_kib": 100_000 + 50 * number, "handles": 30 + number, "cpu_seconds": number}
        for number in range(300)
    ]
    flat = [{"rss_kib": 100_000, "handles": 30 + number % 2, "cpu_seconds": number} for number in range(300)]
    found = trend(leaking)
    assert (found["rss_kib_per_100_rounds"], found["handles_per_100_rounds"]) == (5_000.0, 100.0)
    found = trend(flat)
    assert found["rss_kib_per_100_rounds"] == 0
    assert abs(found["handles_per_100_rounds"]) < 0.1
