"""A shop on the sandbox's world, and a connector that talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import requests
import responses

from connectors.channels.shopify import Shopify
from connectors.contract import Page, Window
from connectors.runtime import Runtime
from normalization.channels import shopify as mapping
from normalization.records import (
    Cancellation,
    CanonicalOrder,
    LineCancellation,
    LineQuantity,
    ShipmentConfirmation,
)
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorRequest
from sandbox.vendors.shopify import ShopifyVendor
from sandbox.world import ShopOrder, World

BASE = "https://shop.example"
CHANNEL = "shopify-eu"
REASON = "out of stock since 2026-10-01"


class WorldClock:
    """The world's time; sleeping is noted, and lets the world go on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Shop:
    """A world with one shop, and a connector to it; the answer to a request that says `losing` is lost."""

    def __init__(self) -> None:
        self.world = build_world(plenty=True)
        self.vendor = ShopifyVendor(self.world, CHANNEL)
        self.clock = WorldClock(self.world)
        self.connector = self.connect()
        self.seen: list[VendorRequest] = []
        self.losing = ""

    def connect(self, token: str = ShopifyVendor.token, **settings: str) -> Shopify:
        return Shopify(
            CHANNEL, {"base_url": BASE, **settings}, {"access_token": token}, Runtime(clock=self.clock)
        )

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        body = request.body if isinstance(request.body, bytes) else b""
        asked = VendorRequest("POST", request.path_url, "", dict(request.headers), body)
        self.seen.append(asked)
        if self.losing and self.losing.encode() in body:
            self.losing = ""
            self.vendor.faults.switch_on("lost_answer")
        answer = self.vendor.handle(asked)
        if answer.lost:
            raise requests.ConnectionError("Connection aborted")
        return answer.status, dict(answer.headers), answer.body

    def window(self) -> Window:
        return Window(self.world.now - timedelta(days=1), self.world.now + timedelta(minutes=1))

    def read(self, stream: str = "orders", **settings: str) -> list[Page]:
        return list(self.connect(**settings).read(stream, self.window()))

    def canonical(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def confirmation(self, order: ShopOrder, units: dict[str, int], number: str | None) -> object:
        return mapping.confirm_shipment(
            ShipmentConfirmation(
                reference="r1",
                external_id=order.external_id,
                number=order.number,
                sequence=1,
                lines=tuple(LineQuantity(line_id=line, quantity=n) for line, n in units.items()),
                carrier="UPS",
                tracking_number=number,
                shipped_at=self.world.now,
                complete=True,
            )
        )

    def cancellation(self, order: ShopOrder, remaining: dict[str, int], reason: str = REASON) -> object:
        """What asks the shop to leave so many units of lines."""
        return mapping.cancel_lines(
            Cancellation(
                reference="c1",
                external_id=order.external_id,
                number=order.number,
                lines=tuple(
                    LineCancellation(line_id=line_id, units=1, remaining=left)
                    for line_id, left in remaining.items()
                ),
                reason=reason,
                whole=all(remaining.get(line.line_id) == 0 for line in order.lines),
            )
        )


def ids(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


def two_lines(shop: Shop, **wish: object) -> ShopOrder:
    order = place_order(
        shop.world,
        CHANNEL,
        Wish(lines=[("FLASK-STEEL-10", 2), ("HONEY-LIME-500", 3)], **wish),  # type: ignore[arg-type]
    )
    shop.world.now += timedelta(seconds=1)
    return order


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop whose requests go to the imitated vendor."""
    made = Shop()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as vendor:
        vendor.add_callback(responses.POST, f"{BASE}/admin/api/2026-10/graphql.json", callback=made.answer)
        yield made
