"""What `orderhub explain` tells of a decision, out of the store: scarce goods, the next best, full days."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.output import out
from pipelines.services.route import route_orders
from tests.scenarios.test_stock_and_routing import SPOON, ready

OpenStage = Callable[..., Any]


def explained(stage: Any, order: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401
    """The newest decision as the command gives it as JSON, and all that it shows to people, on one line."""

    def run(*more: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(out, "width", 300)  # no sentence is broken over lines
            result = CliRunner().invoke(app, ["explain", order.number, *more], env=stage.environ)
        assert result.exit_code == 0, result.output
        return result.stdout

    return json.loads(run("--json"))["routing"][-1], " ".join(run().split())


def test_scarce_goods_and_the_next_best_are_told_under_the_default_policy(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    orders = ready(stage, {"LYS": 1, "BER": 9}, [[(SPOON, 1)], [(SPOON, 1)]])
    route_orders(stage.hub)
    chosen = set()
    for order in orders:
        decision, shown = explained(stage, order)
        assert [(one["sku"], one["site"]) for one in decision["prices"]] == [(SPOON, "LYS")]
        assert decision["prices"][0]["price"] > 0
        assert f"- scarce: {SPOON} at LYS" in shown
        (site,) = (one["site"] for one in decision["assignments"])
        chosen.add(site)
        if site == "LYS":
            assert (decision["next_best"]["without"], decision["next_best"]["sites"]) == ("LYS", ["BER"])
            assert "- without LYS it would come from BER for " in shown
        else:
            assert f"lacks 1 of {SPOON} (other orders get it)" in shown
    assert chosen == {"LYS", "BER"}


def test_a_full_day_and_a_missed_cut_off_are_told(open_stage: OpenStage) -> None:
    def one_a_day(config: str) -> str:
        return config.replace("parcels_per_day: 400\n    wms: { connection: tryton", ONE)

    stage = open_stage("shopify-eu", "tryton-lyon", config=one_a_day)
    orders = ready(stage, {"LYS": 9}, [[(SPOON, 1)], [(SPOON, 1)]])
    route_orders(stage.hub)
    (waits,) = [order for order in orders if stage.stored(order).row["status"] == "backordered"]
    decision, shown = explained(stage, waits)
    assert decision["backorders"][0]["cause"] == "capacity"
    assert "1 wait, the sites that have them are full" in shown
    assert "has no parcel left on 2026-11-02" in shown
    assert "- scarce: parcels of the day at LYS" in shown
    late = stage.place("shopify-eu", lines=[(SPOON, 1)], country="FR")
    late.ship_by = stage.clock.now().replace(hour=22)
    stage.wait(hours=9)
    stage.read("shopify-eu")
    route_orders(stage.hub)
    _, shown = explained(stage, late)
    assert "leaves on 2026-11-03 (cut-off, working days), after the promised day" in shown


ONE = "parcels_per_day: 1\n    wms: { connection: tryton"
