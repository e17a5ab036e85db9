"""What the hub knows of its reading: connections, landing files, marks, quarantine, leases."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from order_store.schema.base import flag, metadata, moment, own_key, words

connections = Table(
    "connections",
    metadata,
    Column("id", Integer, primary_key=True),
    words("name"),
    words("connector"),
    words("kind"),  # channel, wms or carrier
    moment("fulfil_from"),  # orders placed earlier are history
    flag("active", default=True),
    UniqueConstraint("name"),
)

landing_files = Table(
    "landing_files",
    metadata,
    own_key(),
    Column("connection_id", Integer, ForeignKey("connections.id"), nullable=False),
    words("stream"),
    words("path"),  # below the landing's root; begins with connection, stream and sequence, so it grows
    Column("first_sequence", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    moment("observed_at", nullable=False),
    moment("recorded_at", nullable=False),
    UniqueConstraint("path"),
    Index("ix_landing_files_connection_id", "connection_id", "stream", "first_sequence"),
)

read_state = Table(
    "read_state",
    metadata,
    Column("connection_id", Integer, ForeignKey("connections.id"), primary_key=True),
    Column("stream", Text, primary_key=True),
    moment("watermark"),  # everything before it has been read
    moment("window_since"),
    moment("window_until"),
    moment("window_started_at"),  # the hub's time when the window's first request was sent
    moment("window_vendor_time"),  # the vendor's Date header of that answer
    words("bookmark", nullable=True),  # resumes the window
    Column("window_pages", Integer, nullable=False, server_default="0"),
    Column("window_records", Integer, nullable=False, server_default="0"),
    moment("completed_at"),  # when the last window was completed
    moment("changed_at", nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    own_key(),
    Column("connection_id", Integer, ForeignKey("connections.id"), nullable=False),
    words("stream"),
    words("external_id"),
    words("reason"),
    words("detail"),  # names the field, never quotes personal data
    words("landing_path"),  # where the raw body lies
    Column("landing_offset", BigInteger, nullable=False),
    moment("observed_at", nullable=False),
    moment("since", nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    moment("resolved_at"),
    words("resolution", nullable=True),  # normalized, retried, or dismissed by a person
    UniqueConstraint("connection_id", "stream", "external_id"),
)
_OPEN = quarantine.c.resolved_at.is_(None)
Index("ix_quarantine_open", quarantine.c.connection_id, sqlite_where=_OPEN, postgresql_where=_OPEN)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    words("owner"),
    Column("fence", BigInteger, nullable=False),  # grows with every new holder
    moment("until", nullable=False),
)
