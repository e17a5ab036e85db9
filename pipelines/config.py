"""hub.yaml: the one configuration of a deployment.

`load_config` reads it, checks all of it, and collects every problem into one ConfigError, each with the
key's path and the remedy. Secrets come from the environment or from private files and are shown nowhere.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, ValidationError

from connectors.registry import KINDS
from normalization.verification import VerificationPolicy
from order_store.masters import MasterSource
from pipelines.config_addresses import address_problems
from pipelines.config_checks import connector_problems, cross_problems
from pipelines.config_errors import ConfigError, spoken, told
from pipelines.config_file import Expansion, UnreadableError, read_document
from pipelines.config_models import (
    Connection,
    Landing,
    Merchant,
    Schedules,
    Section,
    Store,
    Verification,
    Warehouse,
)
from pipelines.config_privacy import Keys, Privacy, master_source, privacy_problems
from pipelines.config_routing import Routing, routing_problems, tariff_of
from pipelines.config_secrets import resolve_secrets
from pipelines.secrets import Secrets
from warehouse_routing.policy import Policy
from warehouse_routing.tariff import DEFAULT_TARIFF, Tariff

__all__ = ["ConfigError", "Connection", "HubConfig", "Warehouse", "load_config"]


class HubConfig(Section):
    """A whole, checked configuration.

    Attributes:
        carriers: Carrier connection by carrier name as WMSs and channels write it; "*" for all others.
        catalogue: The folder with skus.csv, aliases.csv and kits.csv.
    """

    merchant: Merchant = Field(description="Give name and time_zone.")
    store: Store = Field(default_factory=Store, description="Give url.")
    landing: Landing = Field(default_factory=Landing, description="Give url.")
    secrets_file: Path | None = Field(
        default=None, description="Give the path of a private file with one `NAME: value` a line."
    )
    catalogue: Path = Field(
        default=Path("catalogue"), description="Give the folder with skus.csv, aliases.csv and kits.csv."
    )
    connections: tuple[Connection, ...] = Field(
        min_length=1, description="List at least one connection with name, connector, settings and secrets."
    )
    warehouses: tuple[Warehouse, ...] = Field(
        default=(), description="List warehouses with code, address, time_zone, cut_off and wms."
    )
    carriers: Mapping[str, str] = Field(
        default_factory=dict,
        description='Give a carrier connection for each carrier name that WMSs report, "*" for the others.',
    )
    routing: Routing = Field(default_factory=Routing, description="See docs/configuration.md.")
    verification: Verification = Field(default_factory=Verification, description="See docs/configuration.md.")
    keys: Keys = Field(default_factory=Keys, description="Give url, master_key and erasures.")
    privacy: Privacy = Field(default_factory=Privacy, description="Give erase_after_delivery_days.")
    schedules: Schedules = Field(default_factory=Schedules, description="Give cron lines.")

    _version: str = PrivateAttr(default="")
    _secrets: Secrets = PrivateAttr(default_factory=Secrets)
    _tariff: Tariff = PrivateAttr(default=DEFAULT_TARIFF)
    _masters: MasterSource | None = PrivateAttr(default=None)

    @property
    def version(self) -> str:
        """Names this configuration: a digest of what the file says, environment and secrets left out."""
        return self._version

    @property
    def masters(self) -> MasterSource | None:
        """Where the master key of personal data comes from; None for the hub's own file."""
        return self._masters

    def connection(self, name: str) -> Connection:
        """A connection by name. Raises KeyError."""
        for connection in self.connections:
            if connection.name == name:
                return connection
        raise KeyError(name)

    def enabled(self, kind: str) -> tuple[Connection, ...]:
        """The enabled connections of a kind (channel, wms or carrier)."""
        return tuple(one for one in self.connections if one.enabled and one.kind == kind)

    def secrets(self, connection: str) -> Mapping[str, str]:
        """The values of a connection's secrets, for `connectors.registry.connect`."""
        return self._secrets.of(connection)

    def warehouse(self, code: str) -> Warehouse:
        """A warehouse by code. Raises KeyError."""
        for warehouse in self.warehouses:
            if warehouse.code == code:
                return warehouse
        raise KeyError(code)

    def warehouse_of(self, connection: str, site: str) -> Warehouse | None:
        """The warehouse that a WMS connection calls `site`, or None if hub.yaml names none."""
        for warehouse in self.warehouses:
            if warehouse.wms.connection == connection and warehouse.wms.site == site:
                return warehouse
        return None

    def carrier_connection(self, carrier: str | None) -> str | None:
        """The connection that tracks a carrier's parcels; names compare without regard to case."""
        named = {name.casefold(): connection for name, connection in self.carriers.items()}
        return named.get((carrier or "").strip().casefold(), named.get("*"))

    def fulfil_from(self) -> Mapping[str, datetime]:
        """By channel connection, when the hub began to fulfil."""
        return {one.name: one.fulfil_from for one in self.connections if one.fulfil_from}

    def verification_policy(self) -> VerificationPolicy:
        """What `normalization.verification.verify` takes."""
        return self.verification.policy(self.fulfil_from())

    def routing_policy(self) -> Policy:
        """What `warehouse_routing.router.plan` takes."""
        return self.routing.policy(self._tariff)

    def _complete(self, version: str, secrets: Secrets, masters: MasterSource | None, folder: Path) -> Self:
        whole = self.model_copy(update={"catalogue": folder / self.catalogue})
        whole._version, whole._secrets, whole._masters = version, secrets, masters
        return whole


def load_config(path: Path | str, environ: Mapping[str, str], *, with_secrets: bool = True) -> HubConfig:
    """Read and check a hub.yaml.

    Args:
        path: The file. Relative catalogue and secret paths in it are taken from its folder.
        environ: Usually os.environ: values for `${NAME}` and for secrets.
        with_secrets: False leaves secrets unresolved, for work that talks to no vendor.

    Raises:
        ConfigError: With everything that is wrong, not just the first.
    """
    path = Path(path)
    try:
        document = read_document(path)
    except UnreadableError as error:
        raise ConfigError(path.name, [str(error)]) from error
    expansion = Expansion(environ)
    expanded = expansion.expand(document)
    problems = [
        f"{spoken(place, document)}: the environment variable {name} is not set. "
        f"Set it, or write ${{{name}:-default}}."
        for place, name in expansion.missing
    ]
    try:
        config = HubConfig.model_validate(expanded)
    except ValidationError as error:
        unset = {spoken(place, document) for place, _ in expansion.missing}
        found = told(error, HubConfig, expanded, expansion.places)
        problems += [problem for problem in found if problem.split(": ")[0] not in unset]
        raise ConfigError(path.name, problems) from None
    problems += connector_problems(config.connections)
    problems += address_problems(config.connections)
    problems += cross_problems(config.connections, config.warehouses, config.carriers, config.verification)
    problems += privacy_problems(config.privacy, config.connections)
    tariff, unusable_rates = tariff_of(config.routing, path.parent)
    channels = [one.name for one in config.connections if one.connector in KINDS["channel"]]
    problems += unusable_rates
    problems += routing_problems(config.routing, config.warehouses, channels, tariff)
    secrets, masters = Secrets(), None
    if with_secrets:
        masters, unusable = master_source(config.keys, config.secrets_file, environ, path.parent)
        problems += unusable
        secrets, missing = resolve_secrets(config.connections, config.secrets_file, environ, path.parent)
        problems += missing
    if problems:
        raise ConfigError(path.name, problems)
    whole = json.dumps(document, sort_keys=True, default=str)
    if config.routing.tariff:
        whole += repr(tariff)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    complete = config._complete(digest[:12], secrets, masters, path.parent)
    complete._tariff = tariff
    return complete
