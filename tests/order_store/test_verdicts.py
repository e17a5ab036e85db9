from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select

from normalization.records import CanonicalOrder, ResolvedSku
from order_store.engine import Store
from order_store.events import timeline
from order_store.orders import apply_orders, find_order, load_order
from order_store.schema.orders import line_components
from order_store.verdicts import held_orders, holds_of, judge_orders, unverified_orders
from tests.order_store.conftest import NOW
from tests.order_store.samples import line, order


@dataclass(frozen=True)
class Reason:
    code: str
    detail: str
    line_id: str | None = None


@dataclass(frozen=True)
class Line:
    line_id: str
    sku: ResolvedSku


@dataclass(frozen=True)
class Verdict:
    standing: str
    holds: tuple[Reason, ...] = ()
    lines: tuple[Line, ...] = ()
    why: str = ""


@dataclass
class Catalogue:
    known: dict[str, ResolvedSku] = field(default_factory=dict)

    def judge(self, one: CanonicalOrder) -> Verdict:
        lines = one.lines or ()
        unknown = [entry for entry in lines if entry.sku not in self.known]
        holds = tuple(Reason("sku_unknown", f"{entry.sku} is not mapped", entry.line_id) for entry in unknown)
        found = tuple(
            Line(entry.line_id, self.known[entry.sku or ""]) for entry in lines if entry.sku in self.known
        )
        return Verdict("held" if holds else "verified", holds, found)


SINGLE = ResolvedSku((("W-1", 1),))
KIT = ResolvedSku((("W-2", 1), ("W-3", 4)), "KIT-2")


def components(store: Store, order_id: int) -> Mapping[tuple[int, str], int]:
    with store.read() as tx:
        rows = tx.execute(select(line_components).where(line_components.c.order_id == order_id))
        return {(row.line_no, row.sku): row.units for row in rows}


def test_s21_an_order_with_an_unmapped_sku_is_held_and_released(store: Store, shop: int) -> None:
    catalogue = Catalogue({"SKU-1": SINGLE})
    with store.begin() as tx:
        (applied,) = apply_orders(tx, shop, [order()], now=NOW, judge=catalogue.judge)
        key = applied.order_id
        assert load_order(tx, key).row["status"] == "held"
        assert held_orders(tx, ["sku_unknown"]) == [key]
        (hold,) = holds_of(tx, key)
        assert (hold.line_id, hold.released_at) == ("2", None)
    assert components(store, key) == {(0, "W-1"): 1}
    catalogue.known["SKU-2"] = KIT
    with store.begin() as tx:
        later = NOW + timedelta(hours=1)
        assert judge_orders(tx, [key], catalogue.judge, later) == {key: "verified"}
        found = load_order(tx, key)
        assert (found.row["status"], found.row["verification"]) == ("open", "verified")
        assert [row["sku"] for row in found.lines] == ["W-1", "KIT-2"]
        assert [hold.released_at for hold in holds_of(tx, key)] == [later]
        assert held_orders(tx) == []
        assert [event.kind for event in timeline(tx, key)] == ["created", "held", "released"]
    assert components(store, key) == {(0, "W-1"): 1, (1, "W-2"): 1, (1, "W-3"): 4}


def test_judging_again_without_news_writes_nothing(store: Store, shop: int) -> None:
    catalogue = Catalogue({"SKU-1": SINGLE})
    with store.begin() as tx:
        (applied,) = apply_orders(tx, shop, [order()], now=NOW, judge=catalogue.judge)
        judge_orders(tx, [applied.order_id], catalogue.judge, NOW + timedelta(hours=1))
        assert len(holds_of(tx, applied.order_id)) == 1
        assert len(timeline(tx, applied.order_id)) == 2


def test_a_change_is_judged_with_all_that_is_known(store: Store, shop: int) -> None:
    catalogue = Catalogue({"SKU-1": SINGLE, "SKU-2": KIT})
    with store.begin() as tx:
        apply_orders(tx, shop, [order()], now=NOW, judge=catalogue.judge)
        changed = order(number=2, lines=(line("1"), line("3")))
        apply_orders(tx, shop, [changed], now=NOW, judge=catalogue.judge)
        found = find_order(tx, "shop", "1001")
        assert found is not None
        assert found.row["verification"] == "held"
        assert [hold.line_id for hold in holds_of(tx, found.row["id"])] == ["3"]


def test_without_a_judge_changes_wait_to_be_verified(store: Store, shop: int) -> None:
    catalogue = Catalogue({"SKU-1": SINGLE, "SKU-2": KIT})
    with store.begin() as tx:
        (applied,) = apply_orders(tx, shop, [order()], now=NOW, judge=catalogue.judge)
        assert unverified_orders(tx) == []
        apply_orders(tx, shop, [order(number=2, notes="new")], now=NOW)
        assert unverified_orders(tx) == [applied.order_id]
