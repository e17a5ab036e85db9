"""What all assets share: owners, retries, counts as metadata, and errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import dagster as dg

from connectors.errors import ConnectorError, CredentialsRejected, StreamBroken
from pipelines.problems import ProblemError

OWNERS = ["team:orders"]
RETRY = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Minutes, not seconds: short troubles are over before the transport gives up."""


def metadata_of(counts: Any) -> dict[str, Any]:  # noqa: ANN401 -- any of the services' results
    """A result's figures, as run metadata; Dagster plots whole numbers over time."""
    if not is_dataclass(counts) or isinstance(counts, type):
        raise TypeError(f"{counts!r} is no service's result")
    return {name: value for name, value in asdict(counts).items() if isinstance(value, int | float | str)}


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
