"""S02: whatever the sequence in which versions arrive, and however often, the end is the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from normalization.records import Address, CanonicalOrder, OrderLine, Refund
from normalization.statuses import ChannelState, PaymentState
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.merging import KnownOrder, merge
from order_store.orders import apply_orders, find_order
from order_store.versions import DATASETS, versions_of
from tests.order_store.conftest import NOW
from tests.order_store.samples import eur, line, order

PLACE = Address(city="Leeds", region="West Yorkshire", postal_code="LS1 4DY", country_code="GB")


def here(**more: Any) -> Address:  # noqa: ANN401
    """An address in PLACE, or elsewhere if `more` says so."""
    return msgspec.structs.replace(PLACE, **more)


@st.composite
def order_versions(draw: st.DrawFn) -> CanonicalOrder:
    number = draw(st.integers(1, 6))
    seed = number * 7  # one version always says the same
    lines = st.lists(
        st.builds(
            lambda line_id, ordered, cancelled: line(
                line_id, ordered, min(ordered, cancelled), title=f"{line_id} in {number}"
            ),
            st.sampled_from("abc"),
            st.integers(0, 4),
            st.integers(0, 4),
        ),
        max_size=3,
        unique_by=lambda one: one.line_id,
    ).map(tuple)
    values: dict[str, Any] = {
        "lines": draw(st.one_of(st.just(UNSET), lines)),
        "state": draw(st.sampled_from([ChannelState.OPEN, ChannelState.CANCELLED])),
        "payment_state": draw(st.sampled_from([PaymentState.PENDING, PaymentState.CAPTURED])),
        "refunds": draw(
            st.sampled_from([UNSET, (), (Refund(refund_id=f"r{seed}", amount=eur(seed), reason_text="x"),)])
        ),
        "notes": draw(st.sampled_from([UNSET, None, f"note {seed}"])),
    }
    values["ship_to"] = draw(
        st.sampled_from([UNSET, PLACE, here(name=f"Ann {seed}", street=("High Street 1",))])
    )
    for name in ("totals", "payments"):
        if draw(st.booleans()):
            values[name] = UNSET
    return order(number=number, **values)


histories = st.lists(order_versions(), min_size=1, max_size=5, unique_by=lambda one: one.version)


def merged(versions: Sequence[CanonicalOrder]) -> tuple[Any, ...]:
    first, *rest = versions
    known = KnownOrder(first, versions_of(first))
    for one in rest:
        known = merge(known, one).known
    return natural(known)


def natural(known: KnownOrder) -> tuple[Any, ...]:
    """What is known, without the sequence in which lines came."""
    lines: dict[str, OrderLine] = {one.line_id: one for one in known.order.lines or ()}
    rest = {name: getattr(known.order, name) for name in known.order.__struct_fields__ if name != "lines"}
    return lines, rest, dict(known.versions), dict(known.gone)


@given(histories, st.data())
def test_s02_any_permutation_with_repeats_ends_alike(
    versions: list[CanonicalOrder], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(versions + data.draw(st.lists(st.sampled_from(versions)))))
    assert merged(shuffled) == merged(sorted(versions, key=lambda one: one.version.key()))


@given(histories)
def test_merging_what_is_known_again_changes_nothing(versions: list[CanonicalOrder]) -> None:
    first, *rest = versions
    known = KnownOrder(first, versions_of(first))
    for one in rest:
        known = merge(known, one).known
    for one in versions:
        again = merge(known, one)
        assert (again.changed, again.moved) == (frozenset(), False)


@given(histories)
def test_no_units_are_lost_or_gained(versions: list[CanonicalOrder]) -> None:
    lines, _rest, _versions, gone = merged(versions)
    for line_id, one in lines.items():
        assert 0 <= one.cancelled <= one.ordered
        assert one.ordered == max(
            given.ordered for seen in versions for given in seen.lines or () if given.line_id == line_id
        )
        if line_id in gone:
            assert one.ordered == one.cancelled


WHOLE = here(name="Ann", street=("High Street 1",), phone="0113 496 0000")


def ship_to_after(*addresses: Address | None) -> Address | UnsetType | None:
    """What is known of a ship-to after these versions."""
    known = KnownOrder(one := order(number=1, ship_to=addresses[0]), versions_of(one))
    for number, address in enumerate(addresses[1:], 2):
        known = merge(known, order(number=number, ship_to=address)).known
    return known.order.ship_to


def test_s09_an_answer_without_name_and_street_leaves_those_that_are_known() -> None:
    assert ship_to_after(WHOLE, PLACE) == WHOLE
    assert ship_to_after(PLACE, WHOLE, PLACE, PLACE) == WHOLE
    newer = here(company="Bees Ltd", street=("Low Street 2",))
    assert ship_to_after(WHOLE, PLACE, newer) == newer
    whole, bare = order(number=1, ship_to=WHOLE), order(number=2, ship_to=PLACE)
    again = merge(KnownOrder(whole, versions_of(whole)), bare)
    assert "ship_to" not in again.changed
    assert again.known.versions["ship_to"] == whole.version


@pytest.mark.parametrize(
    "elsewhere", [here(city="York"), here(postal_code="YO1 7HH"), here(country_code="IE"), None]
)
def test_s09_a_ship_to_in_another_place_replaces_the_known_one(elsewhere: Address | None) -> None:
    assert ship_to_after(WHOLE, elsewhere) == elsewhere


def test_every_field_of_an_order_belongs_to_a_dataset_or_the_header() -> None:
    assert set(DATASETS) < set(CanonicalOrder.__struct_fields__)


@given(histories, st.data())
@settings(max_examples=25)
def test_s02_the_store_ends_alike_too(versions: list[CanonicalOrder], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(versions * 2))
    cuts = data.draw(st.integers(1, len(shuffled)))
    in_order = _stored(sorted(versions, key=lambda one: one.version.key()), 1)
    assert _stored(shuffled, cuts) == in_order


def _stored(versions: Sequence[CanonicalOrder], at_once: int) -> tuple[Any, ...]:
    store = open_store("sqlite://")
    store.create_all()
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
        for start in range(0, len(versions), at_once):
            apply_orders(tx, shop, versions[start : start + at_once], now=NOW)
        found = find_order(tx, "shop", "1001")
    assert found is not None
    store.close()
    return (found.row["status"], *natural(found.known))


@pytest.mark.parametrize("sequence", list(permutations((1, 2, 3))))
def test_s02_updates_before_the_creation(store: Store, shop: int, sequence: tuple[int, ...]) -> None:
    versions = {
        1: order(number=1, lines=(line("1", 5),), payment_state=PaymentState.PENDING),
        2: order(number=2, lines=(line("1", 3),)),
        3: order(number=3, lines=(line("1", 4), line("2", 1)), state=ChannelState.CLOSED),
    }
    for number in sequence:
        with store.begin() as tx:
            apply_orders(tx, shop, [versions[number]], now=datetime(2026, 11, 2, tzinfo=UTC))
    with store.read() as tx:
        found = find_order(tx, "shop", "1001")
    assert found is not None
    assert {one.line_id: (one.ordered, one.cancelled) for one in found.order.lines or ()} == {
        "1": (5, 1),
        "2": (1, 0),
    }
    assert found.order.state is ChannelState.CLOSED
