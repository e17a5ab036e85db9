"""Views alone: units that somebody else fulfilled, and how far a return is."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: views are made anew with every upgrade."""
