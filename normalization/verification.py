"""Whether an order may be routed: verified, held with reasons, or nothing to route.

Holding is for what a person or time can mend; the verdict is taken again whenever the order, the
catalogue or the policy changes, so a hold ends by itself when its reason is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from normalization.records import CanonicalOrder, ResolvedSku


class CatalogueView(Protocol):
    """The catalogue, as far as verification asks."""

    def resolve(self, connection: str, channel_sku: str, at: datetime) -> ResolvedSku | None:
        """What is picked for one unit of a channel's SKU at a time, or None if it is not mapped."""
        ...


class HoldCode(StrEnum):
    """Why an order waits."""

    NOT_READ = "not_read"  # the channel's answer did not carry a dataset that is needed
    CHANNEL_PENDING = "channel_pending"  # the channel has not released it
    CHANNEL_STATE_UNKNOWN = "channel_state_unknown"
    ADDRESS_MISSING = "address_missing"  # name, street, city, postal code, region or country is not there
    COUNTRY_UNKNOWN = "country_unknown"
    POSTAL_CODE_INVALID = "postal_code_invalid"
    REGION_INVALID = "region_invalid"
    CUSTOMER_MISSING = "customer_missing"  # a phone or e-mail that the policy requires
    PAYMENT_MODE_UNKNOWN = "payment_mode_unknown"
    PAYMENT_PENDING = "payment_pending"
    PAYMENT_INCOMPLETE = "payment_incomplete"  # only a part is captured
    PAYMENT_NOT_CAPTURED = "payment_not_captured"  # authorized, and the policy wants it captured
    PAYMENT_FAILED = "payment_failed"  # failed, voided or expired
    PAYMENT_REFUNDED = "payment_refunded"  # all money went back, yet units are open
    PAYMENT_UNKNOWN = "payment_unknown"
    CASH_ON_DELIVERY = "cash_on_delivery"  # the policy does not allow it
    SUMS_DIFFER = "sums_differ"
    QUANTITY_IMPOSSIBLE = "quantity_impossible"
    BELOW_MINIMUM = "below_minimum"
    SKU_MISSING = "sku_missing"
    SKU_UNKNOWN = "sku_unknown"


class Standing(StrEnum):
    """What becomes of an order now."""

    VERIFIED = "verified"
    HELD = "held"
    NOT_ROUTED = "not_routed"  # cancelled, history, shipped by others, nothing to ship


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason to wait. `detail` is for people and holds no personal data."""

    code: HoldCode
    detail: str
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedLine:
    """A line with something open, exploded. `units` are the channel's (whole kits)."""

    line_id: str
    units: int
    sku: ResolvedSku


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome.

    Attributes:
        why: Why it is not routed; empty otherwise.
        lines: What is open, in the order's sequence; of a held order, the lines that could be resolved.
    """

    standing: Standing
    holds: tuple[Hold, ...] = ()
    lines: tuple[VerifiedLine, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class VerificationPolicy:
    """The merchant's rules.

    Attributes:
        required: Fields that must be there: "name", "street", "city", "postal_code", "region" of the
            ship-to (the last two only where the country's addresses have them), "phone", "email".
        minimum_quantities: Least units of one order line, by (connection or "*", channel SKU or "*").
            The most specific rule counts; SKU goes before connection.
        fulfil_from: By connection: orders placed earlier are history.
    """

    accept_authorized: bool = True
    allow_cash_on_delivery: bool = False
    required: frozenset[str] = frozenset({"name", "street", "city", "postal_code", "region"})
    minimum_quantities: Mapping[tuple[str, str], int] = field(default_factory=dict)
    fulfil_from: Mapping[str, datetime] = field(default_factory=dict)


def verify(order: CanonicalOrder, policy: VerificationPolicy, catalogue: CatalogueView) -> Verdict:
    """Judge an order as it is known now (all its datasets merged)."""
    raise NotImplementedError
