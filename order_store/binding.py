"""Which key store a store's personal data is sealed by: kept in the store, checked when a hub opens it."""

from sqlalchemy import Connection, delete, select

from order_store.dialects import insert_or_ignore
from order_store.engine import Store
from order_store.keys import refuse_keys_beside_orders
from order_store.schema.privacy import privacy_state

KEY_STORE = "key_store"
IN_THE_CLEAR = "in_the_clear"


class OtherKeyStoreError(Exception):
    """The store's personal data is sealed by another key store than the one that was opened."""


def bind_keys(store: Store) -> None:
    """Note which key store seals a store's personal data, once.

    Raises:
        OtherKeyStoreError: If it is another one.
        KeysBesideOrdersError: If there are keys in the store's own database.
    """
    if store.keys is None:
        return
    refuse_keys_beside_orders(store)
    mine = store.keys.identity
    with store.read() as tx:
        bound = state(tx, KEY_STORE)
    if bound is None:
        with store.begin() as tx:
            set_state(tx, KEY_STORE, mine)
            bound = state(tx, KEY_STORE)
    if bound != mine:
        raise OtherKeyStoreError(
            f"the store's personal data is sealed by key store {bound}, and this is key store {mine}. Let"
            " keys.url name the right one. If it is lost for good, so is the personal data:"
            " `orderhub keys adopt` goes on without it"
        )


def adopt_keys(store: Store) -> None:
    """Go on with another key store: what the one before has sealed is lost."""
    if store.keys is not None:
        with store.begin() as tx:
            tx.execute(delete(privacy_state).where(privacy_state.c.name == KEY_STORE))
            set_state(tx, KEY_STORE, store.keys.identity)


def state(tx: Connection, name: str) -> str | None:
    """A fact about the store's privacy."""
    found: str | None = tx.scalar(select(privacy_state.c.value).where(privacy_state.c.name == name))
    return found


def set_state(tx: Connection, name: str, value: str) -> None:
    """Note a fact, unless there is one."""
    tx.execute(insert_or_ignore(tx, privacy_state), {"name": name, "value": value})


def drop_state(tx: Connection, name: str) -> None:
    """Forget a fact."""
    tx.execute(delete(privacy_state).where(privacy_state.c.name == name))
