"""Which keys were destroyed, kept outside the store, the landing, the key store and every backup.

Each erasure writes one file that nothing ever changes. Whatever older copy of the store, the landing or the
key store is put back, what stands here is destroyed again before anything can be read. The lists hold names
of keys (connection and external id), no personal data.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import select

from order_store.dialects import insert_or_ignore
from order_store.keys import KeysInUseError, KeyStore, Name
from order_store.private_files import make_private_folder, sync, write_private
from order_store.schema.keys import erasure_lists

SUFFIX = ".json"


class ListsAbsentError(Exception):
    """Lists that the key store has applied are not there: newer ones may be absent as well."""


class ErasureList(msgspec.Struct, frozen=True):
    """One erasure: when, why, and whose keys."""

    at: datetime
    why: str
    names: tuple[Name, ...]


class ErasureLists:
    """A folder of lists, at any fsspec URL."""

    def __init__(self, url: str | Path) -> None:
        # Others write too: a listing that was remembered would hide their lists.
        filesystem, root = fsspec.core.url_to_fs(str(url), use_listings_cache=False, skip_instance_cache=True)
        self._files: Any = filesystem
        self._root: str = root.rstrip("/")

    def add(self, names: Sequence[Name], why: str) -> str:
        """Write a list, durable when this returns; from then on the erasure is certain. Returns its name."""
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}{SUFFIX}"
        content = msgspec.json.encode(ErasureList(now, why, tuple(names)))
        if isinstance(self._files, LocalFileSystem):
            folder = Path(self._root)
            make_private_folder(folder)
            draft = folder / f"{name}.part"
            write_private(draft, content)
            draft.rename(folder / name)
            sync(folder)
        else:
            self._files.pipe_file(f"{self._root}/{name}", content)
        return name

    def names(self) -> list[str]:
        """All lists, oldest first."""
        try:
            found = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return sorted(Path(path).name for path in found if path.endswith(SUFFIX))

    def read(self, name: str) -> ErasureList:
        """One list."""
        content: bytes = self._files.cat_file(f"{self._root}/{name}")
        return msgspec.json.decode(content, type=ErasureList)

    def apply(self, keys: KeyStore) -> int:
        """Destroy the keys of every list that this key store has not applied; returns how many there were.

        An older copy of the key store that was put back has keys that were destroyed since: they go here.
        A list counts as applied when the files of the key store hold nothing of them any more; one whose
        process was killed before is applied again. All are destroyed before an error is raised for files
        that could not be cleaned.

        Raises:
            ListsAbsentError: If the key store has applied lists that are not here.
            KeysInUseError: If destroyed keys still stand in the key store's files; their lists do not count.
        """
        with keys.connect().read() as tx:
            applied: set[str] = set(tx.scalars(select(erasure_lists.c.name)))
        names = self.names()
        if absent := sorted(applied.difference(names)):
            raise ListsAbsentError(
                f"{len(absent)} erasure lists that this key store has applied ({absent[0]}, ...) are not in"
                f" {self._root}: people who were erased since could be shown. Put the newest copy of them"
                " there, or let keys.erasures name the folder where they are"
            )
        destroyed = 0
        in_use: KeysInUseError | None = None
        for name in names:
            if name in applied:
                continue
            try:
                destroyed += keys.destroy(self.read(name).names)
            except KeysInUseError as error:
                in_use = error
                continue
            with keys.connect().begin() as tx:
                tx.execute(
                    insert_or_ignore(tx, erasure_lists), {"name": name, "applied_at": datetime.now(UTC)}
                )
        if in_use:
            raise in_use
        return destroyed
