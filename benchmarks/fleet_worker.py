"""One hub of a fleet: rounds of everything until its standard input ends.

    python -m benchmarks.fleet_worker --log worker.jsonl

It makes the log when it is ready, and begins when a line comes in. Each round is a JSON line in the log:
what was done, what failed, seconds, CPU seconds so far, resident memory and open file handles.
"""

import argparse
import gc
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pipelines.hub import Hub, open_hub
from pipelines.services.cycle import run_cycle

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    """Wait for the start, then work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True, help="where each round's figures go")
    parser.add_argument("--answer-within", type=float, default=30.0, help="seconds that a vendor has")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two rounds")
    options = parser.parse_args()
    ended = Event()
    with open_hub() as opened, options.log.open("w", encoding="utf-8", buffering=1) as log:
        hub = replace(opened, runtime=replace(opened.runtime, call_timeout=(5.0, options.answer_within)))
        sys.stdin.readline()
        Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
        while not ended.is_set():
            log.write(json.dumps(_round(hub)) + "\n")
            ended.wait(options.pause)


def _round(hub: Hub) -> dict[str, Any]:
    began = time.perf_counter()
    result = run_cycle(hub)
    gc.collect()
    return {
        "at": time.time(),
        "seconds": round(time.perf_counter() - began, 3),
        "cpu_seconds": round(time.process_time(), 3),
        "rss_kib": int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB,
        "handles": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "failures": result.failures,
        "steps": {name: figures for name, figures in result.steps.items() if any(figures.values())},
    }


def _wait_for_end_of_input(ended: Event) -> None:
    while sys.stdin.readline():
        pass
    ended.set()


if __name__ == "__main__":
    main()
