"""Mutated payloads into every mapping: each is to come out normalized or refused, and nothing else.

    python -m benchmarks.fuzz --inputs 1000000 --json

It begins with every public payload beside the checkout (ORDERHUB_CONTRACTS; without them, with the sandbox's
records alone), changes structure, values and bytes, and holds what was normalized against the records'
promises. An input that breaks one is kept in --crashes; run it again with --reproduce FILE.
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
from pathlib import Path
from random import Random

from benchmarks.fuzz_checks import Parser, judge, parsers
from benchmarks.fuzz_corpus import Corpus, corpus_of, public_payloads, sandbox_payloads, seeds_of
from benchmarks.fuzz_mutations import mutated
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
        raw = mutated(seed.document, seed.places, random)
        tally.try_one(parser, raw)
    return tally


_CORPORA: dict[str, Corpus] = {}


def _begin(payloads: Mapping[str, bytes]) -> None:
    seeds = seeds_of(payloads)
    for name, parser in parsers().items():
        _CORPORA[name] = corpus_of(parser, seeds)


def _chunk(name: str, inputs: int, seed: str) -> tuple[str, Tally]:
    return name, fuzz(parsers()[name], _CORPORA[name], inputs, Random(seed))


def run(payloads: Mapping[str, bytes], inputs: int, seed: int, processes: int) -> dict[str, Tally]:
    """Share inputs out over all parsers, evenly, and over processes."""
    names = list(parsers())
    chunks: list[tuple[str, int, str]] = []
    for number, name in enumerate(names):
        left = inputs // len(names) + (number < inputs % len(names))
        while left:
            share = min(left, CHUNK)
            chunks.append((name, share, f"{seed}/{name}/{left}"))
            left -= share
    tallies = {name: Tally() for name in names}
    Random(seed).shuffle(chunks)
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(payloads,)) as pool:
        waiting = [pool.submit(_chunk, *chunk) for chunk in chunks]
        for done, future in enumerate(as_completed(waiting), 1):
            name, tally = future.result()
            tallies[name].add(tally)
            if done % 10 == 0 or done == len(chunks):
                print(f"{done} of {len(chunks)} parts", file=sys.stderr)
    return tallies


def reproduce(file: Path) -> int:
    """Parse a kept input again; its name says by which parser."""
    parser = parsers()[file.name.rsplit("-", 1)[0]]
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
    options.add_argument("--json", action="store_true", help="one JSON object on standard output")
    chosen = options.parse_args(arguments)
    if chosen.reproduce:
        return reproduce(chosen.reproduce)
    public = public_payloads()
    with tempfile.TemporaryDirectory() as home:
        payloads = {**public, **sandbox_payloads(Path(home))}
    began = time.perf_counter()
    tallies = run(payloads, chosen.inputs, chosen.seed, chosen.processes)
    kept = keep(tallies, chosen.crashes)
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    by_parser = {name: tally.figures() for name, tally in tallies.items()}
    total = summed(by_parser)
    report = {
        **total,
        "seed": chosen.seed,
        "public_payloads": len(public),
        "sandbox_payloads": len(payloads) - len(public),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in spent), 1),
        "parsers": by_parser,
        "kept": kept,
    }
    print(json.dumps(report) if chosen.json else table(by_parser, kept))
    return 1 if total["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
