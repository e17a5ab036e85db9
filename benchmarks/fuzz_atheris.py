"""Coverage-guided fuzzing of one mapping with atheris, which chooses bytes by the branches that they reach.

    pip install atheris
    python -m benchmarks.fuzz_atheris vendure.order -max_total_time=600 corpus/

atheris is no dependency of the hub's: it has no build for every Python. What stands after the mapping's name
goes to libFuzzer; a folder there keeps the inputs that reached something new. It begins with the public
payloads that the mapping understands, and ends at the first input that breaks a promise, which it keeps.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path


def main() -> None:
    """The command."""
    try:
        atheris = import_module("atheris")
    except ModuleNotFoundError:
        raise SystemExit("atheris is not installed: pip install atheris") from None
    # Only what is imported under its eyes is guided by; the rest of the hub would take minutes.
    with atheris.instrument_imports(include=["normalization"]):
        checks = import_module("benchmarks.fuzz_checks")
        known = checks.parsers()
    corpus = import_module("benchmarks.fuzz_corpus")
    if len(sys.argv) < 2 or sys.argv[1] not in known:
        raise SystemExit(f"{__doc__}\nName a mapping: {', '.join(known)}")
    parser = known[sys.argv.pop(1)]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    seeds = corpus.seeds_of(corpus.public_payloads() or corpus.sandbox_payloads(folder / "hub"))
    begin = folder / "seeds"
    begin.mkdir(exist_ok=True)
    for number, seed in enumerate(corpus.corpus_of(parser, seeds).good):
        (begin / f"{number}.json").write_bytes(seed.raw)

    def once(raw: bytes) -> None:
        checks.judge(parser, raw)

    atheris.Setup([*sys.argv, str(begin)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
