"""A connector's calls with one of the vendor's answers mutated: records come out, or a ConnectorError.

An input is an answer's body. The call is made again behind `responses`; the answers before the mutated one
are those that were recorded. After it come, by the input's own bits, those that were recorded too or the
mutated one for ever, and where the recording ends the connection does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec
import requests
import responses

from benchmarks.fuzz_checks import Parser, Record, promise
from benchmarks.fuzz_corpus import Corpus, Seed
from benchmarks.fuzz_mutations import decoded, paths_of
from benchmarks.fuzz_plays import Play
from connectors.contract import Page, WriteResult
from connectors.errors import ConnectorError
from connectors.registry import connect
from connectors.runtime import MemoryTokens, Runtime
from sandbox.mounted import METHODS

MOST_REQUESTS = 300
"""Requests after which a call counts as one that does not end."""
EVERYWHERE = re.compile(".*")


class _Clock:
    """The time of a recording; sleeping takes none."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def answer_parsers(plays: Sequence[Play]) -> Mapping[str, tuple[Parser, Corpus]]:
    """A parser for each connector's way of being called, and the recorded answers that it begins with."""
    kinds: dict[str, list[Play]] = {}
    for play in plays:
        kinds.setdefault(f"connector.{play.connector}.{play.call}", []).append(play)
    return {name: (_parser(name, chosen), Corpus(_seeds(chosen), ())) for name, chosen in kinds.items()}


def _parser(name: str, plays: Sequence[Play]) -> Parser:
    def parse(raw: bytes) -> list[Record]:
        head, _, body = raw.partition(b"\n")
        number, place = map(int, head.split(b"/"))
        _replay(plays[number], place, body)
        return []

    return Parser(name, plays[0].connector, parse, None, (ConnectorError,))


def _seeds(plays: Sequence[Play]) -> list[Seed]:
    """Every answer of every recording; the head says which."""
    found = []
    for number, play in enumerate(plays):
        for place, answer in enumerate(play.answers):
            try:
                document = decoded(answer.body)
            except ValueError:
                document = msgspec.Raw(answer.body)
            head = b"%d/%d\n" % (number, place)
            found.append(Seed(play.name, answer.body, document, paths_of(document), head))
    return found


def _replay(play: Play, place: int, body: bytes) -> None:
    """Make the call, with another body in an answer, and hold what comes of it against its promises."""
    mutated = replace(play.answers[place], body=body)
    stays = sha256(body).digest()[0] % 2
    asked = 0

    def answer(_request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes | Exception]:
        nonlocal asked
        number, asked = asked, asked + 1
        promise(number < MOST_REQUESTS, f"a call ends within {MOST_REQUESTS} requests")
        if number == place or (number > place and stays):
            return mutated.status, mutated.headers, mutated.body
        if number >= len(play.answers):
            return 0, {}, requests.ConnectionError("the recording ends here")
        told = play.answers[number]
        return told.status, told.headers, told.body

    runtime = Runtime(clock=_Clock(play.now), tokens=MemoryTokens())
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add_callback(method, EVERYWHERE, callback=answer, content_type=None)
        connector = connect(play.connector, play.name, play.settings, play.secrets, runtime)
        done = getattr(connector, play.call)(play.about, *play.arguments)
        if play.call in ("read", "read_one"):
            for page in [done] if play.call == "read_one" else done:
                _check_page(page)
        elif done is not None:
            _check_result(done)


def _check_page(page: Page) -> None:
    for record in page.records:
        promise(record.external_id.__class__ is str and record.external_id != "", "a record has an id")
        promise(record.payload.__class__ is bytes, "a record is bytes")
        record.external_id.encode()
    promise(page.bookmark is None or page.bookmark.__class__ is str, "a bookmark is text")
    promise(page.observed_at.utcoffset() == timedelta(), "a page's time is UTC")


def _check_result(result: WriteResult) -> None:
    promise(result.__class__ is WriteResult, "a write gives a result")
    for told in (result.vendor_ref, result.reason):
        promise(told is None or told.__class__ is str, "a result's words are text")
        (told or "").encode()
