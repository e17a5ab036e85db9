"""What all connections share: verified orders, allocations, picklists, confirmations."""

from collections.abc import Iterable

import dagster as dg

from pipelines.assets.reporting import OWNERS, RETRY, metadata_of, stopping
from pipelines.config import HubConfig
from pipelines.resources import HubResource
from pipelines.services.amend import amend_orders
from pipelines.services.conservation import LIMIT, RULES, violations
from pipelines.services.dispatch import dispatch
from pipelines.services.route import route_orders
from pipelines.services.verify import verify_orders

CANONICAL, ALLOCATIONS = dg.AssetKey("canonical_orders"), dg.AssetKey("allocations")
PICKLISTS, CONFIRMATIONS = dg.AssetKey("picklists"), dg.AssetKey("confirmations")
POOL = "order_store"


def fulfilment_assets(
    config: HubConfig, orders: Iterable[dg.AssetKey], warehouses: Iterable[dg.AssetKey]
) -> list[dg.AssetsDefinition]:
    """The shared assets; they depend on the connections' for lineage, and read the store.

    Args:
        config: Which connections there are.
        orders: The channels' assets.
        warehouses: The WMSs' assets.
    """

    @dg.asset(
        key=CANONICAL,
        group_name="fulfilment",
        owners=OWNERS,
        pool=POOL,
        retry_policy=RETRY,
        deps=list(orders),
        description="Orders in the hub's words, verified: ready to be routed, or held with reasons.",
    )
    def canonical_orders(context: dg.AssetExecutionContext, hub: HubResource) -> dg.MaterializeResult[None]:
        with hub.open() as opened, stopping(context):
            result = verify_orders(opened)
        return dg.MaterializeResult(metadata=metadata_of(result))

    @dg.asset(
        key=ALLOCATIONS,
        group_name="fulfilment",
        owners=OWNERS,
        pool=POOL,
        retry_policy=RETRY,
        deps=[CANONICAL, *warehouses],
        description="Which warehouse ships what, and why: `orderhub explain ORDER` tells of each.",
    )
    def allocations(context: dg.AssetExecutionContext, hub: HubResource) -> dg.MaterializeResult[None]:
        with hub.open() as opened, stopping(context):
            amended = amend_orders(opened)
            routed = route_orders(opened)
        return dg.MaterializeResult(metadata=metadata_of(amended) | metadata_of(routed))

    return [
        canonical_orders,
        allocations,
        _sending(PICKLISTS, "wms", config, "Picklists, amendments and cancellations that WMSs were sent."),
        _sending(CONFIRMATIONS, "channel", config, "Shipped parcels that channels were told of."),
    ]


def _sending(key: dg.AssetKey, kind: str, config: HubConfig, description: str) -> dg.AssetsDefinition:
    """Sends what the outbox holds for one kind of connection; one that is down stops no other."""
    connections = [one.name for one in config.enabled(kind)]

    @dg.asset(
        key=key,
        group_name="fulfilment",
        owners=OWNERS,
        pool=f"outbox_{kind}",
        retry_policy=RETRY,
        deps=[ALLOCATIONS],
        description=description,
    )
    def sending(context: dg.AssetExecutionContext, hub: HubResource) -> dg.MaterializeResult[None]:
        metadata: dict[str, object] = {}
        failed: list[str] = []
        with hub.open() as opened:
            for connection in connections:
                try:
                    result = dispatch(opened, connection)
                except Exception as error:
                    context.log.exception("%s could not be served", connection)
                    failed.append(f"{connection}: {error}")
                else:
                    metadata |= {f"{connection}/{name}": n for name, n in metadata_of(result).items()}
        if failed:
            raise dg.Failure("; ".join(failed))
        return dg.MaterializeResult(metadata=metadata)

    return sending


def conservation_checks() -> list[dg.AssetChecksDefinition]:
    """One blocking check a rule: what does not add up is not published."""
    return [_check(rule) for rule in RULES]


def _check(rule: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=ALLOCATIONS,
        name=f"conservation_of_{rule}" if rule != "once" else "nothing_sent_twice",
        blocking=True,
        description="Blocks publishing; the records concerned are named in the metadata.",
    )
    def conserved(hub: HubResource) -> dg.AssetCheckResult:
        with hub.open() as opened, opened.store.read() as tx:
            found = violations(tx, rule)
        return dg.AssetCheckResult(
            passed=not found,
            metadata={
                "violations": len(found) if len(found) < LIMIT else f"{LIMIT} or more",
                "records": dg.MetadataValue.md("\n".join(f"- {one.record}" for one in found) or "none"),
            },
        )

    return conserved
