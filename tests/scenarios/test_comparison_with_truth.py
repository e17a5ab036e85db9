"""The store compared with the ledger, and one wrong figure at a time found by the same comparison."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipelines.comparison import compare_with_truth, hub_figures
from sandbox.comparison import compare
from sandbox.ledger import ledger
from sandbox.registry import CHANNELS

OpenStage = Callable[..., Any]


@pytest.fixture
def stage(open_stage: OpenStage) -> Any:  # noqa: ANN401
    """Four channels, a hundred orders, two days of buyers who change their minds; everything read."""
    stage = open_stage(*CHANNELS, seed=12, fickle=True)
    for number in range(100):
        stage.place(list(CHANNELS)[number % 4], payment=None, by_channel=None)
        if number % 4 == 3:
            stage.wait(minutes=40)
    stage.wait(hours=48)
    for channel in CHANNELS:
        stage.read(channel)
    return stage


def differences(stage: Any) -> list[str]:  # noqa: ANN401
    with stage.hub.store.read() as tx:
        ours = hub_figures(tx)
    return [str(one) for one in compare(ledger(stage.world), ours, must_occur=())]


def test_what_was_ordered_cancelled_and_paid_agrees_line_by_line(stage: Any) -> None:  # noqa: ANN401
    assert differences(stage) == []
    truth = ledger(stage.world)
    assert len(truth["orders"]) == 100
    assert sum(line["cancelled"] for order in truth["orders"] for line in order["lines"]) > 0


@pytest.mark.parametrize(
    ("statement", "figure"),
    [
        ("UPDATE orders SET total_minor = total_minor + 1 WHERE id = 7", "total"),
        ("UPDATE orders SET external_id = 'x' WHERE id = 7", "order"),
        ("UPDATE order_lines SET cancelled = cancelled + 1 WHERE order_id = 7 AND line_no = 1", "cancelled"),
        ("UPDATE order_lines SET ordered = ordered + 1 WHERE order_id = 7 AND line_no = 1", "ordered"),
        ("UPDATE order_lines SET shipped = 1, picked = 1 WHERE order_id = 7 AND line_no = 1", "shipped"),
        ("UPDATE order_lines SET delivered = 1 WHERE order_id = 7 AND line_no = 1", "delivered"),
        ("UPDATE order_lines SET confirmed = 1 WHERE order_id = 7 AND line_no = 1", "confirmed"),
        ("UPDATE order_lines SET total_minor = 1 WHERE order_id = 7 AND line_no = 1", "total"),
        ("UPDATE order_lines SET line_id = 'x' WHERE order_id = 7 AND line_no = 1", "line"),
    ],
)
def test_one_planted_divergence_is_found(stage: Any, statement: str, figure: str) -> None:  # noqa: ANN401
    with stage.hub.store.begin() as tx:
        assert tx.execute(text(statement)).rowcount == 1
    found = differences(stage)
    assert found
    assert all(figure in one for one in found)


def test_a_comparison_of_nothing_shipped_is_no_agreement(stage: Any, tmp_path: Path) -> None:  # noqa: ANN401
    comparison = compare_with_truth(stage.hub.store, ledger(stage.world))
    assert {one.figure for one in comparison.divergences} >= {"sum of shipped", "sum of confirmed"}
    comparison.write(tmp_path / "new" / "demo.json")
    written = json.loads((tmp_path / "new" / "demo.json").read_text())
    assert written["orders"] == 100
    assert written["truth"]["woo-de"]["ordered"] == written["hub"]["woo-de"]["ordered"] > 0
    assert len(written["divergences"]) == len(comparison.divergences)
