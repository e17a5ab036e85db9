"""What does not balance and is held for it, what people and the doctor did, and restores from backup."""

from sqlalchemy import Column, ForeignKey, Index, Table

from order_store.schema.base import Key, metadata, moment, own_key, words

imbalances = Table(
    "imbalances",
    metadata,
    own_key(),
    words("rule"),
    words("subject"),  # the natural key of what does not balance: an order's id, a position, a SKU
    Column("order_id", Key, ForeignKey("orders.id")),  # null where a SKU is held
    words("warehouse", nullable=True),  # null where an order, or a SKU everywhere, is held
    words("sku", nullable=True),
    words("detail"),
    moment("since", nullable=False),
    moment("ended_at"),
)
_STANDING = imbalances.c.ended_at.is_(None)
Index(
    "ux_imbalances_standing",
    imbalances.c.rule,
    imbalances.c.subject,
    unique=True,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)

hub_events = Table(
    "hub_events",
    metadata,
    own_key(),
    moment("at", nullable=False),
    words("kind"),  # a short word in the past tense
    words("source"),  # a person's name, or the part of the hub that did it
    words("subject"),  # what it was done to: "quarantine 12", "stock LYS SPOON"
    words("why", nullable=True),
    words("detail", nullable=True),  # JSON object, never personal data
)

restores = Table(
    "restores",
    metadata,
    own_key(),
    moment("taken_at", nullable=False),  # when the backup was taken
    moment("restored_at", nullable=False),
    moment("recovered_at"),  # when what was sent after the backup was known again
)
