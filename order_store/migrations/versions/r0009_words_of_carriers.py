"""Scans without the carrier's words, in which people are named; a digest of a billing phone that differs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SCANS = "parcel_id, occurred_at, code, status, local_time, city, region, country_code, observed_at"
_KEPT = (
    "parcel_id, occurred_at, code, status, min(local_time) AS local_time, min(city) AS city,"
    " min(region) AS region, min(country_code) AS country_code, min(observed_at) AS observed_at"
)


def upgrade() -> None:
    """Change the tables."""
    op.add_column("personal_data", sa.Column("bill_phone_token", sa.BigInteger(), nullable=True))
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        op.execute("PRAGMA secure_delete = ON")  # the words must not stay in free pages
    op.execute(
        f"CREATE TEMPORARY TABLE kept_scans AS SELECT {_KEPT} FROM tracking_events"  # noqa: S608 -- no value
        " GROUP BY parcel_id, occurred_at, code, status"
    )
    op.drop_table("tracking_events")
    op.create_table(
        "tracking_events",
        sa.Column(
            "parcel_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("local_time", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("fk_tracking_events_parcel_id")),
        sa.PrimaryKeyConstraint(
            "parcel_id", "occurred_at", "code", "status", name=op.f("pk_tracking_events")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO tracking_events ({_SCANS}) SELECT {_SCANS} FROM kept_scans")  # noqa: S608 -- no value
    op.drop_table("kept_scans")
    erased = "order_id IN (SELECT order_id FROM erasures)"
    op.execute(f"UPDATE parcels SET carrier_status = NULL WHERE {erased}")  # noqa: S608 -- no value
    without = (
        "json_remove(detail, '$.carrier_status')"
        if on_sqlite
        else "CAST(CAST(detail AS jsonb) - 'carrier_status' AS text)"
    )
    op.execute(f"UPDATE order_events SET detail = {without} WHERE detail LIKE '%\"carrier_status\"%'")  # noqa: S608 -- no value
