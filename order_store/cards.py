"""No card data is kept: numbers and codes of payment cards are blotted out before a record is landed.

Vendors do not send them; shops' plugins and buyers' notes do. Two things are blotted out:

- the value of a field whose name says card number, account number, verification code or track data;
- a number of 13 to 19 digits that fits a card network and passes the Luhn check, where it stands in a text,
  in groups of four, or as the whole value of a field called "value" (how WooCommerce keeps a plugin's
  fields). A bare number elsewhere is an id: one in ten ids passes Luhn, and an id must stay.

The last four digits and the network, which channels show, are no card data (PCI DSS 4.0, requirement 3.5).
Every record passes through here, so what is usually absent is looked for in ways that cost little.
"""

import re
from collections.abc import Iterator

_ZERO = 0x30
_DIGITS_AS_ZEROS = bytes(_ZERO if 0x30 <= code <= 0x39 else code for code in range(256))
_SHORTEST, _LONGEST = 13, 19
_RUN = b"0" * _SHORTEST
_GROUPS = (b"0000 0000 0000 0", b"0000-0000-0000-0", b"0000 000000 0000", b"0000-000000-0000")
_GROUPED = re.compile(rb"\d{4}([ -])(?:\d{4}\1\d{4}\1\d{1,7}|\d{6}\1\d{4,5})")

_FIELD_NAMES = (
    rb"(?:[a-z0-9_\- ]*[_\- ])?"
    rb"(?:card[_-]?(?:number|num|no|code|cvv|cvc)|cc[_-]?(?:number|num|no|cvv|cvc)|cvv2?|cvc2?|cvn2?|csc"
    rb"|account[_-]?number|security[_-]?code|verification[_-]?value|track[_-]?[12]?[_-]?(?:data)?)"
)
_HINT = re.compile(
    rb"c(?:v[vcn]|ard[_-]?[nc]|c[_-]?[nc]|sc\"|count[_-]?n|urity[_-]?c|ation[_-]?v|k[_-]?(?:[12]|data))"
)
"""A piece that is in every such name in small letters: one letter to look for, and it is not a common one."""
_VALUE = rb'("(?:[^"\\]|\\.)*"|\d+)'
_FIELD = re.compile(rb'"' + _FIELD_NAMES + rb'"\s*:\s*' + _VALUE, re.IGNORECASE)
_META = re.compile(
    rb'"key"\s*:\s*"' + _FIELD_NAMES + rb'"\s*,\s*"(?:value|display_value)"\s*:\s*' + _VALUE, re.IGNORECASE
)
_VALUE_BEFORE = re.compile(rb'"(?:value|display_value)"\s*:\s*"?$')
_JSON_NUMBER_BEFORE = re.compile(rb'(?:"\s*:|\[|\d\s*,)\s*$')
_PATH_BEFORE = re.compile(rb"[A-Za-z/=_#%+.-]$")
_A_DIGIT = re.compile(rb"\d")


def without_card_data(payload: bytes) -> bytes:
    """A vendor's bytes with card numbers and codes blotted out; usually the very same bytes."""
    if _HINT.search(payload.lower()):
        payload = _META.sub(_blot_value, _FIELD.sub(_blot_value, payload))
    found = list(_card_numbers(payload))
    for start, end, blot in reversed(found):
        # many zeros make no JSON number
        blotted = b"0" if blot == b"0" else _A_DIGIT.sub(blot, payload[start:end])
        payload = payload[:start] + blotted + payload[end:]
    return payload


def card_numbers(payload: bytes) -> list[bytes]:
    """What `without_card_data` takes for card numbers, for scans of what is kept."""
    return [payload[start:end] for start, end, _ in _card_numbers(payload)]


def passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _card_numbers(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(start, end, what blots it out) of card numbers, in the sequence in which they stand."""
    shape = payload.translate(_DIGITS_AS_ZEROS)
    found: list[tuple[int, int, bytes]] = []
    start = shape.find(_RUN)
    while start >= 0:
        end = start + _SHORTEST
        while shape[end : end + 1] == b"0":
            end += 1
        if end - start <= _LONGEST and (blot := _blot_for_run(payload, start, end)):
            found.append((start, end, blot))
        start = shape.find(_RUN, end)
    for group in _GROUPS:
        start = shape.find(group)
        while start >= 0:
            match = _GROUPED.match(payload, start)
            apart = shape[start - 1 : start] not in (b"0", b"-") and match is not None
            if match and apart and shape[match.end() : match.end() + 1] != b"0" and _is_card(match[0]):
                found.append((start, match.end(), b"*"))
            start = shape.find(group, start + len(group))
    yield from sorted(found)


def _blot_for_run(payload: bytes, start: int, end: int) -> bytes:
    """What blots out a run of digits; empty if it is no card number, or an id."""
    if payload[start : start + 1] not in b"23456" or not _is_card(payload[start:end]):
        return b""
    before, after = payload[max(0, start - 40) : start], payload[end : end + 1]
    is_value = _VALUE_BEFORE.search(before) is not None
    if before.endswith(b'"') and after == b'"':
        return b"*" if is_value else b""
    if _JSON_NUMBER_BEFORE.search(before) and (not after or after in b",]} \r\n\t"):
        return b"0" if is_value else b""
    return b"" if _PATH_BEFORE.search(before) or after.isalpha() else b"*"


def _is_card(raw: bytes) -> bool:
    digits = raw.replace(b" ", b"").replace(b"-", b"").decode()
    return _fits_network(digits) and passes_luhn(digits)


def _fits_network(digits: str) -> bool:
    """Length and first digits of Visa, Mastercard, Amex, Discover, JCB, UnionPay, Diners and Maestro."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    return (
        (digits[0] == "4" and length in (13, 16, 19))
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))
        or (length == 15 and two in (34, 37))
        or (length in (16, 19) and (four == 6011 or two == 65 or 3528 <= four <= 3589 or two == 62))
        or (length == 14 and (two in (36, 38) or 300 <= int(digits[:3]) <= 305))
        or (length >= 16 and two in (50, 56, 58, 63, 67))
    )


def _blot_value(match: re.Match[bytes]) -> bytes:
    value = match[1]
    blot = b'"' + b"*" * (len(value) - 2) + b'"' if value.startswith(b'"') else b"0"
    return match[0][: match.start(1) - match.start()] + blot
