"""One round of everything, in one process: what the schedules do in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.errors import ConnectorError
from pipelines.hub import Hub
from pipelines.services.amend import amend_orders
from pipelines.services.balance import balance_books
from pipelines.services.counts import PageCounts
from pipelines.services.dispatch import dispatch
from pipelines.services.orders import sync_orders
from pipelines.services.printing import print_picklists
from pipelines.services.recover import is_pending, recover
from pipelines.services.route import route_orders
from pipelines.services.storage import STORAGE_ERRORS, storage_trouble
from pipelines.services.track import track_parcels
from pipelines.services.verify import verify_orders
from pipelines.services.warehouse import sync_shipments, sync_stock


@dataclass
class CycleResult:
    """What a round did, step by step.

    Attributes:
        steps: Figures by step ("read shopify-eu", "route").
        failures: What went wrong, by step. One connection's trouble stops no other.
    """

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def run_cycle(
    hub: Hub, only: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> CycleResult:
    """Read, verify, route, send, track and confirm once.

    Args:
        hub: The hub.
        only: One connection's name: then only that one is read.
        progress: Told the name of each step as it begins.
    """
    result = CycleResult()

    @contextmanager
    def step(name: str) -> Iterator[None]:
        progress(name)
        try:
            yield
        except ConnectorError as error:
            result.failures[name] = f"{type(error).__name__}: {error}"
        except STORAGE_ERRORS as error:
            trouble = storage_trouble(error)
            if trouble is None:
                raise
            result.failures[name] = trouble

    def names(kind: str) -> list[str]:
        return [one.name for one in hub.config.enabled(kind) if only in (None, one.name)]

    for name in names("channel"):
        with step(f"read {name}"):
            counts = sum((one.counts for one in sync_orders(hub, name)), PageCounts())
            result.steps[f"read {name}"] = asdict(counts)
    for name in names("wms"):
        with step(f"shipments {name}"):
            result.steps[f"shipments {name}"] = asdict(sync_shipments(hub, name))
            result.steps[f"print {name}"] = asdict(print_picklists(hub, name))
        with step(f"stock {name}"):
            result.steps[f"stock {name}"] = asdict(sync_stock(hub, name))
    for name in names("carrier"):
        with step(f"track {name}"):
            result.steps[f"track {name}"] = asdict(track_parcels(hub, name))
    if only is not None:
        return result
    with step("recover"):
        recovered = recover(hub)
        result.steps["recover"] = asdict(recovered)
        if recovered.waits_for:
            result.failures["recover"] = f"routing and sending wait for {recovered.waits_for} to be read"
    with step("balance"):
        result.steps["balance"] = asdict(balance_books(hub))
    with step("verify"):
        result.steps["verify"] = asdict(verify_orders(hub))
    decides = False  # nothing is decided while it cannot be known whether a restore is still to be made good
    with step("decide"):
        decides = not is_pending(hub)
    if not decides:
        return result
    with step("amend"):
        result.steps["amend"] = asdict(amend_orders(hub))
    with step("route"):
        result.steps["route"] = asdict(route_orders(hub))
    for kind in ("wms", "channel"):
        for name in names(kind):
            with step(f"send {name}"):
                result.steps[f"send {name}"] = asdict(dispatch(hub, name))
    return result
