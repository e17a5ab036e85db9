"""What all connections share: verified orders, allocations, picklists, confirmations."""

import dagster as dg
from sqlalchemy import func, select

from order_store.schema.fulfilment import allocations as allocations_table
from order_store.schema.orders import holds, orders
from pipelines.assets.conservation import conservation_checks
from pipelines.assets.reporting import (
    OWNERS,
    Result,
    Turn,
    metadata_of,
    records,
    retry_policy,
    stopping,
    version_of,
)
from pipelines.assets.routing_report import routing_metadata
from pipelines.assets.sending import sending_asset
from pipelines.assets.tables import ORDERS, PARCELS, STOCK
from pipelines.config import HubConfig
from pipelines.hub import Hub
from pipelines.resources import HubResource
from pipelines.services.amend import amend_orders
from pipelines.services.balance import balance_books
from pipelines.services.recover import recover
from pipelines.services.route import route_orders
from pipelines.services.verify import verify_orders
from warehouse_routing.plan import Plan

CANONICAL, ALLOCATIONS = dg.AssetKey("canonical_orders"), dg.AssetKey("allocations")
PICKLISTS, CONFIRMATIONS = dg.AssetKey("picklists"), dg.AssetKey("confirmations")
POOL = "order_store"


@dg.asset(
    key=CANONICAL,
    group_name="fulfilment",
    kinds={"python"},
    owners=OWNERS,
    pool=POOL,
    retry_policy=retry_policy(),
    deps=[ORDERS],
    op_tags=Turn.DECIDE.tags,
    code_version=version_of("normalization.verification"),
    description="Orders in the hub's words, verified: ready to be routed, or held with reasons.",
)
def canonical_orders(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
    """Judge what changed and what is held."""
    with hub.open() as opened, stopping(context):
        result = verify_orders(opened)
        rows, why = _held(opened)
    return dg.MaterializeResult(metadata=metadata_of(result) | {"dagster/row_count": rows, "held_for": why})


@dg.asset(
    key=ALLOCATIONS,
    group_name="fulfilment",
    kinds={"python"},
    owners=OWNERS,
    pool=POOL,
    retry_policy=retry_policy(),
    deps=[CANONICAL, STOCK],
    op_tags=Turn.DECIDE.tags,
    code_version=version_of("warehouse_routing.router"),
    description="Which warehouse ships what, and why: `orderhub explain ORDER` tells of each.",
)
def allocations(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
    """Hold what does not balance, follow what buyers changed, then route what is open."""
    with hub.open() as opened, stopping(context):
        recovered = recover(opened)
        if not recovered.done:
            raise dg.Failure(f"after the restore, routing waits for {recovered.waits_for} to be read")
        balanced = balance_books(opened)
        amended = amend_orders(opened)
        plans: list[Plan] = []
        routed = route_orders(opened, plans)
        report = routing_metadata(opened, plans)
        with opened.store.read() as tx:
            rows = tx.scalar(select(func.count()).select_from(allocations_table)) or 0
    return dg.MaterializeResult(
        metadata={f"balance/{name}": value for name, value in metadata_of(balanced).items()}
        | {f"amended/{name}": value for name, value in metadata_of(amended).items()}
        | metadata_of(routed)
        | report
        | {"dagster/row_count": rows}
    )


def fulfilment_assets(config: HubConfig) -> list[dg.AssetsDefinition]:
    """The shared assets. They read the store, so that no connection's trouble stops them."""
    return [
        canonical_orders,
        allocations,
        sending_asset(
            PICKLISTS,
            [one.name for one in config.enabled("wms")],
            deps=[ALLOCATIONS],
            turn=Turn.DECIDE,
            description="Picklists, amendments and cancellations that WMSs were sent.",
        ),
        sending_asset(
            CONFIRMATIONS,
            [one.name for one in config.enabled("channel")],
            deps=[PARCELS],
            turn=Turn.CONFIRM,
            description="Shipped parcels that channels were told of, with carrier and tracking number.",
        ),
    ]


def fulfilment_checks() -> list[dg.AssetChecksDefinition]:
    """What must add up. What does not is held; all other orders go on, and publishing has its own check."""
    return conservation_checks(ALLOCATIONS)


def _held(hub: Hub) -> tuple[int, dg.MarkdownMetadataValue]:
    """How many orders there are, and how many of them wait for what."""
    with hub.store.read() as tx:
        rows = tx.scalar(select(func.count()).select_from(orders)) or 0
        waiting = tx.execute(
            select(holds.c.code, func.count(holds.c.order_id.distinct()).label("found"))
            .where(holds.c.released_at.is_(None))
            .group_by(holds.c.code)
            .order_by(holds.c.code)
        ).all()
    return rows, records((f"{row.code}: {row.found}" for row in waiting), "orderhub status")
