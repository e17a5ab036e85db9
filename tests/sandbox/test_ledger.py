"""The truth's own books, and a hub that is wrong in one figure at a time."""

import copy
from collections.abc import Callable

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.comparison import LINE_FIGURES, ORDER_FIGURES, Divergence, compare
from sandbox.ledger import Figures, ledger, summary
from sandbox.merchant import build_world
from sandbox.world import Scan, ShopOrder, WarehouseShipment, World

KIT = [("KIT-TASTING", 2), ("CUP-GLAZE-BLUE", 3)]


def address(order: ShopOrder) -> dict[str, str | None]:
    home = order.ship_to
    return {"name": home.name, "address": ", ".join((*home.street, f"{home.postal_code} {home.city}"))}


def send(world: World, order: ShopOrder, lines: list[tuple[str, int]], to: ShopOrder) -> WarehouseShipment:
    """A parcel that says it is for one order and goes to the buyer of another (or of the same)."""
    shipment = world.accept("tryton-lyon", "LYS", f"for {order.number}", lines, address(to))
    assert world.assign(shipment)
    world.set_state(shipment, "packed")
    world.ship(shipment, "DHL", f"JD{shipment.serial}")
    return shipment


@pytest.fixture
def kit_order() -> tuple[World, ShopOrder]:
    world = build_world(7, plenty=True)
    return world, place_order(world, "woo-de", Wish(lines=KIT, payment="captured", country="DE"))


@pytest.fixture(scope="module")
def truth() -> Figures:
    """Four channels where everything that must occur has occurred."""
    world = build_world(8, plenty=True)
    for channel in ("shopify-eu", "amazon-uk", "woo-de", "vendure-us"):
        for quantity in (2, 3):
            wish = Wish(lines=[("SPOON-BRASS", quantity), ("WHISK-BAMBOO", 1)], payment="captured")
            order = place_order(world, channel, wish)
            order.by_channel = False
            spoons, whisk = (line.line_id for line in order.lines)
            world.remove_units(order, whisk, 1)
            shipment = send(world, order, [("SPOON-BRASS", quantity)], order)
            world.tell(order, {spoons: quantity}, "DHL", shipment.tracking_number)
            world.refund(order, {spoons: 1}, "unwanted", restock=True)
    for parcel in world.parcels.values():
        parcel.scans.append(Scan(world.now, "delivered", "Somewhere", None, "DE"))
    return ledger(world)


def test_a_hub_that_agrees_has_no_divergence(truth: Figures) -> None:
    assert compare(truth, copy.deepcopy(truth)) == []


def test_the_order_of_orders_lines_and_numbers_does_not_matter(truth: Figures) -> None:
    hub = copy.deepcopy(truth)
    hub["orders"] = list(reversed(hub["orders"]))
    for order in hub["orders"]:
        order["lines"] = tuple(reversed(order["lines"]))
    assert compare(truth, hub) == []


def changed(value: object) -> object:
    if isinstance(value, int):
        return value + 1
    return "wrong" if isinstance(value, str) else ["wrong"]


@pytest.mark.parametrize("figure", ORDER_FIGURES)
def test_one_wrong_figure_of_an_order_is_found(truth: Figures, figure: str) -> None:
    hub = copy.deepcopy(truth)
    order = hub["orders"][3]
    order[figure] = changed(order[figure])  # type: ignore[literal-required]
    found = compare(truth, hub)
    assert [(one.connection, one.external_id, one.line_id, one.figure) for one in found] == [
        (order["connection"], order["external_id"], "", figure)
    ]
    assert figure in str(found[0])


@pytest.mark.parametrize("figure", LINE_FIGURES)
def test_one_wrong_figure_of_a_line_is_found(truth: Figures, figure: str) -> None:
    hub = copy.deepcopy(truth)
    order = hub["orders"][5]
    line = order["lines"][0]
    line[figure] = changed(line[figure])  # type: ignore[literal-required]
    found = compare(truth, hub)
    assert [(one.external_id, one.line_id, one.figure) for one in found] == [
        (order["external_id"], line["line_id"], figure)
    ]


def test_only_refunds_and_returns_may_be_unknown(truth: Figures) -> None:
    hub = copy.deepcopy(truth)
    for order in hub["orders"]:
        order["refunded"] = None
        order["lines"][0]["returned"] = None
    assert compare(truth, hub) == []
    hub["orders"][0]["lines"][0]["shipped"] = None  # type: ignore[typeddict-item]
    assert [one.figure for one in compare(truth, hub)] == ["shipped"]


def drop_order(hub: Figures) -> None:
    hub["orders"] = hub["orders"][1:]


def drop_line(hub: Figures) -> None:
    hub["orders"][0]["lines"] = hub["orders"][0]["lines"][1:]


def repeat_order(hub: Figures) -> None:
    hub["orders"] = [*hub["orders"], hub["orders"][0]]


def invent_order(hub: Figures) -> None:
    invented = copy.deepcopy(hub["orders"][0])
    invented["external_id"] = "invented"
    hub["orders"] = [*hub["orders"], invented]


@pytest.mark.parametrize(
    ("wrong", "figure"),
    [(drop_order, "order"), (drop_line, "line"), (repeat_order, "order"), (invent_order, "order")],
)
def test_what_only_one_side_has_is_found(
    truth: Figures, wrong: Callable[[Figures], None], figure: str
) -> None:
    hub = copy.deepcopy(truth)
    wrong(hub)
    assert [one.figure for one in compare(truth, hub)] == [figure]


@pytest.mark.parametrize(
    "figure", ["ordered", "cancelled", "shipped", "delivered", "confirmed", "total"], ids=str
)
def test_agreeing_on_nothing_is_a_divergence(truth: Figures, figure: str) -> None:
    nothing = copy.deepcopy(truth)
    for order in nothing["orders"]:
        if order["connection"] == "woo-de":
            order["total"] = 0 if figure == "total" else order["total"]
            for line in order["lines"]:
                line[figure] = 0  # type: ignore[literal-required]
    name = "amount" if figure == "total" else figure
    assert Divergence("woo-de", "", "", f"sum of {name}", 0, None) in compare(nothing, nothing)


def test_two_empty_sides_are_a_divergence() -> None:
    nothing = Figures(orders=[], stray_parcels=[], surplus={})
    assert compare(nothing, nothing)


def test_a_kit_has_left_when_all_its_components_have(kit_order: tuple[World, ShopOrder]) -> None:
    world, order = kit_order
    components = list(world.kits["KIT-TASTING"].components)
    send(world, order, [(sku, 2) for sku in components[:-1]], order)
    kit, cups = ledger(world)["orders"][0]["lines"]
    assert (kit["shipped"], cups["shipped"]) == (0, 0)
    send(world, order, [(components[-1], 1), ("CUP-GLAZE-BLUE", 3)], order)
    kit, cups = ledger(world)["orders"][0]["lines"]
    assert (kit["shipped"], cups["shipped"]) == (1, 3)


def test_a_parcel_counts_for_whom_it_reaches_not_for_what_is_written_on_it(
    kit_order: tuple[World, ShopOrder],
) -> None:
    world, order = kit_order
    other = place_order(world, "woo-de", Wish(lines=[("CUP-GLAZE-BLUE", 3)], payment="captured"))
    send(world, order, [("CUP-GLAZE-BLUE", 3)], to=other)
    figures = ledger(world)
    assert [line["shipped"] for line in figures["orders"][0]["lines"]] == [0, 0]
    assert [line["shipped"] for line in figures["orders"][1]["lines"]] == [3]


def test_goods_that_nobody_ordered_and_parcels_to_nobody_are_divergences(
    kit_order: tuple[World, ShopOrder],
) -> None:
    world, order = kit_order
    send(world, order, [("CUP-GLAZE-BLUE", 5)], order)
    lost = world.accept("tryton-lyon", "LYS", "x", [("CUP-GLAZE-BLUE", 1)], {"name": "Nobody 1"})
    assert world.assign(lost)
    world.ship(lost, "DHL", "JD-LOST")
    figures = ledger(world)
    found = {one.figure for one in compare(figures, figures, must_occur=())}
    assert found == {"CUP-GLAZE-BLUE sent and not ordered", "parcel JD-LOST reached nobody who ordered"}


def test_what_others_told_the_channel_is_not_the_hub_s(kit_order: tuple[World, ShopOrder]) -> None:
    world, order = kit_order
    kit = order.lines[0].line_id
    world.tell(order, {kit: 1}, "DHL", "1", by_hub=False)
    world.tell(order, {kit: 1}, "DHL", "2")
    figures = ledger(world)["orders"][0]
    assert figures["lines"][0]["confirmed"] == 1
    assert figures["told_tracking_numbers"] == ["2"]


def test_the_summary_adds_up(truth: Figures) -> None:
    sums = summary(truth)
    assert set(sums) == {"shopify-eu", "amazon-uk", "woo-de", "vendure-us"}
    for of_connection in sums.values():
        assert of_connection["orders"] == of_connection["parcels"] == 2
        assert of_connection["ordered"] == 7
        assert of_connection["shipped"] == of_connection["delivered"] == of_connection["confirmed"] == 5
        assert (of_connection["cancelled"], of_connection["returned"]) == (2, 2)
