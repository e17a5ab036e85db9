"""Master keys: they wrap the orders' keys, and encrypt nothing else.

Written as one `version: key` a line (or separated by commas), the key being 32 random bytes in base64.
The highest version wraps; the lower ones only open what they have wrapped, until it is wrapped anew.
"""

import base64
import binascii
import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from order_store.private_files import make_private_folder, sync, write_private

log = logging.getLogger(__name__)

KEY_BYTES = 32
PUBLIC_BITS = 0o077


class MasterKeyError(Exception):
    """Master keys cannot be had or used. The message names place and remedy, never a key."""


class MasterKeys:
    """Some versions of the master key."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise MasterKeyError("there is no master key")
        self.newest = max(keys)
        self._keys = dict(keys)
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions, the newest first."""
        return tuple(sorted(self._keys, reverse=True))

    def cipher(self, version: int) -> AESGCM:
        """What wraps under a version.

        Raises:
            MasterKeyError: If that version is not here.
        """
        try:
            return self._ciphers[version]
        except KeyError:
            raise MasterKeyError(
                f"keys are wrapped by version {version} of the master key, which is not here. Put it back."
            ) from None

    def with_new(self) -> "MasterKeys":
        """These and a new version, which wraps from now on."""
        return MasterKeys(self._keys | {self.newest + 1: secrets.token_bytes(KEY_BYTES)})

    def without(self, versions: set[int]) -> "MasterKeys":
        """These less some versions."""
        return MasterKeys({version: key for version, key in self._keys.items() if version not in versions})

    def text(self) -> str:
        """As `parse_masters` reads it. Secret."""
        return "".join(
            f"{version}: {base64.b64encode(self._keys[version]).decode()}\n" for version in self.versions
        )

    def __repr__(self) -> str:
        return f"MasterKeys(versions={self.versions})"


def new_masters() -> MasterKeys:
    """Version 1, random."""
    return MasterKeys({1: secrets.token_bytes(KEY_BYTES)})


def parse_masters(text: str, place: str) -> MasterKeys:
    """Master keys from text.

    Args:
        text: One `version: base64` a line or between commas; a single key may stand without its version.
        place: Where it stands, for the error.

    Raises:
        MasterKeyError: If it is no such text. The message repeats nothing of it.
    """
    found: dict[int, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.replace(",", "\n").splitlines())):
        version, _, key = entry.rpartition(":")
        try:
            raw = base64.b64decode(key.strip(), validate=True)
            number = int(version) if version else 1
        except (binascii.Error, ValueError):
            raw, number = b"", 0
        if len(raw) != KEY_BYTES or number < 1 or number in found:
            raise MasterKeyError(
                f"{place} is no master key. Write `1: ` and 32 random bytes in base64"
                " (openssl rand -base64 32), one version a line."
            )
        found[number] = raw
    if not found:
        raise MasterKeyError(f"{place} is empty. Put the master key into it.")
    return MasterKeys(found)


class MasterSource(Protocol):
    """Where master keys come from.

    Attributes:
        writable: Whether the hub itself may change them.
    """

    writable: bool

    def load(self) -> MasterKeys:
        """The keys as they are now."""
        ...

    def save(self, keys: MasterKeys) -> None:
        """Keep other keys from now on. Raises MasterKeyError where that is a person's work."""
        ...


class GivenMasters:
    """Master keys from the environment."""

    writable = False

    def __init__(self, text: str, place: str) -> None:
        self._text, self._place = text, place

    def load(self) -> MasterKeys:
        """The keys."""
        return parse_masters(self._text, self._place)

    def save(self, keys: MasterKeys) -> None:
        """Nobody but the operator changes the environment."""
        raise MasterKeyError(
            f"the master key comes from {self._place}: put the new version before the old one there"
            " (`2: ...,1: ...`), then rotate again"
        )


class MasterFile:
    """Master keys in a file of mode 0600.

    Args:
        path: The file.
        make: Whether to make it, with a new key, if it is not there.
    """

    writable = True

    def __init__(self, path: Path, *, make: bool = False) -> None:
        self._path, self._make = path, make

    def load(self) -> MasterKeys:
        """The keys; made at first, if that is allowed. Raises MasterKeyError."""
        if self._make and not self._path.exists():
            self._create()
        try:
            mode = self._path.stat().st_mode
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MasterKeyError(
                f"{self._path} cannot be read ({type(error).__name__}). Put it back."
            ) from None
        if mode & PUBLIC_BITS:
            raise MasterKeyError(f"{self._path} may be read by others. Run: chmod 600 {self._path}")
        return parse_masters(text, str(self._path))

    def save(self, keys: MasterKeys) -> None:
        """Put the file in place whole, or not at all."""
        draft = self._draft(keys)
        draft.replace(self._path)
        sync(self._path.parent)

    def _create(self) -> None:
        make_private_folder(self._path.parent)
        draft = self._draft(new_masters())
        try:
            os.link(draft, self._path)  # of two processes that start at once, one makes the key
        except FileExistsError:
            return
        finally:
            draft.unlink()
        sync(self._path.parent)
        log.warning(
            "made a master key in %s. For production keep it elsewhere: put its text into ORDERHUB_MASTER_KEY"
            " or a secret store, and remove the file. Who loses it loses every name and address.",
            self._path,
        )

    def _draft(self, keys: MasterKeys) -> Path:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        write_private(draft, keys.text().encode())
        return draft
