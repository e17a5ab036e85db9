"""The form of sealed bytes: a mark, a nonce, AES-GCM's text and tag, bound to their place.

A place is what a reader knows of where the bytes lie (table or stream, connection, external id). It is
AES-GCM's associated data, so bytes that were moved to another record do not open.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"\x01"
"""No JSON text and no zstd frame begins with it."""
NONCE = 12
_START = 1 + NONCE


class SealBroken(ValueError):
    """Sealed bytes were changed, moved, or sealed with another key."""


def place_of(*parts: str | int) -> bytes:
    """The associated data of a place."""
    return "\0".join(map(str, parts)).encode()


def is_sealed(content: bytes) -> bool:
    """Whether bytes are sealed; otherwise they are in the clear."""
    return content[:1] == MARK


def nonces(count: int) -> list[bytes]:
    """Random nonces; asking the system once for many is cheaper."""
    raw = os.urandom(NONCE * count)
    return [raw[start : start + NONCE] for start in range(0, len(raw), NONCE)]


def seal(cipher: AESGCM, content: bytes, place: bytes, nonce: bytes | None = None) -> bytes:
    """Seal bytes for a place. A nonce serves once."""
    nonce = nonce or os.urandom(NONCE)
    return MARK + nonce + cipher.encrypt(nonce, content, place)


def unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    """The bytes that were sealed. Raises SealBroken."""
    try:
        return cipher.decrypt(sealed[1:_START], sealed[_START:], place)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("sealed bytes do not open: they were changed, moved, or sealed elsewhere") from error
