"""Refusals of warehouses, and decisions by age, so that old ones can be pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "site_refusals",
        sa.Column("order_id", key, autoincrement=False, nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_site_refusals_order_id")),
        sa.PrimaryKeyConstraint("order_id", "warehouse", name=op.f("pk_site_refusals")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_routing_decisions_at", "routing_decisions", ["at"])
