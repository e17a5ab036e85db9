"""Stock, shipments and picklists at the imitated Tryton."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
import responses

from connectors.contract import Outcome, Page, Window
from connectors.errors import AnswerLost, CredentialsRejected, RecordMissing
from connectors.runtime import Runtime
from connectors.wms.tryton import Tryton
from normalization.records import Address, Picklist, PicklistLine, StockLevel, WmsShipment
from normalization.registry import Context
from normalization.statuses import WmsState
from normalization.wms import tryton as mapping
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.vendor import VendorAnswer, VendorRequest, json_answer
from sandbox.vendors.tryton import TrytonVendor
from sandbox.world import WarehouseShipment

BASE = "https://erp.example"
WMS = "tryton-lyon"
HERE = Address(
    name="Inès Roy", street=("4 rue Mercière",), city="Lyon", postal_code="69002", country_code="FR"
)


class Warehouse:
    """A world with one Tryton, and a connector to it."""

    def __init__(self, mock: responses.RequestsMock, vendor: type[TrytonVendor] = TrytonVendor) -> None:
        self.world = build_world(3)
        self.vendor = vendor(self.world, WMS)
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.connector = self.connect()
        stock = self.world.sites["LYS"].stock
        self.sku = next(sku for sku, places in stock.items() if not places[0].lot and places[0].on_hand > 9)
        self.lot_sku = next(sku for sku, places in stock.items() if places[0].lot)

    def connect(self, key: str = TrytonVendor.key) -> Tryton:
        class Clock:
            now = staticmethod(lambda: self.world.now)
            monotonic = staticmethod(lambda: 0.0)
            sleep = staticmethod(lambda seconds: None)

        settings = {"base_url": BASE, "database": "wms", "company": "1"}
        return Tryton(WMS, settings, {"key": key}, Runtime(clock=Clock()))

    def picklist(
        self, reference: str = "H-1", ship_to: Address = HERE, units: Mapping[str, int] | None = None
    ) -> Picklist:
        wanted = units or {self.sku: 2}
        lines = tuple(PicklistLine(line_id=sku, sku=sku, quantity=count) for sku, count in wanted.items())
        return Picklist(
            reference=reference,
            warehouse="LYS",
            site="LYS",
            order_number="1",
            placed_at=self.world.now,
            lines=lines,
            ship_to=ship_to,
        )

    def push(self, picklist: Picklist) -> WmsShipment:
        body = mapping.push_picklist(picklist)
        result = self.connector.write("push_picklist", body, picklist.reference)
        assert result.outcome is Outcome.APPLIED
        return self.shipment(result.vendor_ref or "")

    def shipment(self, wms_id: str) -> WmsShipment:
        page = self.connector.read_one("shipments", wms_id)
        return mapping.shipment(page.records[0].payload, Context(WMS, page.observed_at))

    def read(self, stream: str, since: timedelta = timedelta(days=1)) -> list[Page]:
        return list(self.connector.read(stream, Window(self.world.now - since, self.world.now)))

    def stock(self) -> list[StockLevel]:
        return [
            level
            for page in self.read("stock")
            for record in page.records
            for level in mapping.stock(record.payload, Context(WMS, page.observed_at))
        ]

    def made(self) -> list[WarehouseShipment]:
        return self.world.shipments_of(WMS)


class Losing(TrytonVendor):
    """Loses the answer of one write: the one that comes after so many others."""

    writes_before = -1

    def loses(self, request: VendorRequest) -> bool:
        self.writes_before -= 1
        return self.writes_before == -1


class Strict(TrytonVendor):
    """Refuses every address, and quotes it."""

    def respond(self, request: VendorRequest) -> VendorAnswer:
        if request.method == "POST" and request.path.endswith("/party.address"):
            return json_answer({"status": 400, "message": "4 rue Mercière is no street"}, 400)
        return super().respond(request)


class Crowded(TrytonVendor):
    """Is twice writing the same record for somebody else."""

    conflicts = 2

    def respond(self, request: VendorRequest) -> VendorAnswer:
        if request.path.endswith("/wait") and self.conflicts:
            self.conflicts -= 1
            return VendorAnswer(409)
        return super().respond(request)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def wms(mock: responses.RequestsMock) -> Warehouse:
    return Warehouse(mock)


# --- stock


def test_stock_is_read_by_site_bin_and_lot(wms: Warehouse) -> None:
    truth = Counter(
        {
            (site.wms_site, sku, place.bin, place.lot): place.on_hand
            for site in wms.world.sites_of(WMS)
            for sku, places in site.stock.items()
            for place in places
        }
    )
    told = {(level.site, level.sku, level.bin, level.lot): level.on_hand for level in wms.stock()}
    assert told == {key: units for key, units in truth.items() if units}


def test_stock_comes_in_pages_that_a_bookmark_resumes(wms: Warehouse) -> None:
    pages = wms.read("stock")
    assert len(pages) > 1
    rest = list(wms.connector.read("stock", Window(wms.world.now, wms.world.now), pages[0].bookmark))
    assert [page.records for page in rest] == [page.records for page in pages[1:]]


def test_a_promise_leaves_the_stock_as_it_is_and_picking_takes_it(wms: Warehouse) -> None:
    def units() -> int:
        return sum(level.on_hand for level in wms.stock() if (level.site, level.sku) == ("LYS", wms.sku))

    before = units()
    wms.push(wms.picklist())
    assert units() == before
    wms.world.set_state(wms.made()[0], "picked")
    assert units() == before - 2


# --- picklists


def test_a_picklist_gets_bins_and_lots(wms: Warehouse) -> None:
    assigned = wms.push(wms.picklist(units={wms.sku: 1, wms.lot_sku: 2}))
    assert (assigned.state, assigned.reference, assigned.site) == (WmsState.PICKING, "H-1", "LYS")
    picks = {pick.sku: pick for pick in assigned.picks or ()}
    places = {place.bin: place for place in wms.world.sites["LYS"].stock[wms.lot_sku]}
    assert picks[wms.sku].lot is None
    assert picks[wms.lot_sku].lot == places[picks[wms.lot_sku].bin or ""].lot


def test_s48_a_picklist_that_is_pushed_twice_is_one_shipment(wms: Warehouse) -> None:
    first = wms.push(wms.picklist())
    assert wms.push(wms.picklist()).wms_id == first.wms_id
    assert len(wms.made()) == 1


def test_the_vendor_itself_takes_a_reference_twice(wms: Warehouse) -> None:
    wms.push(wms.picklist())
    post = next(
        each.request
        for each in wms.exchanges
        if each.request.method == "POST" and each.request.path.endswith("/stock.shipment.out")
    )
    assert wms.vendor.handle(post).status == 200
    assert [made.reference for made in wms.made()] == ["H-1", "H-1"]


@pytest.mark.parametrize("step", range(1, 6))
def test_s35_s48_a_push_that_loses_its_answer_at_any_step_makes_one_shipment(
    mock: responses.RequestsMock, step: int
) -> None:
    """The steps are: party, address, shipment, wait, assign_try."""
    wms = Warehouse(mock, Losing)
    body = mapping.push_picklist(wms.picklist())
    wms.vendor.writes_before = step - 1  # type: ignore[attr-defined]
    with pytest.raises(AnswerLost):
        wms.connector.write("push_picklist", body, "H-1")
    connector = wms.connect()
    found = connector.look_up("push_picklist", body, "H-1")
    assert (found is not None) == (step == 5)
    assert connector.write("push_picklist", body, "H-1").outcome is Outcome.APPLIED
    (made,) = wms.made()
    assert made.state == "assigned"
    assert len(wms.vendor.models.parties) == 1
    assert len(wms.vendor.models.addresses) == 1


def test_s35_after_the_look_up_nothing_is_sent_twice(wms: Warehouse) -> None:
    body = mapping.push_picklist(wms.picklist())
    pushed = wms.connector.write("push_picklist", body, "H-1")
    assert wms.connector.look_up("push_picklist", body, "H-1") == pushed
    assert wms.connector.look_up("push_picklist", mapping.push_picklist(wms.picklist("H-2")), "H-2") is None


def test_short_stock_waits_and_is_reported_and_is_no_error(wms: Warehouse) -> None:
    short = wms.push(wms.picklist(units={wms.sku: 5000}))
    assert short.state is WmsState.WAITING
    assert short.reason == f"short of 5000 {wms.sku}"


def test_an_amendment_replaces_units_and_address(wms: Warehouse) -> None:
    pushed = wms.push(wms.picklist())
    there = Address(
        name="Inès Roy", street=("9 quai Perrache",), city="Lyon", postal_code="69002", country_code="FR"
    )
    changed = wms.picklist(ship_to=there, units={wms.sku: 1})
    body = mapping.amend_picklist(changed, pushed.wms_id)
    for _ in range(2):
        assert wms.connector.write("amend_picklist", body, "H-1").outcome is Outcome.APPLIED
    (made,) = wms.made()
    assert (made.lines, made.ship_to["street1"]) == ([(wms.sku, 1)], "9 quai Perrache")
    assert wms.shipment(pushed.wms_id).state is WmsState.PICKING


def test_a_cancellation_can_be_repeated(wms: Warehouse) -> None:
    pushed = wms.push(wms.picklist())
    body = mapping.cancel_picklist("H-1", pushed.wms_id)
    for _ in range(2):
        assert wms.connector.write("cancel_picklist", body, "H-1").outcome is Outcome.APPLIED
    assert wms.shipment(pushed.wms_id).state is WmsState.CANCELLED


@pytest.mark.parametrize("operation", ["amend_picklist", "cancel_picklist"])
@pytest.mark.parametrize("state", ["picked", "packed", "shipped"])
def test_what_is_picked_is_neither_amended_nor_cancelled(wms: Warehouse, state: str, operation: str) -> None:
    pushed = wms.push(wms.picklist())
    wms.world.set_state(wms.made()[0], state)
    body = mapping.amend_picklist(wms.picklist(), pushed.wms_id)
    result = wms.connector.write(operation, body, "H-1")
    assert result.outcome is Outcome.REJECTED
    assert wms.made()[0].state == state


def test_an_unknown_sku_or_country_is_refused_by_name(wms: Warehouse) -> None:
    body = mapping.push_picklist(wms.picklist(units={"NO-SUCH-THING": 1}))
    result = wms.connector.write("push_picklist", body, "H-1")
    assert (result.outcome, result.reason) == (
        Outcome.REJECTED,
        "Tryton knows no product with the code NO-SUCH-THING",
    )
    nowhere = Address(name="N", street=("1",), city="C", country_code="??")
    result = wms.connector.write("push_picklist", mapping.push_picklist(wms.picklist(ship_to=nowhere)), "H-1")
    assert result.outcome is Outcome.REJECTED
    assert wms.made() == []


def test_one_address_serves_every_picklist_that_goes_there(wms: Warehouse) -> None:
    wms.push(wms.picklist("H-1"))
    wms.push(wms.picklist("H-2"))
    assert len(wms.vendor.models.addresses) == 1


def test_a_region_that_tryton_does_not_know_stays_in_the_address(wms: Warehouse) -> None:
    boston = Address(
        name="A", street=("1 Road",), city="Boston", region="MA", postal_code="02108", country_code="US"
    )
    wms.push(wms.picklist(ship_to=boston))
    assert wms.made()[0].ship_to == {
        "name": "A",
        "company": None,
        "street1": "1 Road",
        "city": "Boston",
        "region": "MA",
        "postal_code": "02108",
        "country_code": "US",
    }


def test_a_refused_address_is_not_quoted(mock: responses.RequestsMock) -> None:
    wms = Warehouse(mock, Strict)
    result = wms.connector.write("push_picklist", mapping.push_picklist(wms.picklist()), "H-1")
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "Tryton refuses the delivery address")


def test_a_lost_race_for_a_record_is_run_again(mock: responses.RequestsMock) -> None:
    wms = Warehouse(mock, Crowded)
    assert wms.push(wms.picklist()).state is WmsState.PICKING


# --- shipments


def test_a_shipment_is_followed_to_its_parcel(wms: Warehouse) -> None:
    pushed = wms.push(wms.picklist())
    wms.world.now += timedelta(hours=2)
    (made,) = wms.made()
    wms.world.set_state(made, "packed")
    wms.world.ship(made, "UPS", "1Z9")
    (page,) = wms.read("shipments", since=timedelta(hours=1))
    (record,) = page.records
    shipped = mapping.shipment(record.payload, Context(WMS, page.observed_at))
    assert (shipped.state, shipped.wms_id) == (WmsState.SHIPPED, pushed.wms_id)
    (parcel,) = shipped.parcels or ()
    assert (parcel.tracking_number, parcel.carrier, parcel.shipped_at) == ("1Z9", "UPS", wms.world.now)
    assert [(line.sku, line.quantity) for line in parcel.lines] == [(wms.sku, 2)]
    assert shipped.version.key() > pushed.version.key()


def test_s07_250_shipments_with_pages_of_100_are_all_read_once(wms: Warehouse) -> None:
    made = [wms.world.accept(WMS, "LYS", f"H-{n}", [(wms.sku, 1)], {"name": "A"}).wms_id for n in range(250)]
    pages = wms.read("shipments")
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert [record.external_id for page in pages for record in page.records] == made


def test_a_change_of_moves_alone_is_read_though_write_date_stands_still(wms: Warehouse) -> None:
    short = wms.push(wms.picklist(units={wms.sku: 5000}))
    wms.world.now += timedelta(hours=2)
    body = mapping.push_picklist(wms.picklist(units={wms.sku: 5000}))
    wms.connector.write("push_picklist", body, "H-1")  # tries once more to assign
    assert wms.made()[0].updated_at < wms.world.now - timedelta(hours=1)
    pages = wms.read("shipments", since=timedelta(hours=1))
    assert [record.external_id for page in pages for record in page.records] == [short.wms_id]
    assert wms.shipment(short.wms_id).version.key() > short.version.key()


def test_a_shipment_or_bin_that_is_not_there_is_missing(wms: Warehouse) -> None:
    with pytest.raises(RecordMissing):
        wms.connector.read_one("shipments", "4711")
    with pytest.raises(RecordMissing):
        wms.connector.read_one("stock", "4711")


def test_one_bin_is_read_by_its_id(wms: Warehouse) -> None:
    record = wms.read("stock")[0].records[3]
    page = wms.connector.read_one("stock", record.external_id)
    assert page.records == (record,) or list(page.records) == [record]


def test_a_wrong_key_is_a_matter_of_credentials(wms: Warehouse) -> None:
    with pytest.raises(CredentialsRejected):
        list(wms.connect("wrong").read("stock", Window(wms.world.now, wms.world.now)))


def test_s14_throttling_and_a_failing_proxy_are_waited_out(wms: Warehouse) -> None:
    wms.push(wms.picklist())
    wms.vendor.faults.switch_on("throttle", 2)
    wms.vendor.faults.switch_on("server_error", 2)
    assert len(wms.read("shipments")[0].records) == 1
