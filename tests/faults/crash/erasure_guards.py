"""The guards of an erasure that is killed, and how each is taken away: as tests.faults.crash.guards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_store.engine import Store
from order_store.erasure_lists import ErasureLists
from order_store.keys import KeyStore
from order_store.landing import LandedFile
from pipelines.services import erase
from tests.faults.crash.guards import Guard
from tests.faults.crash.points import Point

Given = Any
"""What is handed through as it came."""


@dataclass(frozen=True)
class ErasureGuard(Guard):
    """One guard.

    Attributes:
        asked_again: Whether the person who asked has to ask again for its lack to be seen.
    """

    asked_again: bool = False


def _destroyed_first() -> None:
    """Keys are destroyed, and then the list is written."""
    add, apply = ErasureLists.add, ErasureLists.apply
    waiting: list[tuple[Sequence[Any], str]] = []

    def later(_lists: ErasureLists, names: Sequence[Any], why: str) -> str:
        waiting.append((names, why))
        return ""

    def applied(lists: ErasureLists, keys: KeyStore) -> int:
        destroyed = 0
        while waiting:
            names, why = waiting.pop()
            destroyed += keys.destroy(names)
            add(lists, names, why)
        return destroyed + apply(lists, keys)

    ErasureLists.add, ErasureLists.apply = later, applied  # type: ignore[method-assign]


def _landed_last() -> None:
    """What is left of an order is landed when everything else is done."""
    land, record = erase._land_what_is_left, erase._record
    waiting: list[tuple[Any, ...]] = []

    def later(*given: Given) -> list[LandedFile]:
        waiting.append(given)
        return []

    def recorded(store: Store, _files: Given, now: datetime) -> None:
        while waiting:
            record(store, land(*waiting.pop()), now)

    erase._land_what_is_left, erase._record = later, recorded  # type: ignore[assignment]


def _never_finished() -> None:
    """Nobody looks for orders on the lists that are not marked."""
    erase.finish_erasures = lambda *_given: 0


def _listed_again() -> None:
    """Whoever is to be erased is put on a list, also if the key is gone already."""
    KeyStore.not_destroyed = lambda _keys, names: list(names)  # type: ignore[method-assign]


def _counted_first() -> None:
    """A list counts as applied as soon as its keys are destroyed, whatever the files still hold."""
    clean, apply = KeyStore._clean, ErasureLists.apply
    waiting: list[KeyStore] = []

    def applied(lists: ErasureLists, keys: KeyStore) -> int:
        destroyed = apply(lists, keys)
        while waiting:
            clean(waiting.pop())
        return destroyed

    KeyStore._clean, ErasureLists.apply = lambda keys: waiting.append(keys), applied  # type: ignore[assignment,method-assign]


def _at(kind: str, place: str) -> Callable[[Point], bool]:
    return lambda point: point.kind == kind and place in point.place


ERASURE_GUARDS: Mapping[str, ErasureGuard] = {
    "an erasure is listed before its keys are destroyed": ErasureGuard(
        "erased", _at("after commit", "keys.py:destroy"), _destroyed_first
    ),
    "what is left is landed before the keys are destroyed": ErasureGuard(
        "erased", _at("after commit", "erase.py:_mark"), _landed_last
    ),
    "an erasure that is listed is finished by the next": ErasureGuard(
        "erased", _at("after rename", "erasure_lists.py:add"), _never_finished
    ),
    "a list counts as applied when its keys are gone from the files": ErasureGuard(
        "erased",
        _at("after commit", "erasure_lists.py:apply < pipelines/key_ring.py"),
        _counted_first,
    ),
    "whose key is gone is not listed again": ErasureGuard(
        "erased", _at("after commit", "keys.py:destroy"), _listed_again, asked_again=True
    ),
}
