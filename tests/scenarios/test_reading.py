"""Reading from channels, as it went wrong elsewhere (S01 to S14, S47)."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import Page, Window
from connectors.errors import PermissionMissing, RecordRejected, StreamBroken
from normalization.statuses import ChannelState, PaymentState
from order_store.connections import connection_id
from order_store.orders import StoredOrder, find_order
from order_store.reading import begin_window, move_bookmark
from pipelines.services.replay import replay
from pipelines.services.route import route_orders

ONE = [("SPOON-BRASS", 2), ("WHISK-BAMBOO", 1)]
FULL = ("shopify-eu", "amazon-uk", "woo-de", "vendure-us")
AUTUMN, SPRING = datetime(2027, 10, 30, 22, tzinfo=UTC), datetime(2027, 3, 27, 23, tzinfo=UTC)
"""Midnight in Berlin before its clocks are changed."""
OpenStage = Callable[..., Any]


def content(stored: StoredOrder) -> tuple[object, ...]:
    """An order without the hub's own numbers and times."""
    order = stored.order
    lines = [
        (line["line_id"], line["ordered"], line["cancelled"], line["total_minor"]) for line in stored.lines
    ]
    return (order.state, order.payment_state, order.totals, order.ship_to, order.cancelled_at, lines)


def end_of(stored: StoredOrder) -> tuple[object, ...]:
    """The same of an order that is one of many alike: without ids, addresses and amounts."""
    order = stored.order
    lines = [(line["channel_sku"], line["ordered"], line["cancelled"]) for line in stored.lines]
    return (order.state, order.payment_state, order.cancelled_at is None, order.channel_status, lines)


@pytest.mark.parametrize("channel", FULL)
def test_s01_two_workers_create_the_same_order_at_once(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    orders = [stage.place(channel) for _ in range(5)]
    stage.wait(minutes=15)
    pages = [stage.fetch(order) for order in orders]
    with ThreadPoolExecutor(4) as workers:
        twice = list(workers.map(stage.ingest, [page for page in pages for _ in range(4)]))
    assert sum(counts.created for counts in twice) == 5
    assert sum(counts.vanished for counts in twice) == 0
    assert stage.known() == {(channel, order.external_id) for order in orders}


@pytest.mark.parametrize("channel", FULL)
def test_s02_versions_in_any_sequence_end_in_the_same_state(open_stage: OpenStage, channel: str) -> None:
    versions = 4
    sequences = list(itertools.permutations(range(versions)))
    stage = open_stage(channel)
    orders = [stage.place(channel, lines=ONE, payment="pending") for _ in sequences]
    pages: list[list[Page]] = [[] for _ in orders]
    for change in (
        lambda order: None,
        stage.world.pay,
        lambda order: stage.world.remove_units(order, order.lines[0].line_id, 1),
        stage.world.cancel,
    ):
        for order, seen in zip(orders, pages, strict=True):
            change(order)
            seen.append(stage.fetch(order))
        stage.wait(minutes=5)
    for sequence, seen in zip(sequences, pages, strict=True):
        for number in sequence:
            stage.ingest(seen[number])
    assert sequences[0] == (0, 1, 2, 3)
    in_order, *others = (end_of(stage.stored(order)) for order in orders)
    assert others == [in_order] * len(others)
    assert {state for state, *_ in [in_order]} == {ChannelState.CANCELLED}


@pytest.mark.parametrize("channel", ["shopify-eu", "amazon-uk", "woo-de"])
def test_s03_an_old_payload_that_comes_again_changes_nothing(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    order = stage.place(channel, lines=ONE)
    stage.wait(minutes=15)
    old = stage.fetch(order)
    stage.ingest(old)
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=15)
    stage.ingest(stage.fetch(order))
    before = content(stage.stored(order))
    stage.wait(hours=5)
    again = stage.ingest(replace(old, observed_at=stage.clock.now()))
    assert (again.created, again.updated) == (0, 0)
    assert content(stage.stored(order)) == before
    assert stage.stored(order).lines[0]["cancelled"] == 1


@pytest.mark.parametrize("channel", FULL)
def test_s04_a_change_that_was_never_announced_is_found_by_reading_open_orders(
    open_stage: OpenStage, channel: str
) -> None:
    stage = open_stage(channel)
    order = stage.place(channel, lines=ONE)
    stage.wait(minutes=15)
    stage.read(channel)
    order.lines[0].removed = 1  # no revision, no update time: nobody is told
    bound = stage.hub.connector(channel).streams["orders_open"].every
    stage.wait(minutes=15 + bound / timedelta(minutes=1))
    stage.read(channel)
    assert stage.stored(order).lines[0]["cancelled"] == 1


@pytest.mark.parametrize("channel", FULL)
def test_s05_late_visibility(open_stage: OpenStage, channel: str) -> None:
    """The cursor has passed the order's own time when the order comes into sight."""
    stage = open_stage(channel)
    stage.read(channel)
    hidden = stage.place(channel, late=timedelta(minutes=4))
    stage.wait(minutes=1)
    shown = stage.place(channel)
    stage.wait(minutes=2.5)
    stage.read(channel)
    assert not stage.knows(hidden)
    stage.wait(minutes=15)
    stage.read(channel)
    stage.wait(minutes=15)
    stage.read(channel)
    assert stage.known() == {(channel, hidden.external_id), (channel, shown.external_id)}


@pytest.mark.parametrize("channel", FULL)
def test_s06_orders_that_share_the_cursor_s_value_are_counted_once(
    open_stage: OpenStage, channel: str
) -> None:
    stage = open_stage(channel)
    orders = [stage.place(channel) for _ in range(12)]
    assert len({order.updated_at for order in orders}) == 1
    stage.wait(minutes=15)
    first = stage.read(channel)
    before = {order.external_id: content(stage.stored(order)) for order in orders}
    stage.wait(minutes=15)
    again = stage.read(channel)
    assert first.created == 12
    assert (again.created, again.updated) == (0, 0)
    assert {order.external_id: content(stage.stored(order)) for order in orders} == before
    assert len(stage.known()) == 12


@pytest.mark.parametrize("channel", FULL)
def test_s07_250_orders_on_pages_of_100(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    for _ in range(250):
        stage.place(channel)
    stage.wait(minutes=15)
    stage.read(channel)
    changes = stage.results[0]
    assert (changes.stream, changes.counts.created) == ("orders", 250)
    assert changes.pages >= 3
    assert stage.known() == {(channel, order.external_id) for order in stage.world.orders_of(channel)}


@pytest.mark.parametrize("channel", ["shopify-eu", "amazon-uk", "vendure-us"])  # woo-de is read by key
def test_s08_a_page_that_repeats_itself_stops_the_stream(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    for _ in range(300):
        stage.place(channel)
    stage.wait(minutes=15)
    stage.sandbox.fault(channel, "repeated_page", 1000)
    with pytest.raises(StreamBroken):
        stage.read(channel)
    assert len(stage.known()) < 300
    stage.sandbox.vendors[channel].faults.switch_off("repeated_page")
    stage.wait(minutes=15)
    stage.read(channel)
    assert len(stage.known()) == 300


@pytest.mark.parametrize("channel", FULL)
def test_s09_from_order_101_on_names_and_streets_are_missing(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    whole = [stage.place(channel) for _ in range(100)]
    stage.wait(minutes=15)
    stage.read(channel)
    stage.wait(hours=2)
    stage.read(channel)
    bare = stage.place(channel)
    stage.sandbox.fault(channel, "missing_address", 1000)
    stage.wait(minutes=15)
    stage.read_changes(channel)
    assert [hold.code for hold in stage.holds(bare)] == ["address_missing"]
    assert not any("address_missing" in {hold.code for hold in stage.holds(order)} for order in whole[:10])
    stage.sandbox.vendors[channel].faults.switch_off("missing_address")
    stage.wait(hours=2)
    stage.read(channel)
    assert stage.holds(bare) == []


@pytest.mark.parametrize("channel", FULL)
def test_s09_a_later_answer_without_name_and_street_leaves_the_known_ones(
    open_stage: OpenStage, channel: str
) -> None:
    """The application loses the right to see people; one address is truly another one then."""
    stage = open_stage(channel)
    same, moved = (stage.place(channel, lines=ONE) for _ in range(2))
    stage.wait(minutes=15)
    stage.read(channel)
    known = stage.stored(same).order.ship_to
    stage.sandbox.fault(channel, "missing_address", 1000)
    for order in (same, moved):
        stage.world.remove_units(order, order.lines[0].line_id, 1)
    moved.ship_to = replace(moved.ship_to, city="Elsewhere")
    stage.wait(minutes=15)
    stage.read_changes(channel)
    assert stage.stored(same).lines[0]["cancelled"] == 1
    assert stage.stored(same).order.ship_to == known
    assert known.street
    assert stage.holds(same) == []
    assert [hold.code for hold in stage.holds(moved)] == ["address_missing"]
    with stage.empty_hub() as empty:
        settings = {one.name: one.settings for one in empty.config.connections}
        replay(empty.store, empty.landing, now=stage.clock.now(), settings=settings)
        with empty.store.read() as tx:
            for order in (same, moved):
                again = find_order(tx, channel, order.external_id)
                assert again is not None
                assert again.order == stage.stored(order).order


def test_s09_orders_that_stay_bare_keep_no_other_from_being_asked_for(open_stage: OpenStage) -> None:
    stage = open_stage("amazon-uk", "tryton-lyon")
    stage.set_stock("SPOON-BRASS", {"LYS": 200})
    stage.read_stock("tryton-lyon")
    orders = [stage.place("amazon-uk", lines=[("SPOON-BRASS", 1)]) for _ in range(61)]
    never, whole = orders[:55], orders[55:]
    for order in never:
        order.ship_to = replace(order.ship_to, street=("",))
    stage.sandbox.fault("amazon-uk", "missing_address", 1000)
    stage.wait(minutes=15)
    stage.read_changes("amazon-uk")
    route_orders(stage.hub)
    assert {stage.stored(order).row["status"] for order in orders} == {"held"}
    for minutes in (120, 10, 10):  # the lists, as bare as ever, are read in the first round only
        stage.wait(minutes=minutes)
        stage.read("amazon-uk")
        route_orders(stage.hub)
    assert {stage.stored(order).row["status"] for order in never} == {"held"}
    assert {stage.stored(order).row["status"] for order in whole} == {"allocated"}


def test_orders_that_the_channel_no_longer_knows_keep_no_other_from_being_asked_for(
    open_stage: OpenStage,
) -> None:
    stage = open_stage("vendure-us")
    orders = [stage.place("vendure-us", lines=ONE) for _ in range(61)]
    stage.wait(minutes=15)
    stage.read("vendure-us")
    stage.wait(hours=2)
    gone, last = orders[:60], orders[60]
    for order in gone:
        del stage.world.orders["vendure-us", order.external_id]
    last.cancelled_at = stage.clock.now()  # nobody is told
    for _ in range(2):
        stage.read("vendure-us")
        stage.wait(minutes=5)
    assert stage.stored(last).order.state is ChannelState.CANCELLED
    assert stage.stored(gone[0]).order.state is ChannelState.OPEN


@pytest.mark.parametrize("midnight", [AUTUMN, SPRING], ids=["autumn", "spring"])
def test_s10_a_shop_with_local_times_when_the_clocks_are_changed(
    open_stage: OpenStage, midnight: datetime
) -> None:
    """Berlin lives an hour twice in October and skips one in March."""
    stage = open_stage("woo-de", start=midnight)
    placed = []
    for _ in range(16):
        placed.append(stage.place("woo-de", lines=ONE))
        stage.wait(minutes=25)
        if len(placed) % 3 == 0:
            stage.world.remove_units(placed[-3], placed[-3].lines[0].line_id, 1)
            stage.read("woo-de")
    stage.wait(hours=1)
    stage.read("woo-de")
    for order in placed:
        stored = stage.stored(order)
        assert stored.order.placed_at == order.placed_at
        assert [line["cancelled"] for line in stored.lines] == [line.removed for line in order.lines]
    assert len(stage.known()) == 16
    stage.wait(hours=3)
    stage.read("woo-de")
    assert stage.results[0].counts.records == 0


def test_s11_a_back_fill_without_the_right_to_old_orders_names_it(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu")
    stage.sandbox.vendors["shopify-eu"].scopes.remove("read_all_orders")
    window = Window(datetime(2022, 1, 1, tzinfo=UTC), stage.clock.now())
    with pytest.raises(PermissionMissing, match="read_all_orders"):
        list(stage.hub.connector("shopify-eu").read("orders_created", window))


@pytest.mark.parametrize("channel", FULL)
def test_s12_a_change_after_import_comes_with_the_next_read(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    order = stage.place(channel, lines=ONE)
    stage.wait(hours=6)
    stage.read(channel)
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=15)
    stage.read(channel)
    assert [line["cancelled"] for line in stage.stored(order).lines] == [1, 0]


@pytest.mark.parametrize("channel", FULL)
def test_s13_one_impossible_date_in_a_batch_holds_up_no_other_order(
    open_stage: OpenStage, channel: str
) -> None:
    stage = open_stage(channel)
    for _ in range(10):
        stage.place(channel)
    stage.wait(minutes=15)
    stage.sandbox.fault(channel, "broken_record")
    counts = stage.read_changes(channel)
    assert (counts.created, counts.quarantined, counts.vanished) == (9, 1, 0)
    ((reason, detail),) = stage.quarantined()
    assert reason == "impossible_date"
    assert detail
    stage.wait(minutes=1)
    stage.read(channel)
    assert len(stage.known()) == 10
    assert stage.quarantined() == []


@pytest.mark.parametrize("channel", FULL)
def test_s14_an_hour_of_throttling_delays_and_loses_nothing(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    for _ in range(20):
        stage.place(channel)
    stage.wait(minutes=15)
    stage.sandbox.fault(channel, "throttle", 30)
    before = stage.clock.now()
    while stage.clock.now() - before < timedelta(hours=1):
        stage.try_to_read(channel)
        stage.wait(minutes=5)
    stage.sandbox.vendors[channel].faults.switch_off("throttle")
    stage.wait(hours=1)
    stage.read(channel)
    assert stage.sandbox.vendors[channel].faults.struck["throttle"] > 1
    assert len(stage.known()) == 20


def test_s47_a_paid_order_arrives_although_its_update_time_does_not_move(open_stage: OpenStage) -> None:
    stage = open_stage("vendure-us")
    order = stage.place("vendure-us", payment="pending", lines=ONE)
    stage.wait(minutes=15)
    stage.read("vendure-us")
    stage.wait(hours=8)
    stage.world.pay(order)
    stage.wait(minutes=15)
    stage.read("vendure-us")
    assert stage.stored(order).order.payment_state in (PaymentState.CAPTURED, PaymentState.AUTHORIZED)
    assert stage.holds(order) == []


def test_a_bookmark_that_works_no_more_holds_a_stream_up_only_once(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu")
    order = stage.place("shopify-eu")
    stage.wait(hours=1)
    now = stage.clock.now()
    with stage.hub.store.begin() as tx:
        key = connection_id(tx, "shopify-eu")
        begin_window(tx, key, "orders", now - timedelta(hours=2), now, now)
        move_bookmark(tx, key, "orders", "a cursor of another time", records=0, now=now)
    with pytest.raises((RecordRejected, StreamBroken)):
        stage.read("shopify-eu")
    stage.read("shopify-eu")
    assert stage.knows(order)
