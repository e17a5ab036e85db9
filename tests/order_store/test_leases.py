from datetime import timedelta

import pytest

from order_store.engine import Store
from order_store.leases import LeaseLost, acquire_lease, check_lease, release_lease, renew_lease
from tests.order_store.conftest import NOW

MINUTE = timedelta(minutes=1)


def test_one_holder_at_a_time(store: Store) -> None:
    with store.begin() as tx:
        lease = acquire_lease(tx, "read", "a", NOW, MINUTE)
        assert lease is not None
        assert acquire_lease(tx, "read", "b", NOW + MINUTE / 2, MINUTE) is None
        release_lease(tx, lease)
        assert acquire_lease(tx, "read", "b", NOW + MINUTE / 2, MINUTE) is not None


def test_a_lease_that_ran_out_is_taken_and_its_late_holder_finds_out(store: Store) -> None:
    with store.begin() as tx:
        old = acquire_lease(tx, "read", "a", NOW, MINUTE)
        new = acquire_lease(tx, "read", "b", NOW + MINUTE, MINUTE)
        assert old is not None
        assert new is not None
        assert new.fence > old.fence
        with pytest.raises(LeaseLost):
            check_lease(tx, old, NOW + MINUTE)
        with pytest.raises(LeaseLost):
            renew_lease(tx, old, NOW + MINUTE, MINUTE)
        release_lease(tx, old)
        check_lease(tx, new, NOW + MINUTE)


def test_a_renewed_lease_lasts_longer(store: Store) -> None:
    with store.begin() as tx:
        lease = acquire_lease(tx, "read", "a", NOW, MINUTE)
        assert lease is not None
        lease = renew_lease(tx, lease, NOW + MINUTE / 2, MINUTE)
        check_lease(tx, lease, NOW + MINUTE)
        assert acquire_lease(tx, "read", "b", NOW + MINUTE, MINUTE) is None


def test_an_expired_lease_cannot_be_renewed_even_if_nobody_took_it(store: Store) -> None:
    with store.begin() as tx:
        lease = acquire_lease(tx, "read", "a", NOW, MINUTE)
        assert lease is not None
        with pytest.raises(LeaseLost):
            renew_lease(tx, lease, NOW + MINUTE, MINUTE)


def test_a_restarted_owner_gets_its_lease_again_under_a_new_fence(store: Store) -> None:
    with store.begin() as tx:
        first = acquire_lease(tx, "read", "a", NOW, MINUTE)
        second = acquire_lease(tx, "read", "a", NOW, MINUTE)
        assert first is not None
        assert second is not None
        assert second.fence > first.fence
        with pytest.raises(LeaseLost):
            check_lease(tx, first, NOW)


def test_a_lease_from_a_clock_that_was_ahead_is_taken(store: Store) -> None:
    minutes = timedelta(minutes=10)
    with store.begin() as tx:
        assert acquire_lease(tx, "read:shop", "wrong clock", NOW + timedelta(days=3), minutes)
        assert acquire_lease(tx, "read:shop", "other", NOW, minutes)
        assert acquire_lease(tx, "read:shop", "third", NOW, minutes) is None
