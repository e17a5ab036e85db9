"""From the names in hub.yaml to the secrets' values."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.config_models import Connection, SecretFile
from pipelines.secrets import Secrets, SecretUnavailableError, read_private, read_secrets_file


def resolve_secrets(
    connections: Sequence[Connection], secrets_file: Path | None, environ: Mapping[str, str], folder: Path
) -> tuple[Secrets, list[str]]:
    """The secrets of all enabled connections, and a sentence for each that cannot be had.

    A name is looked up in the environment first, then in the secrets file. Relative paths are taken from
    `folder`.
    """
    problems: list[str] = []
    named: Mapping[str, str] = {}
    if secrets_file is not None:
        try:
            named = read_secrets_file(folder / secrets_file)
        except SecretUnavailableError as error:
            problems.append(f"secrets_file: {error}")
    values: dict[str, dict[str, str]] = {}
    for connection in connections:
        if not connection.enabled:
            continue
        for secret, source in connection.secrets.items():
            place = f"connections[{connection.name}].secrets.{secret}"
            if isinstance(source, SecretFile):
                try:
                    value = read_private(folder / source.file).strip()
                except SecretUnavailableError as error:
                    problems.append(f"{place}: {error}")
                    continue
            else:
                value = environ.get(source) or named.get(source, "")
            if value:
                values.setdefault(connection.name, {})[secret] = value
            else:
                problems.append(f"{place}: {_not_set(str(source), secrets_file)}")
    return Secrets(values), problems


def _not_set(name: str, secrets_file: Path | None) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        # Somebody wrote the secret itself: it must not be repeated.
        return "this is no name in capitals. Write an environment variable's name here, not the secret."
    where = f"the environment or in {secrets_file}" if secrets_file else "the environment"
    return f"{name} is not set. Set it in {where}."
