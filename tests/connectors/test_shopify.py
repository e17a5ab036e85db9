"""Reading orders from the imitated shop, and what it refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.channels.shopify import Shopify
from connectors.contract import Window
from connectors.errors import (
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    StreamBroken,
)
from connectors.runtime import Runtime
from normalization.channels import shopify as mapping
from normalization.errors import NormalizationError, Reason
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.vendors.shopify import ShopifyVendor
from tests.connectors.shopify_shop import BASE, CHANNEL, Shop, ids, open_shop, two_lines


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


# --- reading


def test_s07_250_orders_with_pages_of_100_are_all_read_once(shop: Shop) -> None:
    placed = {place_order(shop.world, CHANNEL).external_id for _ in range(250)}
    pages = shop.read(page_size="100")
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert sorted(ids(pages)) == sorted(placed)
    assert [page.bookmark is None for page in pages] == [False, False, True]


def test_a_bookmark_resumes_after_its_page(shop: Shop) -> None:
    for _ in range(5):
        place_order(shop.world, CHANNEL)
    window = shop.window()
    connector = shop.connect(page_size="2")
    pages = list(connector.read("orders", window))
    rest = list(connector.read("orders", window, pages[0].bookmark))
    assert ids(rest) == ids(pages[1:])


def test_s08_a_repeated_page_stops_the_read(shop: Shop) -> None:
    for _ in range(6):
        place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("repeated_page", 99)
    pages = shop.connect(page_size="2").read("orders", shop.window())
    next(pages)
    with pytest.raises(StreamBroken, match="repeats"):
        list(pages)


def test_s05_an_order_that_shows_up_late_is_found_by_the_next_window(shop: Shop) -> None:
    late = place_order(shop.world, CHANNEL, Wish(late=timedelta(minutes=8)))
    first = shop.window()
    assert ids(list(shop.connector.read("orders", first))) == []
    shop.world.now += timedelta(minutes=9)
    lookback = Shopify.streams["orders"].lookback
    next_window = Window(first.until - lookback, shop.world.now)
    assert ids(list(shop.connector.read("orders", next_window))) == [late.external_id]


def test_a_window_has_whole_seconds_and_loses_none(shop: Shop) -> None:
    shop.world.now = shop.world.now.replace(microsecond=700_000)
    placed = place_order(shop.world, CHANNEL)
    until = shop.world.now + timedelta(microseconds=100)
    found = list(shop.connector.read("orders", Window(until - timedelta(seconds=1), until)))
    assert ids(found) == [placed.external_id]


def test_an_order_without_changes_in_the_window_is_not_read(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL)
    shop.world.now += timedelta(days=3)
    assert ids(shop.read()) == []
    shop.world.remove_units(order, order.lines[0].line_id, 1)
    assert ids(shop.read()) == [order.external_id]
    assert ids(shop.read("orders_created")) == []


def test_open_orders_are_those_with_something_to_ship(shop: Shop) -> None:
    still_open, shipped, cancelled = (two_lines(shop) for _ in range(3))
    shop.world.tell(shipped, {line.line_id: line.quantity for line in shipped.lines}, "UPS", "1Z")
    shop.world.cancel(cancelled)
    assert ids(shop.read("orders_open")) == [still_open.external_id]


def test_every_line_of_a_long_order_is_read(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL, Wish(lines=[("HONEY-LIME-500", 1)] * 130))
    page = shop.read()[0]
    canonical = mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))
    assert isinstance(canonical.lines, tuple)
    assert [line.line_id for line in canonical.lines] == [line.line_id for line in order.lines]
    assert canonical == shop.canonical(order)


def test_read_one_of_an_unknown_order_says_so(shop: Shop) -> None:
    with pytest.raises(RecordMissing):
        shop.connector.read_one("orders", "gid://shopify/Order/1")


# --- refusals


def test_s14_throttling_waits_as_long_as_the_cost_needs(shop: Shop) -> None:
    place_order(shop.world, CHANNEL)
    shop.vendor.restore_rate, shop.vendor.bucket = 50, 1000
    shop.vendor.faults.switch_on("throttle", 3)
    assert len(ids(shop.read())) == 1
    asked = 10 + 4 * 50
    assert shop.clock.slept == pytest.approx([(asked - (asked - 50)) / 50] * 3)


def test_s14_a_long_throttling_is_handed_to_the_caller(shop: Shop) -> None:
    shop.vendor.faults.switch_on("throttle", 99)
    with pytest.raises(RateLimited):
        shop.read()


def test_a_low_bucket_pauses_every_caller(shop: Shop) -> None:
    paused: list[float] = []

    class Noting:
        def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None: ...

        def pause(self, bucket: str, seconds: float) -> None:
            paused.append(seconds)

    runtime = Runtime(clock=shop.clock, pacer_for=lambda *_: Noting())
    connector = Shopify(CHANNEL, {"base_url": BASE}, {"access_token": ShopifyVendor.token}, runtime)
    shop.vendor.bucket, shop.vendor.restore_rate = 250, 10
    list(connector.read("orders", shop.window()))
    assert len(paused) == 1
    assert paused[0] > 0


def test_a_query_that_costs_too_much_is_asked_in_smaller_pages(shop: Shop) -> None:
    placed = [place_order(shop.world, CHANNEL).external_id for _ in range(30)]
    shop.vendor.max_query_cost = 60
    pages = shop.read(page_size="50")
    assert ids(pages) == placed
    assert max(len(page.records) for page in pages) == 12


def test_s11_a_backfill_beyond_what_the_app_may_see_names_the_scope(shop: Shop) -> None:
    shop.vendor.scopes.remove("read_all_orders")
    window = Window(datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC))
    with pytest.raises(PermissionMissing, match="read_all_orders"):
        shop.connector.read("orders_created", window)


def test_a_missing_scope_is_named(shop: Shop) -> None:
    shop.vendor.scopes.remove("read_orders")
    with pytest.raises(PermissionMissing, match="read_orders"):
        shop.read()


def test_a_wrong_token_is_a_matter_of_credentials(shop: Shop) -> None:
    with pytest.raises(CredentialsRejected):
        list(shop.connect(token="wrong").read("orders", shop.window()))


def test_a_failing_server_is_asked_again(shop: Shop) -> None:
    place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("server_error", 2)
    assert len(ids(shop.read())) == 1


def test_s13_one_broken_order_leaves_the_others_alone(shop: Shop) -> None:
    for _ in range(3):
        place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("broken_record")
    reasons: list[Reason] = []
    good = 0
    for record in shop.read()[0].records:
        try:
            mapping.order(record.payload, Context(CHANNEL, shop.world.now))
            good += 1
        except NormalizationError as error:
            reasons.append(error.reason)
    assert (good, reasons) == (2, [Reason.IMPOSSIBLE_DATE])
