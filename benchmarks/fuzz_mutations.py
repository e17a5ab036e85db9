"""Turns a vendor's JSON into JSON, or bytes, that the vendor never sent: structure first, then bytes.

A document is decoded once; numbers with a fraction stay the text that they were, and whatever JSON cannot
say through a Python value (1e400, a lone surrogate, a key twice) is put in as raw bytes. A mutation copies
only the way from the root to the place that it changes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

Json = Any
Step = str | int
Path = tuple[Step, ...]
Raw = msgspec.Raw

_DECODER = msgspec.json.Decoder(float_hook=lambda text: Raw(text.encode()))

DEEP = 3_000
"""Levels of nesting: more than Python's recursion limit."""

NUMBERS: Sequence[Json] = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    Raw(b"-0"),
    Raw(b"-0.0"),
    Raw(b"1e400"),
    Raw(b"-1e400"),
    Raw(b"1e-400"),
    Raw(b"1e" + b"5" * 30),
    Raw(b"1E+22"),
    Raw(b"0.1"),
    Raw(b"0.30000000000000004"),
    Raw(b"1" * 400),
    Raw(b"1" * 5_000),
    Raw(b"NaN"),
    Raw(b"Infinity"),
    Raw(b"01"),
)
TEXTS: Sequence[Json] = (
    "",
    " ",
    "0",
    "-0.00",
    "12.345",
    "1e3",
    "1e400",
    "1e99999",
    "1e999999999",
    "-1",
    "NaN",
    "sNaN",
    "Infinity",
    "9" * 40,
    "9" * 5_000,
    "\u0661\u0662.\u0663\u0664",
    "1_000.00",
    "null",
    "\x00",
    "a\x00b",
    "\ufeff",
    "\u202e",
    "\U0001f4e6",
    "e\u0301" * 50,
    "x" * 70_000,
    "'; DROP TABLE orders; --",
    "../../etc/passwd",
    "=1+1",
    "{{ 7 * 7 }}",
    "<script>alert(1)</script>",
    "[red]x[/]",
    "[/nothing]",
    "\x1b[2J",
    "line\r\nline",
    "EUR",
    "XXX",
    "eur",
    "ZZ",
    "true",
    Raw(b'"\\ud800"'),
    Raw(b'"\\udfff\\ud800"'),
    Raw(b'"\xff\xfe"'),
    Raw(b'"\xed\xa0\x80"'),
    Raw(b'"\x01"'),
)
TIMES: Sequence[Json] = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59.999999999Z",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-02-29",
    "2026-11-02T24:00:00Z",
    "2026-11-02T23:59:60Z",
    "2026-11-02T12:00:00+99:99",
    "2026-11-02T12:00:00+23:59",
    "2026-W45-1",
    "20261102",
    "00010101",
    "99991231",
    "235960",
    "1762084800",
    "yesterday",
    1762084800,
    10**18,
)
WORDS: Sequence[Json] = (None, True, False, [], {}, [None], [[]], {"": None}, [{}], "unknown_word")


def decoded(raw: bytes) -> Json:
    """The document of a payload. Raises ValueError if it is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("no JSON") from error


def paths_of(document: Json, limit: int = 4_000) -> list[Path]:
    """The places in a document, without its root; the first `limit` where it is huge."""
    found: list[Path] = []
    waiting: list[tuple[Path, Json]] = [((), document)]
    while waiting and len(found) < limit:
        path, value = waiting.pop()
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for step, part in inner:
            found.append((*path, step))
            waiting.append(((*path, step), part))
    return found


def _inside(value: Json) -> Iterable[tuple[Step, Json]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def mutated(document: Json, paths: Sequence[Path], random: Random) -> bytes:
    """One payload made of a document by up to four changes, and now and then broken as bytes.

    A document without places, as bytes that are no JSON are, is broken as bytes always.
    """
    chosen = document
    if not paths:
        raw = _encoded(document)
        for _ in range(random.choice((1, 1, 2, 4))):
            raw = _spliced(raw, random) if random.random() < 0.2 else _broken(raw, random)
        return raw
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        change = random.choice(CHANGES)
        chosen = change(chosen, random.choice(paths), paths, random)
    raw = _encoded(chosen)
    return _broken(raw, random) if random.random() < 0.12 else raw


def _encoded(document: Json) -> bytes:
    try:
        return msgspec.json.encode(document)
    except RecursionError:
        return json.dumps("too deep").encode()


def _at(document: Json, path: Path) -> Json:
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _changed(document: Json, path: Path, change: Callable[[Json, Step], Json]) -> Json:
    """A copy in which `change(holder, step)` replaced the holder of the path's last step."""
    step, rest = path[0], path[1:]
    if not rest:
        return change(document, step) if _has(document, step) else document
    if not _has(document, step):
        return document
    copy = document.copy()
    copy[step] = _changed(document[step], rest, change)
    return copy


def _has(holder: Json, step: Step) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(holder)


def _set(document: Json, path: Path, value: Json) -> Json:
    def put(holder: Json, step: Step) -> Json:
        copy = holder.copy()
        copy[step] = value
        return copy

    return _changed(document, path, put)


def _drop(document: Json, path: Path, _paths: Sequence[Path], _random: Random) -> Json:
    def without(holder: Json, step: Step) -> Json:
        copy = holder.copy()
        del copy[step]
        return copy

    return _changed(document, path, without)


def _duplicate(document: Json, path: Path, _paths: Sequence[Path], random: Random) -> Json:
    """An entry of a list again; a key a second time, with another value."""

    def twice(holder: Json, step: Step) -> Json:
        if isinstance(holder, list):
            return [*holder, *[_at(holder, (step,))] * random.choice((1, 1, 2, 50))]
        first = _encoded(holder)
        if len(first) < 3 or not first.startswith(b"{"):
            return holder
        again = _encoded({step: random.choice((*WORDS, *NUMBERS[:8], *TEXTS[:8]))})
        return Raw(first[:-1] + b"," + again[1:])

    return _changed(document, path, twice)


def _retype(document: Json, path: Path, _paths: Sequence[Path], random: Random) -> Json:
    value = _at(document, path)
    forms: list[Json] = [None, [value], {"value": value}, random.choice(WORDS)]
    if isinstance(value, str):
        forms += [
            Raw(value.encode()) if value.isdecimal() else len(value),
            value.upper(),
            value[: len(value) // 2],
        ]
    elif isinstance(value, int):
        forms += [str(value), -value, Raw(f"{value}.5".encode()), Raw(f"{value}.0".encode()), bool(value)]
    elif isinstance(value, Raw):
        text = bytes(value).decode(errors="replace")
        forms += [text, text.partition(".")[0]]
    elif isinstance(value, dict):
        forms += [list(value.values()), list(value), {}]
    elif isinstance(value, list):
        forms += [value[0] if value else None, {str(n): one for n, one in enumerate(value)}, []]
    return _set(document, path, random.choice(forms))


def _extreme(document: Json, path: Path, _paths: Sequence[Path], random: Random) -> Json:
    value = _at(document, path)
    if isinstance(value, str):
        dated = len(value) >= 8 and value[:4].isdecimal()
        pool = TIMES if dated and random.random() < 0.8 else random.choice((TEXTS, TEXTS, NUMBERS))
    elif isinstance(value, int | Raw):
        pool = NUMBERS if random.random() < 0.7 else TEXTS
    else:
        pool = random.choice((NUMBERS, TEXTS, TIMES, WORDS))
    return _set(document, path, random.choice(pool))


def _nudge(document: Json, path: Path, _paths: Sequence[Path], random: Random) -> Json:
    """A number, or a number in a text, that is only a little wrong."""
    value = _at(document, path)
    if isinstance(value, bool):
        return _set(document, path, not value)
    if isinstance(value, int):
        return _set(document, path, value + random.choice((-100, -1, 1, 100, 10_000)))
    if isinstance(value, str) and value.replace(".", "", 1).replace("-", "", 1).isdigit():
        return _set(document, path, random.choice(("-" + value, value + "1", value + "0", "1" + value)))
    return _extreme(document, path, _paths, random)


def _swap(document: Json, path: Path, paths: Sequence[Path], random: Random) -> Json:
    """A value in another's place, and the other's in its own."""
    other = random.choice(paths)
    here, there = _at(document, path), _at(document, other)
    return _set(_set(document, path, there), other, here)


def _nest(document: Json, path: Path, _paths: Sequence[Path], random: Random) -> Json:
    """A value below very many brackets."""
    if random.random() < 0.9:
        return _set(document, path, [_at(document, path)] * random.choice((0, 1, 2, 30)))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'{"response":', b"}")))
    return _set(document, path, Raw(opening * DEEP + b"1" + closing * DEEP))


CHANGES: Sequence[Callable[[Json, Path, Sequence[Path], Random], Json]] = (
    _drop,
    _duplicate,
    _retype,
    _extreme,
    _extreme,
    _nudge,
    _swap,
    _nest,
)


def _broken(raw: bytes, random: Random) -> bytes:
    """Bytes flipped, cut off, cut out or put in."""
    body = bytearray(raw)
    if not body:
        return raw
    kind = random.randrange(4)
    place = random.randrange(len(body))
    if kind == 0:
        for _ in range(random.choice((1, 1, 2, 8))):
            body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    elif kind == 1:
        del body[place:]
    elif kind == 2:
        del body[place : place + random.choice((1, 2, 16))]
    else:
        body[place:place] = random.choice((b"\x00", b"\xff", b'"', b",", b"}", b"\xef\xbb\xbf", b"0"))
    return bytes(body)


def _spliced(raw: bytes, random: Random) -> bytes:
    """A piece of it again, in another place."""
    start, place = random.randrange(len(raw) + 1), random.randrange(len(raw) + 1)
    return raw[:place] + raw[start : start + random.choice((1, 4, 64, 1024))] + raw[place:]


def settings_of(connector: str) -> Mapping[str, str]:
    """Settings with which a connector's records are read."""
    return {"timezone": "Europe/Paris"} if connector == "woocommerce" else {}
