"""Keys and erasures: digests beside personal data, who was erased, which key store it is sealed by.

It has no keys itself: rows that are in the clear stay readable, and are sealed by order_store.encrypting
when a hub with keys opens the store.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    for name in ("email_token", "phone_token", "ship_phone_token"):
        op.add_column("personal_data", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_table(
        "erasures",
        sa.Column(
            "order_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_erasures_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "privacy_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_privacy_state")),
    )
    op.execute(
        "INSERT INTO privacy_state (name, value)"
        " SELECT 'in_the_clear', '0' WHERE EXISTS (SELECT 1 FROM personal_data)"
        " OR EXISTS (SELECT 1 FROM landing_files)"
    )
