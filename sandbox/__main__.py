"""`python -m sandbox`: serve one world until SIGTERM comes, or the pipe on standard input closes."""

import argparse
import json
import os
import signal
import stat
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.registry import CONNECTIONS, open_vendors
from sandbox.server import Sandbox
from sandbox.simulation import Simulation


def main() -> None:
    """Print where it listens as one JSON line, then serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0 for any free port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders-per-day", type=float, default=0)
    parser.add_argument("--catalogue", type=Path, help="write the merchant's catalogue there as CSV")
    parser.add_argument("--steady", action="store_true", help="no buyer cancels, edits or sends back")
    parser.add_argument("--plenty", action="store_true", help="nothing is scarce")
    parser.add_argument("--connections", nargs="+", default=list(CONNECTIONS), choices=list(CONNECTIONS))
    parser.add_argument("--minutes-per-second", type=float, default=0, help="let time go by itself so fast")
    arguments = parser.parse_args()
    world = build_world(arguments.seed, plenty=arguments.plenty)
    if arguments.catalogue:
        write_catalogue(world, arguments.catalogue)
    simulation = Simulation(world, orders_per_day=arguments.orders_per_day, fickle=not arguments.steady)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    vendors = open_vendors(world, arguments.connections)
    with Sandbox(world=world, vendors=vendors, simulation=simulation, port=arguments.port) as sandbox:
        print(json.dumps({"url": sandbox.url, "port": sandbox.port}), flush=True)
        if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):  # a terminal or /dev/null says nothing
            Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
        while not ended.wait(1):
            if arguments.minutes_per_second:
                simulation.advance(timedelta(minutes=arguments.minutes_per_second))


def _wait_for_end_of_input(ended: Event) -> None:
    while sys.stdin.readline():
        pass
    ended.set()


if __name__ == "__main__":
    main()
