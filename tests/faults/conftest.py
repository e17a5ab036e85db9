"""Faults: a sample on every run, all of them with ORDERHUB_FAULTS=all (`make test-faults ALL=1`)."""

import os
from pathlib import Path

import pytest

EVERYTHING = os.environ.get("ORDERHUB_FAULTS") == "all"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def everything() -> bool:
    """Whether every point is to be tried, and not a sample."""
    return EVERYTHING
