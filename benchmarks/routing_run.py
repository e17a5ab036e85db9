"""One run of `orderhub route` with its peak memory added to what it prints."""

import contextlib
import io
import json
import resource
import sys

from pipelines.cli.app import app


def main() -> None:
    """Route the folder of the first argument to the file of the second."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        app(["route", sys.argv[1], "--out", sys.argv[2], "--json"], standalone_mode=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(json.loads(printed.getvalue()) | {"peak_mb": round(peak / 1024)}))


if __name__ == "__main__":
    main()
