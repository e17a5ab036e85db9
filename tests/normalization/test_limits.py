"""What fuzzing found once: orders that no merchant got, and numbers that nobody can reckon with."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from normalization.channels import woocommerce
from normalization.errors import NormalizationError, Reason
from normalization.registry import Context

ORDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "woocommerce-order.json"
SHOP = Context("woo-de", datetime(2026, 11, 2, 12, tzinfo=UTC))


def test_an_order_without_amounts_is_refused_if_its_currency_is_none() -> None:
    empty = {"id": 7, "number": "7", "status": "processing", "date_created_gmt": "2026-11-02T09:30:00"}
    empty |= {"currency": "7.15", "total": "", "line_items": [], "shipping_lines": [], "fee_lines": []}
    with pytest.raises(NormalizationError) as refused:
        woocommerce.order(json.dumps(empty).encode(), SHOP)
    assert refused.value.reason is Reason.UNKNOWN_CURRENCY


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1e-99999999999999999999", "0e" + "9" * 40])
def test_a_number_with_an_endless_exponent_is_refused(number: str) -> None:
    raw = ORDER.read_bytes().replace(b'"179.25"', number.encode())
    assert number.encode() in raw
    with pytest.raises(NormalizationError) as refused:
        woocommerce.order(raw, SHOP)
    assert refused.value.reason is Reason.UNDECODABLE
    assert "exponent is out of range" in refused.value.message
