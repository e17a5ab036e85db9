"""What is published was looked at in the very moment in which it was read."""

from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import event

from pipelines.services.kpis import run_folder, take_snapshot

OpenDesk = Callable[..., Any]


def test_what_breaks_a_rule_while_the_snapshot_is_taken_is_not_in_it(open_desk: OpenDesk) -> None:
    desk = open_desk("shopify-eu")
    order = desk.place("shopify-eu", ("SPOON-BRASS", 2))
    right = desk.stored(order).row["total_minor"]
    changed: list[int] = []

    def change(*told: Any) -> None:  # noqa: ANN401 -- as SQLAlchemy calls it
        if "FROM analytics_orders" in told[2] and not changed:
            changed.append(right)
            with desk.hub.store.begin() as tx:
                tx.exec_driver_sql("UPDATE orders SET total_minor = total_minor + 700")

    event.listen(desk.hub.store.engine, "before_cursor_execute", change)
    taken = take_snapshot(desk.hub, "first")
    published = pq.read_table(run_folder(desk.hub, "first") / "snapshot" / "orders.parquet")
    assert changed
    assert published["total_minor"].to_pylist() == [right]
    assert taken.broken == []
    assert [one.rule for one in take_snapshot(desk.hub, "second").broken] == ["money"]
