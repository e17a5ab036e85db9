"""The doctor beside the sandbox: nothing in a healthy hub; what diverges is found, explained, repaired."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from typer.testing import CliRunner

from order_store.connections import connection_id
from order_store.events import timeline
from order_store.hub_events import list_hub_events
from order_store.orders import find_order
from order_store.reading import begin_window, move_bookmark
from order_store.schema.fulfilment import outbox, parcels, picklists
from order_store.schema.orders import orders
from order_store.schema.reading import landing_files
from pipelines.cli.app import app
from pipelines.services.doctor import examine, repair
from pipelines.services.findings import Finding
from pipelines.services.orders import OPEN
from sandbox.registry import CONNECTIONS

OpenStage = Callable[..., Any]
SPOON = "SPOON-BRASS"
CHANNEL, WMS, SITE = "shopify-eu", "tryton-lyon", "LYS"


def shipped(open_stage: OpenStage, hours: float = 14) -> tuple[Any, Any]:
    """An order that Lyon has shipped; the channel was told, and UPS or DHL has the parcel."""
    stage = open_stage(*CONNECTIONS, stocked={SPOON})
    stage.set_stock(SPOON, {SITE: 50})
    order = stage.place(CHANNEL, lines=[(SPOON, 2)], country="FR")
    stage.wait(minutes=15)
    stage.cycle()
    stage.wait(hours=hours)
    stage.cycle()
    stage.wait(minutes=30)
    stage.cycle()
    return stage, order


def run(stage: Any, statement: str) -> None:  # noqa: ANN401
    with stage.hub.store.begin() as tx:
        tx.execute(text(statement))


def found_and_repaired(stage: Any, check: str) -> Finding:  # noqa: ANN401
    """The one finding of a check; all is repaired, and nothing is left."""
    stage.wait(minutes=1)  # what is read again is newer than what was read before
    findings = examine(stage.hub)
    (finding,) = [one for one in findings if one.check == check]
    assert finding.what
    assert finding.remedy
    done = repair(stage.hub, findings)
    assert [one.error for one in done if one.error] == []
    assert finding in [one.finding for one in done]
    stage.wait(minutes=2)
    stage.cycle()
    assert examine(stage.hub) == []
    return finding


def test_a_healthy_hub_has_nothing_at_any_step(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=4)
    assert examine(stage.hub) == []
    for number in range(6):
        stage.place(list(stage.sandbox.vendors)[number % 4])
    stage.wait(minutes=30)
    for hours in (5, 14, 30):
        stage.cycle()
        assert examine(stage.hub) == []
        stage.wait(hours=hours)


def test_a_shipment_that_the_hub_missed(open_stage: OpenStage) -> None:
    """The WMS shipped, and the hub still says accepted: the parcel is read, and the channel told."""
    stage, order = shipped(open_stage, hours=1)
    stage.wait(hours=20)
    (shipment,) = stage.world.shipments_of(WMS)
    assert shipment.tracking_number
    finding = found_and_repaired(stage, "shipment_differs")
    assert "the warehouse says shipped, the hub" in finding.what
    assert stage.stored(order).lines[0]["shipped"] == 2
    assert order.told_units(order.lines[0].line_id) == 2


def test_a_shipment_that_the_wms_never_had(open_stage: OpenStage) -> None:
    stage, order = shipped(open_stage, hours=1)
    stage.world.shipments.clear()
    finding = found_and_repaired(stage, "shipment_missing")
    assert "the warehouse does not know it" in finding.what
    (again,) = stage.world.shipments_of(WMS)
    with stage.hub.store.read() as tx:
        (picklist,) = tx.execute(select(picklists)).all()
        kinds = [one.kind for one in timeline(tx, picklist.order_id) if one.source == "doctor"]
    assert (again.reference, again.wms_id) == (picklist.reference, picklist.wms_id)
    assert kinds == ["picklist_reopened"]
    assert stage.stored(order).row["status"] in ("allocated", "picking")


def test_stock_that_drifted_at_the_warehouse(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    stage.set_stock(SPOON, {SITE: 17})
    finding = found_and_repaired(stage, "stock_differs")
    assert (finding.record, "the warehouse says 17" in finding.what) == (f"stock {SITE} {SPOON}", True)
    with stage.hub.store.read() as tx:
        assert [one.kind for one in list_hub_events(tx, f"stock {WMS}")][:1] == ["stock_read_again"]


def test_stock_that_drifted_in_the_hub(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    run(
        stage,
        f"UPDATE stock_positions SET on_hand = on_hand + 3 WHERE sku = '{SPOON}' AND warehouse = '{SITE}'",
    )
    findings = {one.check for one in examine(stage.hub)}
    assert findings == {"bins", "stock_differs"}
    found_and_repaired(stage, "bins")


def test_a_confirmation_that_the_channel_lost(open_stage: OpenStage) -> None:
    stage, order = shipped(open_stage)
    assert order.told_units(order.lines[0].line_id) == 2
    order.told.clear()
    stage.wait(minutes=20)
    finding = found_and_repaired(stage, "confirmation_lost")
    assert "told 2, shown 0" in finding.what
    assert order.told_units(order.lines[0].line_id) == 2


def test_an_order_that_the_hub_lost(open_stage: OpenStage) -> None:
    stage = open_stage(CHANNEL)
    order = stage.place(CHANNEL)
    stage.wait(minutes=40)
    stage.read(CHANNEL)
    key = stage.stored(order).row["id"]
    with stage.hub.store.begin() as tx:
        for table in ("order_lines", "line_components", "order_shipping", "order_charges", "payments"):
            tx.execute(text(f"DELETE FROM {table} WHERE order_id = {key}"))
        for table in ("personal_data", "order_events", "holds"):
            tx.execute(text(f"DELETE FROM {table} WHERE order_id = {key}"))
        tx.execute(delete(orders).where(orders.c.id == key))
    findings = [one for one in examine(stage.hub) if one.check == "order_missing"]
    assert [one.record for one in findings] == [f"{CHANNEL} {order.number}"]
    repair(stage.hub, findings)
    assert stage.knows(order)


@pytest.mark.parametrize(
    ("check", "statement", "event"),
    [
        ("status", "UPDATE orders SET status = 'open'", "status_corrected"),
        ("units", "UPDATE order_lines SET shipped = 1, picked = 1", "units_corrected"),
        ("allocated", "UPDATE order_lines SET allocated = 9", "units_corrected"),
        (
            "reserved",
            "UPDATE stock_positions SET reserved = 4 WHERE sku = 'SPOON-BRASS' AND warehouse = 'LYS'",
            "",
        ),
        ("money", "UPDATE orders SET total_minor = total_minor + 1", ""),
        ("untold_parcel", "DELETE FROM outbox WHERE operation = 'confirm_shipment'", ""),
        ("lease", "INSERT INTO leases (name, owner, fence, until) VALUES ('read:x', 'dead', 1, 5)", ""),
    ],
)
def test_what_does_not_balance_in_the_hub(
    open_stage: OpenStage, check: str, statement: str, event: str
) -> None:
    stage, order = shipped(open_stage)
    run(stage, statement)
    if check == "untold_parcel":
        run(stage, "UPDATE parcels SET confirmed_at = NULL")
        run(stage, "UPDATE order_lines SET confirmed = 0")
    found_and_repaired(stage, check)
    with stage.hub.store.read() as tx:
        told = [one for one in timeline(tx, stage.stored(order).row["id"]) if one.source == "doctor"]
    assert [one.kind for one in told] == ([event] if event else [])
    assert all(one.why for one in told)
    with stage.hub.store.read() as tx:
        confirmed = tx.scalar(select(parcels.c.confirmed_at))
        messages = tx.execute(select(outbox).where(outbox.c.settled_at.is_(None))).all()
    assert confirmed is not None
    assert messages == []


def test_landing_files_that_are_not_recorded_and_that_are_gone(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    paths = stage.hub.landing.paths(WMS, "stock")
    with stage.hub.store.begin() as tx:
        tx.execute(text("DELETE FROM landing_files WHERE path = :path"), {"path": paths[0]})
    assert [one.check for one in examine(stage.hub, vendors=False)] == []  # it may be about to be recorded
    gone = stage.hub.landing.paths(WMS, "shipments")[0]
    (Path(stage.environ["ORDERHUB_LANDING"]) / gone).unlink()
    (finding,) = examine(stage.hub, vendors=False)
    assert (finding.check, finding.record, finding.repair) == ("landing", f"file {gone}", None)
    assert finding.remedy == "put it back from a backup"


def test_orders_that_were_landed_long_ago_and_never_applied_are_applied(open_stage: OpenStage) -> None:
    """A read adopts only what was landed of late; of an older file the doctor must not only note it."""
    stage, _order = shipped(open_stage)
    landing, root = stage.hub.landing, Path(stage.environ["ORDERHUB_LANDING"])
    (record,) = landing.read(landing.paths(CHANNEL, "orders")[0])
    other = record.external_id[:-1] + ("8" if record.external_id.endswith("9") else "9")
    payload = record.payload.replace(record.external_id.encode(), other.encode())
    landed = landing.land(CHANNEL, "orders", stage.hub.clock.now(), [(other, payload)])
    old = f"{landed.path.split('/')[0]}/orders/2024-03-01/{1_709_280_000_000_000:017d}-0a0b0c0d.land"
    (root / old).parent.mkdir(parents=True)
    (root / landed.path).rename(root / old)
    (finding,) = examine(stage.hub, vendors=False)
    assert finding.record == f"file {old}"
    assert [one.error for one in repair(stage.hub, [finding])] == [None]
    assert examine(stage.hub, vendors=False) == []
    with stage.hub.store.read() as tx:
        assert find_order(tx, CHANNEL, other) is not None
        assert tx.scalar(select(landing_files.c.records).where(landing_files.c.path == old)) == 1


def moved(stage: Any, hours: float) -> list[Finding]:  # noqa: ANN401
    """What the doctor finds after so many hours, of which each but the last two brought a page."""
    now = stage.clock.now()
    began = now - timedelta(hours=hours)
    with stage.hub.store.begin() as tx:
        key = connection_id(tx, CHANNEL)
        begin_window(tx, key, OPEN, began, began, began)
        for number in range(int(hours) - 1):
            at = began + timedelta(hours=number + 1)
            move_bookmark(tx, key, OPEN, f"page {number}", records=100, now=at)
    return [one for one in examine(stage.hub, vendors=False) if one.check == "bookmark"]


def test_a_bookmark_that_moves_is_no_finding_and_one_that_stands_is(open_stage: OpenStage) -> None:
    """A slow list of open orders may take a day; one that stands for two hours is stuck."""
    stage, _order = shipped(open_stage)
    assert moved(stage, hours=24) == []
    stage.wait(hours=1.5)
    (finding,) = [one for one in examine(stage.hub, vendors=False) if one.check == "bookmark"]
    assert finding.record == f"stream {CHANNEL} {OPEN}"
    assert "stands at page 23 since" in finding.what
    (finding,) = moved(stage, hours=24 * 8)
    assert "it moves, and in a week it has not come to its end" in finding.what


def test_a_stream_that_nobody_reads_any_more(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    stage.wait(hours=30)
    found = [one for one in examine(stage.hub, vendors=False) if one.check == "stream"]
    assert f"stream {CHANNEL} orders" in {one.record for one in found}
    repair(stage.hub, found)
    left = [one.record for one in examine(stage.hub, vendors=False) if one.check == "stream"]
    assert left == []


def test_a_picklist_and_a_message_that_wait_for_a_person(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)
    with stage.hub.store.begin() as tx:
        tx.execute(update(outbox).where(outbox.c.id == 1).values(state="needs_person", settled_at=None))
    (finding,) = examine(stage.hub, vendors=False)
    assert (finding.check, finding.repair) == ("message", None)
    assert "orderhub outbox show 1" in finding.remedy


def test_the_command_tells_machines_and_repairs(open_stage: OpenStage) -> None:
    stage, _order = shipped(open_stage)

    def doctor(*arguments: str) -> tuple[int, dict[str, Any]]:
        command = ["doctor", "--json", "--no-vendors", *arguments]
        result = CliRunner().invoke(app, command, env=stage.environ)
        return result.exit_code, json.loads(result.stdout.splitlines()[-1])

    assert doctor() == (0, {"balances": True, "findings": [], "repaired": []})
    run(stage, "UPDATE orders SET status = 'open'")
    status, found = doctor()
    assert (status, found["balances"], found["findings"][0]["check"]) == (1, False, "status")
    status, found = doctor("--repair", "--yes")
    assert (status, found["balances"]) == (0, True)
    assert [one["error"] for one in found["repaired"]] == [None]
