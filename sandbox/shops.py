"""The merchant's sales channels: what they sell, in which currency, taxed how, to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.world import Person, World, half_up

VAT = {
    "AT": "0.20",
    "DE": "0.19",
    "ES": "0.21",
    "FR": "0.20",
    "GB": "0.20",
    "IE": "0.23",
    "IT": "0.22",
    "NL": "0.21",
    "PL": "0.23",
    "SE": "0.25",
}
"""Standard rates in the countries where the merchant is registered; elsewhere it sells untaxed."""
REDUCED_VAT = {"DE": "0.07"}
REDUCED = ("TEA-", "HONEY-", "JAM-", "BISCUIT-", "SUGAR-", "BOOK-")
"""SKUs that German law taxes at the reduced rate: food and printed books."""
SALES_TAX = {"CA": "0.0725", "FL": "0.06", "IL": "0.0625", "MA": "0.0625", "TX": "0.0625", "WA": "0.065"}
"""State rates, without what counties and cities add."""

RATES = {"GBP": "0.86", "ISK": "150.5", "JPY": "162.4", "SEK": "11.3", "PLN": "4.3", "USD": "1.08"}
"""Units of a buyer's currency for one euro."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One channel. Prices are `price_factor` times the euro price; amounts in minor units.

    Attributes:
        countries: Where its buyers live, with how many of them in so many.
        local_currencies: Buyers of these countries see and pay another currency.
    """

    connection: str
    vendor: str
    currency: str
    taxes_included: bool
    price_factor: Decimal
    shipping: int
    free_from: int
    countries: Mapping[str, int]
    local_currencies: Mapping[str, str]

    def price(self, euro_price: int) -> int:
        """What it asks for a thing."""
        return half_up(euro_price * self.price_factor)

    def tax_rate(self, sku: str, ship_to: Person) -> Decimal:
        """The tax on a thing that goes there, as a fraction."""
        country = ship_to.country_code
        if not self.taxes_included:
            return Decimal(SALES_TAX.get(ship_to.region or "", "0") if country == "US" else "0")
        if country in REDUCED_VAT and sku.startswith(REDUCED):
            return Decimal(REDUCED_VAT[country])
        return Decimal(VAT.get(country, "0"))

    def listings(self, world: World) -> list[str]:
        """What it sells, by its own SKUs: aliases where it has them, else the merchant's codes."""
        aliases = {sku: name for (channel, name), sku in world.aliases.items() if channel == self.connection}
        codes = [sku.code for sku in world.skus.values() if not sku.downloadable or self.vendor == "shopify"]
        return [aliases.get(code, code) for code in (*codes, *world.kits)]


SHOPS: Mapping[str, Shop] = {
    shop.connection: shop
    for shop in (
        Shop(
            "shopify-eu",
            "shopify",
            "EUR",
            taxes_included=True,
            price_factor=Decimal(1),
            shipping=590,
            free_from=8000,
            countries={
                **{"DE": 5, "FR": 6, "NL": 4, "SE": 3, "PL": 3, "IE": 2, "IT": 2, "ES": 2, "AT": 1},
                **{"GB": 2, "IS": 1, "JP": 1, "US": 2, "CA": 1, "BR": 1, "AU": 1},
            },
            local_currencies={"GB": "GBP", "IS": "ISK", "JP": "JPY", "SE": "SEK", "PL": "PLN", "US": "USD"},
        ),
        Shop(
            "amazon-uk",
            "amazon",
            "GBP",
            taxes_included=True,
            price_factor=Decimal("0.86"),
            shipping=449,
            free_from=3500,
            countries={"GB": 9, "IE": 1},
            local_currencies={},
        ),
        Shop(
            "woo-de",
            "woocommerce",
            "EUR",
            taxes_included=True,
            price_factor=Decimal(1),
            shipping=490,
            free_from=6000,
            countries={"DE": 8, "AT": 2},
            local_currencies={},
        ),
        Shop(
            "vendure-us",
            "vendure",
            "USD",
            taxes_included=False,
            price_factor=Decimal("1.08"),
            shipping=795,
            free_from=9000,
            countries={"US": 9, "CA": 2},
            local_currencies={},
        ),
    )
}
