"""The outbox: one after the other, under a claim, and nothing twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.orders import apply_orders
from order_store.outbox import (
    OutboxRow,
    State,
    claim,
    counts,
    enqueue,
    messages,
    postpone,
    postpone_connection,
    retry,
    settle,
    supersede,
)
from tests.order_store.conftest import NOW
from tests.order_store.samples import order

MINUTE = timedelta(minutes=1)
LEASE = 10 * MINUTE
Ids = tuple[int, list[int]]


@pytest.fixture
def ids(store: Store, shop: int) -> Ids:
    """A WMS's id, and those of three orders."""
    return prepared(store, shop)


def prepared(store: Store, shop: int) -> Ids:
    with store.begin() as tx:
        wms = register_connection(tx, "wms", "tryton", "wms")
        made = apply_orders(tx, shop, [order(external_id=str(n)) for n in range(3)], now=NOW)
    return wms, [one.order_id for one in made]


def put(
    tx: Connection,
    wms: int,
    order_id: int,
    reference: str,
    operation: str = "push_picklist",
    subject: int = 1,
) -> int:
    return enqueue(
        tx,
        order_id=order_id,
        connection_id=wms,
        operation=operation,
        reference=reference,
        subject_id=subject,
        now=NOW,
    )


def take(store: Store, wms: int, at: datetime = NOW, limit: int = 9) -> list[OutboxRow]:
    with store.begin() as tx:
        return claim(tx, wms, "me", at, LEASE, limit, {"push_picklist": MINUTE})


def test_the_same_reference_again_makes_no_second_message(store: Store, ids: Ids) -> None:
    wms, (first, *_) = ids
    with store.begin() as tx:
        assert put(tx, wms, first, "a") == put(tx, wms, first, "a")
        put(tx, wms, first, "a", "cancel_picklist")
        assert [(row.operation, row.sequence) for row in messages(tx)] == [
            ("push_picklist", 1),
            ("cancel_picklist", 2),
        ]


def test_only_the_first_unsettled_message_of_an_order_goes_out(store: Store, ids: Ids) -> None:
    wms, (first, second, _third) = ids
    with store.begin() as tx:
        put(tx, wms, first, "a")
        put(tx, wms, first, "b")
        put(tx, wms, second, "c")
    taken = take(store, wms)
    assert [row.reference for row in taken] == ["a", "c"]
    assert take(store, wms) == []
    with store.begin() as tx:
        assert settle(tx, taken[0], State.APPLIED, now=NOW, vendor_ref="7")
    assert [row.reference for row in take(store, wms)] == ["b"]


def test_a_message_that_needs_a_person_holds_back_what_follows(store: Store, ids: Ids) -> None:
    wms, (first, *_) = ids
    with store.begin() as tx:
        row_id = put(tx, wms, first, "a")
        put(tx, wms, first, "b")
    (row,) = take(store, wms)
    with store.begin() as tx:
        settle(tx, row, State.NEEDS_PERSON, now=NOW, reason="who knows")
    assert take(store, wms, NOW + timedelta(days=9)) == []
    with store.begin() as tx:
        assert retry(tx, row_id, NOW)
        assert not retry(tx, row_id, NOW)
    assert [row.reference for row in take(store, wms)] == ["a"]


def test_a_claim_that_ran_out_is_in_doubt_and_its_holder_records_nothing(store: Store, ids: Ids) -> None:
    wms, (first, *_) = ids
    with store.begin() as tx:
        put(tx, wms, first, "a")
    (late,) = take(store, wms)
    assert not late.was_in_doubt
    assert take(store, wms, NOW + LEASE) == [], "its effect may not show yet"
    (row,) = take(store, wms, NOW + LEASE + MINUTE)
    assert row.was_in_doubt
    with store.begin() as tx:
        assert not settle(tx, late, State.APPLIED, now=NOW)
        assert not postpone(tx, late, NOW, None, in_doubt=False, sent_at=None)
        assert settle(tx, row, State.APPLIED, now=NOW)
        assert not settle(tx, row, State.REJECTED, now=NOW)
        assert counts(tx) == {(wms, State.APPLIED): 1}


def test_a_message_is_taken_back_only_if_it_was_never_sent(store: Store, ids: Ids) -> None:
    wms, (first, second, third) = ids

    def take_back(order_id: int) -> bool:
        with store.begin() as tx:
            return supersede(tx, order_id, wms, "push_picklist", order_id, now=NOW)

    with store.begin() as tx:
        for order_id in (first, second, third):
            put(tx, wms, order_id, str(order_id), subject=order_id)
    assert take_back(first)
    assert not take_back(first)
    one, other = take(store, wms)
    assert not take_back(second), "somebody has it"
    with store.begin() as tx:
        postpone(tx, one, NOW, "no connection", in_doubt=False, sent_at=NOW)
        postpone(tx, other, NOW, None, in_doubt=False, sent_at=None)
    assert not take_back(second), "it was tried"
    assert take_back(third)


def test_nothing_of_a_connection_goes_out_while_its_vendor_asks_to_wait(store: Store, ids: Ids) -> None:
    wms, order_ids = ids
    with store.begin() as tx:
        for order_id in order_ids:
            put(tx, wms, order_id, str(order_id))
        assert postpone_connection(tx, wms, NOW + MINUTE) == 3
    assert take(store, wms) == []
    assert len(take(store, wms, NOW + MINUTE)) == 3


def test_two_dispatchers_never_hold_the_same_message(store: Store, ids: Ids) -> None:
    wms, order_ids = ids
    with store.begin() as tx:
        for number in range(60):
            put(tx, wms, order_ids[number % 3], f"r{number}")
    seen: list[str] = []

    def work(_worker: int) -> None:
        while rows := take(store, wms, limit=1):
            for row in rows:
                seen.append(row.reference)
                with store.begin() as tx:
                    assert settle(tx, row, State.APPLIED, now=NOW)

    for _round in range(60):  # a worker that finds every first message taken goes home early
        with ThreadPoolExecutor(3) as workers:
            list(workers.map(work, range(3)))
        if len(seen) == 60:
            break
    assert sorted(seen) == sorted(f"r{number}" for number in range(60))
    by_order = [[int(one[1:]) for one in seen if int(one[1:]) % 3 == nth] for nth in range(3)]
    assert by_order == [sorted(numbers) for numbers in by_order]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int, list[int]]]:
    """One store for many examples: each uses references of its own."""
    opened = open_store(f"sqlite:///{Path(tmp_path_factory.mktemp('outbox')) / 'hub.db'}")
    opened.create_all()
    with opened.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
    yield opened, *prepared(opened, shop)
    opened.close()


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "apply", "doubt", "later", "die", "reject"]), st.integers(0, 30)),
    max_size=40,
)
_numbers = count()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_messages_of_an_order_settle_in_sequence(
    shared: tuple[Store, int, list[int]], steps: list[tuple[str, int]]
) -> None:
    store, wms, order_ids = shared
    prefix = f"{next(_numbers)}/"
    now = NOW
    with store.begin() as tx:
        for nth in range(6):
            put(tx, wms, order_ids[nth % 2], f"{prefix}{nth}")
    held: list[OutboxRow] = []
    settled: list[OutboxRow] = []

    def end(row: OutboxRow, state: State) -> None:
        with store.begin() as tx:
            if settle(tx, row, state, now=now):
                settled.append(row)

    for step, minutes in steps:
        now += timedelta(minutes=minutes)
        if step == "take":
            held += take(store, wms, now, limit=2)
        elif held and step in ("apply", "reject"):
            end(held.pop(), State.APPLIED if step == "apply" else State.REJECTED)
        elif held and step in ("doubt", "later"):
            row = held.pop()
            with store.begin() as tx:
                postpone(tx, row, now + MINUTE, None, in_doubt=step == "doubt", sent_at=now)
        elif step == "die":
            held.clear()
    while rows := take(store, wms, now := now + timedelta(hours=1)):
        for row in rows:
            end(row, State.APPLIED)
    assert len({row.id for row in settled}) == len(settled) == 6, "each settles once"
    for order_id in order_ids:
        mine = [row.sequence for row in settled if row.order_id == order_id]
        assert mine == sorted(mine)


def test_a_claim_from_a_clock_that_was_ahead_is_in_doubt_at_once(store: Store, ids: Ids) -> None:
    wms, (first, *_) = ids
    with store.begin() as tx:
        put(tx, wms, first, "one")
    assert take(store, wms, NOW + timedelta(days=3))
    assert take(store, wms, NOW) == []
    (row,) = take(store, wms, NOW + MINUTE)
    assert row.was_in_doubt
