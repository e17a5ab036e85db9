"""Mutated payloads into every mapping: a record that keeps its promises comes out, or a refusal."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from benchmarks.fuzz import fuzz, reproduce
from benchmarks.fuzz_checks import BrokenPromiseError, Parser, Verdict, judge, parsers
from benchmarks.fuzz_corpus import Corpus, Seed, corpus_of, public_payloads, sandbox_payloads, seeds_of
from benchmarks.fuzz_mutations import CHANGES, decoded, mutated, paths_of
from normalization import registry
from normalization.errors import NormalizationError
from normalization.money import Money
from normalization.records import CanonicalOrder
from tests.faults.conftest import RecordFault

INPUTS, ALL_INPUTS = 2_000, 72_000
"""Inputs a parser, in a sample and in all: 72,000 each are a million together."""
NO_RECORDS = (
    *(b"", b"null", b"[]", b"{}", b'"x"', b"1e999", b"\x00", b"\xff"),
    *(b"[" * 10**6, b'{"a":' * 10**5, b'{"response":' * 10**5),
)
NAMES = list(parsers())


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Seed]:
    played = sandbox_payloads(tmp_path_factory.mktemp("hub"), rounds=3)
    return seeds_of({**public_payloads(), **played})


@pytest.fixture(scope="module")
def corpora(seeds: list[Seed]) -> Mapping[str, Corpus]:
    return {name: corpus_of(parser, seeds) for name, parser in parsers().items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_mutated_payload_is_normalized_or_refused(
    name: str, corpora: Mapping[str, Corpus], everything: bool, record_fault: RecordFault
) -> None:
    inputs = ALL_INPUTS if everything else INPUTS
    seed = time.time_ns()
    tally = fuzz(parsers()[name], corpora[name], inputs, Random(seed))
    crashed = tally.counts["crashed"]
    record_fault(f"mutated payload: {name}", times=inputs - crashed)
    if crashed:
        record_fault(f"mutated payload: {name}", survived=False, times=crashed)
    assert tally.faults == {}, f"seed {seed}"
    assert tally.counts[Verdict.NORMALIZED] > inputs // 20
    assert tally.counts[Verdict.QUARANTINED] > inputs // 20


@pytest.mark.parametrize("name", NAMES)
def test_hypothesis_finds_no_payload_that_breaks_a_mapping(
    name: str, corpora: Mapping[str, Corpus], everything: bool, record_fault: RecordFault
) -> None:
    """The same mutations, chosen by Hypothesis, which shrinks what it finds to the smallest."""
    parser, good = parsers()[name], corpora[name].good
    examples = 5_000 if everything else 100

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(chosen=st.sampled_from(range(len(good))), random=st.randoms(use_true_random=False))
    def holds(chosen: int, random: Random) -> None:
        seed = good[chosen]
        judge(parser, mutated(seed.document, seed.places, random))

    holds()
    record_fault(f"Hypothesis: {name}", times=examples)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_of_any_kind_are_refused_or_understood(name: str, record_fault: RecordFault) -> None:
    parser = parsers()[name]

    @settings(max_examples=200, database=None)
    @given(raw=st.binary(max_size=200))
    def holds(raw: bytes) -> None:
        judge(parser, raw)

    holds()
    for raw in NO_RECORDS:
        judge(parser, raw)
    record_fault(f"bytes: {name}", times=200 + len(NO_RECORDS))


def test_each_change_changes_something(seeds: list[Seed]) -> None:
    """Otherwise the inputs would be the payloads themselves."""
    orders = (one for one in seeds if "sandbox:shopify/orders" in one.source)
    seed = max(orders, key=lambda one: len(one.places))
    for change in CHANGES:
        random = Random(1)
        made = [change(seed.document, random.choice(seed.places), seed.places, random) for _ in range(50)]
        assert sum(one != seed.document for one in made) > 15, change


def test_mutating_leaves_the_seed_as_it_was(seeds: list[Seed]) -> None:
    for seed in seeds[:200]:
        mutated(seed.document, seed.places, Random(seed.source))
        assert seed.places == paths_of(seed.document)
    assert [seed.document for seed in seeds] == [decoded(seed.raw) for seed in seeds]


def test_the_judge_sees_a_broken_promise(corpora: Mapping[str, Corpus]) -> None:
    """A mapping that crashes, or makes an order whose parts do not add up, does not pass."""
    parser = parsers()["vendure.order"]
    raw = corpora["vendure.order"].good[0].raw

    def careless(raw: bytes) -> list[CanonicalOrder]:
        order = parser.parse(raw)[0]
        assert isinstance(order, CanonicalOrder)
        assert order.totals is not UNSET
        more = order.totals.total + Money(1, order.currency)
        return [replace(order, totals=replace(order.totals, total=more))]

    assert judge(parser, raw) is Verdict.NORMALIZED
    with pytest.raises(BrokenPromiseError, match="add up"):
        judge(Parser("careless", "none", careless, CanonicalOrder), raw)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        judge(Parser("crashing", "none", lambda raw: {b"": []}[raw], CanonicalOrder), raw)


def test_a_kept_input_is_reproduced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ups.tracking-0123456789ab.bin"
    file.write_bytes(b"{}")
    assert reproduce(file) == 0
    assert capsys.readouterr().out == "quarantined\n"


def test_every_mapping_is_fuzzed() -> None:
    entries = {name.partition(".")[0] for name in NAMES}
    assert entries == {*registry.CHANNELS, *registry.WMSS, *registry.CARRIERS}


def test_a_refusal_quotes_no_words_of_a_person(corpora: Mapping[str, Corpus]) -> None:
    """A name in any field of an order, of whatever kind, stands in no reason for quarantine."""
    name = "Wilhelmina Canary"
    for parser in parsers().values():
        for seed in corpora[parser.name].good[:3]:
            for place in seed.places:
                raw = _with(seed, place, name)
                try:
                    parser.parse(raw)
                except NormalizationError as error:
                    assert "Canary" not in error.message, (parser.name, place)


def _with(seed: Seed, place: tuple[str | int, ...], value: str) -> bytes:
    document = json.loads(seed.raw)
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return json.dumps(document).encode()
