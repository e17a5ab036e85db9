"""Units of an order line that its channel was asked to cancel."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    op.add_column("order_lines", sa.Column("cancelling", sa.Integer(), server_default="0", nullable=False))
