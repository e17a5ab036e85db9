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

from benchmarks.fuzz_checks import judge, parsers
from benchmarks.fuzz_corpus import corpus_of, public_payloads, sandbox_payloads, seeds_of


def main() -> None:
    """The command."""
    known = parsers()
    if len(sys.argv) < 2 or sys.argv[1] not in known:
        raise SystemExit(f"{__doc__}\nName a mapping: {', '.join(known)}")
    parser = known[sys.argv.pop(1)]
    try:
        atheris = import_module("atheris")
    except ModuleNotFoundError:
        raise SystemExit("atheris is not installed: pip install atheris") from None
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    payloads = {**public_payloads(), **sandbox_payloads(folder / "hub")}
    begin = folder / "seeds"
    begin.mkdir()
    for number, seed in enumerate(corpus_of(parser, seeds_of(payloads)).good):
        (begin / f"{number}.json").write_bytes(seed.raw)
    atheris.instrument_all()
    atheris.Setup([*sys.argv, str(begin)], lambda raw: judge(parser, raw) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
