"""Where fuzzing begins: vendors' public payloads, if they lie beside the checkout, and the sandbox's."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.fuzz_checks import Parser
from benchmarks.fuzz_mutations import Json, decoded, paths_of
from benchmarks.fuzz_mutations import Path as Place
from normalization.errors import NormalizationError
from pipelines.hub import open_hub
from pipelines.sandbox_secrets import hub_environ
from pipelines.services.cycle import run_cycle
from sandbox.process import SandboxProcess

CONTRACTS = Path(
    os.environ.get("ORDERHUB_CONTRACTS", Path(__file__).resolve().parents[2] / "shared" / "contracts")
)
PER_STREAM = 25
"""Records that are kept of each stream of the sandbox: more are more of the same."""


@dataclass(frozen=True)
class Seed:
    """A payload to begin with, decoded once.

    Attributes:
        head: What stands before it in each input made of it, and is never mutated.
    """

    source: str
    raw: bytes
    document: Json
    places: Sequence[Place]
    head: bytes = b""


@dataclass(frozen=True)
class Corpus:
    """A parser's seeds: those that it understands, and others that are JSON."""

    good: Sequence[Seed]
    other: Sequence[Seed]


def public_payloads() -> Mapping[str, bytes]:
    """Every public payload by vendor and file name; none where they are absent."""
    folder = CONTRACTS / "payloads"
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in sorted(folder.glob("*/*.json"))}


def sandbox_payloads(home: Path, seed: int = 7, rounds: int = 5) -> Mapping[str, bytes]:
    """What a hub lands in some days of playing against the sandbox, by connector, stream and number."""
    found: dict[str, bytes] = {}
    counts: defaultdict[str, int] = defaultdict(int)
    with SandboxProcess(seed, "--orders-per-day", "40", "--catalogue", str(home / "catalogue")) as world:
        environ = hub_environ(world.url, home)
        with open_hub(environ["ORDERHUB_CONFIG"], environ) as hub:
            for _ in range(rounds):
                hub.clock.sleep(timedelta(hours=14).total_seconds())
                run_cycle(hub)
            connectors = {one.name: one.connector for one in hub.config.connections}
            for path in hub.landing.paths():
                for record in hub.landing.read(path):
                    kind = f"{connectors[record.connection]}/{record.stream}"
                    counts[kind] += 1
                    if record.payload and counts[kind] <= PER_STREAM:
                        found[f"sandbox:{kind}/{counts[kind]}"] = record.payload
    return found


def seeds_of(payloads: Mapping[str, bytes]) -> list[Seed]:
    """The payloads that are JSON, each decoded once."""
    seeds = []
    for name, raw in payloads.items():
        with contextlib.suppress(ValueError):
            document = decoded(raw)
            seeds.append(Seed(name, raw, document, paths_of(document)))
    return seeds


def corpus_of(parser: Parser, seeds: Sequence[Seed]) -> Corpus:
    """Sort seeds by what the parser makes of them untouched.

    Raises:
        ValueError: If it understands none of them: nothing worth mutating is left.
    """
    good, other = [], []
    for seed in seeds:
        try:
            understood = bool(parser.parse(seed.raw))
        except NormalizationError:
            understood = False
        if understood:
            good.append(seed)
        else:
            other.append(seed)
    if not good:
        raise ValueError(f"{parser.name} understands none of {len(seeds)} payloads")
    return Corpus(good, other)
