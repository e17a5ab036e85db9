"""A shop's API on loopback that serves pages of orders rendered beforehand, in a process of its own.

It answers both ways of paging: by key (`modified_after`, as the hub's connector asks) and by page number
(as a plain reader asks), with the same bodies of 100 orders.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.shop import START, modified_at, raw_order

PAGE = 100


def render(path: Path, orders: int) -> None:
    """Write the pages into one file, with an index beside it."""
    index, position = [], 0
    with path.open("wb") as file:
        for first in range(1, orders + 1, PAGE):
            numbers = range(first, min(first + PAGE, orders + 1))
            body = b"[" + b",".join(raw_order(number) for number in numbers) + b"]"
            file.write(body)
            index.append((position, len(body), len(numbers)))
            position += len(body)
    path.with_suffix(".index").write_text(json.dumps(index))


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Start the server's process; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.shop_server", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Shop(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20
    disable_nagle_algorithm = True
    file: int
    index: list[tuple[int, int, int]]

    def do_GET(self) -> None:
        """Serve a page; behind the last one, an empty list."""
        query = parse_qs(urlsplit(self.path).query)
        number = int(query["page"][0]) - 1 if "page" in query else page_after(query["modified_after"][0])
        body = b"[]"
        if number < len(self.index):
            position, length, _count = self.index[number]
            body = os.pread(self.file, length, position)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def page_after(stamp: str) -> int:
    """The page that follows a time: it begins with the first order that was modified later.

    The connector asks from one second before the last order it has, and excludes that order.
    """
    after = datetime.fromisoformat(stamp).replace(tzinfo=START.tzinfo) + timedelta(seconds=1)
    seen = (after - modified_at(0)) // (modified_at(1) - modified_at(0))
    return max(0, seen) // PAGE


def main() -> None:
    """Serve until terminated."""
    path = Path(sys.argv[1])
    Shop.file = os.open(path, os.O_RDONLY)
    Shop.index = json.loads(path.with_suffix(".index").read_text())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
