"""Checks that units, stock and money add up."""

import dagster as dg

from pipelines.assets.reporting import records
from pipelines.resources import HubResource
from pipelines.services.conservation import LIMIT, RULES, violations
from pipelines.services.kits import REMEDY, kits_in_parts

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
    """One check a rule, and one of kits. They name the records concerned.

    What breaks a rule is held (pipelines.services.balance). A kit in parts adds up, and holds nothing.
    """
    return [*(_check(asset, rule) for rule in RULES), _kits_left_whole(asset)]


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


def _kits_left_whole(asset: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name="kits_left_whole",
        description="No kit is left of which a warehouse sent a part and will not send the rest: a person"
        " decides.",
    )
    def whole(hub: HubResource) -> dg.AssetCheckResult:
        with hub.open() as opened, opened.store.read() as tx:
            found = kits_in_parts(tx)
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "kits": len(found),
                "remedy": REMEDY,
                "records": records((one.record for one in found), "orderhub doctor", LIMIT),
            },
        )

    return whole
