"""Card numbers that buyers write into every free-text field of every channel: landing has none.

What a card number is, is said here anew: a scan with the product's own rules would not see what they miss.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.buyers import Wish, place_order
from sandbox.registry import CHANNELS

OpenStage = Callable[..., Any]
BETWEEN = r"[\s.\u2010-\u2015-]{0,3}"
"""White space (no-break spaces are some), dots and dashes."""
DIGITS = re.compile(rf"(?=(?<!\d)(?<!\d-)(\d(?:{BETWEEN}\d){{12,18}})(?!\d))")
SCHEMES = re.compile(r"4|5[0-8]|3[0-9]|6|2[2-7]")
IDS = {"id", "orderId", "orderItemId", "legacyResourceId"}
FORMS = (
    "4111111111111111",
    "card 5555555555554444 please",
    "4111 1111 1111 1111, 12/30",
    "4111.1111.1111.1111",
    "4111-1111-1111-1111",
    "4111\u00a01111\u00a01111\u00a01111",
    "amex: 3782 822463 10005",
    "first line\n378282246310005",
    '{"pan":"6011111111111117"}',
)


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401
    """All that stands in a record, but for the values of ids."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name not in IDS:
                yield name
                yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, (str, int)):
        yield str(value)


def card_numbers(payload: bytes) -> list[str]:
    found = []
    for text in texts(json.loads(payload)):
        for match in DIGITS.finditer(text):
            digits = [int(one) for one in match[1] if one.isdigit()]
            doubled = [one * 2 - 9 if one > 4 else one * 2 for one in digits[-2::-2]]
            if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and SCHEMES.match(match[1]):
                found.append(match[1])
    return found


@pytest.mark.parametrize("form", FORMS)
def test_the_scan_sees_every_form_that_is_planted(form: str) -> None:
    assert len(card_numbers(json.dumps({"id": "4111111111111111", "a": [{"b": form}]}).encode())) == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_card_numbers_that_buyers_write_are_not_landed(open_stage: OpenStage, channel: str) -> None:
    stage = open_stage(channel)
    for form in FORMS:
        wish = Wish(canary=form, payment="captured", by_channel=False)  # in names, streets, mail and note
        place_order(stage.world, channel, wish)
    stage.wait(minutes=15)
    stage.read(channel)
    landing = stage.hub.landing
    records = [record for path in landing.paths(channel) for record in landing.read(path)]
    assert len({record.external_id for record in records}) == len(FORMS)
    assert {record.external_id: found for record in records if (found := card_numbers(record.payload))} == {}
    blotted = {record.external_id for record in records if b"****" in record.payload}
    assert len(blotted) == len(FORMS), "they were all sent"
