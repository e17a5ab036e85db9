"""Mutated input into every parser: each is to come out normalized or refused, and nothing else.

    python -m benchmarks.fuzz --inputs 1000000 --json
    python -m benchmarks.fuzz --only connector. --only file. --inputs 100000

The parsers are the mappings, the connectors' calls (`benchmarks.fuzz_answers`) and the hub's own files
(`benchmarks.fuzz_files`). It begins with every public payload beside the checkout (ORDERHUB_CONTRACTS;
without them, with the sandbox's alone), changes structure, values and bytes, and holds what came out against
its promises. An input that breaks one is kept in --crashes; run it again with --reproduce FILE.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.fuzz_answers import answer_parsers
from benchmarks.fuzz_checks import Parser, judge, parsers
from benchmarks.fuzz_corpus import Corpus, corpus_of, public_payloads, sandbox_payloads, seeds_of
from benchmarks.fuzz_files import file_parsers
from benchmarks.fuzz_mutations import mutated
from benchmarks.fuzz_plays import Play, sandbox_plays
from benchmarks.fuzz_tally import Tally, keep, summed, table

UNDERSTOOD = 0.9
"""Share of the inputs that begin with a payload which the parser understands; the rest with any other."""
CHUNK = 5_000


def fuzz(parser: Parser, corpus: Corpus, inputs: int, random: Random) -> Tally:
    """Mutate and parse so many inputs."""
    tally = Tally()
    for _ in range(inputs):
        seeds = corpus.good if random.random() < UNDERSTOOD or not corpus.other else corpus.other
        seed = random.choice(seeds)
        raw = seed.head + mutated(seed.document, seed.places, random)
        tally.try_one(parser, raw)
    return tally


Known = Mapping[str, tuple[Parser, Corpus]]
_KNOWN: dict[str, tuple[Parser, Corpus]] = {}


@dataclass(frozen=True)
class Material:
    """What fuzzing begins with.

    Attributes:
        payloads: Records, for mappings and landing files.
        plays: Recorded calls, for connectors.
        home: A folder for files.
    """

    payloads: Mapping[str, bytes]
    plays: Sequence[Play]
    home: Path


def known_parsers(material: Material, only: Sequence[str] = ()) -> Known:
    """Every parser with its corpus, or those whose name begins with one of the words."""
    seeds = seeds_of(material.payloads)
    wanted = tuple(only) or ("",)
    found = {
        name: (parser, corpus_of(parser, seeds))
        for name, parser in parsers().items()
        if name.startswith(wanted)
    }
    more = {**answer_parsers(material.plays), **file_parsers(list(material.payloads.values()), material.home)}
    return found | {name: pair for name, pair in more.items() if name.startswith(wanted)}


def _begin(material: Material, only: Sequence[str]) -> None:
    _KNOWN.update(known_parsers(material, only))


def _chunk(name: str, inputs: int, seed: str) -> tuple[str, Tally]:
    return name, fuzz(*_KNOWN[name], inputs, Random(seed))


def run(
    material: Material, inputs: int, seed: int, processes: int, only: Sequence[str] = ()
) -> dict[str, Tally]:
    """Share inputs out over all parsers, evenly, and over processes."""
    names = list(known_parsers(material, only))
    chunks: list[tuple[str, int, str]] = []
    for number, name in enumerate(names):
        left = inputs // len(names) + (number < inputs % len(names))
        while left:
            share = min(left, CHUNK)
            chunks.append((name, share, f"{seed}/{name}/{left}"))
            left -= share
    tallies = {name: Tally() for name in names}
    Random(seed).shuffle(chunks)
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(material, only)) as pool:
        waiting = [pool.submit(_chunk, *chunk) for chunk in chunks]
        for done, future in enumerate(as_completed(waiting), 1):
            name, tally = future.result()
            tallies[name].add(tally)
            if done % 10 == 0 or done == len(chunks):
                print(f"{done} of {len(chunks)} parts", file=sys.stderr)
    return tallies


def material_of(home: Path) -> Material:
    """The public payloads, and what a hub lands and hears in some days of playing against the sandbox."""
    for name in ("landed", "heard"):
        (home / name).mkdir()
    payloads = {**public_payloads(), **sandbox_payloads(home / "landed")}
    return Material(payloads, sandbox_plays(home / "heard"), home)


def reproduce(file: Path) -> int:
    """Parse a kept input again; its name says by which parser."""
    name = file.name.rsplit("-", 1)[0]
    with tempfile.TemporaryDirectory() as home:
        parser = parsers().get(name) or known_parsers(material_of(Path(home)), [name])[name][0]
        try:
            print(judge(parser, file.read_bytes()))
        except Exception:  # noqa: BLE001 -- this is what it was kept for
            traceback.print_exc()
            return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status is 1 if anything broke."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--inputs", type=int, default=100_000, help="how many, over all parsers")
    options.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs")
    options.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options.add_argument("--crashes", type=Path, default=Path("fuzz-crashes"), help="where faulty inputs go")
    options.add_argument("--reproduce", type=Path, metavar="FILE", help="parse a kept input again, and end")
    options.add_argument("--only", action="append", default=[], help="parsers whose names begin so")
    options.add_argument("--json", action="store_true", help="one JSON object on standard output")
    chosen = options.parse_args(arguments)
    if chosen.reproduce:
        return reproduce(chosen.reproduce)
    with tempfile.TemporaryDirectory() as home:
        material = material_of(Path(home))
        began = time.perf_counter()
        tallies = run(material, chosen.inputs, chosen.seed, chosen.processes, chosen.only)
    public = [name for name in material.payloads if not name.startswith("sandbox:")]
    kept = keep(tallies, chosen.crashes)
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    by_parser = {name: tally.figures() for name, tally in tallies.items()}
    total = summed(by_parser)
    report = {
        **total,
        "seed": chosen.seed,
        "public_payloads": len(public),
        "sandbox_payloads": len(material.payloads) - len(public),
        "sandbox_answers": sum(len(play.answers) for play in material.plays),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in spent), 1),
        "parsers": by_parser,
        "kept": kept,
    }
    print(json.dumps(report) if chosen.json else table(by_parser, kept))
    return 1 if total["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
