"""Who may be routed, who waits for what, and who is nobody's business."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from normalization.money import Money
from normalization.records import (
    Address,
    Buyer,
    CanonicalOrder,
    OrderLine,
    ResolvedSku,
    ShippingLine,
    Totals,
    Version,
)
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState
from normalization.verification import (
    Hold,
    HoldCode,
    Standing,
    Verdict,
    VerificationPolicy,
    VerifiedLine,
    verify,
)

PLACED = datetime(2026, 11, 2, 9, tzinfo=UTC)


class Catalogue:
    """What is mapped, whatever the day."""

    def __init__(self, known: Mapping[str, ResolvedSku]) -> None:
        self._known = known

    def resolve(self, connection: str, channel_sku: str, at: datetime) -> ResolvedSku | None:
        assert connection == "shop"
        assert at == PLACED
        return self._known.get(channel_sku)


MUG = ResolvedSku((("MUG", 1),))
SET = ResolvedSku((("MUG", 2), ("TRAY", 1)), kit="SET")
CATALOGUE = Catalogue({"MUG": MUG, "SET": SET})


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def line(line_id: str = "1", sku: str | None = "MUG", ordered: int = 2, **more: object) -> OrderLine:
    total = eur(1000 * (ordered - more.get("cancelled", 0)))
    zero = eur(0)
    return OrderLine(
        line_id=line_id,
        sku=sku,
        ordered=ordered,
        unit_price=eur(1000),
        gross=total,
        discount=zero,
        net=total,
        tax=zero,
        total=total,
        **more,
    )


def order(*lines: OrderLine, **more: object) -> CanonicalOrder:
    lines = lines or (line(),)
    total = sum(one.total.minor for one in lines) + 500
    zero = eur(0)
    whole = CanonicalOrder(
        connection="shop",
        external_id="1",
        number="#1",
        version=Version(observed_at=PLACED),
        placed_at=PLACED,
        state=ChannelState.OPEN,
        channel_status="paid",
        currency="EUR",
        payment_mode=PaymentMode.CARD,
        payment_state=PaymentState.CAPTURED,
        totals=Totals(total=eur(total), tax=zero, discount=zero, shipping=eur(500), refunded=zero),
        buyer=Buyer(name="Ada", email="ada@example.org"),
        ship_to=address(),
        lines=lines,
        shipping=(ShippingLine(title="Post", net=eur(500), tax=zero, total=eur(500)),),
        charges=(),
    )
    return replace(whole, **more)


def address(**more: object) -> Address:
    given: dict[str, Any] = {
        "name": "Ada",
        "street": ("Rue 1",),
        "city": "Lyon",
        "postal_code": "69003",
        "country_code": "FR",
    }
    return Address(**(given | more))


def judged(one: CanonicalOrder, **policy: object) -> Verdict:
    return verify(one, VerificationPolicy(**policy), CATALOGUE)


def codes(verdict: Verdict) -> list[HoldCode]:
    return [hold.code for hold in verdict.holds]


def test_a_paid_order_with_an_address_is_verified_and_its_kits_are_exploded() -> None:
    verdict = judged(order(line("1", "MUG", 3, cancelled=1), line("2", "SET", 1)))
    assert verdict == Verdict(Standing.VERIFIED, lines=(VerifiedLine("1", 2, MUG), VerifiedLine("2", 1, SET)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": ChannelState.CANCELLED}, "cancelled"),
        ({"cancelled_at": PLACED}, "cancelled"),
        ({"state": ChannelState.CLOSED}, "the channel regards it as finished"),
        ({"fulfilled_by": FulfilledBy.CHANNEL}, "the channel or another application fulfils it"),
        ({"lines": (line(fulfilled=2),)}, "nothing is left to ship"),
        ({"lines": (line(cancelled=2),)}, "nothing is left to ship"),
        ({"lines": (line(sku=None, requires_shipping=False),)}, "nothing is left to ship"),
    ],
)
def test_what_is_nobodys_to_ship_is_not_routed(change: dict[str, Any], why: str) -> None:
    verdict = judged(replace(order(), **change))
    assert (verdict.standing, verdict.why, verdict.lines) == (Standing.NOT_ROUTED, why, ())


def test_orders_from_before_the_hub_fulfils_are_history() -> None:
    later = datetime(2026, 11, 3, tzinfo=UTC)
    assert judged(order(), fulfil_from={"shop": later}).standing is Standing.NOT_ROUTED
    assert judged(order(), fulfil_from={"shop": PLACED, "other": later}).standing is Standing.VERIFIED


def test_s09_missing_name_and_street_hold_as_address_missing() -> None:
    verdict = judged(order(ship_to=address(name=None, street=())))
    assert verdict.standing is Standing.HELD
    assert verdict.holds == (Hold(HoldCode.ADDRESS_MISSING, "the ship-to lacks: name, street"),)


@pytest.mark.parametrize("ship_to", [None, UNSET])
def test_s09_no_address_at_all_holds_as_address_missing(ship_to: object) -> None:
    assert codes(judged(order(ship_to=ship_to))) == [HoldCode.ADDRESS_MISSING]


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"country_code": None}, HoldCode.ADDRESS_MISSING, "the ship-to lacks: country"),
        ({"city": None}, HoldCode.ADDRESS_MISSING, "the ship-to lacks: city"),
        ({"postal_code": None}, HoldCode.ADDRESS_MISSING, "the ship-to lacks: postal code"),
        ({"country_code": "QQ"}, HoldCode.COUNTRY_UNKNOWN, "'QQ' is no ISO 3166 country"),
        (
            {"postal_code": "690"},
            HoldCode.POSTAL_CODE_INVALID,
            "'690' is no postal code of FR, such as 33380",
        ),
        (
            {"country_code": "US", "postal_code": "10001"},
            HoldCode.ADDRESS_MISSING,
            "the ship-to lacks: region",
        ),
        (
            {"country_code": "US", "postal_code": "10001", "region": "Bavaria"},
            HoldCode.REGION_INVALID,
            "'Bavaria' is no region of US",
        ),
    ],
)
def test_an_address_that_no_parcel_would_reach_holds(
    change: dict[str, Any], code: HoldCode, detail: str
) -> None:
    assert judged(order(ship_to=address(**change))).holds == (Hold(code, detail),)


def test_a_company_is_a_name_and_details_may_be_waived() -> None:
    assert judged(order(ship_to=address(name=None, company="Acme"))).standing is Standing.VERIFIED
    bare = order(ship_to=address(name=None, street=()))
    assert judged(bare, required=frozenset({"city"})).standing is Standing.VERIFIED


def test_a_required_phone_may_stand_on_the_buyer_or_on_the_address() -> None:
    asks = {"required": frozenset({"phone", "email"})}
    verdict = judged(order(buyer=None), **asks)
    assert verdict.holds == (Hold(HoldCode.CUSTOMER_MISSING, "the customer lacks: phone, e-mail"),)
    assert codes(judged(order(ship_to=address(phone="+33 1")), **asks)) == []


@pytest.mark.parametrize(
    ("mode", "state", "expected"),
    [
        (PaymentMode.CARD, PaymentState.AUTHORIZED, []),
        (PaymentMode.CARD, PaymentState.PARTIALLY_REFUNDED, []),
        (PaymentMode.UNKNOWN, PaymentState.CAPTURED, [HoldCode.PAYMENT_MODE_UNKNOWN]),
        (PaymentMode.BANK_TRANSFER, PaymentState.PENDING, [HoldCode.PAYMENT_PENDING]),
        (PaymentMode.CARD, PaymentState.PARTIALLY_CAPTURED, [HoldCode.PAYMENT_INCOMPLETE]),
        (PaymentMode.CARD, PaymentState.REFUNDED, [HoldCode.PAYMENT_REFUNDED]),
        (PaymentMode.CARD, PaymentState.VOIDED, [HoldCode.PAYMENT_FAILED]),
        (PaymentMode.CARD, PaymentState.FAILED, [HoldCode.PAYMENT_FAILED]),
        (PaymentMode.CARD, PaymentState.EXPIRED, [HoldCode.PAYMENT_FAILED]),
        (PaymentMode.CARD, PaymentState.UNKNOWN, [HoldCode.PAYMENT_UNKNOWN]),
        (PaymentMode.CASH_ON_DELIVERY, PaymentState.PENDING, [HoldCode.CASH_ON_DELIVERY]),
    ],
)
def test_payment_decides(mode: PaymentMode, state: PaymentState, expected: list[HoldCode]) -> None:
    assert codes(judged(order(payment_mode=mode, payment_state=state))) == expected


def test_the_policy_decides_on_authorizations_and_on_cash_on_delivery() -> None:
    authorized = order(payment_state=PaymentState.AUTHORIZED)
    assert codes(judged(authorized, accept_authorized=False)) == [HoldCode.PAYMENT_NOT_CAPTURED]
    cod = order(payment_mode=PaymentMode.CASH_ON_DELIVERY, payment_state=PaymentState.PENDING)
    assert codes(judged(cod, allow_cash_on_delivery=True)) == []
    failed = replace(cod, payment_state=PaymentState.FAILED)
    assert codes(judged(failed, allow_cash_on_delivery=True)) == [HoldCode.PAYMENT_FAILED]


def test_every_payment_state_is_judged() -> None:
    for state in PaymentState:
        judged(order(payment_state=state), accept_authorized=False)


def test_a_free_order_needs_no_payment() -> None:
    zero = eur(0)
    free = replace(line(), unit_price=zero, gross=zero, net=zero, total=zero)
    totals = Totals(total=zero, tax=zero, discount=zero, shipping=zero, refunded=zero)
    one = order(
        free,
        totals=totals,
        shipping=(),
        payment_mode=PaymentMode.UNKNOWN,
        payment_state=PaymentState.UNKNOWN,
    )
    assert codes(judged(one)) == []


def test_a_cent_between_lines_and_header_holds() -> None:
    one = order()
    assert one.totals is not UNSET
    assert judged(replace(one, totals=replace(one.totals, total=eur(2501)))).holds == (
        Hold(
            HoldCode.SUMS_DIFFER,
            "lines, shipping and charges sum to 25.00 EUR, the header says 25.01 EUR",
        ),
    )


def test_s21_an_unmapped_sku_holds_and_names_its_line() -> None:
    lines = (line("10", "MUG"), line("11", "SPOON"), line("12", "SET"))
    verdict = judged(order(*lines))
    assert verdict.standing is Standing.HELD
    detail = "SKU 'SPOON' of shop is not in the catalogue; add it or an alias"
    assert verdict.holds == (Hold(HoldCode.SKU_UNKNOWN, detail, "11"),)
    assert [one.line_id for one in verdict.lines] == ["10", "12"]


def test_s21_the_order_is_released_when_the_mapping_is_there() -> None:
    spoon = Catalogue({"MUG": MUG, "SPOON": ResolvedSku((("SPOON", 1),))})
    one = order(line("10", "MUG"), line("11", "SPOON"))
    assert verify(one, VerificationPolicy(), CATALOGUE).standing is Standing.HELD
    assert verify(one, VerificationPolicy(), spoon).standing is Standing.VERIFIED


def test_a_line_without_sku_or_with_impossible_quantities_holds() -> None:
    verdict = judged(order(line("1", None), line("2", ordered=1, cancelled=2), line("3")))
    assert [(hold.code, hold.line_id) for hold in verdict.holds] == [
        (HoldCode.SKU_MISSING, "1"),
        (HoldCode.QUANTITY_IMPOSSIBLE, "2"),
    ]


def test_the_most_specific_minimum_counts_over_all_lines_of_a_sku() -> None:
    rules = {("*", "*"): 1, ("shop", "*"): 6, ("*", "SET"): 2, ("shop", "MUG"): 4}
    one = order(line("1", "MUG", 2), line("2", "MUG", 2), line("3", "SET", 1))
    verdict = judged(one, minimum_quantities=rules)
    assert verdict.holds == (Hold(HoldCode.BELOW_MINIMUM, "1 of SKU 'SET' ordered, the least is 2"),)


def test_a_pending_order_waits_for_its_channel_not_for_its_address() -> None:
    pending = order(state=ChannelState.PENDING, channel_status="Pending", ship_to=None)
    assert judged(pending).holds == (Hold(HoldCode.CHANNEL_PENDING, "the channel says 'Pending'"),)
    strange = order(state=ChannelState.UNKNOWN, channel_status="on-fire")
    assert judged(strange).holds == (Hold(HoldCode.CHANNEL_STATE_UNKNOWN, "the channel says 'on-fire'"),)


def test_datasets_that_were_never_read_hold() -> None:
    verdict = judged(order(lines=UNSET, totals=UNSET))
    assert codes(verdict) == [HoldCode.NOT_READ, HoldCode.NOT_READ]


def test_all_reasons_are_told_at_once_and_none_quotes_the_person() -> None:
    broken = order(
        line("1", "SPOON"),
        ship_to=address(street=(), postal_code="x"),
        payment_state=PaymentState.PENDING,
    )
    verdict = judged(broken)
    assert codes(verdict) == [
        HoldCode.SKU_UNKNOWN,
        HoldCode.POSTAL_CODE_INVALID,
        HoldCode.ADDRESS_MISSING,
        HoldCode.PAYMENT_PENDING,
    ]
    assert not any("Ada" in hold.detail for hold in verdict.holds)
