"""What a Shopify order says of money that moved and of goods that came back."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from normalization.channels.shopify_lines import booked, shown
from normalization.channels.shopify_wire import Bag, Order, Refunded, Returned, Transaction
from normalization.limits import utc_or_none
from normalization.money import Money
from normalization.records import LineQuantity, Payment, Refund, RefundLine, Return
from normalization.statuses import PaymentMode, PaymentState, ReturnReason

FINANCIAL: Mapping[str, PaymentState] = {
    "AUTHORIZED": PaymentState.AUTHORIZED,
    "EXPIRED": PaymentState.EXPIRED,
    "PAID": PaymentState.CAPTURED,
    "PARTIALLY_PAID": PaymentState.PARTIALLY_CAPTURED,
    "PARTIALLY_REFUNDED": PaymentState.PARTIALLY_REFUNDED,
    "PENDING": PaymentState.PENDING,
    "REFUNDED": PaymentState.REFUNDED,
    "VOIDED": PaymentState.VOIDED,
}
"""OrderDisplayFinancialStatus."""

_UNSETTLED: Mapping[str, PaymentState] = {
    "PENDING": PaymentState.PENDING,
    "AWAITING_RESPONSE": PaymentState.PENDING,
    "FAILURE": PaymentState.FAILED,
    "ERROR": PaymentState.FAILED,
}
"""OrderTransactionStatus of a payment that has not succeeded."""

_AUTHORIZATIONS = frozenset({"AUTHORIZATION", "EMV_AUTHORIZATION"})
_PAYMENTS = _AUTHORIZATIONS | {"SALE", "CAPTURE"}
_EFFECTS = frozenset({"CAPTURE", "VOID", "REFUND"})
_IGNORED = frozenset({"SUGGESTED_REFUND", "CHANGE"})

_MODES: Mapping[str, PaymentMode] = {
    "shopify_payments": PaymentMode.CARD,
    "stripe": PaymentMode.CARD,
    "authorize_net": PaymentMode.CARD,
    "bogus": PaymentMode.CARD,
    "paypal": PaymentMode.WALLET,
    "shop_pay": PaymentMode.WALLET,
    "shop_cash": PaymentMode.WALLET,
    "amazon_payments": PaymentMode.WALLET,
    "apple_pay": PaymentMode.WALLET,
    "google_pay": PaymentMode.WALLET,
    "bank_deposit": PaymentMode.BANK_TRANSFER,
    "bank_transfer": PaymentMode.BANK_TRANSFER,
    "klarna": PaymentMode.INVOICE,
    "afterpay": PaymentMode.INVOICE,
    "shop_pay_installments": PaymentMode.INVOICE,
    "cash_on_delivery": PaymentMode.CASH_ON_DELIVERY,
    "cash_on_delivery_(cod)": PaymentMode.CASH_ON_DELIVERY,
    "gift_card": PaymentMode.GIFT_CARD,
    "manual": PaymentMode.MANUAL,
    "money_order": PaymentMode.OTHER,
    "store_credit": PaymentMode.OTHER,
    "cash": PaymentMode.OTHER,
}
"""Gateways by their name, lower case with underscores. Others are told by `manualPaymentGateway`."""

_REASONS: Mapping[str, ReturnReason] = {
    "wrong_item": ReturnReason.WRONG_ITEM,
    "damaged": ReturnReason.DAMAGED,
    "defective": ReturnReason.DEFECTIVE,
    "not_as_described": ReturnReason.NOT_AS_DESCRIBED,
    "late": ReturnReason.LATE,
    "unwanted": ReturnReason.UNWANTED,
    "size_too_small": ReturnReason.WRONG_SIZE,
    "size_too_large": ReturnReason.WRONG_SIZE,
    "wrong_size": ReturnReason.WRONG_SIZE,
    "color": ReturnReason.OTHER,
    "style": ReturnReason.OTHER,
    "other": ReturnReason.OTHER,
    "unknown": ReturnReason.UNKNOWN,
}
"""ReturnReasonDefinition handles (Shopify's own list, dashes as underscores)."""


def payment_state(order: Order, warnings: list[str]) -> PaymentState:
    """The order's payment as a whole."""
    status = order.display_financial_status
    if status is None:
        return PaymentState.UNKNOWN
    state = FINANCIAL.get(status)
    if state is None:
        warnings.append(f"unknown financial status {status!r}")
        return PaymentState.UNKNOWN
    return state


def payments(order: Order, currency: str, warnings: list[str]) -> tuple[Payment, ...]:
    """One payment for each sale, authorization or lone capture; what came later is in its state."""
    transactions = order.transactions or []
    buyer = order.presentment_currency_code
    if len(transactions) == 1 and transactions[0].kind in _PAYMENTS:
        return (_payment(transactions[0], {}, currency, buyer, warnings),)
    known = {transaction.id: transaction for transaction in transactions}
    effects: dict[str, dict[str, int]] = {}
    roots: list[Transaction] = []
    for transaction in transactions:
        parent = transaction.parent_transaction
        if transaction.kind in _PAYMENTS and (parent is None or parent.id not in known):
            roots.append(transaction)
    for transaction in transactions:
        if transaction.kind in _EFFECTS and transaction.status == "SUCCESS":
            root = _root(transaction, known, roots)
            if root is not None and root is not transaction:
                sums = effects.setdefault(root.id, {})
                amount = booked(transaction.amount_set, currency)
                sums[transaction.kind] = sums.get(transaction.kind, 0) + amount
        elif transaction.kind not in _PAYMENTS | _EFFECTS | _IGNORED:
            warnings.append(f"unknown transaction kind {transaction.kind!r}")
    return tuple(_payment(root, effects.get(root.id, {}), currency, buyer, warnings) for root in roots)


def _payment(
    root: Transaction,
    effects: Mapping[str, int],
    currency: str,
    buyer: str | None,
    warnings: list[str],
) -> Payment:
    return Payment(
        payment_id=root.id,
        mode=_mode(root, warnings),
        state=_state(root, effects, currency, warnings),
        amount=Money(booked(root.amount_set, currency), currency),
        gateway=root.gateway,
        buyer_amount=_buyer_amount(root.amount_set, buyer, currency),
        paid_at=utc_or_none(root.processed_at or root.created_at, "transactions.processedAt"),
    )


def _root(
    transaction: Transaction, known: Mapping[str, Transaction], roots: Sequence[Transaction]
) -> Transaction | None:
    """The payment that a transaction acts on; the only one there is, if it names none."""
    if transaction.parent_transaction is None and transaction.kind != "CAPTURE":
        return roots[0] if len(roots) == 1 else None
    for _ in range(len(known)):
        parent = transaction.parent_transaction
        if parent is None or parent.id not in known:
            break
        transaction = known[parent.id]
    return transaction


def _state(root: Transaction, effects: Mapping[str, int], currency: str, warnings: list[str]) -> PaymentState:
    if root.status != "SUCCESS":
        state = _UNSETTLED.get(root.status)
        if state is None and root.status != "UNKNOWN":
            warnings.append(f"unknown transaction status {root.status!r}")
        return state or PaymentState.UNKNOWN
    amount = booked(root.amount_set, currency)
    captured = effects.get("CAPTURE", 0) if root.kind in _AUTHORIZATIONS else amount
    refunded = effects.get("REFUND", 0)
    if refunded:
        return PaymentState.REFUNDED if refunded >= captured else PaymentState.PARTIALLY_REFUNDED
    if "VOID" in effects and not captured:
        return PaymentState.VOIDED
    if root.kind not in _AUTHORIZATIONS or captured >= amount:
        return PaymentState.CAPTURED
    return PaymentState.PARTIALLY_CAPTURED if captured else PaymentState.AUTHORIZED


def _mode(transaction: Transaction, warnings: list[str]) -> PaymentMode:
    gateway = (transaction.gateway or "").lower().replace(" ", "_")
    mode = _MODES.get(gateway)
    if mode is None and transaction.manual_payment_gateway:
        mode = PaymentMode.MANUAL
    if mode is None:
        if gateway:
            warnings.append(f"unknown payment gateway {gateway!r}")
        return PaymentMode.UNKNOWN
    return mode


def _buyer_amount(bag: Bag | None, buyer: str | None, currency: str) -> Money | None:
    if bag is None or bag.presentment_money is None or buyer is None or buyer == currency:
        return None
    return Money(shown(bag, buyer), buyer)


def refunds(order: Order, currency: str, warnings: list[str]) -> tuple[Refund, ...]:
    """The refunds. Their reason is that of the return which they belong to."""
    if not order.refunds:
        return ()
    by_return = {}
    if order.returns is not UNSET:
        by_return = {entry.id: _reason(entry, warnings) for entry in order.returns.all()}
    return tuple(_refund(entry, order, currency, by_return) for entry in order.refunds)


def _refund(entry: Refunded, order: Order, currency: str, by_return: Mapping[str, ReturnReason]) -> Refund:
    lines = []
    for line in entry.refund_line_items.all():
        amount = booked(line.subtotal_set, currency)
        if not order.taxes_included:
            amount += booked(line.total_tax_set, currency)
        lines.append(
            RefundLine(
                line_id=line.line_item.id,
                quantity=line.quantity,
                amount=Money(amount, currency),
                restocked=line.restock_type not in ("", "NO_RESTOCK")
                if line.restocked is None
                else line.restocked,
            )
        )
    shipping = sum(
        booked(part.subtotal_amount_set, currency)
        + (0 if order.taxes_included else booked(part.tax_amount_set, currency))
        for part in entry.refund_shipping_lines.all()
    )
    return Refund(
        refund_id=entry.id,
        amount=Money(booked(entry.total_refunded_set, currency), currency),
        lines=tuple(lines),
        shipping=Money(shipping, currency) if shipping else None,
        buyer_amount=_buyer_amount(entry.total_refunded_set, order.presentment_currency_code, currency),
        reason=by_return.get(entry.return_.id, ReturnReason.UNKNOWN)
        if entry.return_
        else ReturnReason.UNKNOWN,
        reason_text=entry.note or None,
        created_at=utc_or_none(entry.created_at, "createdAt"),
    )


def returns(order: Order, warnings: list[str]) -> tuple[Return, ...]:
    """The returns."""
    found = () if order.returns is UNSET else order.returns.all()
    if not found:
        return ()
    return tuple(
        Return(
            return_id=entry.id,
            lines=tuple(
                LineQuantity(line_id=line.fulfillment_line_item.line_item.id, quantity=line.quantity)
                for line in entry.return_line_items.all()
                if line.fulfillment_line_item and line.fulfillment_line_item.line_item
            ),
            state=entry.status.lower(),
            reason=_reason(entry, warnings),
            reason_text=next(
                (
                    line.return_reason_note
                    for line in entry.return_line_items.all()
                    if line.return_reason_note
                ),
                None,
            ),
            created_at=utc_or_none(entry.created_at, "createdAt"),
        )
        for entry in found
    )


def _reason(entry: Returned, warnings: list[str]) -> ReturnReason:
    """The reason of a return's lines; where they differ, the gravest: a wrong item is the hub's mistake."""
    found: list[ReturnReason] = []
    for line in entry.return_line_items.all():
        if line.return_reason_definition is None:
            continue
        handle = line.return_reason_definition.handle.lower().replace("-", "_")
        reason = _REASONS.get(handle)
        if reason is None:
            warning = f"unknown return reason {handle!r}"
            if warning not in warnings:
                warnings.append(warning)
            reason = ReturnReason.UNKNOWN
        found.append(reason)
    if ReturnReason.WRONG_ITEM in found:
        return ReturnReason.WRONG_ITEM
    return found[0] if found else ReturnReason.UNKNOWN
