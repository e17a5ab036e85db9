"""Finds what does not balance, in the hub and beside each vendor's own figures, and repairs it on request."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.errors import ConnectorError
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.balance import balance_books
from pipelines.services.doctor_carriers import carrier_findings
from pipelines.services.doctor_channels import channel_findings
from pipelines.services.doctor_hub import hub_findings
from pipelines.services.doctor_privacy import privacy_findings
from pipelines.services.doctor_wms import wms_findings
from pipelines.services.doctor_work import work_findings
from pipelines.services.findings import Finding
from pipelines.services.storage import storage_trouble

Tell = Callable[[str], None]
_BY_VENDOR = {"channel": channel_findings, "wms": wms_findings, "carrier": carrier_findings}


@dataclass(frozen=True, slots=True)
class Repaired:
    """What came of one repair.

    Attributes:
        error: Why it could not be done; None if it was.
    """

    finding: Finding
    error: str | None = None


def examine(hub: Hub, *, days: int = 7, vendors: bool = True, tell: Tell = lambda _: None) -> list[Finding]:
    """Everything that does not balance.

    Args:
        hub: The hub. Nothing is changed.
        days: How far back vendors are asked.
        vendors: Whether they are asked at all.
        tell: Told what is looked at.
    """
    tell("the hub's own books")
    found = [*hub_findings(hub), *work_findings(hub), *privacy_findings(hub)]
    if not vendors:
        return found
    since = hub.clock.now() - timedelta(days=days)
    for kind, ask in _BY_VENDOR.items():
        for one in hub.config.enabled(kind):
            tell(one.name)
            found += _asked(one.name, ask(hub, one.name, since))
    return found


def repair(hub: Hub, findings: Sequence[Finding], tell: Tell = lambda _: None) -> list[Repaired]:
    """Do every repair that is possible, one after the other; one that fails stops no other.

    What was held for an imbalance is released where it balances now.
    """
    done: list[Repaired] = []
    for finding in findings:
        if finding.repair is None:
            continue
        tell(f"{finding.check} {finding.record}")
        try:
            finding.repair(hub)
        except (ConnectorError, ProblemError, LookupError) as error:
            done.append(Repaired(finding, f"{type(error).__name__}: {error}"))
        except Exception as error:  # noqa: BLE001 -- whatever stops one repair must stop no other
            why = storage_trouble(error) or "it could not be done"
            done.append(Repaired(finding, f"{type(error).__name__}: {why}"))
        else:
            done.append(Repaired(finding))
    balance_books(hub)
    return done


def _asked(connection: str, findings: Iterator[Finding]) -> list[Finding]:
    """A vendor's findings; one that cannot be asked is one."""
    found: list[Finding] = []
    try:
        found.extend(findings)
    except ConnectorError as error:
        what = f"it could not be asked: {type(error).__name__}: {error}"
        found.append(Finding("vendor", connection, what, "mend the connection, then run the doctor again"))
    return found
