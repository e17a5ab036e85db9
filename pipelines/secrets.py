"""Secrets: out of the environment or out of files that only their owner may read. Never out of hub.yaml."""

import stat
from collections.abc import Mapping
from pathlib import Path

import yaml


class SecretUnavailableError(Exception):
    """A secret could not be had. The message names the place and the remedy, never the value."""


def read_private(path: Path) -> str:
    """The text of a file that nobody but its owner may read or write.

    Raises:
        SecretUnavailableError: If it is absent, empty, not utf-8, or open to group or others.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise SecretUnavailableError(
                f"{path} may be read by others (mode {stat.S_IMODE(mode):04o}). Run: chmod 600 {path}"
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretUnavailableError(f"{path} cannot be read ({error.strerror}). Create it.") from None
    except UnicodeDecodeError:
        raise SecretUnavailableError(f"{path} is no utf-8 text. Write it anew.") from None
    if not text.strip():
        raise SecretUnavailableError(f"{path} is empty. Put the secret into it.")
    return text


def read_secrets_file(path: Path) -> Mapping[str, str]:
    """The secrets file: one `NAME: value` a line (YAML), with the names that hub.yaml uses.

    Raises:
        SecretUnavailableError: As `read_private` does, or if the file is no such list.
    """
    try:
        found = yaml.load(read_private(path), Loader=yaml.BaseLoader)  # noqa: S506 -- only builds text
    except yaml.YAMLError:
        # YAML's own message would quote the line, and the line holds a secret.
        raise SecretUnavailableError(f"{path} is no YAML. Write one `NAME: value` a line.") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SecretUnavailableError(f"{path} is no list of names. Write one `NAME: value` a line.")
    return found


class Secrets:
    """Values by connection and name. Shows no value, whatever prints it."""

    def __init__(self, values: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._values = {connection: dict(named) for connection, named in (values or {}).items()}

    def of(self, connection: str) -> Mapping[str, str]:
        """A connection's secrets by name; empty if it has none."""
        return self._values.get(connection, {})

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"
