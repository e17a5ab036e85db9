"""What is known of people at a moment: who can be read, whose key is gone, what lies in the clear.

Nothing is repaired by looking: the key store is opened without applying the lists of erasures.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import inspect, select, text

from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.erasure_lists import ErasureLists
from order_store.keys import KeyStore, open_keys
from order_store.landing import Landing
from order_store.loading import load_orders
from order_store.masters import MasterFile
from order_store.schema.keys import data_keys
from order_store.schema.orders import orders
from order_store.schema.privacy import erasures
from order_store.schema.reading import connections
from pipelines.config import HubConfig, load_config
from pipelines.services.replay import replay
from tests.canaries import found_in, words_of
from tests.faults.crash.books import Books
from tests.faults.crash.merchants import Play
from tests.faults.crash.trials import Scene

Who = tuple[str, str]
"""An order's channel and external id: whoever placed it."""


def words_of_people(play: Play) -> dict[Who, set[bytes]]:
    """What tells who somebody is: names, e-mail addresses, phone numbers, as far as nobody shares them."""
    words = {(order.channel, order.external_id): words_of([order]) for order in play.orders.values()}
    return {
        who: {
            word
            for word in mine
            if not any(word in other for them, others in words.items() if them != who for other in others)
        }
        for who, mine in words.items()
    }


def listed(home: Path) -> list[Who]:
    """Everybody on the lists of erasures, as often as there."""
    lists = ErasureLists(home / "keys" / "erasures")
    return [(name[0], name[1]) for file in lists.names() for name in lists.read(file).names]


def wrapped_keys(scene: Scene) -> dict[Who, bytes]:
    """The keys, as the key store keeps them."""
    keys = _keys(scene)
    try:
        with keys.connect().read() as tx:
            query = select(data_keys).where(data_keys.c.wrapped.is_not(None))
            return {(row.connection, row.external_id): bytes(row.wrapped) for row in tx.execute(query)}
    finally:
        keys.close()


@contextmanager
def another_process(scene: Scene) -> Iterator[None]:
    """Somebody else has the key store open meanwhile: so nothing is tidied up by closing it."""
    keys = _keys(scene)
    try:
        with closing(keys.connect().engine.raw_connection()):
            yield
    finally:
        keys.close()


def people_books(scene: Scene, words: Mapping[Who, set[bytes]], wrapped: Mapping[Who, bytes]) -> Books:
    """Everything about people, row by row.

    Args:
        scene: The hub's folder and store.
        words: What tells who they are.
        wrapped: The keys that there were before anybody was erased.
    """
    home = scene.orders.home
    books: Books = Counter(_traces(home, wrapped))
    for folder in ("landing", "keys"):
        books.update(("in the clear", path) for path in found_in(home / folder, set().union(*words.values())))
    books.update(("listed", *name) for name in listed(home))
    config = load_config(scene.orders.environ["ORDERHUB_CONFIG"], scene.orders.environ)
    keys = _keys(scene)
    store = open_store(scene.urls.orders, keys)
    try:
        books.update(_in_rows(store, words) + _in_rows(keys.connect(), words))
        books.update(_keys_of_people(keys))
        books.update(_people_of(store))
        books.update(_landed(Landing(config.landing.url, keys), words))
        books.update(_replayed(store, keys, config, scene))
    finally:
        store.close()
        keys.close()
    return books


def _keys(scene: Scene) -> KeyStore:
    return open_keys(scene.urls.keys, MasterFile(scene.orders.home / "keys" / "master.key"))


def _traces(home: Path, wrapped: Mapping[Who, bytes]) -> Iterator[tuple[str, ...]]:
    """Whose wrapped keys the key store's files still hold."""
    content = b"".join(file.read_bytes() for file in sorted((home / "keys").glob("keys.db*")))
    return (("wrapped key in the files", *who) for who, key in wrapped.items() if key in content)


def _in_rows(store: Store, words: Mapping[Who, set[bytes]]) -> list[tuple[str, ...]]:
    every = set().union(*words.values())
    found = []
    with store.read() as tx:
        for table in inspect(tx).get_table_names():
            rows = tx.execute(text(f"SELECT * FROM {table}"))
            content = b"\n".join(_bytes(cell) for row in rows for cell in row)
            found += [("in the clear", table) for word in every if word in content]
    return found


def _bytes(cell: object) -> bytes:
    return bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()


def _keys_of_people(keys: KeyStore) -> Iterator[tuple[str, ...]]:
    with keys.connect().read() as tx:
        for row in tx.execute(select(data_keys)):
            yield "key", row.connection, row.external_id, "destroyed" if row.wrapped is None else "live"


def _people_of(store: Store) -> Iterator[tuple[str, ...]]:
    with store.read() as tx:
        stored = load_orders(tx, list(tx.scalars(select(orders.c.id))))
        why = {row.order_id: row.why for row in tx.execute(select(erasures))}
    for order_id, one in stored.items():
        person = one.order.ship_to.name if one.order.ship_to else None
        place = (one.order.connection, one.order.external_id)
        yield "person", *place, "known" if person else "nobody", f"erased={why.get(order_id)}"


def _landed(landing: Landing, words: Mapping[Who, set[bytes]]) -> set[tuple[str, ...]]:
    """Of whom any record tells that can be opened."""
    content = b"\n".join(
        record.payload for path in landing.paths() for record in landing.salvage(path)[0] if not record.erased
    )
    return {
        ("landing tells of", *who) for who, known in words.items() if any(word in content for word in known)
    }


def _replayed(store: Store, keys: KeyStore, config: HubConfig, scene: Scene) -> Iterator[tuple[str, ...]]:
    """How orders of a store that is filled from landing compare with those of the hub."""
    file = scene.orders.home.with_suffix(".replayed")
    with store.read() as tx:
        known = load_orders(tx, list(tx.scalars(select(orders.c.id))))
        registered = tx.execute(select(connections)).all()
    empty = open_store(f"sqlite:///{file}", keys)
    try:
        empty.create_all()
        with empty.begin() as tx:
            for row in registered:
                register_connection(tx, row.name, row.connector, row.kind)
        settings = {one.name: one.settings for one in config.connections}
        replay(empty, Landing(config.landing.url, keys), now=scene.play.world.now, settings=settings)
        with empty.read() as tx:
            again = load_orders(tx, list(tx.scalars(select(orders.c.id))))
            gone: set[int] = set(tx.scalars(select(erasures.c.order_id)))
    finally:
        empty.close()
        for left in file.parent.glob(f"{file.name}*"):
            left.unlink()
    told = {(one.order.connection, one.order.external_id): one.order for one in known.values()}
    for order_id, one in again.items():
        who = (one.order.connection, one.order.external_id)
        same = "the same" if told.get(who) == one.order else "another"
        yield "replayed", *who, same, f"erased={order_id in gone}"
