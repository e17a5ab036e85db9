"""The fuzzing that coverage guides: every mapping can be chosen, and a crash is told and kept."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import fuzz_atheris
from benchmarks.fuzz_atheris import fuzz_guided
from benchmarks.fuzz_checks import Parser, Record, parsers
from benchmarks.fuzz_corpus import Seed, seeds_of
from benchmarks.fuzz_tally import Tally, keep, summed, table
from normalization.records import CanonicalOrder
from tests.faults.conftest import RecordFault

ORDER = Path(__file__).resolve().parents[3] / "docs" / "examples" / "woocommerce-order.json"
INPUTS = 2_000


@pytest.fixture
def seeds() -> list[Seed]:
    return seeds_of({"example": ORDER.read_bytes()})


def test_inputs_are_tried_and_what_is_new_is_kept(
    seeds: list[Seed], tmp_path: Path, record_fault: RecordFault
) -> None:
    pytest.importorskip("atheris")
    parser = parsers()["woocommerce.order"]
    corpus, crashes = tmp_path / "corpus", tmp_path / "crashes"
    found = fuzz_guided(parser, seeds, INPUTS, 1, corpus, crashes)
    assert (found["inputs"], found["crashed"], found["kept"]) == (INPUTS, 0, [])
    assert found["normalized"] > 0
    assert found["quarantined"] > INPUTS // 2
    assert len(list(corpus.iterdir())) > 10
    record_fault("guided by coverage: woocommerce.order", times=INPUTS)


def test_a_process_that_dies_counts_as_a_crash(seeds: list[Seed], tmp_path: Path) -> None:
    gone = replace(parsers()["woocommerce.order"], name="no.mapping")
    found = fuzz_guided(gone, seeds, INPUTS, 1, tmp_path / "corpus", tmp_path / "crashes")
    assert (found["inputs"], found["crashed"]) == (0, 1)
    assert found["kept"] == ["no.mapping, no input: the process ended with 1"]


def test_an_input_that_crashes_is_counted_and_kept(tmp_path: Path) -> None:
    def crash(raw: bytes) -> list[Record]:
        raise KeyError(raw)

    crashing = Parser("crashing", "none", crash, CanonicalOrder)
    tally = Tally()
    for number in range(5):
        tally.try_one(crashing, b"input %d" % number)
    assert tally.figures() == {"inputs": 5, "normalized": 0, "quarantined": 0, "crashed": 5}
    kept = keep({"crashing": tally}, tmp_path)
    assert len(kept) == len(list(tmp_path.iterdir())) == 3
    assert all("KeyError at test_guided.py" in line for line in kept)


def test_the_command_takes_each_mapping_and_all_and_ends_with_1_after_a_crash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        fuzz_atheris.main(["--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in [*parsers(), fuzz_atheris.ALL])
    crashed = {"inputs": 1, "normalized": 0, "quarantined": 0, "crashed": 1, "kept": ["file: KeyError"]}
    sound: Mapping[str, object] = {**crashed, "crashed": 0, "quarantined": 1, "kept": []}
    done = {"ups.tracking": crashed, "easypost.tracking": dict(sound)}
    assert fuzz_atheris.told(done, 0, 1.0, as_json=True) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["inputs"], report["crashed"], report["kept"]) == (2, 1, ["file: KeyError"])
    assert fuzz_atheris.told({"easypost.tracking": dict(sound)}, 0, 1.0, as_json=False) == 0
    assert "easypost.tracking" in capsys.readouterr().out


def test_the_table_has_a_row_for_all() -> None:
    figures = {"inputs": 3, "normalized": 1, "quarantined": 2, "crashed": 0}
    assert summed({"a": figures, "b": figures})["inputs"] == 6
    assert table({"a": figures, "b": figures}, ["kept"]).splitlines()[-2].split() == ["all", *"6240"]
