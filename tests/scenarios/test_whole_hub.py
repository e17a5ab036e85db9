"""The hub over twelve days of a merchant's life: it ends where the truth is, in every figure."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pipelines.comparison import compare_with_truth
from pipelines.services.orders import backfill_orders
from sandbox.ledger import ledger
from sandbox.registry import CONNECTIONS
from sandbox.world import START

OpenStage = Callable[..., Any]


def test_the_hub_agrees_with_the_truth_line_by_line(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, plenty=False, fickle=True)
    stage.sandbox.simulation.orders_per_day = 90
    for hours in [1] * 26 + [8] * 32:
        stage.wait(hours=hours)
        assert stage.cycle().failures == {}
        if stage.clock.now() - START >= timedelta(hours=24):
            stage.sandbox.simulation.orders_per_day = 0
    now = stage.clock.now()
    backfill_orders(stage.hub, "vendure-us", START - timedelta(days=1), now)  # refunds after the delivery
    comparison = compare_with_truth(stage.hub.store, ledger(stage.world))
    assert comparison.orders > 80
    assert not comparison.divergences, "\n".join(map(str, comparison.divergences))
