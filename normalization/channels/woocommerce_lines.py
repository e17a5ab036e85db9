"""A WooCommerce order's lines and refunds.

WooCommerce never takes units off a line: it writes a refund with negative units beside it, before the
order is completed as much as after. Units refunded before completion are cancelled here, and their money
leaves the line; units refunded later are sold, and come back only where WooCommerce restocked them
(the line's meta `_restock_refunded_items`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from normalization.channels.woocommerce_wire import (
    Line,
    Order,
    RefundDetail,
    RefundSummary,
    TaxRate,
    key,
    minor,
    rounded,
    text,
    units,
)
from normalization.money import Money
from normalization.records import OrderLine, Refund, RefundLine, TaxLine
from normalization.statuses import ReturnReason

REASONS = {reason.value: reason for reason in ReturnReason}


@dataclass(slots=True)
class TakenOff:
    """What refunds before completion took off one line, in units and minor units."""

    units: int = 0
    net: int = 0
    tax: int = 0


_NOTHING = TakenOff()


@dataclass(slots=True)
class Refunds:
    """An order's refunds, and what follows from them for its lines (by line id)."""

    records: list[Refund] = field(default_factory=list)
    taken_off: dict[str, TakenOff] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)
    after_completion: set[str] = field(default_factory=set)
    refunded: int = 0


def read_refunds(
    wire: Order, moments: Mapping[str, datetime | None], completed_at: datetime | None, warnings: list[str]
) -> Refunds:
    """All refunds of an order.

    Args:
        wire: The order.
        moments: When each refund of `refunds_detail` was made, by its id.
        completed_at: When the order was completed, if it was.
        warnings: Takes what cannot be matched.
    """
    found = Refunds()
    if not wire.refunds and not wire.refunds_detail:
        return found
    details = {key(one.id): one for one in wire.refunds_detail or ()}
    restocked = {key(line.id): _restocked(line) for line in wire.line_items or ()}
    summaries = {key(one.id): one for one in wire.refunds or ()}
    for refund_id in sorted({**summaries, **details}, key=lambda one: (len(one), one)):
        detail, summary = details.get(refund_id), summaries.get(refund_id)
        made_at = moments.get(refund_id)
        if detail is None and summary is not None:
            refund = _summary(refund_id, summary, wire.currency)
        elif detail is not None:
            later = completed_at is not None and made_at is not None and made_at >= completed_at
            refund = _detail(wire, detail, made_at, later, restocked, found, warnings)
        if refund.amount.minor or refund.lines:
            found.records.append(refund)
            found.refunded += refund.amount.minor
    return found


def _summary(refund_id: str, summary: RefundSummary, currency: str) -> Refund:
    reason, words = _reason(summary.reason)
    amount = Money(abs(minor(summary.total, currency)), currency)
    return Refund(refund_id=refund_id, amount=amount, reason=reason, reason_text=words)


def _detail(
    wire: Order,
    detail: RefundDetail,
    made_at: datetime | None,
    later: bool,
    restocked: dict[str, int],
    found: Refunds,
    warnings: list[str],
) -> Refund:
    currency, refund_id = wire.currency, key(detail.id)
    lines = []
    for one in detail.line_items or ():
        line_id = _refunded_line(wire, one)
        if line_id is None:
            warnings.append(f"refund {refund_id}: a line cannot be matched to the order's lines")
            continue
        count = units(one.quantity, "refund", refund_id)
        net, tax = abs(minor(one.total, currency)), abs(minor(one.total_tax, currency))
        back = min(count, restocked.get(line_id, 0))
        restocked[line_id] = restocked.get(line_id, 0) - back
        if later:
            found.returned[line_id] = found.returned.get(line_id, 0) + back
        elif count:
            off = found.taken_off.setdefault(line_id, TakenOff())
            off.units, off.net, off.tax = off.units + count, off.net + net, off.tax + tax
        amount = Money(net + tax, currency)
        lines.append(
            RefundLine(
                line_id=line_id, quantity=count, amount=amount, restocked=bool(count) and back == count
            )
        )
    if later:
        found.after_completion.add(refund_id)
    shipping = sum(
        abs(minor(one.total, currency)) + abs(minor(one.total_tax, currency))
        for one in detail.shipping_lines or ()
    )
    reason, words = _reason(detail.reason)
    return Refund(
        refund_id=refund_id,
        amount=Money(abs(minor(detail.amount, currency)), currency),
        lines=tuple(lines),
        shipping=Money(shipping, currency) if shipping else None,
        reason=reason,
        reason_text=words,
        created_at=made_at,
    )


def _reason(words: object) -> tuple[ReturnReason, str | None]:
    """WooCommerce has free text; merchants who write one of our words mean it."""
    given = text(words)
    return REASONS.get((given or "").lower().replace(" ", "_"), ReturnReason.UNKNOWN), given


def _restocked(line: Line) -> int:
    for meta in line.meta_data or ():
        if meta.key == "_restock_refunded_items":
            return units(meta.value, "line", line.id)
    return 0


def _refunded_line(wire: Order, refunded: Line) -> str | None:
    for meta in refunded.meta_data or ():
        if meta.key == "_refunded_item_id":
            return str(meta.value)
    product = (refunded.product_id, refunded.variation_id)
    same = [
        line
        for line in wire.line_items or ()
        if (line.product_id, line.variation_id) == product and any(product)
    ]
    return key(same[0].id) if len(same) == 1 else None


def parent_of(line: Line) -> str | None:
    """The bundle's or composite's line that this line is a part of."""
    given = line.bundled_by or line.composite_parent
    return text(given) if given else None


def order_line(
    line: Line,
    wire: Order,
    refunds: Refunds,
    *,
    taxes_included: bool,
    cancelled: bool,
    completed: bool,
    parent_line_id: str | None,
    is_parent: bool,
    rates: Mapping[str, TaxRate],
) -> OrderLine:
    """One line with what is left of it. Raises NormalizationError."""
    currency, line_id = wire.currency, key(line.id)
    ordered = units(line.quantity, "line", line_id)
    off = refunds.taken_off.get(line_id, _NOTHING)
    gone = ordered if cancelled else min(off.units, ordered)
    current = ordered - gone
    full = minor(line.subtotal, currency)
    full += minor(line.subtotal_tax, currency) if taxes_included else 0
    net = tax = gross = 0
    if not cancelled:
        net, tax = minor(line.total, currency) - off.net, minor(line.total_tax, currency) - off.tax
        gross = full * current // ordered if ordered else full
    discount = gross - (net + tax if taxes_included else net)
    taxes = _taxes(line, rates, tax, currency) if current and not off.units else ()
    return OrderLine(
        line_id=line_id,
        sku=text(line.sku),
        ordered=ordered,
        cancelled=gone,
        fulfilled=current if completed else 0,
        returned=refunds.returned.get(line_id, 0),
        title=text(line.name) or "",
        unit_price=Money((2 * full + ordered) // (2 * ordered) if ordered else 0, currency),
        gross=Money(gross, currency),
        discount=Money(discount, currency),
        net=Money(net, currency),
        tax=Money(tax, currency),
        total=Money(net + tax, currency),
        taxes=taxes,
        requires_shipping=not is_parent,
        parent_line_id=parent_line_id,
        channel_product_id=text(line.variation_id or line.product_id or None),
    )


def _taxes(line: Line, rates: Mapping[str, TaxRate], tax: int, currency: str) -> tuple[TaxLine, ...]:
    """The line's taxes; what rounding leaves over goes to the last, so that they sum to the line's tax."""
    parts = [part for part in line.taxes or () if part.total not in (None, "", "0")]
    taxes, left = [], tax
    for number, part in enumerate(parts, 1):
        amount = left if number == len(parts) else rounded(part.total, currency)
        left -= amount
        rate = rates.get(str(part.id))
        taxes.append(
            TaxLine(
                title=(text(rate.label) if rate else None) or "Tax",
                amount=Money(amount, currency),
                rate=_fraction(str(rate.rate_percent)) if rate else None,
            )
        )
    return tuple(taxes)


@lru_cache(maxsize=256)
def _fraction(percent: str) -> str | None:
    """20 percent as 0.2; None where it is no number."""
    try:
        return str(Decimal(percent).scaleb(-2).normalize())
    except ArithmeticError:
        return None
