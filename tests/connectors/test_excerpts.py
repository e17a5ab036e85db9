"""What is read of an answer in which single values cannot be, and what is not."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.excerpts import LARGEST, LEVELS, MOST_CUTS, excerpt, is_cut, restored
from connectors.http import Answer

NOW = datetime(2026, 11, 2, tzinfo=UTC)
UNREADABLE = {
    "lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "brackets in a text of a deep value": b"[" * 50_000 + b'"]]]\\"}"' + b"]" * 50_000,
    "mixed": b'[{"a":' * 30_000 + b"null" + b"}]" * 30_000,
    "half a character": b'"\\ud83d"',
    "the other half": b'"a\\udc00 b"',
    "an escape that is none": b'"\\q"',
    "a control character": b'"a\x00b"',
    "not a number": b"NaN",
    "a number with a zero before it": b"007",
    "a word": b"undefined",
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("page", [b'{"orders": [%s]}', b" [%s]\n"], ids=["in an object", "a list"])
def test_records_are_told_apart_and_put_together_again(page: bytes, value: bytes) -> None:
    records = [b'{"id": "1"}', b'{"id": "2", "x": %s, "y": 1}' % value, b'{"id": "3"}']
    body = page % b", ".join(records)
    answer = Answer(200, {}, body, NOW).mended()
    decoded = msgspec.json.decode(answer.body, type=dict[str, list[msgspec.Raw]] | list[msgspec.Raw])
    found = decoded["orders"] if isinstance(decoded, dict) else decoded
    made = [answer.record(json.loads(bytes(raw))["id"], bytes(raw)) for raw in found]
    assert [(one.external_id, one.payload) for one in made] == list(zip("123", records, strict=True))
    assert restored(answer.body, answer.cuts) == body


def test_what_can_be_read_stays_as_it_is() -> None:
    for body in (b"", b"{}", b'{"a": [1, "\xff", "x\\"]"]}', b"<html>", b"[" * LEVELS + b"]" * LEVELS):
        answer = Answer(200, {}, body, NOW)
        assert answer.mended() is answer


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 10**6, id="cut off"),
        pytest.param(b'{"orders": [{"id": "1", "x": NaN}, {"id": "2', id="cut off in a text"),
        pytest.param(b"[" * 50_000 + b"}" * 50_000, id="brackets that do not fit"),
        pytest.param(b"[" * 50_000 + b"]" * 50_001, id="a bracket too many"),
        pytest.param(b'[{"note": "5" wide", "x": NaN}]', id="a quote too many"),
        pytest.param(b'[{"id": 1 "x": NaN}]', id="a comma too few"),
        pytest.param(b"\xef\xbb\xbf[NaN]", id="a byte order mark"),
        pytest.param(b"[" + b"NaN," * MOST_CUTS + b"NaN]", id="too many"),
        pytest.param(b"[NaN," + b" " * LARGEST + b"1]", id="too large"),
    ],
)
def test_nothing_is_guessed(body: bytes) -> None:
    assert excerpt(body) is None


def test_a_record_whose_id_cannot_be_read_lands_under_its_digest() -> None:
    answer = Answer(200, {}, b'[{"id": "\\ud83d"}, {"id": ""}]', NOW).mended()
    unreadable, empty = msgspec.json.decode(answer.body, type=list[dict[str, str]])
    assert is_cut(unreadable["id"])
    made = answer.record(unreadable["id"], json.dumps(unreadable).encode())
    assert made.payload == b'{"id": "\\ud83d"}'
    assert re.fullmatch("unidentified-[0-9a-f]{16}", made.external_id)
    assert answer.record(empty["id"], b"{}").external_id.startswith("unidentified-")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(before=st.lists(JSON, max_size=3), kind=st.sampled_from(list(UNREADABLE)), after=JSON)
def test_everything_around_an_unreadable_value_is_read_as_ever(
    before: list[object], kind: str, after: object
) -> None:
    """Whatever stands beside it, brackets and quotes in texts included."""
    value = UNREADABLE[kind]
    around = [json.dumps(one).encode() for one in (*before, after)]
    body = b"[" + b",".join([*around[:-1], value, around[-1]]) + b"]"
    made = excerpt(body)
    assert made is not None
    read = json.loads(made.body)
    assert [*read[: len(before)], read[-1]] == [*before, after]
    assert restored(made.body, made.cuts) == body
