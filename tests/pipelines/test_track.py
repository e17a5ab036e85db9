"""What carriers tell the hub of its parcels."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.errors import CredentialsRejected
from normalization.statuses import TrackingStatus
from order_store.parcels import Parcel, load_parcels
from order_store.schema.fulfilment import parcels
from order_store.schema.reading import landing_files
from pipelines.services.dispatch import dispatch
from pipelines.services.track import TrackResult, track_parcels
from pipelines.services.warehouse import sync_shipments
from sandbox.world import Scan

OpenDesk = Callable[..., Any]
NUMBERS = ("1Z00001", "1Z00002", "1Z00003")


@pytest.fixture
def desk(open_desk: OpenDesk) -> Any:  # noqa: ANN401
    """Three orders have left Lyon with UPS."""
    opened = open_desk("shopify-eu", "tryton-lyon", "ups")
    opened.orders = [opened.place("shopify-eu", ("SPOON-BRASS", 1)) for _ in NUMBERS]
    for order in opened.orders:
        opened.allocate(order, "LYS")
    assert dispatch(opened.hub, "tryton-lyon").applied == len(NUMBERS)
    for shipment, number in zip(opened.shipments("tryton-lyon"), NUMBERS, strict=True):
        opened.world.ship(shipment, "UPS", number)
    opened.wait(minutes=1)
    assert sync_shipments(opened.hub, "tryton-lyon").parcels == len(NUMBERS)
    return opened


def scanned(desk: Any, number: str, status: str) -> None:  # noqa: ANN401
    desk.world.parcels[number].scans.append(Scan(desk.world.now, status, "Lyon", None, "FR"))


def parcel_of(desk: Any, number: str) -> Parcel:  # noqa: ANN401
    with desk.hub.store.read() as tx:
        order_id = tx.execute(
            select(parcels.c.order_id).where(parcels.c.tracking_number == number)
        ).scalar_one()
        return load_parcels(tx, order_id)[0]


def status_of(desk: Any, number: str) -> str:  # noqa: ANN401
    (row,) = [
        desk.stored(order).row
        for order in desk.orders
        if desk.order_id(order) == parcel_of(desk, number).order_id
    ]
    return str(row["status"])


def test_parcels_are_followed_until_they_are_delivered(desk: Any) -> None:  # noqa: ANN401
    assert track_parcels(desk.hub, "ups") == TrackResult(due=3, updated=3)
    assert parcel_of(desk, "1Z00001").status is TrackingStatus.PENDING
    assert track_parcels(desk.hub, "ups") == TrackResult()  # not again so soon
    desk.wait(hours=20)
    scanned(desk, "1Z00001", "delivered")
    assert track_parcels(desk.hub, "ups") == TrackResult(due=3, updated=1, unchanged=2)
    assert parcel_of(desk, "1Z00001").delivered_at == desk.world.now
    assert status_of(desk, "1Z00001") == "delivered"
    assert status_of(desk, "1Z00002") == "shipped"
    desk.wait(hours=2)
    assert track_parcels(desk.hub, "ups").due == 2
    with desk.hub.store.read() as tx:
        landed = tx.scalars(select(landing_files.c.stream)).all()
    assert landed.count("tracking") == 8


def test_s40_delivered_then_an_older_answer_stays_delivered(desk: Any) -> None:  # noqa: ANN401
    scanned(desk, "1Z00001", "in_transit")
    scanned(desk, "1Z00001", "delivered")
    track_parcels(desk.hub, "ups")
    delivered_at = parcel_of(desk, "1Z00001").delivered_at
    assert delivered_at
    with desk.hub.store.begin() as tx:  # somebody asks once more, and the carrier answers with old news
        tx.execute(
            update(parcels)
            .where(parcels.c.tracking_number == "1Z00001")
            .values(delivered_at=None, status="in_transit")
        )
    desk.sandbox.fault("ups", "stale_update")
    desk.wait(hours=2)
    track_parcels(desk.hub, "ups")
    found = parcel_of(desk, "1Z00001")
    assert (found.status, found.delivered_at) == (TrackingStatus.DELIVERED, delivered_at)
    assert len(found.scans) == 3


def test_a_number_that_the_carrier_does_not_know_yet_is_no_error(desk: Any) -> None:  # noqa: ANN401
    del desk.world.parcels["1Z00002"]
    assert track_parcels(desk.hub, "ups") == TrackResult(due=3, updated=2, missing=1)


def test_one_parcels_trouble_does_not_stop_the_others(desk: Any) -> None:  # noqa: ANN401
    with desk.hub.store.begin() as tx:
        tx.execute(
            update(parcels)
            .where(parcels.c.tracking_number == "1Z00002")
            .values(tracking_number="no-ups-number")
        )
    assert track_parcels(desk.hub, "ups") == TrackResult(due=3, updated=2, failed=1)


def test_a_carrier_that_asks_for_a_long_pause_gets_it(desk: Any) -> None:  # noqa: ANN401
    desk.sandbox.fault("ups", "throttle", 10_000)
    result = track_parcels(desk.hub, "ups")
    assert (result.due, result.updated, result.left_over, result.failed) == (3, 0, 3, 0)
    desk.sandbox.vendors["ups"].faults.switch_off("throttle")
    desk.wait(hours=1)
    assert track_parcels(desk.hub, "ups").updated == 3


def test_refused_credentials_are_raised(desk: Any) -> None:  # noqa: ANN401
    desk.sandbox.vendors["ups"].SECRETS = {"client_id": "other", "client_secret": "other"}
    with pytest.raises(CredentialsRejected):
        track_parcels(desk.hub, "ups")
    assert parcel_of(desk, "1Z00001").tracked_at is None
