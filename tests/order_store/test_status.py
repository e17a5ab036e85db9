import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalization.statuses import OrderStatus
from order_store.status import LineUnits, derive_status


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], "open"),
        ([LineUnits(2)], "open"),
        ([LineUnits(2, cancelled=2)], "cancelled"),
        ([LineUnits(2, backordered=2)], "backordered"),
        ([LineUnits(2, allocated=1)], "partially_allocated"),
        ([LineUnits(2, allocated=2), LineUnits(1)], "partially_allocated"),
        ([LineUnits(2, allocated=2)], "allocated"),
        ([LineUnits(3, cancelled=1, allocated=2)], "allocated"),
        ([LineUnits(2, allocated=2, picked=1)], "picking"),
        ([LineUnits(2, allocated=2, picked=1, shipped=1)], "partially_shipped"),
        ([LineUnits(2, elsewhere=1)], "partially_shipped"),
        ([LineUnits(2, elsewhere=2)], "shipped"),
        ([LineUnits(10, cancelled=3, allocated=7, picked=7, shipped=7)], "shipped"),
        ([LineUnits(1, shipped=1, delivered=1), LineUnits(1, shipped=1)], "shipped"),
        ([LineUnits(2, shipped=2, delivered=2)], "delivered"),
        ([LineUnits(1, requires_shipping=False)], "open"),
        ([LineUnits(1, requires_shipping=False, elsewhere=1)], "shipped"),
        ([LineUnits(1, requires_shipping=False), LineUnits(1, shipped=1)], "shipped"),
    ],
)
def test_the_status_is_derived_from_quantities(lines: list[LineUnits], status: str) -> None:
    assert derive_status(lines) == status


def test_a_hold_stands_only_over_what_is_open() -> None:
    assert derive_status([LineUnits(2, allocated=1)], held=True) is OrderStatus.HELD
    assert derive_status([LineUnits(2, shipped=2)], held=True) is OrderStatus.SHIPPED
    assert derive_status([LineUnits(2, cancelled=2)], held=True) is OrderStatus.CANCELLED
    assert derive_status([], held=True) is OrderStatus.HELD


@given(
    st.lists(
        st.builds(LineUnits, st.integers(1, 5), st.integers(0, 5), shipped=st.integers(0, 5)), min_size=1
    )
)
def test_an_order_with_open_units_is_never_called_shipped(lines: list[LineUnits]) -> None:
    status = derive_status(lines)
    wanted = [line for line in lines if line.current > 0]
    assert (status in ("shipped", "delivered")) == (bool(wanted) and not any(line.open for line in wanted))
