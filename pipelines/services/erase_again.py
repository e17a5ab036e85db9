"""Erasures are done again in a store that comes back from a backup, before anybody can read it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection as Transaction

from order_store.erasing import mark_erased, unmarked_orders
from pipelines.config import HubConfig
from pipelines.key_ring import erasure_lists_of


def erase_again(config: HubConfig, state: Path, now: datetime) -> Callable[[Transaction], None]:
    """What the restoring transaction does at its end.

    The lists of erasures lie outside every backup. An older copy of the key store that is put back loses the
    keys of all lists when it is opened (pipelines.key_ring); here their orders' rows are emptied.

    Args:
        config: Says where the lists are.
        state: This machine's state.
        now: The hub's time.
    """
    lists = erasure_lists_of(config, state)

    def again(tx: Transaction) -> None:
        for name in lists.names():
            erased = lists.read(name)
            mark_erased(tx, unmarked_orders(tx, erased.names), erased.why, now)

    return again
