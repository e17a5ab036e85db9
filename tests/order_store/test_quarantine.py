from datetime import datetime, timedelta

import pytest

from order_store.engine import Store
from order_store.quarantine import (
    Failure,
    count_quarantined,
    dismiss,
    list_quarantine,
    open_records,
    quarantine_records,
    resolve_records,
    show_quarantined,
)
from tests.order_store.conftest import NOW

HOUR = timedelta(hours=1)


def failure(external_id: str = "7", reason: str = "sums_differ", at: datetime = NOW) -> Failure:
    return Failure("orders", external_id, reason, "total is off", "shop/orders/1-a.land", 8, at)


def test_a_record_fails_again_in_the_same_row(store: Store, shop: int) -> None:
    with store.begin() as tx:
        quarantine_records(tx, shop, [failure(), failure("8")], NOW)
        quarantine_records(tx, shop, [failure(reason="impossible_date", at=NOW + HOUR)], NOW + HOUR)
        seven, eight = list_quarantine(tx)
        assert (seven.failure.reason, seven.attempts, seven.since) == ("impossible_date", 2, NOW)
        assert (eight.failure.reason, eight.attempts) == ("sums_differ", 1)
        assert show_quarantined(tx, seven.id) == seven
        assert count_quarantined(tx) == {("shop", "impossible_date"): 1, ("shop", "sums_differ"): 1}


def test_an_older_failure_does_not_renew_the_row(store: Store, shop: int) -> None:
    with store.begin() as tx:
        quarantine_records(tx, shop, [failure(at=NOW + HOUR)], NOW)
        quarantine_records(tx, shop, [failure(reason="older", at=NOW)], NOW)
        (row,) = list_quarantine(tx)
        assert (row.failure.reason, row.attempts) == ("sums_differ", 1)


def test_a_good_version_closes_the_row_and_a_new_failure_opens_it(store: Store, shop: int) -> None:
    with store.begin() as tx:
        quarantine_records(tx, shop, [failure(), failure("8")], NOW)
        assert open_records(tx, shop, "orders") == {"7": NOW, "8": NOW}
        assert resolve_records(tx, shop, "orders", ["7", "9"], NOW + HOUR) == 1
        assert [row.failure.external_id for row in list_quarantine(tx, connection="shop")] == ["8"]
        assert [row.resolution for row in list_quarantine(tx, resolved=True)] == ["normalized", None]
        quarantine_records(tx, shop, [failure(at=NOW + 2 * HOUR)], NOW + 2 * HOUR)
        assert len(list_quarantine(tx)) == 2


def test_a_person_dismisses_a_row(store: Store, shop: int) -> None:
    with store.begin() as tx:
        quarantine_records(tx, shop, [failure()], NOW)
        (row,) = list_quarantine(tx)
        dismiss(tx, row.id, "ada", NOW)
        assert list_quarantine(tx) == []
        assert show_quarantined(tx, row.id).resolution == "dismissed by ada"
        with pytest.raises(KeyError):
            dismiss(tx, 99, "ada", NOW)
        with pytest.raises(KeyError):
            show_quarantined(tx, 99)
