"""Where the crash tests' stores live: how one is begun, saved, and begun again from what was saved."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psycopg


@dataclass(frozen=True)
class Urls:
    """Where a hub's orders are, and the keys of the people in them."""

    orders: str
    keys: str


class Databases(Protocol):
    """One kind of database."""

    name: str

    def new(self, home: Path) -> Urls:
        """Empty ones, for a hub in that folder."""
        ...

    def save(self, urls: Urls) -> Urls:
        """Keep them as they are, whatever becomes of them. Nobody may be connected."""
        ...

    def restore(self, saved: Urls, home: Path) -> Urls:
        """Copies of what was saved, for a hub in that folder."""
        ...

    def drop(self, urls: Urls) -> None:
        """Give up copies."""
        ...


class Sqlite:
    """Store and keys are files in the hub's folder, and are copied with it."""

    name = "sqlite"

    def new(self, home: Path) -> Urls:
        return Urls(f"sqlite:///{home}/orders.db", f"sqlite:///{home}/keys/keys.db")

    def save(self, urls: Urls) -> Urls:
        return urls

    def restore(self, saved: Urls, home: Path) -> Urls:
        del saved
        return self.new(home)

    def drop(self, urls: Urls) -> None:
        del urls  # they go with the folder


class Postgres:
    """Stores are databases of one server; a copy has the saved one as its template."""

    name = "postgresql"

    def __init__(self, server_url: str) -> None:
        self._server = server_url

    def new(self, home: Path) -> Urls:
        del home
        return Urls(self._create("template0"), self._create("template0"))

    def save(self, urls: Urls) -> Urls:
        return Urls(self._create(self._name(urls.orders)), self._create(self._name(urls.keys)))

    def restore(self, saved: Urls, home: Path) -> Urls:
        del home
        return self.save(saved)

    def drop(self, urls: Urls) -> None:
        for url in (urls.orders, urls.keys):
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
