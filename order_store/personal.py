"""The only way to personal data: one body per order, apart from everything else.

It holds the buyer, both addresses, the notes, and the words in which buyers gave reasons. Encryption
under a key per order belongs here, and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, bindparam, update

from normalization.records import Address, Buyer, CanonicalOrder
from order_store.dialects import Row, insert_rows, rows_where
from order_store.schema.orders import personal_data

COLUMNS = ("order_id", "body")
DATASETS = frozenset({"buyer", "ship_to", "bill_to", "notes", "refunds", "returns"})
"""The datasets of an order whose change touches the body."""


class PersonalData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an order names or describes a person.

    Attributes:
        reasons: The buyer's words, by "refund:<id>" or "return:<id>".
    """

    buyer: Buyer | UnsetType | None = UNSET
    ship_to: Address | UnsetType | None = UNSET
    bill_to: Address | UnsetType | None = UNSET
    notes: str | UnsetType | None = UNSET
    reasons: Mapping[str, str] = {}


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(PersonalData).decode


def personal_data_of(order: CanonicalOrder) -> PersonalData:
    """The personal part of an order."""
    reasons: dict[str, str] = {}
    if order.refunds:
        reasons |= {f"refund:{one.refund_id}": one.reason_text for one in order.refunds if one.reason_text}
    if order.returns:
        reasons |= {f"return:{one.return_id}": one.reason_text for one in order.returns if one.reason_text}
    return PersonalData(order.buyer, order.ship_to, order.bill_to, order.notes, reasons)


def personal_row(order_id: int, order: CanonicalOrder) -> Row:
    """The row that keeps an order's personal data."""
    return (order_id, _ENCODE(personal_data_of(order)))


def add_personal_rows(tx: Connection, rows: Sequence[Row]) -> None:
    """Store the rows of new orders."""
    insert_rows(tx, personal_data, COLUMNS, rows)


def replace_personal_data(tx: Connection, orders: Iterable[tuple[int, CanonicalOrder]]) -> None:
    """Store the personal data of known orders anew."""
    changes = [{"key": order_id, "new_body": _ENCODE(personal_data_of(order))} for order_id, order in orders]
    if changes:
        tx.execute(
            update(personal_data)
            .where(personal_data.c.order_id == bindparam("key"))
            .values(body=bindparam("new_body")),
            changes,
        )


def personal_data_by_order(tx: Connection, order_ids: Sequence[int]) -> dict[int, PersonalData]:
    """The personal data of orders, for rendering what leaves the hub and for judging addresses."""
    found = rows_where(tx, personal_data, personal_data.c.order_id, order_ids)
    return {row["order_id"]: _DECODE(row["body"]) for row in found}
