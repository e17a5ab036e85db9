"""Orders as their channels tell them, with the quantities that the hub adds."""

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from order_store.schema.base import (
    CLUSTERED,
    Key,
    amount,
    flag,
    metadata,
    moment,
    number_in_order,
    order_key,
    own_key,
    units,
    words,
)

orders = Table(
    "orders",
    metadata,
    own_key(),
    Column("connection_id", Integer, ForeignKey("connections.id"), nullable=False),
    words("external_id"),
    words("number"),
    # `revision` counts the changes that the hub applied; a picklist pins it
    Column("revision", Integer, nullable=False, server_default="1"),
    words("status"),  # OrderStatus, derived (order_store.status)
    words("verification"),  # order_store.verdicts.Verification
    words("not_routed_why", nullable=True),
    flag("is_history"),  # kept and reported, never routed
    words("channel_state"),
    words("channel_status"),
    words("fulfilled_by"),
    words("confirmation_ref", nullable=True),
    words("currency"),
    words("buyer_currency", nullable=True),
    flag("taxes_included"),
    words("payment_mode"),
    words("payment_state"),
    words("requested_service", nullable=True),
    moment("placed_at", nullable=False),
    moment("updated_at"),
    moment("cancelled_at"),
    words("cancel_reason", nullable=True),
    moment("ship_by"),
    moment("deliver_by"),
    words("tags", nullable=True),  # JSON array of text, null if there are none
    words("warnings", nullable=True),  # JSON array of text, null if there are none
    words("discounts", nullable=True),  # JSON array, null if there are none
    amount("total_minor"),
    amount("tax_minor"),
    amount("discount_minor"),
    amount("shipping_minor"),
    amount("refunded_minor"),
    amount("buyer_total_minor"),
    # where it goes, as far as routing needs it and it names nobody
    words("city", nullable=True),
    words("region", nullable=True),
    words("postal_code", nullable=True),
    words("country_code", nullable=True),
    # the version of the order and of all its datasets, but for those that dataset_versions names
    words("version_revision"),
    Column("version_observed_at", BigInteger, nullable=False),
    words("dataset_versions", nullable=True),  # JSON: dataset -> [revision, observed_at] or null (never read)
    moment("created_at", nullable=False),  # when the hub first stored it
    moment("changed_at", nullable=False),  # when the hub last applied a change
    UniqueConstraint("connection_id", "external_id"),
)
_UNVERIFIED = orders.c.verification == "unverified"
Index("ix_orders_unverified", orders.c.id, sqlite_where=_UNVERIFIED, postgresql_where=_UNVERIFIED)
Index("ix_orders_status_id", orders.c.status, orders.c.id)

order_lines = Table(
    "order_lines",
    metadata,
    order_key(),
    number_in_order("line_no"),
    words("line_id"),  # the channel's, unique within the order
    words("channel_sku", nullable=True),
    words("sku", nullable=True),  # the warehouse's SKU or the kit's code, once the catalogue resolved it
    words("title"),
    flag("requires_shipping", default=True),
    words("parent_line_id", nullable=True),
    words("channel_product_id", nullable=True),
    # the channel's quantities
    units("ordered"),
    units("cancelled"),
    units("fulfilled"),  # units that the channel calls fulfilled, by whomever
    units("returned"),
    # the hub's quantities: each counts the units that reached that point, so allocated includes shipped
    units("allocated"),
    units("picked"),
    units("shipped"),
    units("delivered"),
    units("confirmed"),  # shipped units that the hub has told the channel of, or is about to
    units("backordered"),  # units that wait for stock since the last routing
    units("cancelling"),  # of these, units that the channel was asked to cancel: nobody allocates them
    Column(
        "elsewhere",  # units that somebody else fulfilled
        Integer,
        Computed("CASE WHEN fulfilled > confirmed THEN fulfilled - confirmed ELSE 0 END", persisted=True),
    ),
    amount("unit_price_minor", nullable=False),
    amount("gross_minor", nullable=False),
    amount("discount_minor", nullable=False),
    amount("net_minor", nullable=False),
    amount("tax_minor", nullable=False),
    amount("total_minor", nullable=False),
    amount("buyer_total_minor"),
    words("taxes", nullable=True),  # JSON array, null if there are none
    words("discounts", nullable=True),  # JSON array, null if there are none
    # of a line that the newest version no longer has: the version that last had it
    words("gone_revision", nullable=True),
    Column("gone_observed_at", BigInteger),
    # what the first routing found, written once
    moment("first_routed_at"),
    flag("backordered_at_first_routing"),
    units("units_from_stock_first"),
    **CLUSTERED,
)

line_components = Table(
    "line_components",
    metadata,
    order_key(),
    number_in_order("line_no"),
    Column("sku", Text, primary_key=True),  # the warehouse's SKU
    Column("units", Integer, nullable=False),  # for one unit of the line
    **CLUSTERED,
)

order_shipping = Table(
    "order_shipping",
    metadata,
    order_key(),
    number_in_order(),
    words("title"),
    words("code", nullable=True),
    amount("net_minor", nullable=False),
    amount("tax_minor", nullable=False),
    amount("total_minor", nullable=False),
    **CLUSTERED,
)

order_charges = Table(
    "order_charges",
    metadata,
    order_key(),
    number_in_order(),
    words("kind"),
    words("title"),
    amount("net_minor", nullable=False),
    amount("tax_minor", nullable=False),
    amount("total_minor", nullable=False),
    **CLUSTERED,
)

payments = Table(
    "payments",
    metadata,
    order_key(),
    number_in_order(),
    words("payment_id"),
    words("mode"),
    words("state"),
    amount("amount_minor", nullable=False),
    words("currency"),
    words("gateway", nullable=True),
    amount("buyer_amount_minor"),
    words("buyer_currency", nullable=True),
    moment("paid_at"),
    **CLUSTERED,
)

channel_fulfilments = Table(
    "channel_fulfilments",
    metadata,
    order_key(),
    number_in_order(),
    words("fulfilment_id"),
    words("state"),
    words("carrier", nullable=True),
    words("tracking_numbers"),  # JSON array of text
    words("lines"),  # JSON array of {line_id, quantity}
    moment("created_at"),
    **CLUSTERED,
)

refunds = Table(
    "refunds",
    metadata,
    order_key(),
    number_in_order(),
    words("refund_id"),
    amount("amount_minor", nullable=False),
    words("currency"),
    amount("shipping_minor"),
    amount("buyer_amount_minor"),
    words("buyer_currency", nullable=True),
    words("reason"),
    moment("created_at"),
    **CLUSTERED,
)

refund_lines = Table(
    "refund_lines",
    metadata,
    order_key(),
    number_in_order("refund_no"),
    number_in_order(),
    words("line_id"),
    Column("quantity", Integer, nullable=False),
    amount("amount_minor", nullable=False),
    flag("restocked"),
    **CLUSTERED,
)

returns = Table(
    "returns",
    metadata,
    order_key(),
    number_in_order(),
    words("return_id"),
    words("state"),
    words("reason"),
    moment("created_at"),
    **CLUSTERED,
)

return_lines = Table(
    "return_lines",
    metadata,
    order_key(),
    number_in_order("return_no"),
    number_in_order(),
    words("line_id"),
    Column("quantity", Integer, nullable=False),
    **CLUSTERED,
)

personal_data = Table(
    "personal_data",
    metadata,
    order_key(),
    Column("body", LargeBinary, nullable=False),  # read and written by order_store.personal alone
    Column("email_token", BigInteger),  # keyed digests, to find a person's orders
    Column("phone_token", BigInteger),
    Column("ship_phone_token", BigInteger),  # where it is another one than the buyer's
    Column("bill_phone_token", BigInteger),  # likewise
)

order_events = Table(
    "order_events",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    moment("at", nullable=False),
    words("kind"),  # order_store.events.Kind
    words("source"),  # the connection's name, or the part of the hub that did it
    words("why", nullable=True),
    words("detail", nullable=True),  # JSON object, never personal data
    Index("ix_order_events_order_id", "order_id"),
)

holds = Table(
    "holds",
    metadata,
    own_key(),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False),
    words("code"),
    words("line_id", nullable=True),
    words("detail"),
    moment("since", nullable=False),
    moment("released_at"),
    Index("ix_holds_order_id", "order_id"),
)
