"""Whether an order may be routed: verified, held with reasons, or nothing to route.

Holding is for what a person or time can mend; the verdict is taken again whenever the order, the
catalogue or the policy changes, so a hold ends by itself when its reason is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec import UNSET

from normalization.addresses import is_postal_code, is_region, rules_of
from normalization.money import Money
from normalization.records import Address, CanonicalOrder, ResolvedSku
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState


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


class Hold(msgspec.Struct, frozen=True):
    """One reason to wait. `detail` is for people and holds no personal data."""

    code: HoldCode
    detail: str
    line_id: str | None = None


class VerifiedLine(msgspec.Struct, frozen=True):
    """A line with something open, exploded. `units` are the channel's (whole kits)."""

    line_id: str
    units: int
    sku: ResolvedSku


class Verdict(msgspec.Struct, frozen=True):
    """The outcome.

    Attributes:
        lines: What is open, in the order's sequence; of a held order, the lines that could be resolved.
        why: Why it is not routed; empty otherwise.
    """

    standing: Standing
    holds: tuple[Hold, ...] = ()
    lines: tuple[VerifiedLine, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class VerificationPolicy:
    """The merchant's rules.

    Attributes:
        required: Fields that must be there: "name" (or company), "street", "city", "postal_code", "region"
            of the ship-to (the last three only where the country's addresses need them), "phone", "email".
        minimum_quantities: Least units of one SKU in an order, by (connection or "*", channel SKU or "*").
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
    if why := _not_routed(order, policy):
        return Verdict(Standing.NOT_ROUTED, why=why)
    holds: list[Hold] = []
    lines = _lines(order, catalogue, holds)
    if not lines and not holds:
        return Verdict(Standing.NOT_ROUTED, why="nothing is left to ship")
    if order.state is ChannelState.OPEN:
        _check_ship_to(order, policy.required, holds)
    elif order.state is ChannelState.PENDING:
        # Channels keep address and payment back until they release an order.
        holds.append(Hold(HoldCode.CHANNEL_PENDING, f"the channel says {order.channel_status!r}"))
    else:
        holds.append(Hold(HoldCode.CHANNEL_STATE_UNKNOWN, f"the channel says {order.channel_status!r}"))
    _check_payment(order, policy, holds)
    _check_sums(order, holds)
    if policy.minimum_quantities:
        _check_minimums(order, policy.minimum_quantities, holds)
    if holds:
        return Verdict(Standing.HELD, tuple(holds), tuple(lines))
    return Verdict(Standing.VERIFIED, (), tuple(lines))


def _not_routed(order: CanonicalOrder, policy: VerificationPolicy) -> str:
    if order.state is ChannelState.CANCELLED or order.cancelled_at is not None:
        return "cancelled"
    if order.state is ChannelState.CLOSED:
        return "the channel regards it as finished"
    if order.fulfilled_by is not FulfilledBy.MERCHANT:
        return "the channel or another application fulfils it"
    begin = policy.fulfil_from.get(order.connection)
    if begin is not None and order.placed_at < begin:
        return f"placed before {begin.isoformat()}, from when the hub fulfils"
    return ""


def _lines(order: CanonicalOrder, catalogue: CatalogueView, holds: list[Hold]) -> list[VerifiedLine]:
    """What is open and shippable; what cannot be resolved goes to `holds`."""
    found: list[VerifiedLine] = []
    if order.lines is UNSET:
        holds.append(Hold(HoldCode.NOT_READ, "the lines were not read yet"))
        return found
    for line in order.lines:
        if not 0 <= line.cancelled <= line.ordered or line.fulfilled < 0:
            detail = f"ordered {line.ordered}, cancelled {line.cancelled}, fulfilled {line.fulfilled}"
            holds.append(Hold(HoldCode.QUANTITY_IMPOSSIBLE, detail, line.line_id))
            continue
        units = line.ordered - line.cancelled - line.fulfilled
        if units <= 0 or not line.requires_shipping:
            continue
        if not line.sku:
            detail = "the line has no SKU; give the product one in the channel"
            holds.append(Hold(HoldCode.SKU_MISSING, detail, line.line_id))
            continue
        resolved = catalogue.resolve(order.connection, line.sku, order.placed_at)
        if resolved is None:
            detail = f"SKU {line.sku!r} of {order.connection} is not in the catalogue; add it or an alias"
            holds.append(Hold(HoldCode.SKU_UNKNOWN, detail, line.line_id))
            continue
        found.append(VerifiedLine(line.line_id, units, resolved))
    return found


def _check_ship_to(order: CanonicalOrder, required: frozenset[str], holds: list[Hold]) -> None:
    ship_to = order.ship_to
    if ship_to is UNSET or ship_to is None:
        holds.append(Hold(HoldCode.ADDRESS_MISSING, "the order has no ship-to address"))
        return
    missing: list[str] = []
    if "name" in required and not ship_to.name and not ship_to.company:
        missing.append("name")
    if "street" in required and not ship_to.street:
        missing.append("street")
    _check_place(ship_to, required, holds, missing)
    if missing:
        holds.append(Hold(HoldCode.ADDRESS_MISSING, f"the ship-to lacks: {', '.join(missing)}"))
    if "phone" in required or "email" in required:
        _check_contact(order, required, holds)


def _check_place(ship_to: Address, required: frozenset[str], holds: list[Hold], missing: list[str]) -> None:
    country = ship_to.country_code
    if not country:
        missing.append("country")
        return
    rules = rules_of(country)
    if rules is None:
        holds.append(Hold(HoldCode.COUNTRY_UNKNOWN, f"{country!r} is no ISO 3166 country"))
        return
    if not ship_to.city and rules.needs_city and "city" in required:
        missing.append("city")
    if ship_to.postal_code:
        if not is_postal_code(country, ship_to.postal_code):
            like = f", such as {rules.example}" if rules.example else ""
            detail = f"{ship_to.postal_code!r} is no postal code of {country}{like}"
            holds.append(Hold(HoldCode.POSTAL_CODE_INVALID, detail))
    elif rules.needs_postal_code and "postal_code" in required:
        missing.append("postal code")
    if ship_to.region:
        if rules.needs_region and not is_region(country, ship_to.region):
            holds.append(Hold(HoldCode.REGION_INVALID, f"{ship_to.region!r} is no region of {country}"))
    elif rules.needs_region and "region" in required:
        missing.append("region")


def _check_contact(order: CanonicalOrder, required: frozenset[str], holds: list[Hold]) -> None:
    buyer = order.buyer or None
    ship_to = order.ship_to or None
    missing: list[str] = []
    if "phone" in required and not (buyer and buyer.phone) and not (ship_to and ship_to.phone):
        missing.append("phone")
    if "email" in required and not (buyer and buyer.email):
        missing.append("e-mail")
    if missing:
        holds.append(Hold(HoldCode.CUSTOMER_MISSING, f"the customer lacks: {', '.join(missing)}"))


_PAID = frozenset({PaymentState.CAPTURED, PaymentState.PARTIALLY_REFUNDED})
_UNPAID: Mapping[PaymentState, tuple[HoldCode, str]] = {
    PaymentState.PENDING: (HoldCode.PAYMENT_PENDING, "the payment is pending"),
    PaymentState.AUTHORIZED: (HoldCode.PAYMENT_NOT_CAPTURED, "the payment is authorized but not captured"),
    PaymentState.PARTIALLY_CAPTURED: (HoldCode.PAYMENT_INCOMPLETE, "only a part is paid"),
    PaymentState.REFUNDED: (HoldCode.PAYMENT_REFUNDED, "all money went back, yet units are open"),
    PaymentState.VOIDED: (HoldCode.PAYMENT_FAILED, "the payment was voided"),
    PaymentState.FAILED: (HoldCode.PAYMENT_FAILED, "the payment failed"),
    PaymentState.EXPIRED: (HoldCode.PAYMENT_FAILED, "the authorization expired"),
    PaymentState.UNKNOWN: (HoldCode.PAYMENT_UNKNOWN, "the payment's state is not known"),
}
_COLLECTED_LATER = frozenset({PaymentState.PENDING, PaymentState.AUTHORIZED, PaymentState.UNKNOWN})


def _check_payment(order: CanonicalOrder, policy: VerificationPolicy, holds: list[Hold]) -> None:
    if order.totals is not UNSET and order.totals.total.minor == 0:
        return  # nothing to pay
    state, mode = order.payment_state, order.payment_mode
    if mode is PaymentMode.UNKNOWN:
        holds.append(Hold(HoldCode.PAYMENT_MODE_UNKNOWN, "how the buyer pays is not known"))
    if state in _PAID or (state is PaymentState.AUTHORIZED and policy.accept_authorized):
        return
    if mode is PaymentMode.CASH_ON_DELIVERY and state in _COLLECTED_LATER:
        if not policy.allow_cash_on_delivery:
            holds.append(Hold(HoldCode.CASH_ON_DELIVERY, "the policy allows no cash on delivery"))
        return
    holds.append(Hold(*_UNPAID[state]))


def _check_sums(order: CanonicalOrder, holds: list[Hold]) -> None:
    """Normalization quarantines such orders already; here it guards what was merged from several reads."""
    if order.totals is UNSET:
        holds.append(Hold(HoldCode.NOT_READ, "the totals were not read yet"))
        return
    if order.lines is UNSET or order.shipping is UNSET or order.charges is UNSET:
        return
    total = 0
    for line in order.lines:
        total += line.total.minor
    for shipping in order.shipping:
        total += shipping.total.minor
    for charge in order.charges:
        total += charge.total.minor
    if total != order.totals.total.minor:
        stated = order.totals.total
        detail = (
            f"lines, shipping and charges sum to {Money(total, stated.currency)}, the header says {stated}"
        )
        holds.append(Hold(HoldCode.SUMS_DIFFER, detail))


def _check_minimums(
    order: CanonicalOrder, minimums: Mapping[tuple[str, str], int], holds: list[Hold]
) -> None:
    if order.lines is UNSET:
        return
    ordered: dict[str, int] = {}
    for line in order.lines:
        if line.sku and line.ordered > line.cancelled:
            ordered[line.sku] = ordered.get(line.sku, 0) + line.ordered - line.cancelled
    for sku, units in ordered.items():
        rules = ((order.connection, sku), ("*", sku), (order.connection, "*"), ("*", "*"))
        least = next((minimums[rule] for rule in rules if rule in minimums), 0)
        if units < least:
            detail = f"{units} of SKU {sku!r} ordered, the least is {least}"
            holds.append(Hold(HoldCode.BELOW_MINIMUM, detail))
