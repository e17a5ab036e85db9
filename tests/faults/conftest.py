"""Faults: a sample on every run, all of them with ORDERHUB_FAULTS=all (`make test-faults ALL=1`).

Each fault test tells `record_fault` what it did, and the session ends with a table of it:

    def test_the_disk_is_full(record_fault: RecordFault) -> None:
        ...
        record_fault("disk full")                       # one fault, survived
        record_fault("killed at a commit", times=40)    # forty points tried, all survived
        record_fault("oversold", survived=False)        # and then let the test fail

`losses` and `doubles` count records that are missing or there twice afterwards; `found` counts the points
that could be tried, and `unreached` those that the process never came to when it was to be struck there.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Protocol

import pytest

EVERYTHING = os.environ.get("ORDERHUB_FAULTS") == "all"
FIGURES = ("found", "tried", "survived", "unreached", "losses", "doubles")
_PROPERTY = "fault"


class RecordFault(Protocol):
    """Adds to the table that is printed at the session's end."""

    def __call__(
        self,
        kind: str,
        survived: bool = True,
        *,
        times: int = 1,
        found: int = 0,
        unreached: int = 0,
        losses: int = 0,
        doubles: int = 0,
    ) -> None: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def everything() -> bool:
    """Whether every point is to be tried, and not a sample."""
    return EVERYTHING


@pytest.fixture
def record_fault(request: pytest.FixtureRequest) -> RecordFault:
    """Counts what a test has tried. It travels with the test's report, so it works with pytest-xdist too."""

    def record(
        kind: str,
        survived: bool = True,
        *,
        times: int = 1,
        found: int = 0,
        unreached: int = 0,
        losses: int = 0,
        doubles: int = 0,
    ) -> None:
        figures = (found, times, times if survived else 0, unreached, losses, doubles)
        request.node.user_properties.append((_PROPERTY, (kind, *figures)))

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print points tried, faults survived, and losses."""
    kinds: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "teardown":
                continue
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    kind, *figures = value
                    kinds.setdefault(kind, Counter()).update(dict(zip(FIGURES, figures, strict=True)))
    if not kinds:
        return
    width = max(map(len, kinds)) + 2
    terminalreporter.section("faults, all of them" if EVERYTHING else "faults, a sample")
    terminalreporter.line("kind".ljust(width) + "".join(name.rjust(11) for name in FIGURES))
    total: Counter[str] = Counter()
    for kind, counts in sorted(kinds.items()):
        total.update(counts)
        terminalreporter.line(kind.ljust(width) + "".join(str(counts[name]).rjust(11) for name in FIGURES))
    terminalreporter.line("total".ljust(width) + "".join(str(total[name]).rjust(11) for name in FIGURES))
