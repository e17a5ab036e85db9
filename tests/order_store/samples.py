"""Canonical orders for the store's tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from normalization.money import Money
from normalization.records import (
    Address,
    Buyer,
    CanonicalOrder,
    ChannelFulfilment,
    Charge,
    Discount,
    LineQuantity,
    OrderLine,
    Payment,
    Refund,
    RefundLine,
    Return,
    ShippingLine,
    TaxLine,
    Totals,
    Version,
)
from normalization.statuses import ChannelState, PaymentMode, PaymentState, ReturnReason

START = datetime(2026, 10, 1, 8, 30, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def version(number: int, revision: str | None = None) -> Version:
    """The number-th version; its revision grows with it."""
    return Version(
        revision=f"2026-10-01T{number:08d}" if revision is None else revision,
        observed_at=START + timedelta(minutes=number),
    )


def line(line_id: str = "1", ordered: int = 2, cancelled: int = 0, **more: Any) -> OrderLine:  # noqa: ANN401
    current = ordered - cancelled
    values: dict[str, Any] = {
        "line_id": line_id,
        "sku": f"SKU-{line_id}",
        "ordered": ordered,
        "cancelled": cancelled,
        "title": f"Thing {line_id}",
        "unit_price": eur(1190),
        "gross": eur(1190 * current),
        "discount": eur(0),
        "net": eur(1000 * current),
        "tax": eur(190 * current),
        "total": eur(1190 * current),
        "taxes": (TaxLine(title="VAT", amount=eur(190 * current), rate="0.19"),),
    }
    return OrderLine(**(values | more))


def order(external_id: str = "1001", number: int = 1, **more: Any) -> CanonicalOrder:  # noqa: ANN401
    """An order at its number-th version, with every dataset; `more` replaces fields."""
    lines = more.get("lines", (line("1"), line("2", ordered=1)))
    total = sum(one.total.minor for one in lines) if lines else 0
    values: dict[str, Any] = {
        "connection": "shop",
        "external_id": external_id,
        "number": f"#{external_id}",
        "version": version(number),
        "placed_at": START,
        "updated_at": START + timedelta(minutes=number),
        "state": ChannelState.OPEN,
        "channel_status": "processing",
        "currency": "EUR",
        "taxes_included": True,
        "payment_mode": PaymentMode.CARD,
        "payment_state": PaymentState.CAPTURED,
        "tags": ("vip",),
        "totals": Totals(
            total=eur(total + 490), tax=eur(0), discount=eur(0), shipping=eur(490), refunded=eur(0)
        ),
        "buyer": Buyer(name="Ada Example", email="ada@example.org"),
        "ship_to": Address(
            name="Ada Example", street=("Weg 1",), city="Köln", postal_code="50667", country_code="DE"
        ),
        "bill_to": None,
        "lines": lines,
        "shipping": (ShippingLine(title="Parcel", code="std", net=eur(412), tax=eur(78), total=eur(490)),),
        "charges": (),
        "discounts": (),
        "payments": (
            Payment(
                payment_id="p1",
                mode=PaymentMode.CARD,
                state=PaymentState.CAPTURED,
                amount=eur(total + 490),
                paid_at=START,
            ),
        ),
        "fulfilments": (),
        "refunds": (),
        "returns": (),
        "notes": "please ring",
    }
    return CanonicalOrder(**(values | more))


def full_order() -> CanonicalOrder:
    """An order in which every field of every record is filled."""
    return order(
        "full",
        cancelled_at=START,
        cancel_reason="customer",
        confirmation_ref="A1PA6795UKMFR9",
        buyer_currency="ISK",
        requested_service="express",
        ship_by=START + timedelta(days=1),
        deliver_by=START + timedelta(days=3),
        warnings=("unknown word 'x'",),
        totals=Totals(
            total=eur(4060),
            tax=eur(570),
            discount=eur(10),
            shipping=eur(490),
            refunded=eur(1190),
            buyer_total=Money(5600, "ISK"),
        ),
        bill_to=Address(company="Example AG", street=("a", "b"), country_code="CH", phone="+41"),
        lines=(
            line(
                "1",
                ordered=3,
                cancelled=1,
                fulfilled=1,
                returned=1,
                buyer_total=Money(900, "ISK"),
                requires_shipping=False,
                parent_line_id="0",
                channel_product_id="77",
                discounts=(Discount(amount=eur(5), code="c", title="t"),),
            ),
            line("2", sku=None),
        ),
        charges=(Charge(kind="tip", title="Tip", net=eur(10), tax=eur(0), total=eur(10)),),
        discounts=(Discount(amount=eur(10), code="TEN", title="Ten"),),
        payments=(
            Payment(
                payment_id="p1",
                mode=PaymentMode.GIFT_CARD,
                state=PaymentState.REFUNDED,
                amount=eur(5),
                gateway="g",
                buyer_amount=Money(7, "ISK"),
                paid_at=START,
            ),
        ),
        fulfilments=(
            ChannelFulfilment(
                fulfilment_id="f1",
                lines=(LineQuantity(line_id="1", quantity=1),),
                state="success",
                carrier="UPS",
                tracking_numbers=("1Z", "2Z"),
                created_at=START,
            ),
        ),
        refunds=(
            Refund(
                refund_id="r1",
                amount=eur(1190),
                lines=(RefundLine(line_id="1", quantity=1, amount=eur(1190), restocked=True),),
                shipping=eur(0),
                buyer_amount=Money(100, "ISK"),
                reason=ReturnReason.WRONG_ITEM,
                reason_text="not mine, says Ada",
                created_at=START,
            ),
        ),
        returns=(
            Return(
                return_id="t1",
                lines=(LineQuantity(line_id="1", quantity=1),),
                state="open",
                reason=ReturnReason.DAMAGED,
                reason_text="broken",
                created_at=START,
            ),
        ),
    )
