"""The bodies of messages, made at sending from what the store knows then."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection as Transaction

from connectors.contract import Json
from normalization import registry
from normalization.errors import NormalizationError, Reason
from normalization.records import Address, CanonicalOrder, OrderLine, Picklist, PicklistLine
from order_store.orders import load_order
from order_store.outbox import OutboxRow
from order_store.personal import digest_key, personal_data_of, words_of
from order_store.picklists import ENDED, StoredPicklist, load_picklist, ship_to_digest
from pipelines.services.cancellations import OPERATION, cancellation_of
from pipelines.services.confirm import confirmation_of

PUSH, AMEND, CANCEL, CONFIRM = "push_picklist", "amend_picklist", "cancel_picklist", "confirm_shipment"
CANCEL_LINES = OPERATION


class NothingToSend(Exception):
    """What the message was to make, change or cancel is no more."""


class DoneAlready(Exception):
    """It was in doubt, and the vendor's own figures show by now that it was done."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent.

    Attributes:
        digest: Of the address in it, if one is in it.
        personal: What would tell who the order's person is: the vendor may quote it, whatever was sent.
    """

    body: Json
    digest: str | None = None
    personal: tuple[str, ...] = ()


def body_of(tx: Transaction, connector: str, row: OutboxRow) -> Body:
    """The body of a message.

    Args:
        tx: A read transaction.
        connector: The name of the vendor's connector.
        row: The message.

    Raises:
        NormalizationError: If the vendor's form wants what the store does not have.
        NothingToSend: If the picklist has ended, or nothing is left to cancel.
        DoneAlready: If it may have been sent, and nothing is left to cancel.
    """
    order = load_order(tx, row.order_id, "sending").order
    personal = words_of(personal_data_of(order))
    if row.operation == CONFIRM:
        confirmation = confirmation_of(tx, row.subject_id, row.reference, row.created_at)
        return Body(registry.channel(connector).confirm_shipment(confirmation), personal=personal)
    if row.operation == CANCEL_LINES:
        cancellation = cancellation_of(tx, row)
        if cancellation is None and row.was_in_doubt:
            raise DoneAlready
        if cancellation is None:
            raise NothingToSend("nothing of it is left to cancel")
        return Body(registry.cancelling(connector).cancel_lines(cancellation), personal=personal)
    mapping = registry.wms(connector)
    stored = load_picklist(tx, row.subject_id)
    if row.operation == CANCEL:
        return Body(mapping.cancel_picklist(stored.reference, stored.wms_id or ""), personal=personal)
    if stored.state in ENDED:
        raise NothingToSend(f"the picklist is {stored.state}")
    picklist = _picklist(stored, order)
    digest = ship_to_digest(picklist.ship_to, digest_key(tx))
    if row.operation == AMEND:
        return Body(mapping.amend_picklist(picklist, stored.wms_id or ""), digest, personal)
    return Body(mapping.push_picklist(picklist), digest, personal)


def _picklist(stored: StoredPicklist, order: CanonicalOrder) -> Picklist:
    return Picklist(
        reference=stored.reference,
        warehouse=stored.warehouse,
        site=stored.site,
        order_number=order.number,
        placed_at=order.placed_at,
        lines=_lines(stored, {line.line_id: line for line in order.lines or ()}),
        ship_to=_ship_to(order),
        email=order.buyer.email if order.buyer else None,
        service=order.requested_service,
        ship_by=stored.dispatch_due_at,
        dispatch_date=date.fromisoformat(stored.dispatch_date),
    )


def _lines(stored: StoredPicklist, sold: dict[str, OrderLine]) -> tuple[PicklistLine, ...]:
    """A line for each SKU. Only a SKU that is the whole of its line has the line's price."""
    asked = {line.line_no: line for line in stored.lines}
    skus: dict[int, int] = {}
    for one in stored.allocations:
        skus[one.line_no] = skus.get(one.line_no, 0) + 1
    found = []
    for one in stored.allocations:
        line = asked[one.line_no]
        own = sold[line.line_id]
        whole = skus[one.line_no] == 1 and one.units == line.units
        found.append(
            PicklistLine(
                line_id=line.line_id,
                sku=one.sku,
                quantity=one.units,
                title=own.title,
                unit_price=own.unit_price if whole else None,
            )
        )
    return tuple(found)


def _ship_to(order: CanonicalOrder) -> Address:
    if not order.ship_to:
        raise NormalizationError(Reason.MISSING_FIELD, "the order has no ship-to address")
    return order.ship_to
