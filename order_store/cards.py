"""No card data is kept: numbers and codes of payment cards are blotted out before a record is landed.

Vendors do not send them; shops' plugins and buyers' notes do. Two things are blotted out:

- the value of a field whose name says card number, account number, verification code or track data, in JSON
  and in JSON that stands within a string;
- a number of 13 to 19 digits that fits a card network and passes the Luhn check, in one piece or in groups,
  wherever it stands, but for what is an id: the value of a field whose name says id, number, reference, phone
  or the like, what is part of a word, an address on the web or a longer number, and 13 digits that are a
  barcode by its check digit. One in ten ids passes Luhn, and an id must stay.

The last four digits and the network, which channels show, are no card data (PCI DSS 4.0, requirement 3.5).
Every record passes through here, so what is usually absent is looked for in ways that cost little.
"""

import re
from collections.abc import Iterator

_SHAPE = bytes(0x30 if 0x30 <= code <= 0x39 else 0x2D if code in b" .-" else code for code in range(256))
"""All digits as 0, all that stands between groups of them as a hyphen."""
_SHORTEST, _LONGEST = 13, 19
_RUN = b"0" * _SHORTEST
_SPACED = re.compile(
    rb"\\+(?:u(?:00[aA]0|202[fF]|20(?:0[0-9aAbB]|1[0-5]))|[nrt])|\xc2\xa0|\xe2\x80[\x80-\x95\xaf]"
)
"""White space and dashes of more than one byte, as JSON writes them and as UTF-8."""
_GROUP_STARTS = (b"0000-0000-0000", b"0000-000000-000")
_WIDE_GROUP_STARTS = (b"0000-0000", b"0000--")
"""Where what stands between takes several bytes. What is longer is looked for in less time."""
_GROUPS = tuple(
    re.compile(groups.replace(b"-", rb"-{1,12}") + rb"(?!0)")
    for groups in (b"0{4}-0{4}-0{4}-0{4}-0{3}", b"0{4}-0{4}-0{4}-0{1,7}", b"0{4}-0{6}-0{4,5}")
)

_FIELD_NAMES = (
    rb"(?:(?:[a-z0-9_\- ]*(?:[_\- ]|(?-i:[a-z0-9](?=[A-Z]))))?"
    rb"(?:card[_-]?(?:number|num|no|code|cvv|cvc)|cc[_-]?(?:number|num|no|cvv|cvc)|cvv2?|cvc2?|cvn2?|csc"
    rb"|security[_-]?code|verification[_-]?value|track[_-]?[12]?[_-]?(?:data)?)"
    rb"|(?:[a-z0-9_\- ]*[_\- ]|primary)?account[_-]?number)"
)
"""A hump is a beginning too (cardSecurityCode), but for accounts: fedExAccountNumber is the shipper's."""
_HINT = re.compile(
    rb"c(?:v[vcn]|ard[_-]?[nc]|c[_-]?(?:n[uo]|cv)|sc\\*\"|count[_-]?n|urity[_-]?c|ation[_-]?v|k[_-]?(?:[12]|data))"
)
"""A piece that is in every such name in small letters: one letter to look for, and it is not a common one."""
_VALUE = rb'\s*:\s*(?:(?P=escape)"(?P<text>(?:[^"\\]|\\.)*?)(?P=escape)"|(?P<number>\d+))'
_ENDED = rb'(?P<escape>\\*)"'
"""The end of a name. In JSON that stands within a string, backslashes are before every quote of it."""
_FIELD = re.compile(rb'"' + _FIELD_NAMES + _ENDED + _VALUE, re.IGNORECASE)
_META = re.compile(
    rb'"(?:key|name|code|label)\\*"\s*:\s*\\*"' + _FIELD_NAMES + _ENDED
    + rb'\s*,\s*(?P=escape)"(?:value|display_value)(?P=escape)"' + _VALUE,
    re.IGNORECASE,
)  # fmt: skip

_NAME = rb'"([^"\\]*)"\s*:\s*'
_LIST_BEGUN = rb'(?:\[(?:[^][{}"]|"[^"]*")*)?'
_NUMBER_OF = re.compile(_NAME + _LIST_BEGUN + rb"-?$")
_TEXT_OF = re.compile(_NAME + _LIST_BEGUN + rb'"[^"]*$')
_NAMED_BESIDE = re.compile(rb'"(?:key|name|code|label|type)"\s*:\s*"([^"\\]*)"[^{}]*$')
_VALUE_NAMES = (b"value", b"display_value")
_ID_NAME = re.compile(
    rb"^_?id[_A-Z]|(?i:bar_?code|(?:id|gid|ids|key|token|ref|references?|identifiers?(?:value)?|numbers?|num|no"
    rb"|nr|codes?|orders?|trackings?|transaction|ean|gtin|upc|isbn|asin|asn|sscc|skus?|imei|serials?|lot|batch"
    rb"|node|phone|telephone|mobile|fax|ur[li]|href|link|src|hash|fingerprint|cursor|version|timestamp)"
    rb"[_-]?\d?(?: ?\#)?$)"
)
_NO_ID_NAME = re.compile(
    rb"(?:card|cvv|cvc|(?<![a-z])(?:pan|cc))[_ -]?(?:numbers?|num|no|nr|codes?)?(?: ?\#)?$", re.I
)
_ID_BEFORE = re.compile(
    rb"(?:[A-Za-z][_-]?|[/_%+]|\d[.-]|\"\#|(?:^|[^A-Za-z])(?i:id):|[?&][^\s\"&=]{1,40}=)$"
)
_CARD_BEFORE = re.compile(rb"(?:card|visa|amex|maestro|karte|carte|tarjeta)[_-]?$", re.IGNORECASE)
_A_DIGIT = re.compile(rb"\d")
_LOOKED_BACK = 2_000


def without_card_data(payload: bytes) -> bytes:
    """A vendor's bytes with card numbers and codes blotted out; usually the very same bytes."""
    if _HINT.search(payload.lower()):
        payload = _META.sub(_blot_value, _FIELD.sub(_blot_value, payload))
    found = list(_card_numbers(payload))
    for start, end, blot in reversed(found):
        # many zeros make no JSON number
        blotted = b"0" if blot == b"0" else _blotted(payload[start:end])
        payload = payload[:start] + blotted + payload[end:]
    return payload


def passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _card_numbers(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(start, end, what blots it out) of card numbers, in the sequence in which they stand."""
    shape = payload.translate(_SHAPE)
    found: list[tuple[int, int, bytes]] = []
    start = shape.find(_RUN)
    while start >= 0:
        end = start + _SHORTEST
        while shape[end : end + 1] == b"0":
            end += 1
        first = _after_escape(payload, start)
        if _SHORTEST <= end - first <= _LONGEST and (blot := _blot_for(payload, first, end)):
            found.append((first, end, blot))
        start = shape.find(_RUN, end)
    needles = _GROUP_STARTS
    if b"0000\\" in shape or (
        not payload.isascii() and (b"0000\xc2\xa0" in shape or b"0000\xe2\x80" in shape)
    ):
        shape, needles = _SPACED.sub(_as_spaces, payload).translate(_SHAPE), _WIDE_GROUP_STARTS
    for needle in needles:
        start = shape.find(needle)
        while start >= 0:
            end = _end_of_groups(payload, shape, start)
            if end:
                found.append((start, end, b"*"))
            start = shape.find(needle, end or start + 4)
    yield from sorted(set(found))


def _after_escape(payload: bytes, start: int) -> int:
    """Where a run of digits begins: its first ones may be the end of an escape, as in backslash u00a0."""
    if b"\\u" in payload[max(0, start - 5) : start]:
        escape = _SPACED.search(payload, max(0, start - 5), start + 4)
        return max(start, escape.end()) if escape else start
    return start


def _end_of_groups(payload: bytes, shape: bytes, start: int) -> int:
    """Where a card number in groups ends that starts here; 0 if none does."""
    if shape[start - 1 : start] == b"0":
        return 0
    for groups in _GROUPS:
        match = groups.match(shape, start)
        if match and _blot_for(payload, start, match.end()):
            return match.end()
    return 0


def _blot_for(payload: bytes, start: int, end: int) -> bytes:
    """What blots out digits; empty if they are no card number, or an id."""
    raw = payload[start:end]
    digits = (raw if raw.isdigit() else _SPACED.sub(b"", raw).translate(None, b" .-")).decode()
    if not _fits_network(digits) or not passes_luhn(digits) or _is_barcode(digits):
        return b""
    before = payload[max(0, start - _LOOKED_BACK) : start].replace(b"\\", b"")
    after = payload[end : end + 1]
    number = _NUMBER_OF.search(before)
    field = number or _TEXT_OF.search(before)
    if field and _names_id(field[1], before[: field.start()]):
        return b""
    if number:
        return b"0" if not after or after in b",]} \r\n\t" else b""
    before = _SPACED.sub(_as_spaces, payload[max(0, start - 60) : start]).replace(b"\\", b"")
    if after.isalpha() or (_ID_BEFORE.search(before) and not _CARD_BEFORE.search(before)):
        return b""
    return b"*"


def _names_id(name: bytes, before: bytes) -> bool:
    """Whether a field's name says that it holds an id; that of a field called "value" stands beside it."""
    if name in _VALUE_NAMES and (beside := _NAMED_BESIDE.search(before)):
        name = beside[1]
    return _ID_NAME.search(name) is not None and not _NO_ID_NAME.search(name)


def _is_barcode(digits: str) -> bool:
    """Whether 13 digits are an EAN by its check digit: networks give out no card of 13 digits any more."""
    weighted = sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(digits))
    return len(digits) == _SHORTEST and weighted % 10 == 0


def _fits_network(digits: str) -> bool:
    """Length and first digits of Visa, Mastercard, Amex, Discover, JCB, UnionPay, Diners, Mir and Maestro."""
    length, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    return (
        (digits[0] == "4" and length in (13, 16, 19))
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204))
        or (length == 15 and two in (34, 37))
        or (length in (16, 19) and (four == 6011 or 644 <= three <= 659 or 3528 <= four <= 3589 or two == 62))
        or (length == 14 and (two in (36, 38, 39) or 300 <= three <= 305))
        or (length >= 16 and two in (50, 56, 58, 63, 67))
    )


def _blotted(number: bytes) -> bytes:
    """A number with its digits blotted out; what JSON writes between them (backslash u00a0) stays."""
    kept = _SPACED.split(number)
    between = [*_SPACED.findall(number), b""]
    return b"".join(_A_DIGIT.sub(b"*", one) + two for one, two in zip(kept, between, strict=True))


def _as_spaces(match: re.Match[bytes]) -> bytes:
    return b" " * len(match[0])


def _blot_value(match: re.Match[bytes]) -> bytes:
    name = "number" if match["text"] is None else "text"
    start, end = match.start(name) - match.start(), match.end(name) - match.start()
    blot = b"0" if name == "number" else b"*" * (end - start)
    return match[0][:start] + blot + match[0][end:]
