"""The doctor beside vendors' own figures: money, lines, parcels, stock; and what it cannot compare."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pipelines.services import doctor_carriers
from pipelines.services.conservation import all_violations
from pipelines.services.doctor import examine, repair
from pipelines.services.findings import Finding
from sandbox.registry import CONNECTIONS
from tests.scenarios.test_doctor import CHANNEL, SITE, SPOON, WMS, found_and_repaired, run, shipped

OpenStage = Callable[..., Any]
CHANNELS = ("shopify-eu", "amazon-uk", "woo-de", "vendure-us")


def checks(stage: Any) -> list[str]:  # noqa: ANN401
    return sorted(one.check for one in examine(stage.hub))


def test_edits_refunds_and_returns_at_every_channel_are_no_findings(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=4)
    edited, refunded, cancelled = (
        [stage.place(channel, lines=[(SPOON, 3)]) for channel in CHANNELS] for _ in range(3)
    )
    stage.wait(minutes=30)
    stage.cycle()
    for order in edited:
        stage.world.remove_units(order, order.lines[0].line_id, 1)
    for order in cancelled:
        stage.world.cancel(order)
    stage.wait(minutes=30)
    stage.cycle()
    stage.wait(hours=1)  # warehouses have put back what was cancelled, and stock is read
    stage.cycle()
    assert examine(stage.hub) == []
    stage.wait(hours=30)
    stage.cycle()
    stage.wait(minutes=30)
    stage.cycle()
    for order in refunded:
        assert order.told
        stage.world.refund(order, {order.lines[0].line_id: 2}, "unwanted", shipping=100, restock=True)
    stage.wait(minutes=30)
    stage.cycle()
    findings = examine(
        stage.hub
    )  # Vendure's order does not count as changed by a refund: only here it is heard
    assert [(one.check, one.record.split()[0]) for one in findings] == [("order_differs", "vendure-us")]
    repair(stage.hub, findings)
    assert examine(stage.hub) == []
    with stage.hub.store.read() as tx:
        assert all_violations(tx) == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE order_lines SET net_minor = net_minor + 700, gross_minor = gross_minor + 700,"
            " total_minor = total_minor + 700; UPDATE orders SET total_minor = total_minor + 700",
            "total is ",
        ),
        (
            "UPDATE orders SET refunded_minor = 700",
            "refunded is 0.00 EUR at the channel, 7.00 EUR in the hub",
        ),
        ("UPDATE order_lines SET returned = 1", "returned is 0 at the channel, 1 in the hub"),
        (
            "INSERT INTO order_lines (order_id, line_no, line_id, title, ordered, unit_price_minor,"
            " gross_minor, discount_minor, net_minor, tax_minor, total_minor)"
            " SELECT id, 9, 'ours', 'x', 0, 0, 0, 0, 0, 0, 0 FROM orders",
            "line ours is not at the channel",
        ),
    ],
)
def test_figures_that_balance_and_are_not_the_channels(
    open_stage: OpenStage, statement: str, told: str
) -> None:
    stage, order = shipped(open_stage)
    before = stage.stored(order).order.totals
    stage.wait(minutes=20)
    for one in statement.split("; "):
        run(stage, one)
    assert checks(stage) == ["order_differs"]
    finding = found_and_repaired(stage, "order_differs")
    assert told in finding.what
    assert stage.stored(order).order.totals == before


def test_an_order_that_lists_leave_out_is_compared_too(open_stage: OpenStage) -> None:
    """The channel lists it under another day than the hub; asked by its id, it tells its figures."""
    stage, order = shipped(open_stage)
    stage.wait(days=10)
    run(stage, f"UPDATE orders SET refunded_minor = 700, placed_at = placed_at + {9 * 86400} * 1000000")
    differing = [one for one in examine(stage.hub) if one.check == "order_differs"]
    assert [one.what for one in differing] == ["refunded is 0.00 EUR at the channel, 7.00 EUR in the hub"]
    assert [one.error for one in repair(stage.hub, differing)] == [None]
    assert stage.stored(order).row["refunded_minor"] == 0


def test_a_tracking_number_that_the_hub_has_wrong(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    (shipment,) = stage.world.shipments_of(WMS)
    stage.wait(minutes=20)
    run(stage, "UPDATE parcels SET tracking_number = 'WRONG'")
    finding = found_and_repaired(stage, "shipment_differs")
    assert finding.what == f"the warehouse's tracking number is {shipment.tracking_number}, the hub's WRONG"


def test_parcels_that_hold_other_units_are_for_people(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    stage.wait(minutes=20)
    run(stage, "UPDATE parcel_items SET quantity = 5")
    (finding,) = examine(stage.hub)
    assert (finding.check, finding.repair) == ("shipment_units", None)
    assert finding.what == f"the warehouse has sent 2 of {SPOON}, the hub says 5"
    assert "ask the warehouse" in finding.remedy


def test_a_wms_that_shows_no_stock_at_all(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    sites = [site for site in stage.world.sites.values() if site.wms == WMS]
    for site in sites:
        site.stock.clear()
    (finding,) = examine(stage.hub)
    assert (finding.check, finding.record) == ("stock_differs", f"stock {WMS}")
    assert "no stock at all, the hub " in finding.what
    found_and_repaired(stage, "stock_differs")


def test_a_shipment_that_cannot_be_understood_is_not_called_unknown(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    stage.wait(minutes=20)
    (shipment,) = stage.world.shipments_of(WMS)
    shipment.tracking_number = 5
    (finding,) = examine(stage.hub)
    assert finding.check == "shipment_unreadable"
    assert "makes no sense" in finding.what
    assert "does not know" not in finding.what
    assert [one.error for one in repair(stage.hub, [finding])] == [None]
    assert [reason for reason, _detail in stage.quarantined()] == ["undecodable"]


def test_parcels_beyond_the_most_that_are_asked_about_are_named(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, _order = shipped(open_stage)
    run(
        stage,
        "INSERT INTO parcels (order_id, picklist_id, sequence, wms_parcel_id, tracking_number,"
        " carrier_connection, status, shipped_at) SELECT order_id, picklist_id, 2, 'second', tracking_number,"
        " carrier_connection, status, shipped_at FROM parcels",
    )
    assert "parcels_not_asked" not in checks(stage)
    monkeypatch.setattr(doctor_carriers, "MOST", 1)
    (finding,) = [one for one in examine(stage.hub) if one.check == "parcels_not_asked"]
    assert "more than 1 parcels have left since" in finding.what
    assert "--days" in finding.remedy


def test_a_repair_that_fails_stops_no_other(open_stage: OpenStage) -> None:
    stage = open_stage(CHANNEL, WMS)
    done: list[str] = []

    def refused(hub: Any) -> None:  # noqa: ANN401
        with hub.store.begin() as tx:
            tx.execute(text("INSERT INTO leases (name) VALUES (NULL)"))

    def senseless(_hub: Any) -> None:  # noqa: ANN401
        raise ValueError("Ada Example")

    findings = [
        Finding("a", SITE, "what", "remedy", refused),
        Finding("b", SITE, "what", "remedy", senseless),
        Finding("c", SITE, "what", "remedy", lambda _hub: done.append("c")),
    ]
    outcome = [one.error for one in repair(stage.hub, findings)]
    assert outcome == ["IntegrityError: it could not be done", "ValueError: it could not be done", None]
    assert done == ["c"]
