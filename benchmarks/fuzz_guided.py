"""One mapping under atheris, in a process of its own: the next input goes by the branches that were reached.

`benchmarks.fuzz_atheris` starts it: libFuzzer ends the process that it ran in.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

BY_STRUCTURE = 0.8
"""Share of the changes that are made to the document; the others are libFuzzer's own, to its bytes.

Most changed bytes are no JSON any more, and msgspec's branches, written in C, guide nobody.
"""
LONGEST = 256 << 10
"""Bytes of an input: twice the longest public payload."""


def guided(name: str, inputs: int, seed: int, folders: list[str], report: Path, crashes: Path) -> None:
    """Feed a mapping with so many inputs, and write their counts and the faulty ones. It does not return.

    Args:
        name: The mapping, as in `benchmarks.fuzz_checks.parsers`.
        inputs: How many.
        seed: The same one gives the same inputs.
        folders: Of payloads to begin with; the first also receives those that reached something new.
        report: The file for the counts.
        crashes: The folder for faulty inputs.
    """
    atheris = import_module("atheris")
    # Only what is imported under its eyes is guided by; the rest of the hub would take minutes.
    with atheris.instrument_imports(include=["normalization"]):
        parser = import_module("benchmarks.fuzz_checks").parsers()[name]
    tallies = import_module("benchmarks.fuzz_tally")
    tally = tallies.Tally()

    def once(raw: bytes) -> None:
        tally.try_one(parser, raw)

    flags = [
        f"-atheris_runs={inputs}",
        f"-seed={seed}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={crashes}/{name}-",
        "-timeout=0",  # the judge has the alarm clock
        "-verbosity=0",
    ]
    atheris.Setup(["fuzz", *flags, *folders], once, custom_mutator=_changed(atheris))
    try:
        atheris.Fuzz()
    finally:
        kept = tallies.keep({name: tally}, crashes)
        report.write_text(json.dumps({**tally.figures(), "kept": kept}))


def _changed(atheris: Any) -> Any:  # noqa: ANN401 -- a module without types
    mutations = import_module("benchmarks.fuzz_mutations")

    def change(raw: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < BY_STRUCTURE:
            try:
                document = mutations.decoded(raw)
            except ValueError:
                return bytes(atheris.Mutate(raw, longest))
            made: bytes = mutations.mutated(document, mutations.paths_of(document), random)
            if len(made) <= longest:
                return made
        return bytes(atheris.Mutate(raw, longest))

    return change


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    guided(
        told["name"],
        told["inputs"],
        told["seed"],
        told["folders"],
        Path(told["report"]),
        Path(told["crashes"]),
    )
