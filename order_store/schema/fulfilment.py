"""Stock, allocations, picklists, parcels, and what leaves the hub."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from order_store.schema.base import (
    CLUSTERED,
    Key,
    Moment,
    flag,
    metadata,
    moment,
    number_in_order,
    own_key,
    units,
    words,
)

stock_positions = Table(
    "stock_positions",
    metadata,
    Column("warehouse", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    words("basis"),  # StockBasis of the snapshot
    units("on_hand"),  # what the newest snapshot says, bins and lots together
    units("safety"),  # units that are never promised
    units("reserved"),  # allocated units that the snapshot cannot reflect yet
    moment("observed_at", nullable=False),  # when the snapshot's request was sent
    CheckConstraint("reserved >= 0", name="reserved"),
    **CLUSTERED,
)

stock_bins = Table(
    "stock_bins",
    metadata,
    Column("warehouse", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("bin", Text, primary_key=True),  # empty where the WMS has no bins
    Column("lot", Text, primary_key=True),  # empty where the SKU has no lots
    units("on_hand"),
    **CLUSTERED,
)

stock_shortages = Table(
    "stock_shortages",
    metadata,
    own_key(),
    words("warehouse"),
    words("sku"),
    Column("units", Integer, nullable=False),  # units promised and not there, at most
    moment("since", nullable=False),
    moment("ended_at"),
)
_SHORT = stock_shortages.c.ended_at.is_(None)
Index(
    "ux_stock_shortages_standing",
    stock_shortages.c.warehouse,
    stock_shortages.c.sku,
    unique=True,
    sqlite_where=_SHORT,
    postgresql_where=_SHORT,
)

picklists = Table(
    "picklists",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    Column("sequence", Integer, nullable=False),  # 1, 2, 3 within the order
    words("warehouse"),
    Column("connection_id", Integer, ForeignKey("connections.id"), nullable=False),  # its WMS
    words("site"),  # the WMS's own id of the warehouse
    words("reference"),  # the hub's external reference, from natural keys
    words("state"),  # order_store.picklists.State
    Column("order_revision", Integer, nullable=False),  # of the order that was allocated
    words("ship_to_digest"),  # of the address that was or will be sent
    words("wms_id", nullable=True),
    words("wms_status", nullable=True),
    words("version_revision"),  # of the newest state that the WMS told
    Column("version_observed_at", BigInteger, nullable=False, server_default="0"),
    flag("intercept"),  # the WMS refused to change or cancel it: a person stops the parcel
    words("why", nullable=True),
    words("dispatch_date"),  # the site's local day on which it is planned to leave, ISO 8601
    moment("dispatch_due_at"),  # the channel's ship-by, else the site's cut-off rule
    moment("created_at", nullable=False),
    moment("accepted_at"),  # when the hub knew that the WMS has it
    moment("picked_at"),
    moment("shipped_at"),
    moment("cancelled_at"),
    UniqueConstraint("connection_id", "reference"),
    UniqueConstraint("order_id", "sequence"),
)

picklist_lines = Table(
    "picklist_lines",
    metadata,
    Column("picklist_id", Key, ForeignKey("picklists.id"), primary_key=True, autoincrement=False),
    number_in_order("line_no"),
    Column("units", Integer, nullable=False),  # as the channel counts them: whole kits
    **CLUSTERED,
)

allocations = Table(
    "allocations",
    metadata,
    Column("picklist_id", Key, ForeignKey("picklists.id"), primary_key=True, autoincrement=False),
    number_in_order("line_no"),
    Column("sku", Text, primary_key=True),  # the warehouse's SKU
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    words("warehouse"),
    Column("units", Integer, nullable=False),  # of the SKU; less what was released again
    units("shipped"),
    moment("accepted_at"),
    moment("shipped_at"),
    moment("released_at"),  # given back as a whole
    moment("settled_at"),  # when it ceased to bear on stock: released, or reflected by a snapshot for good
    CheckConstraint("units >= shipped", name="units"),
    **CLUSTERED,
)
_STANDING = allocations.c.settled_at.is_(None)
Index(
    "ix_allocations_standing",
    allocations.c.warehouse,
    allocations.c.sku,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)
Index("ix_allocations_order_id", allocations.c.order_id)
Index("ix_picklists_dispatch", picklists.c.dispatch_date, picklists.c.warehouse)

picks = Table(
    "picks",
    metadata,
    Column("picklist_id", Key, ForeignKey("picklists.id"), primary_key=True, autoincrement=False),
    number_in_order(),
    words("sku"),
    Column("quantity", Integer, nullable=False),
    words("bin", nullable=True),
    words("lot", nullable=True),
    **CLUSTERED,
)

parcels = Table(
    "parcels",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    Column("picklist_id", Key, ForeignKey("picklists.id"), nullable=False),
    Column("sequence", Integer, nullable=False),  # 1, 2, 3 within the order: how the channel is told
    words("wms_parcel_id"),
    words("carrier", nullable=True),
    words("service", nullable=True),
    words("tracking_number", nullable=True),
    words("tracking_url", nullable=True),
    words("carrier_connection", nullable=True),  # whom to ask; null if nobody tracks this carrier
    words("status"),  # TrackingStatus
    words("carrier_status", nullable=True),  # in the carrier's words, without a person's
    moment("shipped_at", nullable=False),
    moment("estimated_delivery"),
    moment("delivered_at"),
    moment("tracked_at"),  # request time of the newest answer that was applied
    moment("confirmed_at"),  # when the channel had accepted it
    UniqueConstraint("picklist_id", "wms_parcel_id"),
    UniqueConstraint("order_id", "sequence"),
)
_UNDERWAY = parcels.c.delivered_at.is_(None)
Index("ix_parcels_underway", parcels.c.id, sqlite_where=_UNDERWAY, postgresql_where=_UNDERWAY)

parcel_lines = Table(
    "parcel_lines",
    metadata,
    Column("parcel_id", Key, ForeignKey("parcels.id"), primary_key=True, autoincrement=False),
    number_in_order("line_no"),
    Column("units", Integer, nullable=False),  # whole units of the line that this parcel completes
    **CLUSTERED,
)

parcel_items = Table(
    "parcel_items",
    metadata,
    Column("parcel_id", Key, ForeignKey("parcels.id"), primary_key=True, autoincrement=False),
    number_in_order(),
    Column("line_no", Integer),  # null if the WMS packed what no line asked for
    words("sku"),
    Column("quantity", Integer, nullable=False),
    words("bin", nullable=True),
    words("lot", nullable=True),
    **CLUSTERED,
)

tracking_events = Table(
    "tracking_events",
    metadata,
    Column("parcel_id", Key, ForeignKey("parcels.id"), primary_key=True, autoincrement=False),
    Column("occurred_at", Moment, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    words("local_time", nullable=True),
    words("city", nullable=True),
    words("region", nullable=True),
    words("country_code", nullable=True),
    moment("observed_at", nullable=False),
    **CLUSTERED,
)

outbox = Table(
    "outbox",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),  # the aggregate
    Column("sequence", Integer, nullable=False),  # rows of one order and connection go out in this sequence
    Column("connection_id", Integer, ForeignKey("connections.id"), nullable=False),
    words("operation"),  # as in connectors.contract
    words("reference"),  # the idempotency key, from natural keys
    Column("subject_id", Key, nullable=False),  # the picklist's or the parcel's id: the body is made of it
    words("state"),  # order_store.outbox.State
    Column("attempts", Integer, nullable=False, server_default="0"),
    moment("not_before", nullable=False),
    words("lease_owner", nullable=True),
    Column("fence", Integer, nullable=False, server_default="0"),
    moment("lease_until"),
    words("vendor_ref", nullable=True),
    words("reason", nullable=True),
    moment("created_at", nullable=False),
    moment("sent_at"),
    moment("settled_at"),
    UniqueConstraint("connection_id", "operation", "reference"),
)
_UNSETTLED = outbox.c.settled_at.is_(None)
Index(
    "ix_outbox_unsettled",
    outbox.c.connection_id,
    outbox.c.id,
    sqlite_where=_UNSETTLED,
    postgresql_where=_UNSETTLED,
)
Index("ix_outbox_order_id", outbox.c.order_id)

routing_decisions = Table(
    "routing_decisions",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    Column("order_revision", Integer, nullable=False),
    moment("at", nullable=False),
    words("config_version"),
    words("plan"),  # JSON of the order's plan: assignments, backorders, candidates, reasons
    Index("ix_routing_decisions_order_id", "order_id"),
)
