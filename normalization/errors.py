"""Why a raw record could not become a canonical one."""

from enum import StrEnum


class Reason(StrEnum):
    """Reasons for quarantine, each an action for a person."""

    UNDECODABLE = "undecodable"  # no JSON, or a field of another type than the vendor's contract says
    MISSING_FIELD = "missing_field"  # a field without which there is no order
    IMPOSSIBLE_DATE = "impossible_date"
    UNKNOWN_CURRENCY = "unknown_currency"
    INEXACT_AMOUNT = "inexact_amount"
    SUMS_DIFFER = "sums_differ"  # lines, shipping and charges do not add up to the header
    OUT_OF_SCOPE = "out_of_scope"  # an answer that holds no order at all, or selects too few fields


class NormalizationError(ValueError):
    """A record that goes to quarantine.

    The message names the field and never quotes personal data.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
