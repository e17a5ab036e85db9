"""Who was erased, and which key store sealed what is here."""

from sqlalchemy import Column, ForeignKey, Table, Text

from order_store.schema.base import Key, metadata, moment, words

erasures = Table(
    "erasures",
    metadata,
    Column("order_id", Key, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    moment("at", nullable=False),
    words("why"),  # policy, request, or restore
)

privacy_state = Table(
    "privacy_state",
    metadata,
    Column(
        "name", Text, primary_key=True
    ),  # key_store: its identity; in_the_clear: see order_store.encrypting
    words("value"),
)
