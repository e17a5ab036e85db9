"""Any sequence of the same facts, told once or often, ends in the same state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from normalization.records import PickedLine, Tracking, WmsShipment
from order_store.engine import Store, open_store
from order_store.parcels import load_parcels
from order_store.picklists import load_picklist
from order_store.schema.fulfilment import tracking_events
from tests.order_store.fulfilment_samples import KIT, answer, parcel, place, scan, told
from tests.order_store.test_parcels import hear, progress, reserved, shipped_parcel, status, track

HISTORY = [
    told("accepted", 1, parcels=[], picks=[]),
    told("picking", 2, parcels=[], picks=[PickedLine(sku="MUG", quantity=1, bin="A-1")]),
    told(
        "picked",
        3,
        parcels=[],
        picks=[PickedLine(sku="MUG", quantity=2, bin="A-1"), PickedLine(sku="CUP", quantity=2, bin="B-1")],
    ),
    told("packed", 4, parcels=[parcel("A", {"MUG": 1, "CUP": 1}, left=40)]),
    told("packed", 5, parcels=[parcel("A", {"MUG": 1, "CUP": 1}, "1Z1", left=40)]),
    told(
        "shipped",
        6,
        parcels=[
            parcel("B", {"MUG": 1, "CUP": 1, "TIN": 1}, left=50),
            parcel("A", {"MUG": 1, "CUP": 1}, "1Z1", left=40),
        ],
    ),
    told(
        "shipped",
        7,
        picks=[
            PickedLine(sku="MUG", quantity=2, bin="A-1"),
            PickedLine(sku="CUP", quantity=2, bin="B-1"),
            PickedLine(sku="TIN", quantity=1, bin="C-1"),
        ],
        parcels=[
            parcel("B", {"MUG": 1, "CUP": 1, "TIN": 1}, "1Z2", left=50),
            parcel("A", {"MUG": 1, "CUP": 1}, "1Z1", left=40),
        ],
    ),
]
SCANS = [
    scan("pending", 30),
    scan("in_transit", 100),
    scan("delivery_failed", 200),
    scan("out_for_delivery", 300),
    scan("delivered", 400),
    scan("in_transit", 390, "late"),
]
ANSWERS = [
    answer("pending", 35, SCANS[0]),
    answer("in_transit", 110, *SCANS[:2]),
    answer("delivery_failed", 210, *SCANS[1:3]),
    answer("delivered", 410, *SCANS[:5]),
    answer("in_transit", 420, SCANS[5]),
    answer("unknown", 430),
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'hub.db'}")
    store.create_all()
    yield store
    store.close()


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A transaction of which nothing stays."""
    with store.begin() as tx:
        trial = tx.begin_nested()
        yield tx
        trial.rollback()


def shipment_state(empty: Store, versions: Sequence[WmsShipment]) -> Any:  # noqa: ANN401
    with undone(empty) as tx:
        order_id, picklist_id = place(tx, [(2, {"MUG": 1}), (1, KIT)])
        hear(tx, *versions)
        found = load_picklist(tx, picklist_id)
        parcels = [
            (
                (one.sequence, one.wms_parcel_id, one.tracking_number, one.carrier_connection, one.units),
                sorted((item.line_no or 0, item.sku, item.quantity) for item in one.items),
            )
            for one in load_parcels(tx, order_id)
        ]
        return (
            (found.state, found.wms_status, found.shipped_at, found.picks, found.allocations),
            parcels,
            progress(tx, order_id),
            status(tx, order_id),
            reserved(tx),
        )


def tracking_state(empty: Store, answers: Sequence[Tracking]) -> Any:  # noqa: ANN401
    with undone(empty) as tx:
        order_id, parcel_id = shipped_parcel(tx)
        track(tx, parcel_id, *answers)
        (found,) = load_parcels(tx, order_id)
        assert len(tx.execute(select(tracking_events)).all()) == len(found.scans)
        return (
            (found.status, found.carrier_status, found.delivered_at, found.tracked_at, found.scans),
            progress(tx, order_id),
            status(tx, order_id),
        )


@settings(max_examples=25)
@given(
    order=st.permutations(range(len(HISTORY))),
    again=st.lists(st.integers(0, len(HISTORY) - 1), max_size=5),
)
def test_any_sequence_of_a_shipments_versions_ends_in_the_same_state(
    empty: Store, order: list[int], again: list[int]
) -> None:
    seen = shipment_state(empty, [HISTORY[n] for n in (*order, *again)])
    assert seen == shipment_state(empty, HISTORY)


@settings(max_examples=25)
@given(
    order=st.permutations(range(len(ANSWERS))),
    again=st.lists(st.integers(0, len(ANSWERS) - 1), max_size=5),
)
def test_any_sequence_of_a_carriers_answers_ends_in_the_same_state(
    empty: Store, order: list[int], again: list[int]
) -> None:
    seen = tracking_state(empty, [ANSWERS[n] for n in (*order, *again)])
    assert seen == tracking_state(empty, ANSWERS)
