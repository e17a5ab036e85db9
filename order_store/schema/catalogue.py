"""What is sold and what is picked, effective-dated: each row holds from `valid_from` until before `valid_to`.

A `valid_from` of 1970 means "always"; a `valid_to` of null means "still".
"""

from sqlalchemy import Column, Integer, Table, UniqueConstraint

from order_store.schema.base import flag, metadata, moment, own_key, words

skus = Table(
    "skus",
    metadata,
    own_key(),
    words("sku"),
    moment("valid_from", nullable=False),
    moment("valid_to"),
    words("title"),
    Column("weight_g", Integer),
    Column("length_mm", Integer),
    Column("width_mm", Integer),
    Column("height_mm", Integer),
    flag("hazardous"),
    flag("oversize"),
    flag("lot_tracked"),
    UniqueConstraint("sku", "valid_from"),
)
"""Things with a shelf. Size and weight are those of one unit as it is shipped."""

sku_aliases = Table(
    "sku_aliases",
    metadata,
    own_key(),
    words("connection"),
    words("channel_sku"),
    words("sku"),
    moment("valid_from", nullable=False),
    moment("valid_to"),
    UniqueConstraint("connection", "channel_sku", "valid_from"),
)
"""What a channel calls a SKU or a kit; connection "*" stands for every channel."""

kit_components = Table(
    "kit_components",
    metadata,
    own_key(),
    words("kit"),
    words("sku"),
    Column("units", Integer, nullable=False),
    moment("valid_from", nullable=False),
    moment("valid_to"),
    UniqueConstraint("kit", "sku", "valid_from"),
)
"""What is picked for one kit."""
