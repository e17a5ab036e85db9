"""Where the crash tests' stores live: how one is begun, saved, and begun again from what was saved."""

from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psycopg


class Databases(Protocol):
    """One kind of database."""

    name: str

    def new(self, home: Path) -> str:
        """The URL of an empty one, for a hub in that folder."""
        ...

    def save(self, url: str) -> str:
        """Keep it as it is, whatever becomes of it. Nobody may be connected."""
        ...

    def restore(self, saved: str, home: Path) -> str:
        """The URL of a copy of what was saved, for a hub in that folder."""
        ...

    def drop(self, url: str) -> None:
        """Give up a copy."""
        ...


class Sqlite:
    """The store is a file in the hub's folder, and is copied with it."""

    name = "sqlite"

    def new(self, home: Path) -> str:
        return f"sqlite:///{home}/orders.db"

    def save(self, url: str) -> str:
        return url

    def restore(self, saved: str, home: Path) -> str:
        del saved
        return self.new(home)

    def drop(self, url: str) -> None:
        del url  # it goes with the folder


class Postgres:
    """Stores are databases of one server; a copy has the saved one as its template."""

    name = "postgresql"

    def __init__(self, server_url: str) -> None:
        self._server = server_url

    def new(self, home: Path) -> str:
        del home
        return self._create("template0")

    def save(self, url: str) -> str:
        return self._name(self._create(self._name(url)))

    def restore(self, saved: str, home: Path) -> str:
        del home
        return self._create(saved)

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE {self._name(url)} WITH (FORCE)")

    def _create(self, template: str) -> str:
        name = f"crash{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._server.replace("/postgres?", f"/{name}?", 1)

    @staticmethod
    def _name(url: str) -> str:
        return url.rsplit("?", 1)[0].rsplit("/", 1)[1]

    def _execute(self, statement: str) -> None:
        plain = self._server.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)
