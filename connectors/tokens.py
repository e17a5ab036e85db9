"""Access tokens that all processes share: one small file a token, encrypted, readable by the owner only."""

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.runtime import Token

_NONCE = 12


class _Stored(msgspec.Struct, frozen=True):
    value: str
    expires_at: datetime


class FileTokens:
    """A token cache in a folder.

    Each key has a file of its own, so that putting one token never rewrites another's and no lock is
    needed: a file is put in place whole, or not at all.

    Args:
        path: The folder; made, for the owner only, if it is not there.
        key: 32 bytes that tokens are encrypted with (AES-GCM, bound to the token's key); None leaves them in
            the clear.
    """

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self._folder = path
        self._cipher = AESGCM(key) if key else None
        path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def get(self, key: str) -> Token | None:
        """The token last put under the key, by any process. A file that makes no sense counts as none."""
        try:
            stored = msgspec.json.decode(self._opened(key, self._file(key).read_bytes()), type=_Stored)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, InvalidTag, ValueError):
            return None
        return Token(stored.value, stored.expires_at)

    def put(self, key: str, token: Token | None) -> None:
        """Remember a token, or forget it."""
        if token is None:
            self._file(key).unlink(missing_ok=True)
            return
        # mkstemp makes the file with mode 0600, before anything is in it.
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._closed(key, msgspec.json.encode(_Stored(token.value, token.expires_at))))
            draft.replace(self._file(key))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _closed(self, key: str, content: bytes) -> bytes:
        if self._cipher is None:
            return content
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, key.encode())

    def _opened(self, key: str, content: bytes) -> bytes:
        if self._cipher is None:
            return content
        return self._cipher.decrypt(content[:_NONCE], content[_NONCE:], key.encode())

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
