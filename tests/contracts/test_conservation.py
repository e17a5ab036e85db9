"""Every order that a vendor published or that was recorded obeys the rules of conservation."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from normalization import registry
from normalization.errors import NormalizationError
from normalization.registry import Context
from order_store.connections import register_connection
from order_store.engine import open_store
from order_store.orders import apply_orders
from pipelines.services.conservation import all_violations
from tests.contracts.conftest import CONTRACTS

NOW = datetime(2026, 11, 2, tzinfo=UTC)
FOLDERS = {
    "amazon": CONTRACTS / "payloads" / "amazon_sp_api",
    "shopify": CONTRACTS / "payloads" / "shopify",
    "vendure": Path(__file__).parents[1] / "fixtures" / "vendure",
    "woocommerce": CONTRACTS / "payloads" / "woocommerce",
}


@pytest.mark.parametrize("channel", FOLDERS)
def test_recorded_orders_break_no_rule(channel: str, tmp_path: Path) -> None:
    mapping = registry.channel(channel)
    store = open_store(f"sqlite:///{tmp_path}/hub.db")
    store.create_all()
    seen = 0
    with store.engine.connect() as tx:
        for file in sorted(FOLDERS[channel].glob("*.json")):
            try:
                raws = list(mapping.orders_in(file.read_bytes()))
            except NormalizationError:
                continue  # tests of each channel say which files hold no order
            for raw in raws:
                try:
                    order = mapping.order(raw, Context(channel, NOW))
                except NormalizationError:
                    continue
                with tx.begin() as transaction:
                    key = register_connection(tx, channel, channel, "channel")
                    apply_orders(tx, key, [order], now=NOW)
                    assert [one.record for one in all_violations(tx)] == [], file.name
                    transaction.rollback()
                seen += 1
    store.close()
    assert seen
