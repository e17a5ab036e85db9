"""Coverage-guided fuzzing of a mapping, or of all, with atheris: it goes on from what reached a new branch.

    pip install atheris
    python -m benchmarks.fuzz_atheris all --inputs 100000 --json

atheris is no dependency of the hub's. It begins with the payloads that `benchmarks.fuzz` begins with, the
public ones and the sandbox's, and passes the same verdict: an input comes out normalized or quarantined, and
anything else is a crash. A crash is kept in --crashes, and ends nothing; `benchmarks.fuzz --reproduce FILE`
runs it again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.fuzz_checks import Parser, parsers
from benchmarks.fuzz_corpus import Seed, corpus_of, public_payloads, sandbox_payloads, seeds_of
from benchmarks.fuzz_guided import LONGEST
from benchmarks.fuzz_tally import COLUMNS, summed, table

ALL = "all"


def fuzz_guided(
    parser: Parser, seeds: Sequence[Seed], inputs: int, seed: int, corpus: Path, crashes: Path
) -> dict[str, Any]:
    """Fuzz one mapping in a process of its own.

    Args:
        parser: The mapping.
        seeds: Payloads; those that it understands are begun with.
        inputs: How many to try.
        seed: The same one gives the same inputs, if `corpus` holds the same.
        corpus: A folder that keeps what reached something new, and is begun with too.
        crashes: The folder for faulty inputs.

    Returns:
        The counts by `COLUMNS`, and `kept`, the faulty inputs' files. A process that died has crashed.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    with tempfile.TemporaryDirectory() as home:
        begin, report = Path(home) / "seeds", Path(home) / "report.json"
        begin.mkdir()
        for number, one in enumerate(corpus_of(parser, seeds).good):
            if len(one.raw) <= LONGEST:
                (begin / f"{number}.json").write_bytes(one.raw)
        ordered = {
            "name": parser.name,
            "inputs": inputs,
            "seed": seed,
            "folders": [str(corpus), str(begin)],
            "report": str(report),
            "crashes": str(crashes),
        }
        command = [sys.executable, "-m", "benchmarks.fuzz_guided", json.dumps(ordered)]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if report.exists():
            done: dict[str, Any] = json.loads(report.read_text())
            return done
    left = sorted(map(str, set(crashes.iterdir()) - before)) or [f"{parser.name}, no input"]
    kept = [f"{one}: the process ended with {ended.returncode}" for one in left]
    return {**dict.fromkeys(COLUMNS, 0), "crashed": 1, "kept": kept}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status is 1 if anything broke."""
    known = parsers()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("mapping", choices=[*known, ALL], metavar="mapping", help=", ".join([*known, ALL]))
    options.add_argument("--inputs", type=int, default=100_000, help="how many, of each mapping")
    options.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs")
    options.add_argument("--corpus", type=Path, help="keep what reached something new here")
    options.add_argument("--crashes", type=Path, default=Path("fuzz-crashes"), help="where faulty inputs go")
    options.add_argument("--json", action="store_true", help="one JSON object on standard output")
    chosen = options.parse_args(arguments)
    if find_spec("atheris") is None:
        raise SystemExit("atheris is not installed: pip install atheris")
    names = list(known) if chosen.mapping == ALL else [chosen.mapping]
    public = public_payloads()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        seeds = seeds_of({**public, **sandbox_payloads(Path(home) / "hub")})
        corpus = chosen.corpus or Path(home) / "corpus"
        done = {}
        for name in names:
            done[name] = fuzz_guided(
                known[name], seeds, chosen.inputs, chosen.seed, corpus / name, chosen.crashes
            )
            print(f"{name}: {done[name]}", file=sys.stderr)
    return told(done, len(public), time.perf_counter() - began, as_json=chosen.json)


def told(done: Mapping[str, dict[str, Any]], public: int, seconds: float, *, as_json: bool) -> int:
    """Print the figures of each mapping; the exit status that they stand for."""
    kept = [line for one in done.values() for line in one["kept"]]
    by_parser = {name: {key: one[key] for key in COLUMNS} for name, one in done.items()}
    total = summed(by_parser)
    report = {
        **total,
        "public_payloads": public,
        "seconds": round(seconds, 1),
        "parsers": by_parser,
        "kept": kept,
    }
    print(json.dumps(report) if as_json else table(by_parser, kept))
    return 1 if total["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
