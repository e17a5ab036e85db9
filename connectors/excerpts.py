"""What can be read of an answer in which one value cannot be: nested without end, no JSON, half a character.

A decoder gives up a page for one such value, and a hundred good orders with it. An excerpt has a word of ours
in the value's place, so that the page is read record by record; each record is put together again before it
lands, as the vendor sent it, and its mapping refuses it alone.

Nothing is guessed: brackets, quotes and separators are read as any decoder reads them, and an answer that is
cut off or has another fault than in a value stays unreadable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

LEVELS = 100
"""Levels of nesting that are left in an excerpt. Vendors' own answers have a dozen."""
MARGIN = 200
"""Levels that a decoder must have to spare: how many it has depends on how deep Python itself is in calls."""
LARGEST = 8 << 20
"""Bytes of an answer of which an excerpt is made: some eight times the largest page seen."""
MOST_CUTS = 10_000
"""Values that are cut out of one answer, at most."""

_PIECE = re.compile(rb'[\[{]+|[\]}]+|"(?:[^"\\]+|\\.)*+"|[^ \t\r\n\[\]{}",:]+|"', re.DOTALL)
_CLOSING = bytes.maketrans(b"[{", b"]}")
_MARK = "orderhub-unreadable-"
_PLACE = re.compile(rb'"' + _MARK.encode() + rb'[0-9a-f]{16}-\d+"')


class _Illegible(ValueError):
    """Brackets or quotes do not fit together, or too much would have to be cut out."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """An answer without its unreadable values.

    Attributes:
        body: JSON.
        cuts: The values by the words, quoted, that stand in their places.
    """

    body: bytes
    cuts: Mapping[bytes, bytes]


def excerpt(body: bytes) -> Excerpt | None:
    """What can be read of an answer; None if all of it can be, or if that would be a guess."""
    if _is_readable(body) or len(body) > LARGEST or body.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        made = _cut(body)
    except _Illegible:
        return None
    return made if made.cuts and _is_readable(made.body) else None


def restored(payload: bytes, cuts: Mapping[bytes, bytes]) -> bytes:
    """A part of an excerpt with its values back in their places."""
    return _PLACE.sub(lambda place: cuts.get(place[0], place[0]), payload) if cuts else payload


def is_cut(value: str) -> bool:
    """Whether a text of an answer is a word of ours: the vendor's own could not be read."""
    return value.startswith(_MARK)


def _is_readable(body: bytes) -> bool:
    try:
        msgspec.json.decode(b"[" * MARGIN + body + b"]" * MARGIN, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _cut(body: bytes) -> Excerpt:
    found = _unreadable(body)
    stamp = sha256(body).hexdigest()[:16]
    cuts: dict[bytes, bytes] = {}
    parts: list[bytes] = []
    end = 0
    for number, (start, stop) in enumerate(found):
        place = f'"{_MARK}{stamp}-{number}"'.encode()
        cuts[place] = body[start:stop]
        parts += (body[end:start], place)
        end = stop
    return Excerpt(b"".join([*parts, body[end:]]), cuts)


def _unreadable(body: bytes) -> list[tuple[int, int]]:
    """Start and end of each value that no decoder reads. Raises _Illegible."""
    found: list[tuple[int, int]] = []
    opened = bytearray()
    deep_from: int | None = None
    for piece in _PIECE.finditer(body):
        token, start, levels = piece[0], piece.start(), len(opened)
        if token[0] in b"[{":
            opened += token
            if deep_from is None and len(opened) > LEVELS:
                deep_from = start + LEVELS - levels
        elif token[0] in b"]}":
            if bytes(opened[: -len(token) - 1 : -1]).translate(_CLOSING) != token:
                raise _Illegible
            del opened[-len(token) :]
            if deep_from is not None and len(opened) <= LEVELS:
                found.append((deep_from, start + levels - LEVELS))
                deep_from = None
        elif token == b'"':
            raise _Illegible
        elif deep_from is None and not _is_scalar(token):
            found.append((start, piece.end()))
        if len(found) > MOST_CUTS:
            raise _Illegible
    if opened:
        raise _Illegible
    return found


def _is_scalar(token: bytes) -> bool:
    try:
        msgspec.json.decode(token, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True
