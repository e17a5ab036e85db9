"""How a guard against what happens twice, or late, is shown to be needed."""

from collections.abc import Callable
from typing import Any

import yaml

from tests.faults.conftest import RecordFault

OpenStage = Callable[..., Any]
Stage = Any


class Killed(BaseException):
    """A process ends here: nothing of ours catches it."""


def both_ways(holds: Callable[[], bool], take_away: Callable[[], None], record_fault: RecordFault) -> None:
    """The play holds with its guard, and does not without."""
    assert holds()
    take_away()
    assert not holds()
    record_fault("guards whose lack is found")


def _only(*connections: str) -> Callable[[str], str]:
    """The sandbox's hub.yaml with these connections, and their warehouses, only."""

    def changed(text: str) -> str:
        config = yaml.safe_load(text)
        config["connections"] = [one for one in config["connections"] if one["name"] in connections]
        config["warehouses"] = [
            one for one in config["warehouses"] if one["wms"]["connection"] in connections
        ]
        config["carriers"] = {}
        for one in config["connections"]:
            if one["connector"] == "shopify":
                one["settings"]["page_size"] = "2"
        return yaml.safe_dump(config, sort_keys=False)

    return changed


def small_stage(open_stage: OpenStage, *connections: str) -> Stage:
    """A stage with these connections, and pages of two orders where that can be set."""
    return open_stage(*connections, config=_only(*connections))
