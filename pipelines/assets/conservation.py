"""Checks that units, stock and money add up."""

import dagster as dg

from pipelines.assets.reporting import records
from pipelines.resources import HubResource
from pipelines.services.conservation import LIMIT, RULES, violations

DESCRIPTIONS = {
    "units": "On each line delivered <= shipped <= picked, allocated, ordered; parcels hold what is shipped;"
    " returned <= ordered.",
    "allocated": "Whatever is allocated stands on a picklist, and the other way round.",
    "over_allocated": "No more is allocated than is open.",
    "kits": "Picklists hold whole kits.",
    "once": "No vendor was told the same thing twice.",
    "reserved": "Reservations are what allocations say.",
    "oversold": "No warehouse has promised more than it holds.",
    "bins": "Bins and lots add up to what a warehouse holds.",
    "money": "Lines, shipping and charges make up each order's total, tax, shipping and discount.",
    "line_money": "Net and tax make up each line's total, price less discount what is paid.",
    "refunds": "Single refunds make up what is refunded, which is no more than was paid.",
}


def conservation_checks(asset: dg.AssetKey) -> list[dg.AssetChecksDefinition]:
    """One check a rule. They name the records concerned, which are held (pipelines.services.balance)."""
    return [_check(asset, rule) for rule in RULES]


def _check(asset: dg.AssetKey, rule: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name="nothing_sent_twice" if rule == "once" else f"conservation_of_{rule}",
        description=DESCRIPTIONS[rule],
    )
    def conserved(hub: HubResource) -> dg.AssetCheckResult:
        with hub.open() as opened, opened.store.read() as tx:
            found = violations(tx, rule)
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "violations": len(found),
                "records": records((one.record for one in found), "orderhub doctor", LIMIT),
            },
        )

    return conserved
