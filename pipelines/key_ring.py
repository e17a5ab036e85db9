"""Opens the key store that a configuration names, and destroys what was erased before anything is read."""

import logging
from pathlib import Path

from order_store.erasure_lists import ErasureLists
from order_store.keys import KeysBesideOrdersError, KeyStore, open_keys
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
            store's own database.
    """
    folder = _folder(state)
    source = config.masters or MasterFile(folder / "master.key", make=True)
    try:
        keys = open_keys(config.keys.url or f"sqlite:///{folder / 'keys.db'}", source)
    except (MasterKeyError, KeysBesideOrdersError) as error:
        raise ProblemError(str(error)) from error
    again = erasure_lists_of(config, state).apply(keys)
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


def _folder(state: Path) -> Path:
    return state.parent / "keys"
