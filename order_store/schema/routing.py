"""What routing must remember beside its decisions."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from order_store.schema.base import CLUSTERED, Key, metadata, moment, words
from order_store.schema.fulfilment import routing_decisions

site_refusals = Table(
    "site_refusals",
    metadata,
    Column("order_id", Key, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("warehouse", Text, primary_key=True),
    moment("at", nullable=False),
    words("why", nullable=True),
    **CLUSTERED,
)
"""Warehouses whose WMS refused an order, or gave it up: they are not asked again for a while."""

Index("ix_routing_decisions_at", routing_decisions.c.at)
