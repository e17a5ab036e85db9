"""What all assets share: owners, retries, order of steps, counts as metadata, errors that say what to do."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from enum import IntEnum
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from connectors.errors import ConnectorError, CredentialsRejected, StreamBroken
from pipelines.problems import ProblemError
from pipelines.words import markdown

OWNERS = ["team:orders"]
if TYPE_CHECKING:
    Result: TypeAlias = dg.MaterializeResult[None]
else:
    Result = dg.MaterializeResult  # what assets return; Dagster knows it without type parameters only


def retry_policy() -> dg.RetryPolicy:
    """Two more tries of a step, after a minute and after two more.

    Short troubles are over before the transport itself gives up. ORDERHUB_RETRY_SECONDS sets another pause.
    """
    return dg.RetryPolicy(
        max_retries=2,
        delay=float(os.environ.get("ORDERHUB_RETRY_SECONDS", "60")),
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )


class Turn(IntEnum):
    """When a step's turn comes in a run of many steps: the higher, the earlier.

    Dependencies alone do not say it, since steps of different connections meet in the store only.
    """

    READ = 50
    DECIDE = 40
    SHIPMENTS = 30
    TRACKING = 20
    CONFIRM = 10
    KPIS = 0

    @property
    def tags(self) -> dict[str, str]:
        """For an asset's `op_tags`."""
        return {"dagster/priority": str(int(self))}


def version_of(module: str) -> str:
    """An asset's code version: a digest of the module that decides what its records mean.

    The UI then marks what was made by an older mapping; `orderhub replay` makes it anew.

    Raises:
        ModuleNotFoundError: If there is no such module.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]


def metadata_of(counts: Any) -> dict[str, Any]:  # noqa: ANN401 -- any of the services' results
    """A result's figures, as run metadata; Dagster plots whole numbers over time."""
    if not is_dataclass(counts) or isinstance(counts, type):
        raise TypeError(f"{counts!r} is no service's result")
    return {name: value for name, value in asdict(counts).items() if isinstance(value, int | float | str)}


def records(lines: Iterable[str], command: str, limit: int = 20) -> dg.MarkdownMetadataValue:
    """The records concerned, as run metadata: the first few, and the command that shows all.

    Args:
        lines: One record each, without personal data.
        command: Shows more of them.
        limit: How many are named.
    """
    named = [f"- {markdown(line)}" for line in islice(lines, limit)]
    return dg.MetadataValue.md("\n".join([*named, "", f"`{command}`"]) if named else "none")


@contextmanager
def stopping(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Fail at once, without retries, where only a person can help; let everything else be retried."""
    try:
        yield
    except (CredentialsRejected, StreamBroken, ProblemError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except ConnectorError as error:
        context.log.warning("%s: %s", type(error).__name__, error)
        raise
