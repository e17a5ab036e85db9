"""What hub.yaml says of keys, and of how long personal data is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from order_store.masters import GivenMasters, MasterFile, MasterSource
from pipelines.config_models import Connection, SecretFile, SecretSource, Section
from pipelines.secrets import SecretUnavailableError, read_secrets_file

MASTER_KEY = "ORDERHUB_MASTER_KEY"
AMAZON_DAYS = 28
"""Amazon's Data Protection Policy: personal data at most 30 days after delivery. The job that erases runs
once a day, so an order goes up to a day later than it is due; one more day is for a job that was missed."""
DAYS_AT_MOST = {"amazon": AMAZON_DAYS}
"""By connector, the most days with which its vendor's limit is kept."""

Days = Annotated[int, Field(ge=0, strict=True)]


class Keys(Section):
    """Where the keys of personal data are. They must not be in the backup of the store or of landing."""

    url: str | None = Field(
        default=None,
        repr=False,
        pattern=r"^(sqlite|postgresql\+psycopg)://",
        description='Give "sqlite:///path" or "postgresql+psycopg://user@host/database": another database'
        " than the store's. Without it, it is keys/keys.db beside the state folder.",
    )
    master_key: SecretSource | None = Field(
        default=None,
        repr=False,
        description='Give the name of an environment variable, or "{file: path}". Without it,'
        f" {MASTER_KEY} is taken, else keys/master.key beside the state folder, which is made.",
    )
    erasures: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="Give a folder, or a URL that fsspec knows, for the lists of erased orders. Without it,"
        " it is keys/erasures beside the state folder.",
    )


class Privacy(Section):
    """How long personal data is kept."""

    erase_after_delivery_days: Days | None = Field(
        default=180,
        description="Give whole days after delivery, or null to keep personal data until it is asked for.",
    )
    connections: Mapping[str, Days] = Field(
        default_factory=dict, description="Give days for single channel connections, by name."
    )

    def days(self, connection: Connection) -> int | None:
        """Days after delivery at which a channel's orders are erased; None for never."""
        most = DAYS_AT_MOST.get(connection.connector)
        wanted = self.connections.get(connection.name, self.erase_after_delivery_days)
        return most if wanted is None else wanted if most is None else min(wanted, most)


def privacy_problems(privacy: Privacy, connections: Sequence[Connection]) -> list[str]:
    """Names that are no connection, and days that a vendor does not allow."""
    by_name = {one.name: one for one in connections}
    problems = []
    for name, days in privacy.connections.items():
        place = f"privacy.connections.{name}"
        if name not in by_name:
            problems.append(f"{place}: there is no connection {name!r}. Name one of `connections`.")
            continue
        connector = by_name[name].connector
        most = DAYS_AT_MOST.get(connector)
        if most is not None and days > most:
            problems.append(
                f"{place}: {connector} allows personal data for 30 days after delivery, and the job that"
                f" erases runs once a day and may be missed once. Write {most} or less."
            )
    return problems


def master_source(
    keys: Keys, secrets_file: Path | None, environ: Mapping[str, str], folder: Path
) -> tuple[MasterSource | None, list[str]]:
    """Where the master key comes from, and what is wrong with it; None for the hub's own file.

    A name is looked up in the environment first, then in the secrets file, as all secrets are.
    """
    if isinstance(keys.master_key, SecretFile):
        return MasterFile(folder / keys.master_key.file), []
    name = keys.master_key or MASTER_KEY
    text = environ.get(name, "")
    if not text and secrets_file is not None:
        try:
            text = read_secrets_file(folder / secrets_file).get(name, "")
        except SecretUnavailableError:
            return None, []  # config_secrets tells it
    if text:
        return GivenMasters(text, name), []
    if keys.master_key is None:
        return None, []
    return None, [f"keys.master_key: {name} is not set. Put the master key there (docs/privacy.md)."]
