"""What became of fuzzed inputs: counted, and those that broke something kept in files."""

import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from benchmarks.fuzz_checks import Parser, Verdict, judge

PER_FAULT = 3
"""Inputs that are kept of one kind of fault."""
COLUMNS = ("inputs", *Verdict, "crashed")


@dataclass
class Tally:
    """What became of the inputs of one parser.

    Attributes:
        faults: Inputs by what went wrong, the first few of each.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[bytes]] = field(default_factory=dict)

    def try_one(self, parser: Parser, raw: bytes) -> None:
        """Judge an input; whatever goes wrong with it is counted and kept."""
        try:
            self.counts[judge(parser, raw)] += 1
        except Exception as error:  # noqa: BLE001 -- this is what is looked for
            self.counts["crashed"] += 1
            self.add(Tally(faults={fault_of(error): [raw]}))

    def add(self, other: "Tally") -> None:
        """Count another's inputs too."""
        self.counts.update(other.counts)
        for fault, raws in other.faults.items():
            self.faults[fault] = [*self.faults.get(fault, []), *raws][:PER_FAULT]

    def figures(self) -> dict[str, int]:
        """The counts, by the names of `COLUMNS`."""
        counts = {key: self.counts[key] for key in COLUMNS[1:]}
        return {"inputs": sum(counts.values()), **counts}


def fault_of(error: Exception) -> str:
    """The kind of a fault: what was raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "benchmarks" not in frame.filename] or list(frames)
    told = f": {error}" if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__}{told} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


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


def summed(by_parser: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The counts of all parsers together."""
    return {key: sum(one[key] for one in by_parser.values()) for key in COLUMNS}


def table(by_parser: Mapping[str, Mapping[str, int]], kept: list[str]) -> str:
    """The counts for people, and the files that were kept."""
    rows = {**by_parser, "all": summed(by_parser)}
    lines = ["parser".ljust(32) + "".join(name.rjust(13) for name in COLUMNS)]
    for name, figures in rows.items():
        lines.append(name.ljust(32) + "".join(f"{figures[key]:>13,}" for key in COLUMNS))
    return "\n".join([*lines, *kept])
