"""The hub over twelve days of a merchant's life: it ends where the truth is, in every figure."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.comparison import compare_with_truth
from pipelines.services.orders import backfill_orders
from sandbox.ledger import ledger
from sandbox.registry import CHANNELS, CONNECTIONS
from sandbox.world import START

OpenStage = Callable[..., Any]


def test_the_hub_agrees_with_the_truth_line_by_line(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, plenty=False, fickle=True)
    stage.sandbox.simulation.orders_per_day = 90
    for channel in CHANNELS:  # leave nothing to chance: a cancellation everywhere, so that it is compared too
        stage.world.cancel(stage.place(channel))
    for hours in [1] * 26 + [24] * 10:
        stage.wait(hours=hours)
        assert stage.cycle().failures == {}
        if stage.clock.now() - START >= timedelta(hours=24):
            stage.sandbox.simulation.orders_per_day = 0
    now = stage.clock.now()
    backfill_orders(stage.hub, "vendure-us", START - timedelta(days=1), now)  # refunds after the delivery
    comparison = compare_with_truth(stage.hub.store, ledger(stage.world))
    assert comparison.orders > 80
    assert not comparison.divergences, "\n".join(map(str, comparison.divergences))

    # the same comparison as `orderhub demo` makes it, before and after one figure goes astray
    home = Path(stage.environ["ORDERHUB_STORE"].removeprefix("sqlite:///")).parent
    (home / "ledger.json").write_text(json.dumps(ledger(stage.world)))
    again = ["demo", "--again", "--json", "--home", str(home)]
    assert CliRunner().invoke(app, again).exit_code == 0
    with stage.hub.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE order_lines SET delivered = delivered - 1 WHERE order_id = 40 AND line_no = 0"
        )
    result = CliRunner().invoke(app, again)
    assert result.exit_code == 1
    (divergence,) = json.loads(result.stdout.splitlines()[-1])["divergences"]
    assert "delivered is" in divergence
