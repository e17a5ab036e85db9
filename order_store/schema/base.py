"""What all tables share: the metadata, and the column types that read alike on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, SmallInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Key = BigInteger().with_variant(Integer, "sqlite")
"""An integer key that grows with insertion; on SQLite it is the row id."""


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, UTC, of an aware time. Raises TypeError if it is naive."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, kept as integer microseconds since 1970 on every database.

    Integers are exact, sort, need no parsing, and read the same in SQLite, PostgreSQL and DuckDB.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """The stored integer."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The aware time."""
        return None if value is None else from_micros(value)


def own_key() -> Column[int]:
    """The `id` column of a table whose rows are found by nothing smaller."""
    return Column("id", Key, primary_key=True, autoincrement=True)


def order_key() -> Column[int]:
    """`order_id` as first column of the primary key of a table that is clustered by order."""
    return Column("order_id", Key, ForeignKey("orders.id"), primary_key=True, autoincrement=False)


def number_in_order(name: str = "no") -> Column[int]:
    """The second column of such a primary key: 0, 1, 2 within the order."""
    return Column(name, Integer, primary_key=True, autoincrement=False)


def words(name: str, *, nullable: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, Text, nullable=nullable)


def units(name: str) -> Column[int]:
    """A column that counts units, 0 at first."""
    return Column(name, Integer, nullable=False, server_default="0")


def flag(name: str, *, default: bool = False) -> Column[int]:
    """A yes-or-no column, kept as 0 or 1 on every database."""
    return Column(name, SmallInteger, nullable=False, server_default="1" if default else "0")


def amount(name: str, *, nullable: bool = True) -> Column[int]:
    """A column of money in minor units; its currency stands in the same row or on the order."""
    return Column(name, BigInteger, nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> Column[datetime]:
    """A column of time."""
    return Column(name, Moment, nullable=nullable)


CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}
"""Table arguments of children that lie together by order: their primary key is their only tree."""
