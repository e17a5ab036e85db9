"""The keys that a benchmark seals with: a hub always has them, and `--no-keys` shows what they cost."""

from pathlib import Path

from order_store.keys import KeyStore, open_keys
from order_store.masters import MasterFile


def keys_in(folder: Path, *, wanted: bool) -> KeyStore | None:
    """A key store below a folder, or none."""
    if not wanted:
        return None
    keys = folder / "keys"
    return open_keys(f"sqlite:///{keys / 'keys.db'}", MasterFile(keys / "master.key", make=True))
