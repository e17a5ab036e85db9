"""Judges orders again: those that changed, and those that are held, for the reason may be gone."""

from dataclasses import dataclass
from functools import partial

from normalization.verification import verify
from order_store.catalogue import catalogue_view
from order_store.verdicts import Verification, held_orders, judge_orders, unverified_orders
from pipelines.hub import Hub

BATCH = 200


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification run found.

    Attributes:
        judged: Orders that were looked at.
        verified: Of these, orders that may be routed now.
        held: Orders that wait, with their reasons.
        not_routed: History, cancelled, nothing to ship.
    """

    judged: int = 0
    verified: int = 0
    held: int = 0
    not_routed: int = 0


def verify_orders(hub: Hub) -> VerifyResult:
    """Judge every order that is unverified or held; one whose reason is gone is released by it."""
    with hub.store.read() as tx:
        catalogue = catalogue_view(tx)
        wanted = sorted({*unverified_orders(tx, limit=1_000_000), *held_orders(tx, limit=1_000_000)})
    judge = partial(verify, policy=hub.config.verification_policy(), catalogue=catalogue)
    standings: list[Verification] = []
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        found = hub.store.transact(partial(judge_orders, order_ids=batch, judge=judge, now=hub.clock.now()))
        standings += found.values()
    return VerifyResult(
        judged=len(standings),
        verified=standings.count(Verification.VERIFIED),
        held=standings.count(Verification.HELD),
        not_routed=standings.count(Verification.NOT_ROUTED),
    )
