"""From a buyer's checkout in a real shop to the KPI tables, through a real warehouse and back."""

from collections.abc import Iterator

import duckdb
import pytest
from sqlalchemy import select

from normalization.statuses import PaymentState
from order_store.orders import find_order
from order_store.schema.fulfilment import parcels, stock_bins, stock_positions
from pipelines.services.conservation import RULES, violations
from tests.real import shop_owner
from tests.real.hub_files import SHOP, WAREHOUSE
from tests.real.selling_day import ON_THE_WAY, TAKEN_BACK, WISHES, SellingDay, selling_day
from tests.real.servers import Servers

pytestmark = pytest.mark.real

WANTED = {
    name: {sku: units - (TAKEN_BACK.get(sku, 0) if name == "edited" else 0) for sku, units in wishes.items()}
    for name, wishes in WISHES.items()
}
"""What the buyers want in the end."""
SENT = {"mixed": 1, "edited": 2, "late": 1}
"""The sequence of the picklist that each order left with."""


@pytest.fixture(scope="module")
def day(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SellingDay]:
    with selling_day(servers, tmp_path_factory.mktemp("hub")) as played:
        yield played


def test_the_warehouse_is_asked_for_paid_orders_and_chooses_bins_and_lots(day: SellingDay) -> None:
    assert set(day.asked_at_first) == {day.reference("mixed"), day.reference("edited")}
    mixed = day.asked_at_first[day.reference("mixed")]
    assert mixed.state == "assigned"
    assert mixed.picks == {
        ("CUP-WHITE", "A-01", None): 2,
        ("COFFEE-DARK", "A-02", "COF-2603"): 20,
        ("COFFEE-DARK", "A-02", "COF-2604"): 5,
    }


def test_s47_an_order_that_is_paid_later_is_shipped_though_its_update_time_stands_still(
    day: SellingDay,
) -> None:
    assert day.updated_at["paid"] == day.updated_at["promised"]
    late = day.asked_at_last[day.reference("late")]
    assert (late.state, late.picks) == ("assigned", {("BOOK-TREES", "B-01", None): 1})


def test_s42_a_unit_that_the_buyer_takes_back_never_leaves(day: SellingDay) -> None:
    first, second = day.reference("edited", 1), day.reference("edited", 2)
    assert day.asked_at_first[first].picks["CUP-WHITE", "A-01", None] == 4
    assert day.asked_at_last[first].state == "cancelled"
    assert day.asked_at_last[second].picks == {
        ("BOOK-TREES", "B-01", None): 3,
        ("CUP-WHITE", "A-01", None): 3,
    }
    with day.hub.store.read() as tx:
        stored = find_order(tx, SHOP, day.ids["edited"])
    assert stored is not None
    assert {line["sku"]: line["cancelled"] for line in stored.lines} == {"BOOK-TREES": 0, "CUP-WHITE": 1}
    assert stored.order.payment_state is PaymentState.PARTIALLY_REFUNDED


def test_the_printed_picklist_tells_the_picker_bins_and_lots(day: SellingDay) -> None:
    sent = {day.reference(name, sequence) for name, sequence in SENT.items()}
    assert sent <= set(day.papers)
    paper = day.papers[day.reference("mixed")]
    for text in ("Boston", "A-01", "CUP-WHITE", "A-02", "COFFEE-DARK", "COF-2603", "COF-2604"):
        assert text in paper
    assert "Nakamura" not in paper


@pytest.mark.parametrize("name", list(WISHES))
def test_the_shop_shows_what_left_with_its_tracking_number(day: SellingDay, name: str) -> None:
    order, reference = day.in_shop[name], day.reference(name, SENT[name])
    shipment = next(one for one in day.floor.shipments() if one.reference == reference)
    assert shipment.state == "done"
    (tracking_number,) = shipment.tracking_numbers
    assert order["state"] == "Shipped"
    assert shop_owner.fulfilled(order) == [("Shipped", "UPS", tracking_number, WANTED[name])]


def test_orders_are_shipped_then_delivered_as_the_carrier_says(day: SellingDay) -> None:
    assert set(day.in_hub_shipped.values()) == {"shipped"}
    assert set(day.in_hub_delivered.values()) == {"delivered"}


def test_s16_more_rounds_change_nothing_anywhere(day: SellingDay) -> None:
    assert day.two_rounds_later == day.settled
    references = day.settled["shipments in the warehouse"]
    assert len(set(references)) == len(references)


def test_the_hub_knows_the_stock_of_every_bin_and_lot(day: SellingDay) -> None:
    with day.hub.store.read() as tx:
        known = {
            (row.sku, row.bin, row.lot or None): row.on_hand
            for row in tx.execute(select(stock_bins).where(stock_bins.c.warehouse == WAREHOUSE))
        }
        reserved: set[int] = set(tx.scalars(select(stock_positions.c.reserved)))
    assert known == day.floor.stock()
    assert known["COFFEE-DARK", "A-02", "COF-2604"] == 15
    assert reserved == {0}


@pytest.mark.parametrize("rule", RULES)
def test_everything_adds_up_in_the_end(day: SellingDay, rule: str) -> None:
    with day.hub.store.read() as tx:
        assert violations(tx, rule) == []


def test_the_kpi_tables_tell_of_the_day(day: SellingDay) -> None:
    assert day.kpis.published
    units = sum(sum(wanted.values()) for wanted in WANTED.values())
    with duckdb.connect(str(day.kpis.file), read_only=True) as kpis:

        def sums(table: str, *columns: str) -> tuple[int, ...]:
            """The sums of columns over the rows of the warehouse, whatever days they are of."""
            wanted = ", ".join(f"sum({column})" for column in columns)
            where = f"channel = '{SHOP}' AND warehouse = '{WAREHOUSE}' AND carrier = 'UPS'"
            (row,) = kpis.execute(f"SELECT {wanted} FROM {table} WHERE {where}").fetchall()
            return tuple(int(value) for value in row)

        revenue = sum(order["total"] for order in day.in_shop.values())
        assert sums("kpi_orders", "orders", "orders_cancelled", "units", "revenue_minor") == (
            *(3, 0, units),
            revenue,
        )
        assert sums("kpi_on_time_dispatch", "parcels_on_time", "parcels_dispatched") == (3, 3)
        ordered = units + sum(TAKEN_BACK.values())
        assert sums("kpi_fill_rate", "units_filled", "units_ordered") == (units, ordered)
        assert sums("kpi_backorder_rate", "lines_backordered", "lines_routed") == (0, 5)
        assert sums("kpi_split_rate", "orders_split", "orders_allocated") == (0, 3)
        assert sums("kpi_picking_accuracy", "orders_right", "orders_shipped") == (3, 3)
        assert sums("kpi_rate_of_return", "units_returned", "units_shipped") == (0, units)
        delivered, seconds = sums("kpi_order_lead_time", "orders_delivered", "lead_time_seconds")
        assert delivered == 3
        assert seconds >= 3 * ON_THE_WAY.total_seconds()
        lots = kpis.execute(
            "SELECT lot, sum(quantity) FROM fct_shipment_lines WHERE sku = 'COFFEE-DARK' GROUP BY lot"
        ).fetchall()
        assert sorted(lots) == [("COF-2603", 20), ("COF-2604", 5)]


def test_every_parcel_was_told_to_the_shop_once(day: SellingDay) -> None:
    with day.hub.store.read() as tx:
        told = tx.execute(select(parcels.c.tracking_number, parcels.c.confirmed_at)).all()
    assert len(told) == 3
    assert all(row.confirmed_at for row in told)
