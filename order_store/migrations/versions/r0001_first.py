"""The first schema."""

from alembic import op

from order_store.schema import metadata
from order_store.views import create_views

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables and views."""
    metadata.create_all(op.get_bind())
    create_views(op.get_bind())
