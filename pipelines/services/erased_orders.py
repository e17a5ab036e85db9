"""Reads of orders whose person was erased: what the channel says anew is kept, the person in it is not.

The order goes on to be read, because refunds and returns come late. Its raw record is not landed: in its
place stands what is left of the normalized one, in a stream of its own, from which replay rebuilds it.
"""

from collections.abc import Sequence
from datetime import datetime

from normalization.records import CanonicalOrder
from order_store.erasing import WhatIsLeft
from order_store.landing import ERASED_ORDERS, Landed, LandedFile, Landing
from order_store.personal import order_without_person


def land_erased(
    landing: Landing, connection: str, observed_at: datetime, orders: Sequence[CanonicalOrder]
) -> tuple[LandedFile | None, list[Landed], list[CanonicalOrder]]:
    """Land what is left of erased orders that were read again.

    Returns:
        The file, the records in it, and the orders without a person.
    """
    if not orders:
        return None, [], []
    left = [order_without_person(order) for order in orders]
    records = [(order.external_id, WhatIsLeft(order).encoded()) for order in left]
    file = landing.land(connection, ERASED_ORDERS, observed_at, records)
    landed = [
        Landed(
            connection,
            ERASED_ORDERS,
            external_id,
            file.first_sequence + number,
            observed_at,
            payload,
            file.path,
            at,
        )
        for number, ((external_id, payload), at) in enumerate(zip(records, file.offsets, strict=True))
    ]
    return file, landed, left
