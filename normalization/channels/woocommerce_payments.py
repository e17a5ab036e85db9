"""What a WooCommerce order says of its payment."""

from datetime import datetime

from normalization.channels.woocommerce_lines import Refunds
from normalization.channels.woocommerce_wire import Order, key, text
from normalization.money import Money
from normalization.records import Payment
from normalization.statuses import ChannelState, PaymentMode, PaymentState

MODES = {
    "cod": PaymentMode.CASH_ON_DELIVERY,
    "bacs": PaymentMode.BANK_TRANSFER,
    "cheque": PaymentMode.MANUAL,
    "stripe": PaymentMode.CARD,
    "stripe_cc": PaymentMode.CARD,
    "woocommerce_payments": PaymentMode.CARD,
    "square_credit_card": PaymentMode.CARD,
    "braintree_credit_card": PaymentMode.CARD,
    "paypal": PaymentMode.WALLET,
    "ppcp-gateway": PaymentMode.WALLET,
    "ppec_paypal": PaymentMode.WALLET,
    "braintree_paypal": PaymentMode.WALLET,
    "amazon_payments_advanced": PaymentMode.WALLET,
    "klarna_payments": PaymentMode.INVOICE,
    "invoice": PaymentMode.INVOICE,
}
"""Gateways by their ids, core's (cod, bacs, cheque) and widespread plugins'."""


def mode_of(gateway: str | None, warnings: list[str]) -> PaymentMode:
    """How the buyer pays; a gateway that nobody knows is a warning."""
    if gateway is None:
        return PaymentMode.MANUAL  # an order that the merchant typed in
    mode = MODES.get(gateway, PaymentMode.UNKNOWN)
    if mode is PaymentMode.UNKNOWN:
        warnings.append(f"unknown payment_method {gateway}")
    return mode


def payment_state_of(
    status: str,
    state: ChannelState,
    mode: PaymentMode,
    paid_at: datetime | None,
    total: int,
    refunds: Refunds,
) -> PaymentState:
    """How far the payment has come.

    Args:
        status: As the shop writes it, without `wc-`.
        state: What that status says of the order.
        mode: How the buyer pays.
        paid_at: None if the shop holds no date of payment.
        total: As it was placed, in minor units.
        refunds: What was given back.
    """
    if status == "refunded" or (refunds.refunded and refunds.refunded >= total):
        return PaymentState.REFUNDED
    if refunds.refunded and paid_at:
        return PaymentState.PARTIALLY_REFUNDED
    if paid_at or (total == 0 and status in ("processing", "completed")):
        return PaymentState.CAPTURED
    if status == "failed":
        return PaymentState.FAILED
    if state is ChannelState.CANCELLED:
        return PaymentState.VOIDED
    if mode is PaymentMode.CASH_ON_DELIVERY or state is ChannelState.PENDING:
        return PaymentState.PENDING
    return PaymentState.UNKNOWN


def payments_of(
    wire: Order,
    gateway: str | None,
    total: int,
    mode: PaymentMode,
    state: PaymentState,
    paid_at: datetime | None,
) -> tuple[Payment, ...]:
    """The one payment that a WooCommerce order has; none where nobody pays by a gateway."""
    if gateway is None:
        return ()
    return (
        Payment(
            payment_id=text(wire.transaction_id) or f"{key(wire.id)}/payment",
            mode=mode,
            state=state,
            amount=Money(total, wire.currency),
            gateway=gateway,
            paid_at=paid_at,
        ),
    )
