"""Vendure's words for states: those of the core's default processes. A shop may add its own."""

from collections.abc import Mapping

from normalization.channels.vendure_answers import Order
from normalization.statuses import ChannelState, PaymentMode, PaymentState

ORDER_STATES: Mapping[str, ChannelState] = {
    "ArrangingPayment": ChannelState.PENDING,
    "ArrangingAdditionalPayment": ChannelState.PENDING,
    "Modifying": ChannelState.PENDING,
    "PaymentAuthorized": ChannelState.OPEN,
    "PaymentSettled": ChannelState.OPEN,
    "PartiallyShipped": ChannelState.OPEN,
    "PartiallyDelivered": ChannelState.OPEN,
    "Shipped": ChannelState.CLOSED,
    "Delivered": ChannelState.CLOSED,
    "Cancelled": ChannelState.CANCELLED,
}
PAYMENT_STATES: Mapping[str, PaymentState] = {
    "Created": PaymentState.PENDING,
    "Authorized": PaymentState.AUTHORIZED,
    "Settled": PaymentState.CAPTURED,
    "Declined": PaymentState.FAILED,
    "Error": PaymentState.FAILED,
    "Cancelled": PaymentState.VOIDED,
}
MODES: Mapping[str, PaymentMode] = {
    "stripe": PaymentMode.CARD,
    "braintree": PaymentMode.CARD,
    "card": PaymentMode.CARD,
    "credit-card": PaymentMode.CARD,
    "paypal": PaymentMode.WALLET,
    "apple-pay": PaymentMode.WALLET,
    "google-pay": PaymentMode.WALLET,
    "bank-transfer": PaymentMode.BANK_TRANSFER,
    "invoice": PaymentMode.INVOICE,
    "cash-on-delivery": PaymentMode.CASH_ON_DELIVERY,
    "gift-card": PaymentMode.GIFT_CARD,
}
"""Codes that mean one thing only. Methods are the merchant's own records with codes of their choice, so
others are named in the connection's setting `payment_modes`."""


def channel_state(word: str, warnings: list[str]) -> ChannelState:
    """The order's state; an unknown word warns."""
    if word not in ORDER_STATES:
        warnings.append(f"order state {word!r} is not known")
    return ORDER_STATES.get(word, ChannelState.UNKNOWN)


def payment_state(word: str, amount: int, refunded: int, warnings: list[str]) -> PaymentState:
    """A payment's state, refunds of it counted in; an unknown word warns."""
    if word not in PAYMENT_STATES:
        warnings.append(f"payment state {word!r} is not known")
    state = PAYMENT_STATES.get(word, PaymentState.UNKNOWN)
    if state is PaymentState.CAPTURED and refunded:
        return PaymentState.REFUNDED if refunded >= amount else PaymentState.PARTIALLY_REFUNDED
    return state


def mode_of(code: str, setting: str, warnings: list[str]) -> PaymentMode:
    """How a payment method pays: by the setting ("code=mode, ..."), else by its code."""
    pairs = (item.partition("=") for item in setting.split(",") if "=" in item)
    named = {name.strip(): mode.strip() for name, _, mode in pairs}
    if named.get(code) in set(PaymentMode):
        return PaymentMode(named[code])
    if code not in MODES:
        warnings.append(f"payment method {code!r} is not known; name its mode in the setting payment_modes")
    return MODES.get(code, PaymentMode.UNKNOWN)


def order_payment(order: Order, refunded: int) -> PaymentState:
    """The order's payment as a whole, against what it costs now.

    Declined, failed and cancelled payments are attempts: they count only where nothing else is there.
    """
    known = [(PAYMENT_STATES.get(payment.state), payment.amount) for payment in order.payments or ()]
    captured = sum(amount for state, amount in known if state is PaymentState.CAPTURED)
    authorized = sum(amount for state, amount in known if state is PaymentState.AUTHORIZED)
    if captured and refunded:
        return PaymentState.REFUNDED if refunded >= captured else PaymentState.PARTIALLY_REFUNDED
    if captured and captured >= order.totalWithTax:
        return PaymentState.CAPTURED
    if captured + authorized >= order.totalWithTax and authorized:
        return PaymentState.AUTHORIZED
    if captured:
        return PaymentState.PARTIALLY_CAPTURED
    if order.totalWithTax == 0 and order.state != "Cancelled":
        return PaymentState.CAPTURED
    states = [state for state, _ in known]
    if None in states:
        return PaymentState.UNKNOWN
    return states[-1] if states and states[-1] is not None else PaymentState.PENDING
