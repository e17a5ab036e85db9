"""Checks that units, stock and money add up."""

import dagster as dg

from pipelines.assets.reporting import records
from pipelines.hub import Hub
from pipelines.resources import HubResource
from pipelines.services.conservation import LIMIT, RULES, Violation, violations

DESCRIPTIONS = {
    "units": "cancelled and shipped <= ordered, shipped <= allocated, delivered <= shipped, on every line.",
    "allocated": "Whatever is allocated stands on a picklist.",
    "reserved": "Whatever is reserved belongs to an allocation.",
    "money": "Lines, shipping and charges make up each order's total, to the minor unit.",
    "once": "No vendor was told the same thing twice.",
}


def conservation_checks(asset: dg.AssetKey) -> list[dg.AssetChecksDefinition]:
    """One check a rule. They name the records concerned and stop nothing by themselves."""
    return [_check(asset, rule) for rule in RULES]


def broken_rules(hub: Hub) -> list[Violation]:
    """Everything that does not add up, of all rules, read in one transaction."""
    with hub.store.read() as tx:
        return [one for rule in RULES for one in violations(tx, rule)]


def _check(asset: dg.AssetKey, rule: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name="nothing_sent_twice" if rule == "once" else f"conservation_of_{rule}",
        description=DESCRIPTIONS.get(rule, rule),
    )
    def conserved(hub: HubResource) -> dg.AssetCheckResult:
        with hub.open() as opened, opened.store.read() as tx:
            found = violations(tx, rule)
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "violations": len(found),
                "records": records((one.record for one in found), "orderhub status", LIMIT),
            },
        )

    return conserved
