"""Each imbalance, planted by SQL: it is seen, it holds the order or the SKU concerned alone, and it ends."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from order_store.imbalances import IMBALANCE, standing_imbalances
from order_store.stock import available_stock, take
from order_store.verdicts import holds_of
from pipelines.problems import ProblemError
from pipelines.services.balance import balance_books
from pipelines.services.conservation import RULES, all_violations
from pipelines.services.dispatch import dispatch
from pipelines.services.kpis import build_kpis
from pipelines.services.outcomes import ask_to_cancel
from pipelines.services.route import route_orders
from pipelines.services.verify import verify_orders

OpenDesk = Callable[..., Any]
SPOON, WHISK = "SPOON-BRASS", "WHISK-BAMBOO"
CHANNEL, WMS, SITE = "shopify-eu", "tryton-lyon", "LYS"

LINE = "UPDATE order_lines SET {} WHERE order_id = :order AND line_no = 0"
ORDER = "UPDATE orders SET {} WHERE id = :order"
POSITION = f"UPDATE stock_positions SET {{}} WHERE warehouse = '{SITE}' AND sku = '{SPOON}'"
REFUND = (
    "INSERT INTO refunds (order_id, no, refund_id, amount_minor, currency, reason)"
    " SELECT id, 7, 'x', 999999, currency, 'other' FROM orders WHERE id = :order"
)
ORDERS = [
    ("units", LINE.format("shipped = shipped + 1"), LINE.format("shipped = shipped - 1")),
    ("units", LINE.format("cancelled = 9"), LINE.format("cancelled = 0")),
    ("units", LINE.format("fulfilled = 9"), LINE.format("fulfilled = 0")),
    ("units", LINE.format("delivered = 1"), LINE.format("delivered = 0")),
    ("allocated", LINE.format("allocated = allocated + 1"), LINE.format("allocated = allocated - 1")),
    ("allocated", LINE.format("allocated = 0"), LINE.format("allocated = 2")),
    ("over_allocated", LINE.format("cancelled = 1"), LINE.format("cancelled = 0")),
    (
        "kits",
        "UPDATE allocations SET units = 3 WHERE order_id = :order",
        "UPDATE allocations SET units = 2 WHERE order_id = :order",
    ),
    ("money", ORDER.format("total_minor = total_minor + 1"), ORDER.format("total_minor = total_minor - 1")),
    ("units", LINE.format("returned = 500"), LINE.format("returned = 0")),
    ("money", ORDER.format("tax_minor = tax_minor + 5000"), ORDER.format("tax_minor = tax_minor - 5000")),
    (
        "money",
        ORDER.format("shipping_minor = shipping_minor + 900"),
        ORDER.format("shipping_minor = shipping_minor - 900"),
    ),
    (
        "money",
        ORDER.format("discount_minor = discount_minor + 77"),
        ORDER.format("discount_minor = discount_minor - 77"),
    ),
    ("refunds", ORDER.format("refunded_minor = 99999999"), ORDER.format("refunded_minor = 0")),
    (
        "line_money",
        LINE.format("discount_minor = discount_minor + 1"),
        LINE.format("discount_minor = discount_minor - 1"),
    ),
    ("line_money", LINE.format("tax_minor = tax_minor + 1"), LINE.format("tax_minor = tax_minor - 1")),
    ("refunds", REFUND, "DELETE FROM refunds WHERE order_id = :order AND no = 7"),
]
STOCK = [
    ("reserved", POSITION.format("reserved = reserved + 1"), POSITION.format("reserved = reserved - 1")),
    ("oversold", POSITION.format("on_hand = on_hand - 99"), POSITION.format("on_hand = on_hand + 99")),
    ("bins", POSITION.format("on_hand = on_hand + 5"), POSITION.format("on_hand = on_hand - 5")),
]


def run(desk: Any, statement: str, **values: object) -> None:  # noqa: ANN401
    with desk.hub.store.begin() as tx:
        tx.execute(text(statement), values)


def rules(desk: Any) -> set[str]:  # noqa: ANN401
    with desk.hub.store.read() as tx:
        return {one.rule for one in all_violations(tx)}


def imbalances_of(desk: Any, order_id: int) -> list[str]:  # noqa: ANN401
    with desk.hub.store.read() as tx:
        return [one.detail for one in holds_of(tx, order_id) if one.code == IMBALANCE and not one.released_at]


@pytest.mark.parametrize(("rule", "plant", "mend"), ORDERS)
def test_an_order_that_does_not_balance_is_held_alone_and_released_by_itself(
    open_desk: OpenDesk, rule: str, plant: str, mend: str
) -> None:
    desk = open_desk(CHANNEL, WMS)
    order, other = desk.place(CHANNEL, (SPOON, 2)), desk.place(CHANNEL, (SPOON, 2))
    desk.allocate(order, SITE)
    desk.allocate(other, SITE)
    assert balance_books(desk.hub).orders == 0
    run(desk, plant, order=desk.order_id(order))
    assert rule in rules(desk)
    assert balance_books(desk.hub).orders == 1
    assert balance_books(desk.hub).held == 0  # it stands once
    held = imbalances_of(desk, desk.order_id(order))
    assert any(detail.startswith(f"{rule}: ") and "Remedy: " in detail for detail in held)
    assert imbalances_of(desk, desk.order_id(other)) == []
    verify_orders(desk.hub)  # verification leaves this hold alone
    assert imbalances_of(desk, desk.order_id(order)) == held
    with pytest.raises(ProblemError, match="nothing is published"):
        build_kpis(desk.hub, "test")
    desk.wait(minutes=1)
    assert dispatch(desk.hub, WMS).applied == 1
    assert len(desk.shipments(WMS)) == 1  # the other order's
    run(desk, mend, order=desk.order_id(order))
    assert balance_books(desk.hub).released >= 1
    assert imbalances_of(desk, desk.order_id(order)) == []
    assert rule not in rules(desk)
    assert dispatch(desk.hub, WMS).applied == 1
    kinds = desk.events(order)
    assert kinds.index("held") < kinds.index("released") < kinds.index("picklist_accepted")


def test_a_held_order_is_not_routed(open_desk: OpenDesk) -> None:
    desk = open_desk(CHANNEL, WMS)
    order, other = desk.place(CHANNEL, (SPOON, 2)), desk.place(CHANNEL, (SPOON, 2))
    picklist = desk.allocate(desk.place(CHANNEL, (WHISK, 1)), SITE)  # stock is known
    assert picklist
    run(desk, ORDER.format("total_minor = total_minor + 1"), order=desk.order_id(order))
    balance_books(desk.hub)
    assert desk.stored(order).row["status"] == "held"
    assert route_orders(desk.hub).allocated == 1
    assert desk.stored(other).row["status"] == "allocated"
    run(desk, ORDER.format("total_minor = total_minor - 1"), order=desk.order_id(order))
    balance_books(desk.hub)
    assert route_orders(desk.hub).allocated == 1


@pytest.mark.parametrize(("rule", "plant", "mend"), STOCK)
def test_a_sku_that_does_not_balance_takes_part_in_no_routing(
    open_desk: OpenDesk, rule: str, plant: str, mend: str
) -> None:
    desk = open_desk(CHANNEL, WMS)
    desk.allocate(desk.place(CHANNEL, (SPOON, 2)), SITE)
    assert balance_books(desk.hub).skus == 0
    run(desk, plant)
    assert rule in rules(desk)
    assert balance_books(desk.hub).skus == 1
    with desk.hub.store.begin() as tx:
        assert (SITE, SPOON) not in available_stock(tx)
        assert (SITE, WHISK) in available_stock(tx)
        assert not take(tx, {(SITE, SPOON): 1})
        assert all(one.sku == SPOON and "Remedy: " in one.detail for one in standing_imbalances(tx))
    waiting = desk.place(CHANNEL, (SPOON, 1))
    route_orders(desk.hub)
    assert desk.stored(waiting).row["status"] == "backordered"
    run(desk, mend)
    assert balance_books(desk.hub).released >= 1
    route_orders(desk.hub)
    assert desk.stored(waiting).row["status"] == "allocated"


def test_a_sku_that_fails_at_two_warehouses_is_held_everywhere(open_desk: OpenDesk) -> None:
    desk = open_desk(CHANNEL, WMS)
    for site in ("LYS", "BER"):
        desk.allocate(desk.place(CHANNEL, (WHISK, 1)), site)
    run(
        desk, f"UPDATE stock_positions SET reserved = 7 WHERE sku = '{SPOON}' AND warehouse IN ('LYS', 'BER')"
    )
    assert balance_books(desk.hub).skus == 3
    with desk.hub.store.read() as tx:
        assert not [place for place in available_stock(tx) if place[1] == SPOON]
    run(desk, f"UPDATE stock_positions SET reserved = 0 WHERE sku = '{SPOON}'")
    assert balance_books(desk.hub).released == 3


def test_a_buyer_s_cancellation_goes_out_though_the_order_is_held(open_desk: OpenDesk) -> None:
    """It stops goods; nothing else of the order goes out."""
    desk = open_desk(CHANNEL, WMS)
    order = desk.place(CHANNEL, (SPOON, 2))
    picklist = desk.allocate(order, SITE)
    desk.wait(minutes=1)
    assert dispatch(desk.hub, WMS).applied == 1
    run(desk, ORDER.format("total_minor = 1"), order=desk.order_id(order))
    balance_books(desk.hub)
    with desk.hub.store.begin() as tx:
        ask_to_cancel(tx, desk.picklist(picklist), desk.hub.clock.now(), "the buyer cancelled")
    desk.wait(minutes=1)
    assert dispatch(desk.hub, WMS).applied == 1


def test_every_rule_can_be_broken_or_is_kept_by_the_database() -> None:
    planted = {rule for rule, _, _ in (*ORDERS, *STOCK)}
    assert set(RULES) - planted == {"once"}  # the outbox's unique key: no second row can be written
