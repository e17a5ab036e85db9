"""Postal codes and regions, judged as a person would."""

import pytest

from normalization.addresses import is_postal_code, is_region, rules_of


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "10115"),
        ("DE", "D-10115"),
        ("GB", "SW1A 1AA"),
        ("GB", "sw1a1aa"),
        ("GB", "SW1A"),
        ("IE", "D02 AF30"),
        ("IE", "D02"),
        ("CA", "M5V 3L9"),
        ("CA", "m5v3l9"),
        ("CA", "M5V"),
        ("US", "94105"),
        ("US", "94105-1234"),
        ("US", "941051234"),
        ("NL", "1012 AB"),
        ("NL", "1012ab"),
        ("SE", "43185"),
        ("SE", "431 85"),
        ("PL", "81033"),
        ("PT", "4705819"),
        ("JP", "6168442"),
        ("JP", "616\N{FULLWIDTH HYPHEN-MINUS}8442"),
        ("BR", "99525000"),
        ("LU", "L-1234"),
        ("CH", "CH-8001"),
        ("AU", "2000"),
        ("AE", "anything goes"),
    ],
)
def test_codes_that_a_person_would_accept(country: str, code: str) -> None:
    assert is_postal_code(country, code)


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("DE", "1011"),
        ("DE", "SW1A 1AA"),
        ("GB", "94105"),
        ("US", "9410"),
        ("US", "SW1A 1AA"),
        ("CA", "94105"),
        ("NL", "1012"),
        ("FR", "n/a"),
        ("QQ", "10115"),
    ],
)
def test_codes_that_a_person_would_not_accept(country: str, code: str) -> None:
    assert not is_postal_code(country, code)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("US", "CA"),
        ("US", "california"),
        ("US", "US-NY"),
        ("CA", "Québec"),
        ("CA", "Quebec"),
        ("BR", "Sao Paulo"),
    ],
)
def test_regions_by_code_name_and_spelling(country: str, region: str) -> None:
    assert is_region(country, region)


def test_regions_are_judged_only_where_carriers_need_them() -> None:
    assert not is_region("US", "ZZ")
    assert not is_region("AU", "California")
    assert is_region("DE", "whatever the shop wrote")
    assert not is_region("QQ", "any")


def test_only_countries_whose_addresses_have_it_need_a_city_or_a_code() -> None:
    singapore, ireland = rules_of("SG"), rules_of("IE")
    assert singapore is not None
    assert ireland is not None
    assert (singapore.needs_city, singapore.needs_postal_code) == (False, True)
    assert (ireland.needs_city, ireland.needs_postal_code) == (True, False)
    assert rules_of("fr") is None
