"""Opens the key store that a configuration names, and destroys what was erased before anything is read."""

import logging
from pathlib import Path

from order_store.erasure_lists import ErasureLists, ListsAbsentError
from order_store.keys import KeysBesideOrdersError, KeysInUseError, KeyStore, open_keys
from order_store.masters import MasterFile, MasterKeyError
from pipelines.config import HubConfig
from pipelines.problems import ProblemError

log = logging.getLogger(__name__)


def open_key_ring(config: HubConfig, state: Path) -> KeyStore:
    """The keys of a hub, with every erasure applied.

    Args:
        config: The configuration.
        state: The machine's state folder; the keys' folder lies beside it where nothing else is said.

    Raises:
        ProblemError: If the master key is absent, or another deployment's, or if the keys would lie in the
            store's own database, or if erasure lists are absent that were applied.
    """
    folder = _folder(state)
    source = config.masters or MasterFile(folder / "master.key", make=True)
    try:
        keys = open_keys(config.keys.url or f"sqlite:///{folder / 'keys.db'}", source)
    except (MasterKeyError, KeysBesideOrdersError) as error:
        raise ProblemError(str(error)) from error
    try:
        again = erasure_lists_of(config, state).apply(keys)
    except KeysInUseError as error:
        log.warning("%s", error)  # nobody can be read: the hub goes on, the next erasure tries again
        return keys
    except BaseException as error:
        keys.close()
        if isinstance(error, ListsAbsentError):
            raise ProblemError(str(error)) from error
        raise
    if again:
        log.warning(
            "destroyed %d keys of people who were erased: an erasure was not finished, or an older copy"
            " of the key store was put back",
            again,
        )
    return keys


def erasure_lists_of(config: HubConfig, state: Path) -> ErasureLists:
    """The lists of erased orders."""
    return ErasureLists(config.keys.erasures or _folder(state) / "erasures")


def apply_erasures(lists: ErasureLists, keys: KeyStore) -> int:
    """Destroy the keys of every list that was not applied; returns how many there were.

    Raises:
        ProblemError: If lists are absent, or the key store's files still hold what was destroyed: then the
            lists do not count as applied, and whoever calls this next tries again.
    """
    try:
        return lists.apply(keys)
    except (ListsAbsentError, KeysInUseError) as error:
        raise ProblemError(str(error)) from error


def _folder(state: Path) -> Path:
    return state.parent / "keys"
