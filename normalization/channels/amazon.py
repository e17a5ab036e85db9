"""Amazon SP-API orders (Orders 2026-01-01) to canonical orders, and shipments to confirmShipment (v0)."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from normalization.channels.amazon_proceeds import ItemSums, header, minor, taxes_included
from normalization.channels.amazon_wire import (
    ANSWER,
    ORDER,
    Fulfillment,
    Item,
    Order,
    Package,
    Range,
    Recipient,
    decode,
)
from normalization.channels.amazon_wire import (
    Buyer as WireBuyer,
)
from normalization.errors import NormalizationError, Reason
from normalization.limits import named, quoted, utc, within_limits
from normalization.money import Money
from normalization.records import (
    Address,
    Buyer,
    CanonicalOrder,
    ChannelFulfilment,
    Discount,
    LineQuantity,
    OrderLine,
    Payment,
    ShipmentConfirmation,
    TaxLine,
    Version,
)
from normalization.registry import Context, Json
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState

STATES = {
    "PENDING_AVAILABILITY": (ChannelState.PENDING, PaymentState.PENDING),
    "PENDING": (ChannelState.PENDING, PaymentState.PENDING),
    "UNSHIPPED": (ChannelState.OPEN, PaymentState.AUTHORIZED),
    "PARTIALLY_SHIPPED": (ChannelState.OPEN, PaymentState.AUTHORIZED),
    "SHIPPED": (ChannelState.CLOSED, PaymentState.CAPTURED),
    "CANCELLED": (ChannelState.CANCELLED, PaymentState.VOIDED),
    "UNFULFILLABLE": (ChannelState.CLOSED, PaymentState.UNKNOWN),
}
"""A released order's payment is authorized; Amazon charges the buyer at shipping. [spec FulfillmentStatus]"""

METHODS = {
    "CashOnDelivery": PaymentMode.CASH_ON_DELIVERY,
    "COD": PaymentMode.CASH_ON_DELIVERY,
    "CreditCard": PaymentMode.CARD,
    "Invoice": PaymentMode.INVOICE,
    "Pix": PaymentMode.BANK_TRANSFER,
    "ConvenienceStore": PaymentMode.OTHER,
}
"""The methods that the specification names; its list is open."""

CURRENCIES = {
    "A2EUQ1WTGCTBG2": "CAD", "ATVPDKIKX0DER": "USD", "A1AM78C64UM0Y8": "MXN", "A2Q3Y263D00KWC": "BRL",
    "A28R8C7NBKEWEA": "EUR", "A1RKKUPIHCS9HS": "EUR", "A1F83G8C2ARO7P": "GBP", "A13V1IB3VIYZZH": "EUR",
    "AMEN7PMS3EDWL": "EUR", "A1805IZSGTT6HS": "EUR", "A1PA6795UKMFR9": "EUR", "APJ6JRA9NG5V4": "EUR",
    "A2NODRKZP88ZB9": "SEK", "AE08WJ6YKNBMC": "ZAR", "A1C3SOZRARQ6R3": "PLN", "ARBP9OOSHTCHU": "EGP",
    "A33AVAJ2PDY3EV": "TRY", "A17E79C6D8DWNP": "SAR", "A2VIGQ35RCS4UG": "AED", "A21TJRUUN4KGV": "INR",
    "A19VAU5U5O7RUS": "SGD", "A39IBJ37TRP1C6": "AUD", "A1VC38T7YXB528": "JPY",
}  # fmt: skip
"""Each marketplace's currency: an order that is still pending carries no amount to read it from."""

CARRIERS = {
    "usps": "USPS", "ups": "UPS", "fedex": "FedEx", "dhl": "DHL", "dhlexpress": "DHL",
    "dhlecommerce": "DHL eCommerce", "royalmail": "Royal Mail", "parcelforce": "Parcelforce", "dpd": "DPD",
    "gls": "GLS", "hermes": "Hermes", "evri": "Evri", "yodel": "Yodel", "tnt": "TNT", "ontrac": "OnTrac",
    "deutschepost": "Deutsche Post", "postnl": "PostNL", "laposte": "La Poste", "colissimo": "Colissimo",
    "chronopost": "Chronopost", "correos": "Correos", "seur": "SEUR", "posteitaliane": "Poste Italiane",
    "brt": "BRT", "canadapost": "Canada Post", "australiapost": "Australia Post",
}  # fmt: skip
"""Our carriers' names, letters and digits only, to Amazon's carrier codes. Others go as "Other"."""

REPLACEMENTS = ("REPLACEMENT_ORIGINAL_ID", "EXCHANGE_ORIGINAL_ID")


def order(raw: bytes, context: Context) -> CanonicalOrder:
    """One order of searchOrders or getOrder. Raises NormalizationError.

    An order that is still pending has no amounts: its lines stand with zero, its totals are UNSET. So are
    all amounts of an order whose answer carries no proceeds though it is released.
    """
    wire = decode(raw, ORDER)
    warnings: list[str] = []
    fulfillment = wire.fulfillment or Fulfillment()
    status = fulfillment.fulfillment_status
    state, payment_state = STATES.get(status or "", (ChannelState.UNKNOWN, PaymentState.UNKNOWN))
    if state is ChannelState.UNKNOWN:
        warnings.append(f"unknown fulfillmentStatus {status}")
    cancelled = state is ChannelState.CANCELLED
    currency = _currency(wire)
    placed_at = _moment(wire.created_time, "createdTime")
    updated_at = _moment(wire.last_updated_time, "lastUpdatedTime")
    sums = [
        ItemSums(None if cancelled else item.proceeds, item, currency, warnings) for item in wire.order_items
    ]
    known = cancelled or _amounts_known(wire)
    if not known:
        warnings.append("the answer carries no proceeds")
    shipping, charges, totals = header(wire, currency, sums, cancelled)
    mode, payments = _payments(wire, payment_state, totals.total, warnings)
    if mode is PaymentMode.CASH_ON_DELIVERY and payment_state is PaymentState.AUTHORIZED:
        payment_state = PaymentState.PENDING
    made = CanonicalOrder(
        connection=context.connection,
        external_id=wire.order_id,
        number=wire.order_id,
        version=Version(
            observed_at=context.observed_at, revision=updated_at.isoformat(timespec="microseconds")
        ),
        placed_at=placed_at,
        updated_at=updated_at,
        # The specification has no time of cancellation; the last update is no earlier than it.
        cancelled_at=updated_at if cancelled else None,
        cancel_reason=_cancel_reason(wire) if cancelled else None,
        state=state,
        channel_status=status or "",
        confirmation_ref=wire.sales_channel.marketplace_id if wire.sales_channel else None,
        fulfilled_by=_fulfilled_by(fulfillment, warnings),
        currency=currency,
        taxes_included=taxes_included(sums, wire.order_id),
        payment_mode=mode,
        payment_state=payment_state,
        requested_service=fulfillment.fulfillment_service_level,
        ship_by=_end(fulfillment.ship_by_window, "shipByWindow"),
        deliver_by=_end(fulfillment.deliver_by_window, "deliverByWindow"),
        tags=_tags(wire, cancelled, warnings),
        totals=totals if known else UNSET,
        buyer=_buyer(wire.buyer),
        ship_to=_ship_to(wire.recipient),
        lines=(
            tuple(
                _line(item, one, currency, cancelled)
                for item, one in zip(wire.order_items, sums, strict=True)
            )
            if known or state is ChannelState.PENDING
            else UNSET
        ),
        shipping=shipping if known else UNSET,
        charges=charges if known else UNSET,
        payments=payments,
        fulfilments=_fulfilments(wire.packages),
        notes=_notes(wire.recipient),
        warnings=tuple(warnings),
    )
    return within_limits(made)


def orders_in(answer: bytes) -> Iterable[bytes]:
    """The orders of a list page, of a single-order answer, a bare order, or a recorded exchange."""
    found = decode(answer, ANSWER)
    if found.response is not UNSET:
        return orders_in(bytes(found.response))
    if found.orders is not UNSET:
        return [bytes(one) for one in found.orders]
    if found.order is not UNSET:
        return [bytes(found.order)]
    if found.order_id is not UNSET:
        return [answer]
    raise NormalizationError(Reason.OUT_OF_SCOPE, "the answer holds no order of Orders 2026-01-01")


def confirm_shipment(confirmation: ShipmentConfirmation) -> Json:
    """The order's id and the ConfirmShipmentRequest of Orders v0.

    The package's reference is the parcel's number within the order: Amazon wants a positive number, unique
    within the order. A carrier without a code goes as "Other" with its name.
    """
    code = _carrier_code(confirmation.carrier)
    shipped_at = confirmation.shipped_at.astimezone(UTC)
    package = {
        "packageReferenceId": str(confirmation.sequence),
        "carrierCode": code,
        "carrierName": confirmation.carrier if code == "Other" else code,
        "shippingMethod": confirmation.service,
        "trackingNumber": confirmation.tracking_number,
        "shipDate": shipped_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "orderItems": [{"orderItemId": one.line_id, "quantity": one.quantity} for one in confirmation.lines],
    }
    return {
        "orderId": confirmation.external_id,
        "request": {
            "marketplaceId": confirmation.confirmation_ref,
            "packageDetail": {key: value for key, value in package.items() if value is not None},
        },
    }


def _carrier_code(carrier: str | None) -> str:
    name = "".join(letter for letter in (carrier or "").lower() if letter.isalnum())
    return CARRIERS.get(name, "Other")


def _amounts_known(wire: Order) -> bool:
    if wire.proceeds is not None or any(item.proceeds is not None for item in wire.order_items):
        return True
    return any(one.association_type in REPLACEMENTS for one in wire.associated_orders or ())


def _currency(wire: Order) -> str:
    amount = wire.proceeds.grand_total if wire.proceeds else None
    for item in wire.order_items:
        if amount is not None:
            break
        amount = item.proceeds.proceeds_total if item.proceeds else None
        if amount is None and item.product and item.product.price:
            amount = item.product.price.unit_price
    if amount is not None:
        return amount.currency_code
    marketplace = wire.sales_channel.marketplace_id if wire.sales_channel else None
    if marketplace in CURRENCIES:
        return CURRENCIES[marketplace]
    raise NormalizationError(
        Reason.MISSING_FIELD, f"no amount, and the currency of {named(marketplace)} is unknown"
    )


def _moment(stamp: str, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} is {quoted(stamp)}") from error
    if moment.year < 1995:  # before there was an Amazon
        raise NormalizationError(Reason.IMPOSSIBLE_DATE, f"{field} is {quoted(stamp)}")
    return utc(moment, field)


def _end(span: Range | None, field: str) -> datetime | None:
    return _moment(span.latest_date_time, field) if span and span.latest_date_time else None


def _lines(wire: Order, sums: list[ItemSums], currency: str, cancelled: bool) -> tuple[OrderLine, ...]:
    return tuple(
        _line(item, one, currency, cancelled) for item, one in zip(wire.order_items, sums, strict=True)
    )


def _line(item: Item, sums: ItemSums, currency: str, cancelled: bool) -> OrderLine:
    fulfillment, product = item.fulfillment, item.product
    fulfilled = (fulfillment.quantity_fulfilled if fulfillment else None) or 0
    gone = 0
    if cancelled:
        gone = max(item.quantity_ordered - fulfilled, 0)
    elif fulfillment and fulfillment.quantity_unfulfilled is not None:
        gone = max(item.quantity_ordered - fulfilled - fulfillment.quantity_unfulfilled, 0)
    price = product.price.unit_price if product and product.price else None
    current = item.quantity_ordered - gone
    unit = minor(price, currency) if price else sums.gross // current if current else 0
    tax = Money(sums.tax, currency)
    discount = Money(sums.discount, currency)
    promotions = [one.promotion_id for one in (item.promotion.breakdowns or ())] if item.promotion else []
    code = promotions[0] if len(promotions) == 1 else None
    return OrderLine(
        line_id=item.order_item_id,
        sku=(product.seller_sku or None) if product else None,
        ordered=item.quantity_ordered,
        cancelled=gone,
        fulfilled=fulfilled,
        title=(product.title or "") if product else "",
        unit_price=Money(unit, currency),
        gross=Money(sums.gross, currency),
        discount=discount,
        net=Money(sums.net, currency),
        tax=tax,
        total=Money(sums.total, currency),
        taxes=(TaxLine(title="Tax", amount=tax),) if sums.tax else (),
        discounts=(Discount(amount=discount, code=code),) if sums.discount else (),
        channel_product_id=product.asin if product else None,
    )


def _payments(
    wire: Order, state: PaymentState, total: Money, warnings: list[str]
) -> tuple[PaymentMode, tuple[Payment, ...] | UnsetType]:
    """How the order is paid as a whole, and its single payments."""
    if wire.payment is None:
        return PaymentMode.MARKETPLACE, UNSET
    payments = []
    for number, one in enumerate(wire.payment.payment_executions or (), 1):
        mode = METHODS.get(one.payment_method or "", PaymentMode.UNKNOWN)
        if mode is PaymentMode.UNKNOWN:
            warnings.append(f"unknown paymentMethod {one.payment_method}")
        on_delivery = mode is PaymentMode.CASH_ON_DELIVERY and state is PaymentState.AUTHORIZED
        amount = one.payment_amount
        payments.append(
            Payment(
                payment_id=f"{wire.order_id}/{number}",
                mode=mode,
                state=PaymentState.PENDING if on_delivery else state,
                amount=Money(minor(amount, total.currency), total.currency) if amount else total,
                gateway=one.payment_method,
            )
        )
    cash = any(one.mode is PaymentMode.CASH_ON_DELIVERY for one in payments)
    return PaymentMode.CASH_ON_DELIVERY if cash else PaymentMode.MARKETPLACE, tuple(payments)


def _fulfilled_by(fulfillment: Fulfillment, warnings: list[str]) -> FulfilledBy:
    if fulfillment.fulfilled_by == "AMAZON":
        return FulfilledBy.CHANNEL
    if fulfillment.fulfilled_by not in ("MERCHANT", None):
        warnings.append(f"unknown fulfilledBy {fulfillment.fulfilled_by}")
        return FulfilledBy.OTHER
    return FulfilledBy.MERCHANT


def _tags(wire: Order, cancelled: bool, warnings: list[str]) -> tuple[str, ...]:
    """The programs, and "cancellation_requested" while a buyer's wish to cancel is not decided."""
    tags = tuple(wire.programs or ())
    asked = [
        item.order_item_id
        for item in wire.order_items
        if item.cancellation
        and item.cancellation.cancellation_request
        and not item.cancellation.cancellation_execution
    ]
    if cancelled or not asked:
        return tags
    warnings.append(f"the buyer asks to cancel line {', '.join(asked)}")
    return (*tags, "cancellation_requested")


def _cancel_reason(wire: Order) -> str | None:
    done = (item.cancellation.cancellation_execution for item in wire.order_items if item.cancellation)
    reasons = {f"{one.cancelled_by or '?'}: {one.cancel_reason or 'no reason'}": None for one in done if one}
    return "; ".join(reasons) or None


def _buyer(buyer: WireBuyer | UnsetType | None) -> Buyer | UnsetType | None:
    if buyer is UNSET or buyer is None:
        return buyer
    return Buyer(name=buyer.buyer_name or None, email=buyer.buyer_email or None)


def _ship_to(recipient: Recipient | UnsetType | None) -> Address | UnsetType | None:
    if recipient is UNSET or recipient is None:
        return recipient
    wire = recipient.delivery_address
    if wire is None:
        return None
    lines = (wire.address_line1, wire.address_line2, wire.address_line3)
    return Address(
        name=wire.name or None,
        company=wire.company_name or None,
        street=tuple(line for line in lines if line),
        city=wire.city or wire.municipality or None,
        region=wire.state_or_region or None,
        postal_code=wire.postal_code or None,
        country_code=wire.country_code.upper() if wire.country_code else None,
        phone=wire.phone or None,
    )


def _notes(recipient: Recipient | UnsetType | None) -> str | UnsetType | None:
    if recipient is UNSET:
        return UNSET
    wish = recipient.delivery_preference if recipient else None
    words = (wish.drop_off_location, wish.address_instruction) if wish else ()
    return "; ".join(word for word in words if word) or None


def _fulfilments(packages: list[Package] | UnsetType | None) -> tuple[ChannelFulfilment, ...] | UnsetType:
    if packages is UNSET:
        return UNSET
    return tuple(
        ChannelFulfilment(
            fulfilment_id=one.package_reference_id,
            lines=tuple(
                LineQuantity(line_id=item.order_item_id, quantity=item.quantity)
                for item in one.package_items or ()
            ),
            state=(one.package_status.status or "unknown").lower() if one.package_status else "unknown",
            carrier=one.carrier,
            tracking_numbers=(one.tracking_number,) if one.tracking_number else (),
            created_at=_moment(one.created_time, "packages.createdTime") if one.created_time else None,
        )
        for one in packages or ()
    )
