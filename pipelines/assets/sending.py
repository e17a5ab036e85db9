"""Sends what the outbox holds."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from connectors.errors import ConnectorError
from pipelines.assets.reporting import OWNERS, Result, Turn, metadata_of, retry_policy
from pipelines.problems import ProblemError
from pipelines.resources import HubResource
from pipelines.services.dispatch import dispatch


def sending_asset(
    key: dg.AssetKey, connections: Sequence[str], *, deps: Sequence[dg.AssetKey], turn: Turn, description: str
) -> dg.AssetsDefinition:
    """Sends to some connections, one after the other; one that is down stops no other.

    The step fails at the end if one could not be served, and its retry sends only what is still to be sent.
    """

    @dg.asset(
        key=key,
        group_name="fulfilment",
        kinds={"python"},
        owners=OWNERS,
        pool=f"outbox_{key.path[-1]}",
        retry_policy=retry_policy(),
        deps=list(deps),
        op_tags=turn.tags,
        description=description,
    )
    def sending(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        metadata: dict[str, Any] = {}
        failed: list[str] = []
        with hub.open() as opened:
            for connection in connections:
                try:
                    result = dispatch(opened, connection)
                except (ConnectorError, ProblemError) as error:
                    context.log.warning("%s: %s: %s", connection, type(error).__name__, error)
                    failed.append(f"{connection}: {type(error).__name__}: {error}")
                else:
                    figures = metadata_of(result)
                    metadata |= {f"{connection}/{name}": figure for name, figure in figures.items()}
        if failed:
            raise dg.Failure("; ".join(failed), metadata=metadata)
        return dg.MaterializeResult(metadata=metadata)

    return sending
