"""A vendor's answer of another shape, in every call of every connector: records, or a ConnectorError."""

import time
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import fuzz_answers
from benchmarks.fuzz import fuzz
from benchmarks.fuzz_answers import answer_parsers
from benchmarks.fuzz_checks import Parser, judge
from benchmarks.fuzz_corpus import Corpus
from benchmarks.fuzz_mutations import mutated
from benchmarks.fuzz_plays import Play, sandbox_plays
from connectors.contract import ReadMode
from connectors.registry import CARRIERS, CHANNELS, WMSS, connector_class
from tests.faults.conftest import RecordFault

INPUTS, ALL_INPUTS = 25, 4_000
EXAMPLES, ALL_EXAMPLES = 6, 300
CONNECTORS = sorted({**CARRIERS, **CHANNELS, **WMSS})
Calls = Mapping[str, tuple[Parser, Corpus]]


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> list[Play]:
    return sandbox_plays(tmp_path_factory.mktemp("hub"), rounds=2)


@pytest.fixture(scope="module")
def calls(plays: list[Play]) -> Calls:
    return answer_parsers(plays)


def _of(connector: str, calls: Calls) -> Calls:
    return {name: pair for name, pair in calls.items() if name.split(".")[1] == connector}


def test_every_stream_and_operation_is_fuzzed(plays: list[Play]) -> None:
    recorded = {play.name for play in plays}
    for connector in CONNECTORS:
        known = connector_class(connector)
        for name, stream in known.streams.items():
            if (connector, name) != ("shipbob", "stock"):  # which is read as a whole only
                assert f"{connector}.read_one.{name}" in recorded
            assert (f"{connector}.read.{name}" in recorded) is (stream.mode is not ReadMode.BY_KEY)
        for name in known.operations:
            assert f"{connector}.write.{name}" in recorded


@pytest.mark.parametrize("connector", CONNECTORS)
def test_every_mutated_answer_is_read_or_refused(
    connector: str, calls: Calls, everything: bool, record_fault: RecordFault
) -> None:
    inputs = ALL_INPUTS if everything else INPUTS
    for name, (parser, corpus) in _of(connector, calls).items():
        seed = time.time_ns() if everything else 1
        tally = fuzz(parser, corpus, inputs, Random(seed))
        crashed = tally.counts["crashed"]
        record_fault(f"mutated answer: {name}", times=inputs - crashed)
        if crashed:
            record_fault(f"mutated answer: {name}", survived=False, times=crashed)
        assert tally.faults == {}, f"seed {seed}"


@pytest.mark.parametrize("connector", CONNECTORS)
def test_hypothesis_finds_no_answer_that_breaks_a_connector(
    connector: str, calls: Calls, everything: bool, record_fault: RecordFault
) -> None:
    examples = ALL_EXAMPLES if everything else EXAMPLES
    for name, (parser, corpus) in _of(connector, calls).items():
        _hold(parser, corpus, examples)
        record_fault(f"Hypothesis: {name}", times=examples)


def _hold(parser: Parser, corpus: Corpus, examples: int) -> None:
    @settings(
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
        derandomize=examples == EXAMPLES,
    )
    @given(chosen=st.sampled_from(range(len(corpus.good))), random=st.randoms(use_true_random=False))
    def holds(chosen: int, random: Random) -> None:
        seed = corpus.good[chosen]
        judge(parser, seed.head + mutated(seed.document, seed.places, random))

    holds()


@pytest.mark.parametrize("connector", CONNECTORS)
def test_the_recorded_answers_themselves_are_understood(connector: str, calls: Calls) -> None:
    """Otherwise nothing but refusals would be fuzzed."""
    for name, (parser, corpus) in _of(connector, calls).items():
        verdicts = [judge(parser, seed.head + seed.raw) for seed in corpus.good[:6]]
        assert "normalized" in verdicts, name


def test_a_call_that_does_not_end_is_a_fault(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_answers, "MOST_REQUESTS", 1)
    tally = fuzz(*calls["connector.tryton.write"], 30, Random(1))
    assert any("a call ends within" in fault for fault in tally.faults)
