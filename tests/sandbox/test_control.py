"""The sandbox's own API, as a person or a script uses it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox.process import ControlClient
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.vendor import Vendor
from sandbox.world import World


@pytest.fixture
def control(world: World, echo: Vendor) -> Iterator[ControlClient]:
    simulation = Simulation(world, fickle=False)
    with Sandbox(world=world, vendors={"echo": echo}, simulation=simulation) as sandbox:
        client = ControlClient(sandbox.url)
        yield client
        client.close()


def place(control: ControlClient, **wish: object) -> str:
    answer = control.post("orders", {"channel": "woo-de", "payment": "captured", **wish})
    return str(answer["orders"][0]["external_id"])


def change(control: ControlClient, external_id: str, kind: str, **details: object) -> None:
    control.post(
        "orders/change", {"channel": "woo-de", "external_id": external_id, "change": kind, **details}
    )


def test_the_clock_moves_only_when_told(control: ControlClient, world: World) -> None:
    before = control.now()
    assert before == control.now() == world.now
    control.advance(timedelta(hours=3, minutes=7))
    assert control.now() - before == timedelta(hours=3, minutes=7)


def test_orders_are_placed_as_wished(control: ControlClient, world: World) -> None:
    wished = place(control, lines=[["SPOON-BRASS", 4]], country="AT", discount_rate="0.2", late_minutes=9)
    order = world.orders["woo-de", wished]
    assert [(line.channel_sku, line.quantity) for line in order.lines] == [("SPOON-BRASS", 4)]
    assert order.ship_to.country_code == "AT"
    assert order.visible_at - order.placed_at == timedelta(minutes=9)
    assert len(control.post("orders", {"channel": "amazon-uk", "count": 5})["orders"]) == 5
    assert control.get("state")["orders"] == {"woo-de": 1, "amazon-uk": 5}


def test_orders_are_changed(control: ControlClient, world: World) -> None:
    wished = place(control, lines=[["SPOON-BRASS", 4], ["WHISK-BAMBOO", 1]], payment="pending")
    order = world.orders["woo-de", wished]
    spoons, street = order.lines[0].line_id, order.ship_to.street
    change(control, wished, "pay")
    change(control, wished, "remove_units", line_id=spoons, units=1)
    change(control, wished, "move_house")
    change(control, wished, "refund", lines={spoons: 1}, reason="damaged", restock=True)
    assert (order.payment, order.lines[0].current, order.lines[0].returned) == ("captured", 3, 1)
    assert order.ship_to.street != street
    change(control, wished, "cancel")
    assert order.cancelled_at


def test_faults_are_switched_on_counted_and_off(control: ControlClient, echo: Vendor) -> None:
    control.post("faults", {"connection": "echo", "kind": "throttle", "times": 2})
    assert echo.faults.strikes("throttle")
    assert control.get("faults") == {"echo": {"throttle": 1}}
    control.post("faults", {"connection": "echo", "kind": "throttle", "times": 0})
    assert not echo.faults.strikes("throttle")


def test_the_ledger_is_there_for_whoever_compares(control: ControlClient) -> None:
    wished = place(control, lines=[["SPOON-BRASS", 4]])
    (order,) = control.get("ledger")["orders"]
    assert (order["external_id"], order["lines"][0]["ordered"]) == (wished, 4)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("faults", {"connection": "echo", "kind": "gremlins"}, "there are"),
        ("faults", {"connection": "nobody", "kind": "throttle"}, "nobody"),
        ("orders", {"channel": "nobody"}, "nobody"),
        ("orders", {"channel": "woo-de", "colour": "red"}, "colour"),
        ("orders/change", {"channel": "woo-de", "external_id": "0", "change": "cancel"}, "KeyError"),
        ("nonsense", {}, "there are"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    control: ControlClient, path: str, body: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        control.post(path, body)
