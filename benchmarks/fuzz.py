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
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

from benchmarks.fuzz_checks import Parser, Verdict, judge, parsers
from benchmarks.fuzz_corpus import Corpus, corpus_of, public_payloads, sandbox_payloads, seeds_of
from benchmarks.fuzz_mutations import mutated

UNDERSTOOD = 0.9
"""Share of the inputs that begin with a payload which the parser understands; the rest with any other."""
CHUNK = 5_000
PER_FAULT = 3
"""Inputs that are kept of one kind of fault."""


@dataclass
class Tally:
    """What became of the inputs of one parser.

    Attributes:
        faults: Inputs by what went wrong, the first few of each.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Count another's inputs too."""
        self.counts.update(other.counts)
        for fault, raws in other.faults.items():
            self.faults[fault] = [*self.faults.get(fault, []), *raws][:PER_FAULT]


def fuzz(parser: Parser, corpus: Corpus, inputs: int, random: Random) -> Tally:
    """Mutate and parse so many inputs."""
    tally = Tally()
    for _ in range(inputs):
        seeds = corpus.good if random.random() < UNDERSTOOD or not corpus.other else corpus.other
        seed = random.choice(seeds)
        raw = mutated(seed.document, seed.places, random)
        try:
            tally.counts[judge(parser, raw)] += 1
        except Exception as error:  # noqa: BLE001 -- this is what is looked for
            tally.counts["crashed"] += 1
            tally.add(Tally(faults={fault_of(error): [raw]}))
    return tally


def fault_of(error: Exception) -> str:
    """The kind of a fault: what was raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "benchmarks" not in frame.filename] or list(frames)
    told = f": {error}" if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__}{told} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


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


def keep(tallies: Mapping[str, Tally], folder: Path) -> list[str]:
    """Write each faulty input to a file of its own, named by parser and content."""
    kept = []
    for name, tally in tallies.items():
        for fault, raws in sorted(tally.faults.items()):
            for raw in raws:
                folder.mkdir(parents=True, exist_ok=True)
                file = folder / f"{name}-{sha256(raw).hexdigest()[:12]}.bin"
                file.write_bytes(raw)
                kept.append(f"{file}: {fault}")
    return kept


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
    by_parser = {name: _figures(tally) for name, tally in tallies.items()}
    total = {key: sum(one[key] for one in by_parser.values()) for key in ("inputs", *Verdict, "crashed")}
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
    print(json.dumps(report) if chosen.json else _table(report, by_parser))
    return 1 if total["crashed"] else 0


def _figures(tally: Tally) -> dict[str, int]:
    figures = {key: tally.counts[key] for key in (*Verdict, "crashed")}
    return {"inputs": sum(figures.values()), **figures}


def _table(report: Mapping[str, object], by_parser: Mapping[str, Mapping[str, int]]) -> str:
    columns = ("inputs", *Verdict, "crashed")
    lines = ["parser".ljust(24) + "".join(name.rjust(13) for name in columns)]
    for name, figures in by_parser.items():
        lines.append(name.ljust(24) + "".join(f"{figures[key]:>13,}" for key in columns))
    lines.append("all".ljust(24) + "".join(f"{report[key]:>13,}" for key in columns))
    return "\n".join([*lines, *map(str, report["kept"])])  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main())
