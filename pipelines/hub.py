"""The hub of one process: configuration, store, landing, clock and connectors, opened together."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import select

from connectors.contract import Connector
from connectors.pacing import SharedPacer, shared_pacing
from connectors.registry import connect
from connectors.runtime import Clock, Pacer, Rate, Runtime, SystemClock
from connectors.tokens import FileTokens
from order_store.binding import OtherKeyStoreError, bind_keys
from order_store.catalogue import load_catalogue
from order_store.connections import register_connection, retire_connections
from order_store.engine import Store, open_store
from order_store.keys import KeysBesideOrdersError, KeyStore
from order_store.landing import Landing
from order_store.migrations import upgrade
from order_store.schema.catalogue import skus
from pipelines.config import ConfigError, HubConfig, load_config
from pipelines.key_ring import open_key_ring
from pipelines.problems import ProblemError
from pipelines.sandbox_clock import SandboxClock
from pipelines.services.storage import STORAGE_ERRORS, storage_trouble

log = logging.getLogger(__name__)

DEFAULT_CONFIG = "hub.yaml"


@dataclass(frozen=True)
class Hub:
    """Everything that a service may need.

    Attributes:
        state: A folder of this machine for pacing, tokens and built KPI files; never shared over a network.
    """

    config: HubConfig
    store: Store
    landing: Landing
    clock: Clock
    runtime: Runtime
    state: Path
    _connectors: dict[str, Connector] = field(default_factory=dict)

    def connector(self, connection: str) -> Connector:
        """The connector of a configured connection, made once.

        Raises:
            ProblemError: If hub.yaml has no such connection.
        """
        if connection not in self._connectors:
            try:
                wanted = self.config.connection(connection)
            except KeyError:
                known = ", ".join(one.name for one in self.config.connections)
                raise ProblemError(f"no connection {connection!r} in hub.yaml; there are: {known}") from None
            self._connectors[connection] = connect(
                wanted.connector, connection, wanted.settings, self.config.secrets(connection), self.runtime
            )
        return self._connectors[connection]

    @property
    def keys(self) -> KeyStore:
        """The keys of personal data."""
        if self.store.keys is None:
            raise ProblemError("this hub was assembled without keys")
        return self.store.keys

    def close(self) -> None:
        """Give back the store's connections; write down what was read of people."""
        if self.store.keys is not None:
            self.store.keys.close()
        self.store.close()


def assemble(config: HubConfig, state: Path, clock: Clock) -> Hub:
    """Open what the configuration names: migrate the store, register connections, load the catalogue."""
    state.mkdir(parents=True, exist_ok=True)
    upgrade(config.store.url)
    keys = open_key_ring(config, state)
    store = open_store(config.store.url, keys)
    runtime = Runtime(
        clock=clock,
        tokens=FileTokens(state / "tokens", keys.secret("tokens")),
        pacer_for=_pacing(state, clock),
    )
    hub = Hub(config, store, Landing(config.landing.url, keys), clock, runtime, state)
    try:
        _bind_keys(store)
        with store.begin() as tx:
            for one in config.connections:
                register_connection(tx, one.name, one.connector, one.kind, one.fulfil_from)
            retire_connections(tx, {one.name for one in config.connections})
        _load_catalogue(config, store, state)
    except BaseException:
        hub.close()
        raise
    return hub


def _bind_keys(store: Store) -> None:
    try:
        bind_keys(store)
    except (OtherKeyStoreError, KeysBesideOrdersError) as error:
        raise ProblemError(str(error)) from error


def _pacing(state: Path, clock: Clock) -> Callable[[str, Mapping[str, Rate]], Pacer]:
    """Pacing by the machine's clock; by the world's where the vendors live in one of their own."""
    if isinstance(clock, SystemClock):
        return shared_pacing(state)
    return partial(SharedPacer, state / "pacing.sqlite", now=clock.monotonic, sleep=clock.sleep)


def _load_catalogue(config: HubConfig, store: Store, state: Path) -> None:
    """Load the catalogue's CSV files if they, or the store, are others than the last time."""
    digest = hashlib.sha256(config.store.url.encode())
    for file in sorted(config.catalogue.glob("*.csv")):
        digest.update(file.read_bytes())
    loaded = state / "catalogue.sha256"
    with store.read() as tx:
        filled = tx.scalar(select(skus.c.id).limit(1)) is not None
    if filled and loaded.exists() and loaded.read_text() == digest.hexdigest():
        return
    if config.catalogue.is_dir():
        with store.begin() as tx:
            counts = load_catalogue(tx, config.catalogue)
        for bad in counts.bad:
            log.warning("catalogue: %s", bad)
        if counts.bad:
            return
    loaded.write_text(digest.hexdigest())


def clock_of(environ: Mapping[str, str]) -> Clock:
    """The clock that an environment names: a sandbox's, else the machine's."""
    sandbox = environ.get("ORDERHUB_SANDBOX")
    return SandboxClock(sandbox) if sandbox else SystemClock()


def state_of(environ: Mapping[str, str]) -> Path:
    """The folder of this machine's state."""
    return Path(environ.get("ORDERHUB_STATE", ".orderhub/state"))


@contextmanager
def open_hub(
    path: str | Path | None = None, environ: Mapping[str, str] = os.environ, clock: Clock | None = None
) -> Iterator[Hub]:
    """The hub that a hub.yaml describes.

    Args:
        path: The file; ORDERHUB_CONFIG or ./hub.yaml if None.
        environ: Where secrets and ${NAMES} come from. ORDERHUB_SANDBOX names a running sandbox, whose
            clock the hub then goes by; ORDERHUB_STATE a folder for this machine's state.
        clock: Another clock, for tests.

    Raises:
        ProblemError: If the configuration cannot be used; the message lists everything that is wrong.
    """
    source = path or environ.get("ORDERHUB_CONFIG", DEFAULT_CONFIG)
    try:
        config = load_config(source, environ)
    except ConfigError as error:
        raise ProblemError(str(error)) from error
    try:
        hub = assemble(config, state_of(environ), clock or clock_of(environ))
    except STORAGE_ERRORS as error:
        if trouble := storage_trouble(error):
            raise ProblemError(trouble) from error
        raise
    try:
        yield hub
    finally:
        hub.close()
