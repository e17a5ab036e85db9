"""What a store that was put back from a backup must not forget: vendors may know more than it does.

Everything that was to be sent may have been sent since the backup, and things that it never heard of, too.
So every message that waits is in doubt, and so is every later one about orders of that time: its operation
declares how it is made safe. Nothing is routed or sent at all until what vendors know is known here again.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, func, literal, update

from order_store.outbox import State
from order_store.recovering import AFTER_RESTORE
from order_store.schema.balance import restores
from order_store.schema.base import Moment
from order_store.schema.fulfilment import outbox
from order_store.schema.reading import leases


def mark_restored(tx: Connection, taken_at: datetime, now: datetime) -> int:
    """Put all that waits in doubt, free every lease, and note the restore.

    Returns:
        How many messages are in doubt now.
    """
    row = outbox.c
    waits = (row.settled_at.is_(None), row.state.in_((State.PENDING, State.CLAIMED, State.IN_DOUBT)))
    done = tx.execute(
        update(outbox)
        .where(*waits)
        .values(
            state=State.IN_DOUBT,
            not_before=now,
            fence=row.fence + 1,
            lease_owner=None,
            lease_until=None,
            reason=AFTER_RESTORE,
            sent_at=func.coalesce(row.sent_at, literal(taken_at, Moment())),
        )
    )
    tx.execute(delete(leases))
    tx.execute(restores.insert().values(taken_at=taken_at, restored_at=now))
    return done.rowcount
