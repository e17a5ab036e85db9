"""Exclusive rights that end by themselves, with a fence that tells a late holder from the present one."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, select, update

from order_store.dialects import insert_or_ignore
from order_store.schema.base import EPOCH
from order_store.schema.reading import leases


class LeaseLost(RuntimeError):
    """The lease ran out and another process may have taken it: what was begun must not be written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do `name` alone until `until`. `fence` grows with every new holder."""

    name: str
    owner: str
    fence: int
    until: datetime


def new_owner() -> str:
    """A name that nobody else has, not even another container's process of the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def acquire_lease(tx: Connection, name: str, owner: str, now: datetime, duration: timedelta) -> Lease | None:
    """Take a lease that is free or has run out; None while another one holds it.

    An owner that holds it already gets it again under a new fence. A lease that would end later than any that
    is given now was taken while the clock was ahead: it counts as run out.
    """
    tx.execute(insert_or_ignore(tx, leases), [{"name": name, "owner": "", "fence": 0, "until": EPOCH}])
    from_a_clock_ahead = leases.c.until > now + 2 * duration
    free = (leases.c.until <= now) | (leases.c.owner == owner) | from_a_clock_ahead
    fence = tx.scalar(
        update(leases)
        .where(leases.c.name == name, free)
        .values(owner=owner, fence=leases.c.fence + 1, until=now + duration)
        .returning(leases.c.fence)
    )
    return None if fence is None else Lease(name, owner, fence, now + duration)


def renew_lease(tx: Connection, lease: Lease, now: datetime, duration: timedelta) -> Lease:
    """Hold a lease for longer. Raises LeaseLost if it has run out or is another's."""
    done = tx.execute(
        update(leases)
        .where(leases.c.name == lease.name, leases.c.fence == lease.fence, leases.c.until > now)
        .values(until=now + duration)
    )
    if done.rowcount != 1:
        raise LeaseLost(f"the lease {lease.name!r} is no longer held by {lease.owner}")
    return Lease(lease.name, lease.owner, lease.fence, now + duration)


def check_lease(tx: Connection, lease: Lease, now: datetime) -> None:
    """Make sure, inside the transaction that writes, that a lease still holds. Raises LeaseLost."""
    held = tx.scalar(
        select(leases.c.name)
        .where(leases.c.name == lease.name, leases.c.fence == lease.fence, leases.c.until > now)
        .with_for_update()
    )
    if held is None:
        raise LeaseLost(f"the lease {lease.name!r} is no longer held by {lease.owner}")


def release_lease(tx: Connection, lease: Lease) -> None:
    """Give a lease back; nothing happens if it is another's by now."""
    tx.execute(
        update(leases)
        .where(leases.c.name == lease.name, leases.c.fence == lease.fence)
        .values(until=EPOCH, owner="")
    )
