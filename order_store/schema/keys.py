"""The key store's own tables: another database than the orders', and never in the same backup."""

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text

from order_store.schema.base import CLUSTERED, moment, own_key, words

key_metadata = MetaData()

data_keys = Table(
    "data_keys",
    key_metadata,
    Column("connection", Text, primary_key=True),  # empty for the hub's own secrets
    Column("external_id", Text, primary_key=True),
    Column("master", Integer, nullable=False),  # the version of the master key that wraps it
    Column("wrapped", LargeBinary),  # null: destroyed
    moment("created_at", nullable=False),
    moment("destroyed_at"),
    **CLUSTERED,
)

key_store = Table("key_store", key_metadata, Column("id", Text, primary_key=True))
"""One row: which key store this is."""

erasure_lists = Table(
    "erasure_lists",
    key_metadata,
    Column("name", Text, primary_key=True),
    moment("applied_at", nullable=False),
)
"""The erasure lists whose keys are destroyed here."""

access_log = Table(
    "access_log",
    key_metadata,
    own_key(),
    moment("first_at", nullable=False),
    moment("last_at", nullable=False),
    words("actor"),
    words("purpose"),
    Column("calls", Integer, nullable=False),
    Column("orders", Integer, nullable=False),
    words("order_ids"),  # "17" or "17-4711" or "3,5,8"
)
"""Who read personal data, and why. Holds none itself."""
